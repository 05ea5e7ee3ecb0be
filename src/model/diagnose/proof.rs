//! Whether a log proves that a fix is the right one. A wrong fix costs a reader more than none.

use super::cause::Cause;
use super::context::Context;
use super::culprit;
use super::fix::Fix;
use super::hollow::is_harmless;
use super::log::{Log, Step};
use super::rules::trimmed;
use super::select::Candidate;
use super::step_kind;

mod access;
mod setup;

/// A rule of this weight tells a failure of the code from a word in passing.
const TELLS_OF_CODE: i32 = 70;
/// So much less than the best line, another one may still be why the step failed.
const RIVAL: i32 = 24;

/// How many lines before its error pip lists the versions that it passed over.
const PASSED_OVER: usize = 4;

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
        let step = self.log.with_values(self.best.step);
        // A step that goes on without the history passes, and a later one fails for it. No other cause does that.
        let may_be_elsewhere = match fix {
            Fix::CheckoutDepth => true,
            Fix::Retry => culprit::failed(self.log).contains(&self.best.step),
            _ => false,
        };
        if self.best.step != self.failing && !may_be_elsewhere {
            return None;
        }
        match fix {
            Fix::CheckoutDepth => (!self.is_given("fetch-depth", &["0"])).then_some(fix),
            Fix::Retry | Fix::Permission { .. } | Fix::PinVersion if self.code_failed() => None,
            Fix::Retry => self.is_transient(step).then_some(fix),
            Fix::SkipGuard { names } => self.guard(step, names),
            // A run of a fork has a token that can only read, whatever the workflow says.
            Fix::Permission { .. } if self.context.secret_source.as_deref() == Some("None") => Some(Fix::EventGuard),
            Fix::Permission { .. } => self.permission(fix),
            Fix::EventGuard if self.best.rule.id == "git-remote-ref" => self.ref_is_gone(step).then_some(fix),
            // What an image lacks, its Dockerfile installs.
            Fix::Edit { .. } if self.best.rule.tool != "docker" && self.is_of_image() => None,
            // Its service runs, but does not answer.
            Fix::Edit { ref text } if text.starts_with("start the database") && self.starts_services() => None,
            Fix::Edit { .. } if self.best.rule.id == "sh-not-found" && self.is_own_word() => None,
            Fix::Edit { .. } if self.best.rule.id == "pip-other-python" && !self.is_for_another_python() => None,
            // They were to be installed, and that failed.
            Fix::Edit { ref text } if text.starts_with("install ") && self.failed_to_install() => None,
            Fix::Edit { .. } if self.best.rule.id == "db-not-started" && self.starts_services() => None,
            // In a container the user is root, and sudo is rare; on a runner it is the other way round.
            Fix::Edit { .. } if self.best.rule.id == "sh-no-sudo" && !self.is_in_container() => None,
            Fix::Edit { .. } if self.best.rule.id == "apt-root" && self.is_in_container() => None,
            Fix::Edit { ref text } if text.contains("docker/login-action") && self.is_logged_in() => None,
            Fix::Edit { ref text } if text.contains("working-directory") && self.lacks_checkout() => Some(Fix::Edit {
                text: "check the repository out first: actions/checkout".to_owned(),
            }),
            Fix::Edit { ref text } if text.contains("lfs: true") && self.is_given("lfs", &["true"]) => None,
            Fix::Edit { ref text }
                if text.contains("submodules: ") && self.is_given("submodules", &["true", "recursive"]) =>
            {
                None
            }
            _ => Some(fix),
        }
    }

    /// A step has an input of this name with one of these values. Those of actions/checkout are all in its header.
    fn is_given(&self, name: &str, values: &[&str]) -> bool {
        let mut all = self.log.steps.iter().flat_map(|step| &step.header.values);
        all.any(|value| value.is_input && value.name == name && values.contains(&&*value.value))
    }

    /// The code failed as well: after the best line, or in another step that failed.
    fn code_failed(&self) -> bool {
        let is_code = |cause| matches!(cause, Cause::CompileError | Cause::TestFailure | Cause::Lint);
        let failed = culprit::failed(self.log);
        !is_code(self.cause)
            && self.all.iter().any(|other| {
                let is_after = other.step == self.best.step && other.index > self.best.index;
                let is_rival = is_after && other.score >= self.best.score - RIVAL;
                let is_elsewhere = other.step != self.best.step && failed.binary_search(&other.step).is_ok();
                is_code(other.rule.cause)
                    && other.rule.weight >= TELLS_OF_CODE
                    && (is_rival || is_elsewhere)
                    && !is_harmless(trimmed(other.text(self.log)))
            })
    }

    /// An earlier step could not install something, and the job went on.
    fn failed_to_install(&self) -> bool {
        self.all.iter().any(|other| {
            let is_before = other.step < self.best.step && other.rule.cause == Cause::Dependency;
            is_before && other.rule.weight >= TELLS_OF_CODE && !is_harmless(trimmed(other.text(self.log)))
        })
    }

    /// The command that is not found is a function of the script, or a slip.
    fn is_own_word(&self) -> bool {
        const COMMON: [&str; 14] = [
            "echo", "export", "mkdir", "source", "docker", "kubectl", "python", "curl", "grep", "test", "exit",
            "chmod", "sleep", "return",
        ];
        let Some(name) = self.best.rule.group(trimmed(self.best.text(self.log)), "c") else {
            return false;
        };
        // Two letters that changed places; with another letter it may be another tool (jest, test).
        let is_slip =
            |common: &&str| strsim::levenshtein(common, &name) == 2 && strsim::damerau_levenshtein(common, &name) == 1;
        let is_function = name.contains('_') && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        is_function && !name.starts_with("pg_") || COMMON.iter().any(is_slip)
    }

    /// What BuildKit ran failed, after the best line.
    fn is_of_image(&self) -> bool {
        let is_end = |other: &Candidate<'_>| other.step == self.best.step && other.index > self.best.index;
        let mut all = self.all.iter();
        all.any(|other| other.rule.id == "docker-run-failed" && is_end(other))
    }

    /// pip passed over the very version that is wanted, because it is for another version of Python.
    fn is_for_another_python(&self) -> bool {
        let body = &self.log.steps[self.best.step].body;
        let version = self.best.rule.group(trimmed(self.best.text(self.log)), "v");
        version.is_some_and(|version| {
            let passed_over = format!(" {version} Requires-Python");
            let mut before = (0..self.best.index).rev().take(PASSED_OVER);
            before.any(|index| memchr::memmem::find(body.at(index), passed_over.as_bytes()).is_some())
        })
    }

    fn is_transient(&self, step: &Step) -> bool {
        // What a project deployed itself and that answers 5xx is no matter of luck.
        let is_own_service = self.best.rule.id == "net-5xx" && step_kind::of(step) == Some(Cause::HealthCheck);
        let text = trimmed(self.best.text(self.log));
        // Another one is at work, and nobody knows how long.
        let is_busy = memchr::memmem::find(text, b"in progress").is_some();
        !is_own_service && !is_busy && !is_harmless(text) && !is_of_compose(text)
    }
}

/// A line of a container, as docker compose marks it: one of them did not answer another one.
fn is_of_compose(text: &[u8]) -> bool {
    let name = text.split(|byte| *byte == b' ').next().unwrap_or_default();
    let rest = text[name.len()..].trim_ascii_start();
    let is_name = name.len() > 1
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte));
    is_name && rest.len() < text.len() - name.len() && rest.starts_with(b"| ")
}

/// What a step runs, and its words.
fn said(step: &Step) -> impl Iterator<Item = &str> + Clone {
    std::iter::once(&step.title)
        .chain(&step.header.script)
        .map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{FAILED, of, step};

    pub fn fix(text: &str) -> Option<String> {
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
    fn a_container_that_does_not_answer_another_one_is_not_tried_again() {
        let outage = "client  | requests.exceptions.ConnectionError: HTTP Error 503: Service Unavailable\n";
        let of_line = |line: &str| fix(&step("docker compose up", "", &format!("{line}{FAILED}")));
        assert_eq!(of_line(outage), None);
        assert_eq!(of_line(outage.split_once("| ").unwrap().1).as_deref(), Some("retry"));
    }

    #[test]
    fn what_an_image_lacks_no_step_installs() {
        let line = "#7 0.123 /bin/sh: 1: protoc: not found\n";
        let end = "ERROR: failed to solve: process \"/bin/sh -c make\" did not complete successfully: exit code: 127\n";
        let with = |end: &str| fix(&step("make image", "", &format!("{line}{end}{FAILED}")));
        assert_eq!(with("").as_deref(), Some("edit"));
        assert_eq!(with(end), None);
    }

    #[test]
    fn a_package_for_another_python_needs_another_python() {
        let none =
            "ERROR: Could not find a version that satisfies the requirement numpy==2.3.0 (from versions: 1.21.0)\n";
        let of_list = |list: &str| {
            let list =
                format!("ERROR: Ignored the following versions that require a different python version: {list}\n");
            fix(&step("pip install numpy==2.3.0", "", &format!("{list}{none}{FAILED}")))
        };
        assert_eq!(
            of_list("2.2.0 Requires-Python >=3.10; 2.3.0 Requires-Python >=3.11").as_deref(),
            Some("edit")
        );
        // The version does not exist at all.
        assert_eq!(of_list("1.22.0 Requires-Python <3.11,>=3.8"), None);
    }

    #[test]
    fn a_word_of_the_script_is_not_to_be_installed() {
        for (name, expected) in [
            ("flyctl", Some("edit")),
            ("pg_isready", Some("edit")),
            ("ehco", None),
            ("build_all", None),
        ] {
            let body = format!("./a.sh: line 4: {name}: command not found\n{FAILED}");
            assert_eq!(fix(&step("./a.sh", "", &body)).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn what_could_not_be_installed_is_not_to_be_installed() {
        let build = step("npm run build", "", &format!("sh: 1: tsc: not found\n{FAILED}"));
        assert_eq!(fix(&build).as_deref(), Some("edit"));
        let install = step(
            "npm ci || true",
            "",
            "npm error ERESOLVE unable to resolve dependency tree\n",
        );
        assert_eq!(fix(&format!("{install}{build}")), None);
    }
}
