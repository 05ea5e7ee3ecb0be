//! Values of the step that are missing: empty ones, misspelt ones, and those that only some events have.

use std::sync::LazyLock;

use super::cause::{Cause, Confidence};
use super::fix::Fix;
use super::log::{Log, Step};
use super::phrases::Phrases;
use super::select::Candidate;
use super::verdict::Verdict;
use crate::model::text::nearest;

/// Words in the name of a variable or an input that holds a secret.
const SECRETS: [&str; 18] = [
    "token",
    "apikey",
    "secret",
    "password",
    "passwd",
    "key",
    "keystore",
    "credential",
    "auth",
    "webhook",
    "kubeconfig",
    "kube",
    "dsn",
    "license",
    "serviceaccount",
    "p12",
    "pfx",
    "certificate",
];
/// And in one whose key is none.
const OPEN: [&str; 2] = ["cache", "public"];
/// And of what only some events have.
const OF_EVENTS: [&str; 6] = [
    "pr_number",
    "pull_request",
    "pr_id",
    "issue_number",
    "base_ref",
    "head_ref",
];
/// And of one that says where something is.
const PLACES: [&str; 5] = ["url", "uri", "host", "hostname", "dsn"];
/// And of one that is often empty on purpose.
const OPTIONAL: [&str; 14] = [
    "flag", "args", "arg", "opt", "option", "extra", "debug", "verbose", "suffix", "prefix", "dry", "filter", "quiet",
    "log",
];
/// What a command says of an empty value that it was called with.
const EMPTY: &str = "curl: (2)|curl: (3)|no url|no host|missing url|empty|missing|is required|are required|requires|\
    must be set|must set|please set|not set|unset|''|\"\"|unary operator|integer expression|needs an argument|\
    requires an argument|argument expected|not enough arguments|usage:|blank|malformed";
/// So many lines after the best one may name what it is about.
const AFTER: usize = 8;
/// Words of a name.
const MOST_PARTS: usize = 12;
/// So many empty values are told without being the cause.
const TOLD: usize = 5;

static TELLS_OF_EMPTY: LazyLock<Option<Phrases<()>>> = LazyLock::new(|| Phrases::new([((), EMPTY)]));

impl Verdict {
    /// Values that are empty in the header of the step: the cause, if the failure is about access or names one of them, or
    /// if it tells of something empty and the script uses one.
    pub fn empty_values(&mut self, log: &Log, step: &Step, best: Candidate<'_>, text: &[u8]) {
        let line = String::from_utf8_lossy(text);
        // A line that names what is missing is about nothing else, and GitHub has refused the token that it was given.
        let names = ["name", "object"].map(|group| best.rule.group(text, group));
        let names_it = names.into_iter().flatten().any(|name| name.contains(['_', '-']));
        let has_token = |step: &Step| {
            let values = step.header.values.iter();
            values
                .into_iter()
                .any(|value| value.value == "***" && has_word(&value.name, &["github", "gh"]))
        };
        let is_about_access = matches!(
            self.cause,
            Cause::Permissions | Cause::MissingConfig | Cause::MissingSecret
        ) && !names_it
            && !(best.is_of_github() && has_token(step));
        let body = &log.steps[best.step].body;
        let to = body.lines().len().min(best.index + AFTER);
        let after = (best.index..to).map(|index| String::from_utf8_lossy(body.at(index)));
        let after = after.collect::<Vec<_>>().join("\n");
        let is_about_a_place = ["net-refused", "curl-url"].contains(&&*best.rule.id)
            || ["undefined", "Invalid URL"].iter().any(|part| line.contains(part));
        // The path of `https://$URL/path` is then taken for the host.
        let has_no_host = best.rule.id == "net-dns-service";
        let tells = TELLS_OF_EMPTY
            .as_ref()
            .is_some_and(|phrases| phrases.least(text).is_some());
        let may_be_of_script = matches!(
            self.cause,
            Cause::ScriptBug | Cause::MissingConfig | Cause::MissingSecret | Cause::HealthCheck | Cause::Unknown
        );
        let is_wanted = |name: &str| {
            has_name(&line, name)
                || (tells || is_secret_name(name)) && is_spoken_of(&line, name)
                || (has_no_host || may_be_of_script && tells) && !names_it && is_used(step, name)
                || name.contains('_') && is_secret_name(name) && has_name(&after, name)
                || is_about_access && is_secret_name(name)
                || is_about_a_place && has_word(name, &PLACES)
        };
        let empty = step.header.empty().map(|value| &*value.name);
        let (empty, others): (Vec<&str>, Vec<&str>) =
            empty.filter(|name| is_plain(name)).partition(|name| is_wanted(name));
        let empty: Vec<String> = empty.into_iter().map(str::to_owned).collect();
        self.tell_of_empty(&others[..others.len().min(TOLD)]);
        // A fix that the rule knows is right until the line itself names what is empty.
        let is_open = has_no_host || matches!(self.fix, None | Some(Fix::SkipGuard { .. }));
        let is_named = |name: &String| has_name(&line, name) || has_name(&after, name);
        if empty.is_empty() || !is_open && !empty.iter().any(is_named) {
            return;
        }
        self.tell_of_empty(&empty);
        // The line blames the call, or the network.
        let is_blamed = matches!(self.cause, Cause::ScriptBug | Cause::Unknown | Cause::WorkflowConfig);
        if is_blamed && !empty.iter().any(is_named) {
            let are = if empty.len() == 1 { "is" } else { "are" };
            self.sentence = Some(format!(
                "{} {are} empty: {}",
                empty.join(" and "),
                best.rule.sentence(text)
            ));
        }
        if best.rule.id != "integration-forbidden" {
            self.cause = match empty.iter().any(|name| is_secret_name(name)) {
                true => Cause::MissingSecret,
                false => Cause::MissingConfig,
            };
            self.is_guess = false;
            self.confidence = self.confidence.max(Confidence::Likely);
        }
        // Another value may come from the event, such as an input of workflow_dispatch.
        let is_set_once = |name: &String| is_named(name) || is_secret_name(name) || has_word(name, &PLACES);
        match &mut self.fix {
            None if !empty.iter().any(is_set_once) => {}
            Some(Fix::SkipGuard { names }) if names.is_empty() => *names = empty,
            Some(Fix::SkipGuard { .. }) => {}
            fix => *fix = Some(Fix::SkipGuard { names: empty }),
        }
    }

    fn tell_of_empty(&mut self, names: &[impl AsRef<str>]) {
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        let are = if names.len() == 1 { "is" } else { "are" };
        if !names.is_empty() {
            let names = names.join(" and ");
            self.evidence
                .push(format!("{names} {are} empty in the header of the step"));
        }
    }

    /// A variable that nobody sets, where one of nearly the same name is set.
    pub fn misspelt(&mut self, step: &Step, best: Candidate<'_>, text: &[u8]) {
        let name = best.rule.group(text, "name").filter(|name| is_plain(name));
        let Some(name) = name.filter(|_| matches!(self.cause, Cause::MissingConfig | Cause::MissingSecret)) else {
            return;
        };
        let known = || step.header.values.iter().map(|value| &*value.name);
        if known().any(|other| other == name) {
            return;
        }
        let is_slip = |meant: &&str| {
            let both = (meant.len() >= 6, meant.len().abs_diff(name.len()) <= 1);
            both == (true, true) && strsim::damerau_levenshtein(meant, &name) <= 2
        };
        let Some(meant) = nearest(&name, known()).filter(is_slip) else {
            return;
        };
        self.cause = Cause::ScriptBug;
        self.confidence = Confidence::Likely;
        self.sentence = Some(format!("The variable {name} is not set; the step has {meant}"));
        self.evidence.push(format!("{meant} is in the header of the step"));
        self.fix = None;
    }
}

/// Whether the step asks for a pull request or issue that this event does not have: by its script, in which the runner has
/// filled in the expressions, or by a value that is empty, if the line may tell of one.
pub fn lacks_a_number(step: &Step, text: &[u8]) -> bool {
    const TELLS: [&str; 15] = [
        "404",
        "not found",
        "\"\"",
        "''",
        "//",
        "'/",
        "null",
        "undefined",
        "missing",
        "empty",
        "invalid",
        "required",
        "unknown",
        "pull request",
        "not set",
    ];
    let line = String::from_utf8_lossy(text).to_ascii_lowercase();
    let tells = TELLS.iter().any(|word| line.contains(word));
    let mut lines = std::iter::once(&step.title).chain(&step.header.script);
    let mut empty = step.header.empty();
    let is_of_event = |name: &str| {
        let name = name.to_ascii_lowercase();
        OF_EVENTS.iter().any(|word| name.contains(word))
    };
    // What a quote ends may go on with a variable of the script.
    let lacks = |line: &str| {
        ["pulls//", "issues//", "/pull//"]
            .iter()
            .any(|part| line.contains(part))
            || ["pulls/\"", "issues/\""]
                .iter()
                .any(|end| line.trim_end().ends_with(end))
    };
    empty.any(|value| is_of_event(&value.name) && (tells || has_name(&line, &value.name)))
        || lines.any(|line| lacks(line))
}

/// Whether the script of a step uses a variable that it does not expect to be empty.
fn is_used(step: &Step, name: &str) -> bool {
    if has_word(name, &OPTIONAL) {
        return false;
    }
    let forms = [
        format!("${name}"),
        format!("${{{name}}}"),
        format!("$env:{name}"),
        format!("%{name}%"),
    ];
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut lines = std::iter::once(&step.title).chain(&step.header.script);
    lines.any(|line| {
        let uses = |form: &String| {
            let mut at = line.match_indices(&**form);
            at.any(|(at, _)| !line[at + form.len()..].starts_with(is_part))
        };
        forms.iter().any(uses)
    })
}

/// Whether a line has two or more words of a name, in their order: `the deploy token` of `STAGING_DEPLOY_TOKEN`.
fn is_spoken_of(line: &str, name: &str) -> bool {
    let (line, name) = (line.to_ascii_lowercase(), name.to_ascii_lowercase());
    let mut parts = name.splitn(MOST_PARTS, '_').collect::<Vec<_>>();
    while parts.len() > 1 {
        if has_name(&line, &parts.join(" ")) {
            return true;
        }
        parts.remove(0);
    }
    false
}

/// Whether a line has this name as a word, in any case.
fn has_name(line: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let (line, name) = (line.to_ascii_lowercase(), name.to_ascii_lowercase());
    line.match_indices(&*name)
        .any(|(at, _)| !line[..at].ends_with(is_part) && !line[at + name.len()..].starts_with(is_part))
}

/// Whether a name can be part of a command as it is.
pub fn is_plain(name: &str) -> bool {
    !name.starts_with('-')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Whether a part of a name is one of these words, or ends with a long one: `apiKeys` has a key, and `AUTHOR` has no auth.
fn has_word(name: &str, words: &[&str]) -> bool {
    let mut parts = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && parts.ends_with(|c: char| c.is_ascii_lowercase()) {
            parts.push('_');
        }
        parts.push(c);
    }
    let parts = parts.to_ascii_lowercase();
    parts.split(|c: char| !c.is_ascii_alphanumeric()).any(|part| {
        let part = part.strip_suffix('s').unwrap_or(part);
        words
            .iter()
            .any(|word| part == *word || word.len() > 4 && part.ends_with(word))
    })
}

/// Whether a variable or an input of this name holds a secret.
pub fn is_secret_name(name: &str) -> bool {
    has_word(name, &SECRETS) && !has_word(name, &OPEN)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{FAILED, of, step};
    use super::*;

    #[test]
    fn a_value_that_the_line_names_and_that_is_empty_is_what_is_missing() {
        let body = format!("E   RuntimeError: STAGING_API_KEY is not set\n{FAILED}");
        let found = of(&step("pytest", "env:\n  STAGING_API_KEY: \n  OTHER_KEY: \n", &body));
        let names = vec!["STAGING_API_KEY".to_owned()];
        assert_eq!(
            (found.cause, found.fix),
            (Cause::MissingSecret, Some(Fix::SkipGuard { names }))
        );
        let found = of(&step("pytest", "env:\n  OTHER_KEY: \n", &body));
        assert_eq!((found.cause, found.fix), (Cause::TestFailure, None));
    }

    /// A step with this script, and a value that is empty.
    fn with_empty(name: &str, script: &str, line: &str) -> super::super::Diagnosis {
        let script = format!("\u{1b}[36;1m{script}\u{1b}[0m\n");
        let env = format!("env:\n  {name}: \n");
        of(&format!(
            "##[group]Run ./step\n{script}shell: bash\n{env}##[endgroup]\n{line}\n{FAILED}"
        ))
    }

    #[test]
    fn an_empty_value_that_the_script_uses_is_the_cause_of_what_tells_of_something_empty() {
        let url = "STAGING_URL";
        let no_host = "curl: (3) URL rejected: No host part in the URL";
        for (script, line) in [
            ("curl -f \"$STAGING_URL/healthz\"", no_host),
            ("./smoke.sh", no_host),
            ("curl -f ${STAGING_URL}", "curl: (2) no URL specified"),
            (
                "curl -f https://$STAGING_URL/healthz",
                "curl: (6) Could not resolve host: healthz",
            ),
        ] {
            let found = with_empty(url, script, line);
            let names = vec![url.to_owned()];
            assert_eq!(
                (found.cause, found.fix.as_ref()),
                (Cause::MissingConfig, Some(&Fix::SkipGuard { names })),
                "{script}: {line}"
            );
            assert!(found.sentence.contains(url), "{}", found.sentence);
        }
        let found = with_empty(
            "STAGING_DEPLOY_TOKEN",
            "./deploy.sh",
            "Please set the deploy token first",
        );
        let names = vec!["STAGING_DEPLOY_TOKEN".to_owned()];
        assert_eq!(
            (found.cause, found.confidence, found.fix),
            (Cause::MissingSecret, Confidence::Likely, Some(Fix::SkipGuard { names }))
        );
        // These may be empty, or the line is about something else; a note names them nevertheless.
        for (name, script, line) in [
            ("CURL_FLAGS", "curl $CURL_FLAGS $URL", no_host),
            (
                "STAGING_URL",
                "curl $STAGING_URL",
                "curl: (6) Could not resolve host: a.example",
            ),
            (
                "STAGING_URL",
                "cargo build",
                "error[E0425]: cannot find value `x` in this scope",
            ),
        ] {
            let found = with_empty(name, script, line);
            assert_ne!(found.cause, Cause::MissingConfig, "{script}: {line}");
            let note = format!("{name} is empty in the header of the step");
            assert!(found.evidence.contains(&note), "{:?}", found.evidence);
        }
        // Whoever starts the run gives this value.
        let found = with_empty(
            "TARGET",
            "./deploy.sh \"$TARGET\"",
            "unknown environment \"\": want staging",
        );
        assert_eq!((found.cause, found.fix), (Cause::MissingConfig, None));
    }

    #[test]
    fn a_secret_is_known_by_a_whole_word_of_its_name() {
        for name in [
            "API_KEY",
            "apiKeys",
            "GITHUBTOKEN",
            "ssh-private-key",
            "credentials_json",
            "SENTRY_DSN",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["AUTHOR", "CACHE_KEY", "MONKEY_NAME", "keyboard", "public-key"] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn an_empty_value_that_the_line_does_not_name_takes_no_fix_away() {
        let setup = "##[group]GITHUB_TOKEN Permissions\nContents: read\n##[endgroup]\n";
        let body = format!("remote: Permission to a/b.git denied to github-actions[bot].\n{FAILED}");
        for name in ["AUTHOR", "SLACK_TOKEN"] {
            let found = of(&format!(
                "{setup}{}",
                step("git push", &format!("env:\n  {name}: \n"), &body)
            ));
            assert_eq!(
                (found.cause, found.fix.unwrap().id()),
                (Cause::Permissions, "permission"),
                "{name}"
            );
        }
    }

    #[test]
    fn a_number_that_the_script_puts_behind_a_quote_is_not_missing() {
        let of_script = |script: &str| {
            let body = format!("gh: Bad credentials (HTTP 401)\n{FAILED}");
            of(&step(script, "env:\n  PR: 17\n", &body)).cause
        };
        assert_eq!(
            of_script("gh api \"repos/a/b/pulls/\"$PR\"/files\""),
            Cause::Permissions
        );
        assert_eq!(of_script("gh api \"repos/a/b/pulls/\""), Cause::WrongTrigger);
    }

    #[test]
    fn a_value_of_a_pull_request_that_is_empty_is_a_wrong_trigger() {
        let body = format!("curl: (22) The requested URL returned error: 404\n{FAILED}");
        let found = of(&step("./report.sh", "env:\n  PR_NUMBER: \n", &body));
        assert_eq!((found.cause, found.fix), (Cause::WrongTrigger, Some(Fix::EventGuard)));
        // A value that is empty on other events is often only a variable of the whole workflow.
        let body = format!("Error: the bundle cannot be written\n{FAILED}");
        let found = of(&step("./build.sh", "env:\n  PR_NUMBER: \n", &body));
        assert_ne!(found.cause, Cause::WrongTrigger);
    }

    #[test]
    fn a_line_after_the_best_one_may_name_the_empty_value() {
        let error = "E   pydantic_core._pydantic_core.ValidationError: 1 validation error for Payment\n";
        let body = |name: &str| format!("{error}E   {name}\nE     String should have at least 1 character\n{FAILED}");
        let header = "env:\n  STRIPE_KEY: \n";
        let found = of(&step("pytest", header, &body("stripe_key")));
        assert_eq!(found.cause, Cause::MissingSecret);
        assert_eq!(of(&step("pytest", header, &body("port"))).cause, Cause::TestFailure);
    }

    #[test]
    fn a_token_that_github_refused_is_not_missing() {
        let denied = "remote: Permission to a/b.git denied to github-actions[bot].\n";
        let found = of(&step(
            "npx semantic-release",
            "env:\n  GITHUB_TOKEN: ***\n  NPM_TOKEN: \n",
            &format!("{denied}{FAILED}"),
        ));
        assert_eq!(
            (found.cause, found.fix.unwrap().id()),
            (Cause::Permissions, "permission")
        );
    }

    #[test]
    fn a_variable_of_nearly_the_same_name_is_a_slip_of_the_script() {
        let unbound = format!("./a.sh: line 6: RELEASE_NMAE: unbound variable\n{FAILED}");
        let found = of(&step("./a.sh", "env:\n  RELEASE_NAME: v1\n  SENTRY_DSN: \n", &unbound));
        assert_eq!((found.cause, found.fix), (Cause::ScriptBug, None));
        assert_eq!(
            found.sentence,
            "The variable RELEASE_NMAE is not set; the step has RELEASE_NAME"
        );
        // The name is another one.
        let found = of(&step("./a.sh", "env:\n  RELEASE_DATE: v1\n", &unbound));
        assert_eq!(found.cause, Cause::MissingConfig);
    }

    #[test]
    fn a_script_of_an_action_was_given_what_the_action_was_given() {
        let action = "##[group]Run a/ssh@v1\nwith:\n  host: \n  key: \n##[endgroup]\n";
        let script = step(
            "$GITHUB_ACTION_PATH/run.sh",
            "",
            &format!("error: missing server host\n{FAILED}"),
        );
        let found = of(&format!("{action}{script}"));
        let names = vec!["host".to_owned(), "key".to_owned()];
        assert_eq!(
            (found.cause, found.fix),
            (Cause::MissingSecret, Some(Fix::SkipGuard { names }))
        );
    }
}
