//! What was refused to whom: a secret that is not given, the token of the job, a registry, a cloud.

use super::super::absent::is_secret_name;
use super::super::log::Step;
use super::super::{Cause, Fix};
use super::{Claim, said};

/// A value of such a name is from another step or from the event: nobody sets it.
const GIVEN: [&str; 12] = [
    "version", "tag", "sha", "ref", "number", "title", "body", "label", "branch", "actor", "output", "result",
];

/// Who gives credentials to the command line of a cloud.
const LOGINS: [(&str, &str); 3] = [
    ("AWS", "aws-actions/configure-aws-credentials"),
    ("Azure", "azure/login"),
    ("Google Cloud", "google-github-actions/auth"),
];

/// From this weight on, a rule says what is missing and no other thing.
const CLEAR: i32 = 77;

impl Claim<'_> {
    /// A guard asks for values that this run could not have, or that it was given and that are empty.
    pub(super) fn guard(&self, step: &Step, names: Vec<String>) -> Option<Fix> {
        let header = &step.header;
        let is_passed = |name: &String| header.values.iter().any(|value| value.name.eq_ignore_ascii_case(name));
        let is_empty = |name: &String| header.empty().any(|value| value.name.eq_ignore_ascii_case(name));
        let is_given = |name: &String| {
            let name = name.to_ascii_lowercase();
            name.split(['_', '-']).any(|word| GIVEN.contains(&word)) && !is_secret_name(&name)
        };
        let has_header = header.shell.is_some() || !header.values.is_empty();
        if names.iter().any(is_empty) {
            let line = String::from_utf8_lossy(self.best.text(self.log)).to_ascii_lowercase();
            let is_named = |name: &String| line.contains(&name.to_ascii_lowercase());
            // Of several secrets, the one that is there may be the one that was refused.
            let is_secret = names.iter().any(|name| is_secret_name(name));
            let has_another = header.values.iter().any(|value| value.value == "***");
            let is_clear = names.iter().any(is_named) || !is_secret || !has_another;
            return (is_clear && !names.iter().all(is_given)).then_some(Fix::SkipGuard { names });
        }
        if self.context.lacks_secrets() {
            return Some(Fix::SkipGuard { names });
        }
        let has_secret = |is_empty: bool| {
            let secrets = header.values.iter().filter(|value| is_secret_name(&value.name));
            secrets.filter(|value| value.value.is_empty() == is_empty).count() > 0
        };
        // A part of a log, which tells neither what the run has nor what the step was given.
        let is_open = self.context.secret_source.is_none() && header.shell.is_none() && !has_secret(true);
        if is_open && (has_header || names.is_empty()) {
            return None;
        }
        if !has_header {
            return Some(Fix::SkipGuard { names });
        }
        // The runner does not list an empty input of an action.
        if self.best.rule.id == "input-required" && header.shell.is_none() {
            return if names.iter().any(|name| is_secret_name(name)) {
                Some(Fix::SkipGuard { names })
            } else {
                let text = format!(
                    "give the action its input {}: it is not set, or empty",
                    names.join(" and ")
                );
                Some(Fix::Edit { text })
            };
        }
        // An expression in the script gave nothing.
        let has_gap = |line: &str| {
            let mut words = line.split_whitespace();
            words.any(|word| word.starts_with("--") && word.strip_suffix('=').is_some_and(is_secret_name))
        };
        if names.is_empty() && said(step).any(has_gap) {
            return Some(Fix::SkipGuard { names });
        }
        // An action that says so itself lacks what it can be given.
        if names.is_empty() && (has_secret(true) || header.shell.is_none() && !has_secret(false)) {
            return Some(Fix::SkipGuard { names });
        }
        let logs_in = |action: &str| self.log.steps.iter().any(|step| step.title.contains(action));
        let login = LOGINS.iter().find(|(tool, _)| *tool == self.best.rule.tool);
        if let Some((_, action)) =
            login.filter(|(_, action)| names.is_empty() && !has_secret(false) && !logs_in(action))
        {
            return Some(Fix::Edit {
                text: format!("log in before this step: {action}"),
            });
        }
        // It says what it lacks, and the workflow passes nothing of the kind.
        let passes_nothing = !has_secret(true) && !has_secret(false);
        if names.is_empty()
            && login.is_none()
            && passes_nothing
            && self.cause == Cause::MissingSecret
            && self.best.rule.weight >= CLEAR
        {
            return Some(Fix::Edit {
                text: "pass the secret in the env of the step; the workflow passes none".to_owned(),
            });
        }
        let is_in_container = step.header.script.iter().any(|line| line.contains("docker "));
        if names.is_empty() || names.iter().any(is_passed) || is_in_container {
            return None;
        }
        let names = names.join(" and ");
        Some(Fix::Edit {
            text: format!("set {names} in the env of the step; the workflow does not set it"),
        })
    }

    /// Only what the checkout of the repository itself, or a push to it, is refused is a matter of the job's token.
    pub(super) fn permission(&self, fix: Fix) -> Option<Fix> {
        let step = &self.log.steps[self.best.step];
        let runs = |words: &[&str]| {
            step.title.is_empty() || said(step).any(|line| words.iter().any(|word| line.contains(word)))
        };
        match &*self.best.rule.id {
            "git-no-credentials-here" if self.is_given("persist-credentials", &["false"]) => Some(Fix::Edit {
                text: "remove persist-credentials: false from actions/checkout, or give git a token before it pushes"
                    .to_owned(),
            }),
            "git-no-credentials-here" => runs(&["actions/checkout", "git fetch", "git pull"]).then_some(fix),
            "git-403" => {
                let is_github = memchr::memmem::find(self.best.text(self.log), b"'https://github.com/").is_some();
                (is_github && runs(&["push"])).then_some(fix)
            }
            _ => Some(fix),
        }
    }

    /// The job logged in to this registry, or to the only one.
    pub(super) fn is_logged_in(&self) -> bool {
        let refusal = String::from_utf8_lossy(self.best.text(self.log));
        let host = refusal
            .split_once("https://")
            .and_then(|(_, rest)| rest.split('/').next());
        let mut logins = self.log.steps.iter().filter_map(|step| {
            // An action sees its inputs, a script its variables.
            let values = step.header.values.iter();
            let values = values.filter(|value| value.is_input || step.header.shell.is_some());
            let all: Vec<&str> = said(step).chain(values.map(|value| &*value.value)).collect();
            let all = all.join("\n");
            let logs_in = ["docker/login-action", "docker login"]
                .iter()
                .any(|word| all.contains(word));
            logs_in.then_some(all)
        });
        logins.any(|said| host.is_none_or(|host| said.contains(host)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{FAILED, of, step};
    use super::super::tests::fix;

    const FORK: &str = "Secret source: None\n";

    #[test]
    fn a_guard_is_for_a_value_that_is_given_and_empty() {
        let body = format!("ERROR: STAGING_URL is not set\n{FAILED}");
        for (header, script, expected) in [
            ("env:\n  STAGING_URL: \n", "./a.sh", Some("skip-guard")),
            ("env:\n  OTHER: 1\n", "./a.sh", Some("edit")),
            ("env:\n  STAGING_URL: ***\n", "./a.sh", None),
            ("", "docker run app", None),
        ] {
            let header = format!("{header}\u{1b}[36;1m{script}\u{1b}[0m\n");
            let text = format!(
                "##[group]Run {script}\n\u{1b}[36;1m{script}\u{1b}[0m\nshell: bash\n{}##[endgroup]\n{body}",
                header.split_once("\u{1b}").unwrap().0
            );
            assert_eq!(fix(&text).as_deref(), expected, "{text}");
        }
        // In a run of a fork, no secret is there.
        let body = format!("a.sh: line 3: DEPLOY_TOKEN: unbound variable\n{FAILED}");
        assert_eq!(
            fix(&format!("{FORK}{}", step("./a.sh", "", &body))).as_deref(),
            Some("skip-guard")
        );
        // The secret that is there may be the one that was refused.
        let body = format!("curl: (22) The requested URL returned error: 401\n{FAILED}");
        let both = step("./a.sh", "env:\n  DEPLOY_TOKEN: ***\n  SLACK_WEBHOOK: \n", &body);
        assert_eq!(fix(&both), None);
        // Another step makes this value, and nobody sets it.
        let body = format!("package: the version is empty\n{FAILED}");
        assert_eq!(fix(&step("./a.sh", "env:\n  VERSION: \n", &body)), None);
    }

    #[test]
    fn the_runner_lists_no_empty_input_of_an_action() {
        let log = |input: &str| {
            format!(
                "##[group]Run a/deploy@v1\nwith:\n  version: 1\n##[endgroup]\n\
                 ##[error]Input required and not supplied: {input}\n"
            )
        };
        let whole = |input: &str| format!("Secret source: Actions\n{}", log(input));
        assert_eq!(fix(&whole("apiToken")).as_deref(), Some("skip-guard"));
        // A part of a log does not tell what the run has.
        assert_eq!(fix(&log("apiToken")), None);
        let found = of(&whole("path"));
        let text = found.fix.unwrap().to_string();
        assert!(text.starts_with("give the action its input path"), "{text}");
    }

    #[test]
    fn an_expression_that_gave_nothing_is_a_missing_secret() {
        let body = format!("Error: You defined \"--token\", but it's missing a value\n{FAILED}");
        for (script, expected) in [("vercel deploy --token=", "skip-guard"), ("vercel deploy", "edit")] {
            let script = format!("\u{1b}[36;1m{script}\u{1b}[0m\n");
            let text = format!("##[group]Run vercel deploy\n{script}shell: bash\n##[endgroup]\n{body}");
            assert_eq!(fix(&text).as_deref(), Some(expected), "{script}");
        }
    }

    #[test]
    fn a_permission_is_for_the_token_of_the_job() {
        let refused = |what: &str| format!("##[error]HttpError: Resource not accessible by {what}\n");
        let title = "actions/labeler@v5";
        assert_eq!(
            fix(&step(title, "", &refused("integration"))).as_deref(),
            Some("permission")
        );
        assert_eq!(fix(&step(title, "", &refused("personal access token"))), None);
        let of_fork = format!("{FORK}{}", step(title, "", &refused("integration")));
        assert_eq!(fix(&of_fork).as_deref(), Some("event-guard"));
        let denied = "fatal: could not read Username for 'https://github.com': terminal prompts disabled\n";
        let push = step("git push", "", &format!("{denied}{FAILED}"));
        assert_eq!(fix(&push), None);
        let checkout = step("actions/checkout@v4", "with:\n  persist-credentials: false\n", "done\n");
        assert_eq!(fix(&format!("{checkout}{push}")).as_deref(), Some("edit"));
        for (url, expected) in [("github.com/a/b/", Some("permission")), ("gitea.example/a/b/", None)] {
            let body =
                format!("fatal: unable to access 'https://{url}': The requested URL returned error: 403\n{FAILED}");
            assert_eq!(fix(&step("git push", "", &body)).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn who_is_logged_in_to_a_registry_need_not_log_in() {
        let denied = "denied: requested access to the resource is denied\n";
        let of_host =
            "ERROR: failed to push r.example/a: status from HEAD request to https://r.example/v2/a: 401 Unauthorized\n";
        let hub = "##[group]Run docker/login-action@v3\nwith:\n  username: acme\nenv:\n  REGISTRY: r.example\n##[endgroup]\nLogin Succeeded!\n";
        for (login, body, expected) in [("", denied, true), (hub, denied, false), (hub, of_host, true)] {
            let push = step("docker push r.example/a", "", &format!("{body}{FAILED}"));
            assert_eq!(fix(&format!("{login}{push}")).is_some(), expected, "{login}{body}");
        }
    }

    #[test]
    fn a_cloud_without_a_login_needs_one() {
        let body = format!(
            "Unable to locate credentials. You can configure credentials by running \"aws configure\".\n{FAILED}"
        );
        let sync = step("aws s3 ls", "", &body);
        let text = of(&sync).fix.map(|fix| fix.to_string());
        assert_eq!(
            text.as_deref(),
            Some("log in before this step: aws-actions/configure-aws-credentials")
        );
        let login = step("aws-actions/configure-aws-credentials@v4", "", "Assuming role\n");
        assert_eq!(of(&format!("{login}{sync}")).fix, None);
    }
}
