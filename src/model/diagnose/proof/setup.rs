//! What the steps before have done: a checkout, a branch, a database.

use super::super::header::Value;
use super::super::log::Step;
use super::{Claim, said};

impl Claim<'_> {
    /// The steps are known, and none checks the repository out.
    pub(super) fn lacks_checkout(&self) -> bool {
        let steps = &self.log.steps;
        let is_known = steps.iter().any(|step| step.title.is_empty() && !step.body.is_empty());
        let is_checkout = |line: &str| {
            ["checkout", "git clone", "repo clone"]
                .iter()
                .any(|word| line.contains(word))
        };
        is_known && !steps.iter().flat_map(said).any(is_checkout)
    }

    /// A branch that a pull request names is looked for in this repository, but it may be in a fork.
    pub(super) fn ref_is_gone(&self, step: &Step) -> bool {
        let is_branch = |value: &Value| value.name == "ref" && !value.value.is_empty();
        let mut values = step.header.values.iter();
        !values.any(|value| is_branch(value) && !value.value.starts_with("refs/tags/"))
    }

    /// The job starts services or containers.
    pub(super) fn starts_services(&self) -> bool {
        const STARTS: [&str; 4] = [
            "service container",
            "docker compose up",
            "docker-compose up",
            "docker run",
        ];
        let starts = |line: &str| STARTS.iter().any(|start| line.contains(start));
        self.log.steps.iter().any(|step| {
            // The runner starts those of the job before the first step.
            let before = step
                .title
                .is_empty()
                .then(|| String::from_utf8_lossy(step.body.bytes()));
            said(step).any(starts) || before.is_some_and(|text| starts(&text))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{FAILED, of, step};
    use super::super::tests::fix;

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
    fn what_the_checkout_fetched_it_need_not_fetch() {
        for (input, line, expected) in [
            (
                "fetch-depth: 1",
                "fatal: No names found, cannot describe anything.",
                Some("checkout-depth"),
            ),
            (
                "fetch-depth: 0",
                "fatal: No names found, cannot describe anything.",
                None,
            ),
            ("lfs: false", "version https://git-lfs.github.com/spec/v1", Some("edit")),
            ("lfs: true", "version https://git-lfs.github.com/spec/v1", None),
        ] {
            let checkout = format!("##[group]Run actions/checkout@v4\nwith:\n  {input}\n##[endgroup]\ndone\n");
            let text = format!("{checkout}{}", step("./a.sh", "", &format!("{line}\n{FAILED}")));
            assert_eq!(fix(&text).as_deref(), expected, "{text}");
        }
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
