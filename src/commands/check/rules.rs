//! Every kind of finding. The guide has a heading for each code (`docs/guides/check.md`).

use crate::model::Severity::{Error, Note, Warning};
use crate::model::rule::{Rule, Rules};

pub const RULES: Rules = Rules {
    all: &ALL,
    page: "https://github.com/stageproof/stageproof/blob/main/docs/guides/check.md",
};

/// What fails, or goes wrong in silence, is an error. What only costs something is a warning.
const ALL: [Rule; 32] = [
    rule(
        Error,
        "yaml",
        "The file is not YAML that GitHub reads.",
        "Correct the line that the finding names.",
    ),
    rule(
        Error,
        "config",
        "The configuration is not valid.",
        "Correct the key or value that the finding names.",
    ),
    rule(
        Error,
        "config-name",
        "The configuration has the wrong name, so stageproof does not read it.",
        "Rename it to `.github/stageproof.yml`, or name it with `config`.",
    ),
    rule(
        Warning,
        "waiver-expired",
        "A waiver has expired, so it waives nothing.",
        "Remove it, or give it a new `until` if the failure is still accepted.",
    ),
    rule(
        Error,
        "unknown-part",
        "A job or step names something of stageproof that does not exist, has no version, or cannot be used there.",
        "Use `stageproof/stageproof` or `stageproof/stageproof/prove` in a step, and \
         `stageproof/stageproof/.github/workflows/staging.yml` in a job.",
    ),
    rule(
        Error,
        "called-job",
        "A job that calls a workflow has a key that GitHub does not allow there.",
        "Remove the key, or pass it in `with` if the workflow has an input for it.",
    ),
    rule(
        Error,
        "unknown-command",
        "The action has no such command.",
        "Set `command` to one of the action's commands; `heartbeat` runs in a `run:` step, after `command: install`.",
    ),
    rule(
        Error,
        "unknown-input",
        "The command has no such input.",
        "Correct the name, or move the input to the step of the command that has it.",
    ),
    rule(
        Error,
        "bad-value",
        "The command refuses a value or a combination of inputs.",
        "Correct the value; `stageproof COMMAND --help` documents it.",
    ),
    rule(
        Error,
        "bad-call",
        "A `run:` step calls stageproof with a wrong command line.",
        "Correct the flag or value; `stageproof COMMAND --help` lists them.",
    ),
    rule(
        Error,
        "not-mapped",
        "A step needs a variable that no `env` sets, so the secret is always missing.",
        "Map it in the step: `env: {NAME: ${{ secrets.NAME }}}`.",
    ),
    rule(
        Error,
        "no-token",
        "A step queries GitHub's API without a token.",
        "Map it in the step: `env: {GITHUB_TOKEN: ${{ github.token }}}`.",
    ),
    rule(
        Error,
        "permission",
        "The job lacks a permission that a step needs.",
        "Add it to the job's `permissions`.",
    ),
    rule(
        Error,
        "no-checkout",
        "A step needs the repository's files, but no earlier step checks them out.",
        "Add a step with `actions/checkout` before it.",
    ),
    rule(
        Error,
        "shallow-checkout",
        "A step needs the history and tags, but the checkout fetches only one commit.",
        "Add `fetch-depth: 0` to the checkout.",
    ),
    rule(
        Error,
        "not-compared",
        "A condition uses an output as a boolean, but outputs are texts.",
        "Compare it with a text: `== 'true'`.",
    ),
    rule(
        Error,
        "always-true",
        "A condition is always true, because it has text outside of `${{ }}`.",
        "Put the whole condition into one `${{ }}`, or leave `${{ }}` out.",
    ),
    rule(
        Error,
        "impossible-value",
        "An output is compared with a value that it never has.",
        "Compare it with one of its values.",
    ),
    rule(
        Error,
        "unknown-output",
        "An expression names an output that does not exist at that point, so it is always empty.",
        "Correct the name, declare the output in the job's `outputs`, or add the job to `needs`.",
    ),
    rule(
        Error,
        "localhost",
        "In the action's container, localhost is the container itself.",
        "Start and probe the server in a `run:` step, after `command: install`.",
    ),
    rule(
        Error,
        "needs-host",
        "A step of the action needs a program, but the action's container has no programs.",
        "Run it in a `run:` step, after `command: install`.",
    ),
    rule(
        Error,
        "needs-linux",
        "The action is a container action, which runs on Linux only.",
        "Set `runs-on` to a Linux runner, such as `ubuntu-latest`.",
    ),
    rule(
        Error,
        "not-installed",
        "A `run:` step calls stageproof, but no earlier step installs it.",
        "Add a step of the action with `command: install` before it.",
    ),
    rule(
        Warning,
        "skipped-on-failure",
        "The step is skipped after a failure, when its result matters most.",
        "Add `if: ${{ !cancelled() }}` to the step.",
    ),
    rule(
        Warning,
        "environment",
        "Several jobs name the same environment: each creates a deployment and may wait for a review.",
        "Name it in one job, or write `environment: {name: NAME, deployment: false}` in jobs that need only its secrets.",
    ),
    rule(
        Warning,
        "job-timeout",
        "The job or step may time out before a command in it does.",
        "Raise `timeout-minutes`, or lower the command's limits.",
    ),
    rule(
        Warning,
        "unpinned",
        "The action is named by a tag or branch, which may change.",
        "Pin the full commit: `uses: stageproof/stageproof@<40 hex> # X.Y.Z`.",
    ),
    rule(
        Warning,
        "mixed-pins",
        "The file uses several versions of stageproof.",
        "Use the same commit in every step.",
    ),
    rule(
        Note,
        "not-uploaded",
        "The evidence is sealed, but lost when the job ends.",
        "Upload it with `upload: required`, or with `actions/upload-artifact` and the output `bundle`.",
    ),
    rule(
        Warning,
        "unknown-code",
        "A comment ignores a code that no finding has.",
        "Write the code as the finding shows it.",
    ),
    rule(
        Error,
        "unreadable",
        "A file could not be read, so it was not checked.",
        "Name a YAML file of at most 1 MiB that can be read.",
    ),
    rule(
        Error,
        "more",
        "The file has more findings than are listed.",
        "Fix the listed findings, and check again.",
    ),
];

const fn rule(severity: crate::model::Severity, code: &'static str, summary: &'static str, fix: &'static str) -> Rule {
    Rule {
        code,
        severity,
        summary,
        fix,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_says_what_is_wrong_and_what_to_do_in_sentences() {
        for (at, rule) in ALL.iter().enumerate() {
            assert!(ALL[..at].iter().all(|other| other.code != rule.code), "{}", rule.code);
            for sentence in [rule.summary, rule.fix] {
                assert!(
                    sentence.ends_with('.') && sentence.starts_with(char::is_uppercase),
                    "{sentence}"
                );
            }
        }
    }
}
