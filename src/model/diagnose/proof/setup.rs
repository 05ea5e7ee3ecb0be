//! What the steps before have done: a checkout, a branch, a database.

use super::super::header::Value;
use super::super::log::Step;
use super::{Claim, said, step_kind};

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

    /// A step up to the one that failed starts something, or one before it names a database.
    pub(super) fn starts_services(&self) -> bool {
        const STARTS: [&str; 5] = ["compose", "docker run", "start", "up", "service"];
        const DATABASES: [&str; 9] = [
            "postgres",
            "postgresql",
            "mysql",
            "mysqld",
            "mariadb",
            "redis",
            "mongo",
            "mongod",
            "mongodb",
        ];
        let runs = |line: &str, names: &[&str]| {
            let line = line.to_ascii_lowercase();
            names.iter().any(|name| step_kind::runs(&line, name))
        };
        self.before_steps("service container")
            || self
                .log
                .steps
                .iter()
                .take(self.failing + 1)
                .flat_map(said)
                .any(|line| runs(line, &STARTS))
            || self
                .log
                .steps
                .iter()
                .take(self.failing)
                .flat_map(said)
                .any(|line| runs(line, &DATABASES))
    }

    /// The job has an image, by what the runner says before the first step or by where the step's files are.
    pub(super) fn is_in_container(&self) -> bool {
        let text = String::from_utf8_lossy(self.best.text(self.log));
        self.before_steps("Starting job container") || text.contains("/__w/")
    }

    /// What the runner writes before the first step contains some words.
    fn before_steps(&self, words: &str) -> bool {
        let mut setup = self.log.steps.iter().filter(|step| step.title.is_empty());
        setup.any(|step| memchr::memmem::find(step.body.bytes(), words.as_bytes()).is_some())
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
        for command in [
            "docker compose -f ci.yml up --detach",
            "sudo systemctl start mysql",
            "pg_ctl -D data start",
            "sudo service mysql restart",
            "shogo82148/actions-setup-mysql@v1",
        ] {
            let up = step(command, "", "started\n");
            assert_eq!(fix(&format!("{up}{test}")), None, "{command}");
        }
        // These start nothing.
        let build = step("npm run setup && npm ci", "", "started\n");
        assert_eq!(fix(&format!("{build}{test}")).as_deref(), Some("edit"));
    }

    #[test]
    fn a_user_is_root_only_in_a_container() {
        let setup = "Current runner version: '2.330.0'\n";
        let container = "##[group]Starting job container\n##[endgroup]\n";
        let no_sudo = "deploy.sh: line 3: sudo: command not found\n";
        let not_root = "E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), are you root?\n";
        for (line, outside, inside) in [(no_sudo, None, Some("edit")), (not_root, Some("edit"), None)] {
            let install = step("apt-get install -y jq", "", &format!("{line}{FAILED}"));
            assert_eq!(fix(&format!("{setup}{install}")).as_deref(), outside, "{line}");
            assert_eq!(
                fix(&format!("{setup}{container}{install}")).as_deref(),
                inside,
                "{line}"
            );
        }
        let body = format!("/__w/_temp/a.sh: 1: sudo: not found\n{FAILED}");
        assert_eq!(fix(&step("sudo ls", "", &body)).as_deref(), Some("edit"));
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
