//! What the run says about itself: its event, its secrets, its token.

use super::cause::{Cause, Confidence};
use super::context::Context;
use super::fix::Fix;
use super::log::{Log, Step};
use super::scope;
use super::select::Candidate;
use super::verdict::Verdict;
use crate::model::text::count;
use crate::model::workflow::Access;

/// Words in the name of a variable or an input that holds a secret.
const SECRETS: [&str; 15] = [
    "token",
    "secret",
    "password",
    "passwd",
    "key",
    "credential",
    "auth",
    "webhook",
    "kubeconfig",
    "dsn",
    "license",
    "serviceaccount",
    "p12",
    "pfx",
    "certificate",
];
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
const PLACES: [&str; 4] = ["url", "uri", "host", "dsn"];

impl Verdict {
    pub fn heed(&mut self, log: &Log, context: &Context, step: &Step, best: Candidate<'_>, text: &[u8]) {
        if let Some(name) = best.rule.group(text, "name") {
            if self.cause == Cause::MissingConfig && has_word(&name, &SECRETS) {
                self.cause = Cause::MissingSecret;
                self.evidence.push(format!("{name} is the name of a secret"));
            }
            if let Some(Fix::SkipGuard { names }) = &mut self.fix
                && is_plain(&name)
            {
                names.push(name);
            }
        }
        if let Some(Fix::Timeout { limit }) = &mut self.fix {
            *limit = best.rule.group(text, "n").and_then(|minutes| minutes.parse().ok());
        }
        self.empty_values(step, best, text);
        let may_be_of_event = matches!(
            self.cause,
            Cause::Permissions | Cause::ScriptBug | Cause::HealthCheck | Cause::MissingConfig | Cause::Unknown
        );
        if may_be_of_event && lacks_a_number(step, text) {
            self.cause = Cause::WrongTrigger;
            self.evidence
                .push("the step needs a pull request or issue, and this run has none".to_owned());
            self.fix = Some(Fix::EventGuard);
        }
        let is_smoke = ["smoke", "health"]
            .iter()
            .any(|word| step.title.to_ascii_lowercase().contains(word));
        if is_smoke && ["curl-dns", "net-dns"].contains(&&*best.rule.id) {
            self.cause = Cause::WrongTrigger;
            self.confidence = Confidence::Likely;
            self.sentence =
                Some("There is no host of this name: nothing was deployed yet, or the name is wrong".to_owned());
            let text = "run the check after the deploy: needs the job that deploys, or on: workflow_run".to_owned();
            self.fix = Some(Fix::Edit { text });
        }
        if self.cause == Cause::MissingSecret {
            match (context.lack_of_secrets(), &context.secret_source) {
                (Some(why), _) => self.evidence.push(why.to_owned()),
                (None, Some(source)) => self.against.push(format!(
                    "the run had the repository's secrets (Secret source: {source})"
                )),
                (None, None) => {}
            }
        }
        self.token(log, context, step, best, text);
        // GitHub's own token is there in every run; any other one is not.
        let is_of_github = ["git", "GitHub API and gh", "GitHub Actions runner"].contains(&&*best.rule.tool);
        if self.cause == Cause::Permissions
            && self.fix.is_none()
            && !is_of_github
            && let Some(why) = context.lack_of_secrets()
        {
            self.evidence.push(why.to_owned());
            self.cause = Cause::MissingSecret;
            self.fix = Some(Fix::SkipGuard { names: Vec::new() });
        }
        // What helps whatever the rule.
        if self.fix.is_none() {
            self.fix = match self.cause {
                Cause::FlakyInfra => Some(Fix::Retry),
                Cause::WrongTrigger => Some(Fix::EventGuard),
                _ => None,
            };
        }
    }

    /// Values that are empty in the header of the step, if the failure is about access or names one of them.
    fn empty_values(&mut self, step: &Step, best: Candidate<'_>, text: &[u8]) {
        let line = String::from_utf8_lossy(text);
        let is_about_access = matches!(
            self.cause,
            Cause::Permissions | Cause::MissingConfig | Cause::MissingSecret
        );
        let is_about_a_place =
            best.rule.id == "net-refused" || ["undefined", "Invalid URL"].iter().any(|part| line.contains(part));
        let is_wanted = |name: &str| {
            has_name(&line, name)
                || is_about_access && has_word(name, &SECRETS)
                || is_about_a_place && has_word(name, &PLACES)
        };
        let empty = step.header.empty().map(|value| &*value.name);
        let empty: Vec<String> = empty
            .filter(|name| is_plain(name) && is_wanted(name))
            .map(str::to_owned)
            .collect();
        if empty.is_empty() {
            return;
        }
        let are = if empty.len() == 1 { "is" } else { "are" };
        let names = empty.join(" and ");
        self.evidence
            .push(format!("{names} {are} empty in the header of the step"));
        if best.rule.id != "integration-forbidden" {
            self.cause = match empty.iter().any(|name| has_word(name, &SECRETS)) {
                true => Cause::MissingSecret,
                false => Cause::MissingConfig,
            };
            self.is_guess = false;
        }
        match &mut self.fix {
            Some(Fix::SkipGuard { names }) if names.is_empty() => *names = empty,
            Some(Fix::SkipGuard { .. }) => {}
            fix => *fix = Some(Fix::SkipGuard { names: empty }),
        }
    }

    /// What the job's token may do and what it needs.
    fn token(&mut self, log: &Log, context: &Context, step: &Step, best: Candidate<'_>, text: &[u8]) {
        match &*best.rule.id {
            // What another token may do, no permission of the job changes.
            "integration-forbidden"
                if self.cause == Cause::Permissions
                    && self.fix.is_none()
                    && best.rule.group(text, "who").as_deref() == Some("integration") =>
            {
                if let Some((fix, is_told)) = scope::needed(log, best) {
                    self.fix = Some(fix);
                    if !is_told {
                        self.confidence = self.confidence.min(Confidence::Likely);
                    }
                }
            }
            // Another name has its own token, and a permission of the job's token changes nothing for it.
            "git-denied" if best.rule.group(text, "who").as_deref() != Some("github-actions[bot]") => self.fix = None,
            // With a role, the action asks GitHub for a token of the job.
            "aws-credentials"
                if step.header.values.iter().any(|value| value.name == "role-to-assume")
                    && !context.permissions.is_empty()
                    && !context.permissions.contains_key("id-token") =>
            {
                self.cause = Cause::Permissions;
                self.fix = Some(Fix::Permission {
                    scope: "id-token".to_owned(),
                    level: Access::Write,
                });
            }
            _ => {}
        }
        let Some(Fix::Permission { scope, level }) = &self.fix else {
            return;
        };
        let (given, wanted) = (context.permissions.get(scope).map(String::as_str), level.as_str());
        match given {
            Some(given) if given == "write" || given == wanted => {
                self.against.push(format!("the token has {scope}: {given}"));
                self.fix = None;
            }
            Some(given) => self
                .evidence
                .push(format!("the token has {scope}: {given}, not {wanted}")),
            None if context.permissions.is_empty() => {}
            None => self.evidence.push(format!(
                "the token has no {scope} in its {}",
                count(context.permissions.len(), "scope")
            )),
        }
    }
}

/// Whether the step asks for a pull request or issue that this event does not have: by its script, in which the runner has
/// filled in the expressions, or by a value that is empty, if the line may tell of one.
fn lacks_a_number(step: &Step, text: &[u8]) -> bool {
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
    empty.any(|value| has_word(&value.name, &OF_EVENTS) && (tells || has_name(&line, &value.name)))
        || lines.any(|line| {
            ["pulls//", "issues//", "/pull//", "pulls/\"", "issues/\""]
                .iter()
                .any(|part| line.contains(part))
        })
}

/// Whether a line has this name as a word, in any case.
fn has_name(line: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let (line, name) = (line.to_ascii_lowercase(), name.to_ascii_lowercase());
    line.match_indices(&*name)
        .any(|(at, _)| !line[..at].ends_with(is_part) && !line[at + name.len()..].starts_with(is_part))
}

/// Whether a name can be part of a command as it is.
fn is_plain(name: &str) -> bool {
    !name.starts_with('-')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn has_word(name: &str, words: &[&str]) -> bool {
    let name = name.to_ascii_lowercase();
    words.iter().any(|word| name.contains(word))
}

/// Whether a variable or an input of this name holds a secret.
pub fn is_secret_name(name: &str) -> bool {
    has_word(name, &SECRETS)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{FAILED, of, step};
    use super::*;

    #[test]
    fn a_smoke_test_of_a_host_that_does_not_exist_ran_before_anything_was_deployed() {
        let body = format!("curl: (6) Could not resolve host: pr-17.example.com\n{FAILED}");
        let found = of(&step("./smoke.sh", "", &body));
        assert_eq!(
            (found.cause, found.confidence),
            (Cause::WrongTrigger, Confidence::Likely)
        );
        assert!(
            found.sentence.contains("nothing was deployed yet"),
            "{}",
            found.sentence
        );
        assert_eq!(found.fix.unwrap().id(), "edit");
        // What deploys needs no deploy before it.
        let found = of(&step("./deploy.sh", "", &body));
        assert_eq!((found.cause, found.fix), (Cause::FlakyInfra, Some(Fix::Retry)));
    }

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
    fn a_role_without_the_permission_for_a_token_is_no_missing_secret() {
        let setup = "##[group]GITHUB_TOKEN Permissions\nContents: read\n##[endgroup]\n";
        let log = |given: &str| {
            format!(
                "{setup}##[group]Run aws-actions/configure-aws-credentials@v4\nwith:\n{given}##[endgroup]\n\
                 ##[error]Credentials could not be loaded, please check your action inputs\n"
            )
        };
        let found = of(&log("  role-to-assume: arn:aws:iam::1:role/ci\n"));
        assert_eq!(
            (found.cause, found.fix.unwrap().id()),
            (Cause::Permissions, "permission")
        );
        let found = of(&log("  aws-region: eu-west-1\n"));
        assert_eq!(
            (found.cause, found.fix.unwrap().id()),
            (Cause::MissingSecret, "skip-guard")
        );
    }
}
