//! Whether a log proves that a fix is the right one. A wrong fix costs a reader more than none.

use super::cause::Cause;
use super::context::Context;
use super::culprit;
use super::fix::Fix;
use super::heed::is_secret_name;
use super::hollow::is_harmless;
use super::log::{Log, Step};
use super::rules::trimmed;
use super::select::Candidate;
use super::step_kind;

/// A rule of this weight tells a failure of the code from a word in passing.
const TELLS_OF_CODE: i32 = 70;
/// So much less than the best line, another one may still be why the step failed.
const RIVAL: i32 = 24;
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

/// A fix, and what it is for.
pub struct Claim<'a> {
    pub log: &'a Log,
    pub context: &'a Context,
    /// The step that failed the job.
    pub failing: usize,
    pub best: Candidate<'a>,
    pub all: &'a [Candidate<'a>],
    pub cause: Cause,
}

impl Claim<'_> {
    /// The fix if it is proved, or another one that is.
    pub fn prove(&self, fix: Fix) -> Option<Fix> {
        let step = &self.log.steps[self.best.step];
        // Of what a step survived, only a history that is too short shows later.
        let may_be_elsewhere = match fix {
            Fix::CheckoutDepth => true,
            Fix::Retry => culprit::failed(self.log).contains(&self.best.step),
            _ => false,
        };
        if self.best.step != self.failing && !may_be_elsewhere {
            return None;
        }
        match fix {
            Fix::Retry | Fix::Permission { .. } | Fix::PinVersion if self.code_failed() => None,
            Fix::Retry => self.is_transient(step).then_some(fix),
            Fix::SkipGuard { names } => self.guard(step, names),
            // A run of a fork has a token that can only read, whatever the workflow says.
            Fix::Permission { .. } if self.context.secret_source.as_deref() == Some("None") => Some(Fix::EventGuard),
            Fix::Permission { .. } => self.permission(fix),
            Fix::EventGuard if self.best.rule.id == "git-remote-ref" => self.ref_is_gone(step).then_some(fix),
            // Its service runs, but does not answer.
            Fix::Edit { .. } if self.best.rule.id == "db-not-started" && self.starts_services() => None,
            Fix::Edit { ref text } if text.contains("docker/login-action") && self.is_logged_in() => None,
            Fix::Edit { ref text } if text.contains("working-directory") && self.lacks_checkout() => Some(Fix::Edit {
                text: "check the repository out first: actions/checkout".to_owned(),
            }),
            _ => Some(fix),
        }
    }

    /// The steps are known, and none checks the repository out.
    fn lacks_checkout(&self) -> bool {
        let steps = &self.log.steps;
        let known = steps.iter().any(|step| step.title.is_empty() && !step.body.is_empty());
        let mut said = steps
            .iter()
            .flat_map(|step| std::iter::once(&step.title).chain(&step.header.script));
        known
            && !said.any(|line| {
                ["checkout", "git clone", "gh repo clone"]
                    .iter()
                    .any(|word| line.contains(word))
            })
    }

    /// The job logged in to this registry, or to the only one.
    fn is_logged_in(&self) -> bool {
        let refusal = String::from_utf8_lossy(self.best.text(self.log));
        let host = refusal
            .split_once("https://")
            .and_then(|(_, rest)| rest.split('/').next());
        let mut logins = self.log.steps.iter().filter_map(|step| {
            let said = std::iter::once(&step.title).chain(&step.header.script);
            // An action sees its inputs, a script its variables.
            let values = step.header.values.iter();
            let values = values.filter(|value| value.is_input || step.header.shell.is_some());
            let values = values.map(|value| &value.value);
            let said: Vec<&str> = said.chain(values).map(String::as_str).collect();
            let said = said.join("\n");
            ["docker/login-action", "docker login"]
                .iter()
                .any(|word| said.contains(word))
                .then_some(said)
        });
        logins.any(|said| host.is_none_or(|host| said.contains(host)))
    }

    /// Only what the checkout of the repository itself, or a push to it, is refused is a matter of the job's token.
    fn permission(&self, fix: Fix) -> Option<Fix> {
        let step = &self.log.steps[self.best.step];
        let runs = |words: &[&str]| {
            let mut said = std::iter::once(&step.title).chain(&step.header.script);
            step.title.is_empty() || said.any(|line| words.iter().any(|word| line.contains(word)))
        };
        let has_value = |name: &str, text: &str| {
            let mut values = self.log.steps.iter().flat_map(|step| &step.header.values);
            values.any(|value| value.name == name && value.value == text)
        };
        match &*self.best.rule.id {
            "git-no-credentials-here" if has_value("persist-credentials", "false") => Some(Fix::Edit {
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

    /// A branch that a pull request names is looked for in this repository, but it may be in a fork.
    fn ref_is_gone(&self, step: &Step) -> bool {
        let is_branch = |value: &super::Value| value.name == "ref" && !value.value.starts_with("refs/tags/");
        !step
            .header
            .values
            .iter()
            .any(|value| is_branch(value) && !value.value.is_empty())
    }

    fn starts_services(&self) -> bool {
        let starts = [
            &b"service container"[..],
            b"docker compose up",
            b"docker-compose up",
            b"docker run",
        ];
        self.log.steps.iter().any(|step| {
            let said = || {
                std::iter::once(&step.title)
                    .chain(&step.header.script)
                    .map(|line| line.as_bytes())
            };
            let has = |text: &[u8]| starts.iter().any(|start| memchr::memmem::find(text, start).is_some());
            said().any(has) || step.title.is_empty() && has(step.body.bytes())
        })
    }

    /// The code failed as well: after the best line, or in another step that failed.
    fn code_failed(&self) -> bool {
        let is_code = |cause| matches!(cause, Cause::CompileError | Cause::TestFailure | Cause::Lint);
        let failed = culprit::failed(self.log);
        !is_code(self.cause)
            && self.all.iter().any(|other| {
                let is_after = other.step == self.best.step && other.index > self.best.index;
                let is_rival = is_after && other.score >= self.best.score - RIVAL;
                let is_elsewhere = other.step != self.best.step && failed.contains(&other.step);
                is_code(other.rule.cause)
                    && other.rule.weight >= TELLS_OF_CODE
                    && (is_rival || is_elsewhere)
                    && !is_harmless(trimmed(other.text(self.log)))
            })
    }

    fn is_transient(&self, step: &Step) -> bool {
        // What a project deployed itself and that answers 5xx is no matter of luck.
        let is_own_service = self.best.rule.id == "net-5xx" && step_kind::of(step) == Some(Cause::HealthCheck);
        let text = trimmed(self.best.text(self.log));
        // Nobody knows when a lock will be free.
        let is_locked = [&b"in progress"[..], b"lock"]
            .iter()
            .any(|word| memchr::memmem::find(text, word).is_some());
        !is_own_service && !is_locked && !is_harmless(text)
    }

    /// A guard asks for values that this run could not have, or that it was given and that are empty.
    fn guard(&self, step: &Step, names: Vec<String>) -> Option<Fix> {
        let header = &step.header;
        let is_passed = |name: &String| header.values.iter().any(|value| value.name.eq_ignore_ascii_case(name));
        let is_empty = |name: &String| header.empty().any(|value| value.name.eq_ignore_ascii_case(name));
        let is_given = |name: &String| {
            let name = name.to_ascii_lowercase();
            name.split(['_', '-']).any(|word| GIVEN.contains(&word)) && !is_secret_name(&name)
        };
        let has_header = header.shell.is_some() || !header.values.is_empty();
        if names.iter().any(is_empty) {
            return (!names.iter().all(is_given)).then_some(Fix::SkipGuard { names });
        }
        if self.context.lacks_secrets() || !has_header {
            return Some(Fix::SkipGuard { names });
        }
        // An action that says so itself lacks what it can be given.
        let has_secret = |is_empty: bool| {
            let secrets = header.values.iter().filter(|value| is_secret_name(&value.name));
            secrets.filter(|value| value.value.is_empty() == is_empty).count() > 0
        };
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
        let is_in_container = step.header.script.iter().any(|line| line.contains("docker "));
        if names.is_empty() || names.iter().any(is_passed) || is_in_container {
            return None;
        }
        let names = names.join(" and ");
        Some(Fix::Edit {
            text: format!("set {names} in the env of the step; the workflow does not set it"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{FAILED, of, step};

    const FORK: &str = "Secret source: None\n";

    fn fix(text: &str) -> Option<String> {
        of(text).fix.map(|fix| fix.id().to_owned())
    }

    #[test]
    fn an_outage_that_the_step_came_through_is_not_tried_again() {
        let outage = "curl: (52) Empty reply from server\n";
        assert_eq!(
            fix(&step("./get.sh", "", &format!("{outage}{FAILED}"))).as_deref(),
            Some("retry")
        );
        let later = format!("{outage}src/a.cc:4:1: error: x was not declared\n{FAILED}");
        assert_eq!(fix(&step("./get.sh", "", &later)), None);
        // In a step before it, which went on.
        let good = step("./get.sh", "", outage);
        let found = fix(&format!(
            "{good}{}",
            step("./deploy.sh", "", &format!("the end\n{FAILED}"))
        ));
        assert_eq!(found, None);
        let locked = "Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress\n";
        assert_eq!(fix(&step("helm upgrade a", "", &format!("{locked}{FAILED}"))), None);
    }

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
        // Another step makes this value, and nobody sets it.
        let body = format!("package: the version is empty\n{FAILED}");
        assert_eq!(fix(&step("./a.sh", "env:\n  VERSION: \n", &body)), None);
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

    #[test]
    fn a_folder_is_not_wrong_where_nothing_was_checked_out() {
        let setup = "Current runner version: '2.330.0'\n";
        let body = format!(
            "npm error enoent Could not read package.json: Error: ENOENT: no such file or directory, open '/a/package.json'\n{FAILED}"
        );
        let install = step("npm ci", "", &body);
        let text = |text: &str| of(text).fix.unwrap().to_string();
        assert!(text(&format!("{setup}{install}")).contains("actions/checkout"));
        let checkout = step("actions/checkout@v4", "", "done\n");
        assert!(text(&format!("{setup}{checkout}{install}")).contains("working-directory"));
    }

    #[test]
    fn a_database_that_was_started_is_not_started_again() {
        let body = format!("ERROR 2002 (HY000): Can't connect to server on '127.0.0.1' (115)\n{FAILED}");
        let test = step("mysql -h 127.0.0.1", "", &body);
        assert_eq!(fix(&test).as_deref(), Some("edit"));
        let up = step("docker compose up --detach", "", "started\n");
        assert_eq!(fix(&format!("{up}{test}")), None);
    }

    #[test]
    fn a_branch_that_a_pull_request_names_may_be_in_a_fork() {
        let gone = "##[error]fatal: couldn't find remote ref refs/heads/patch-1\n";
        assert_eq!(fix(&step("actions/checkout@v4", "with:\n  ref: patch-1\n", gone)), None);
        assert_eq!(
            fix(&step("actions/checkout@v4", "", gone)).as_deref(),
            Some("event-guard")
        );
    }
}
