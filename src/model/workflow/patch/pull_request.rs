//! The text of a pull request that changes a workflow.

use super::{At, Change};
use crate::model::markdown::{code, fenced, inline};
use crate::model::text::one_line;

/// Why the change is made. Texts of others must have been redacted.
#[derive(Clone, Debug)]
pub struct Evidence<'a> {
    /// The address of the run, if it is known.
    pub run: Option<&'a str>,
    pub job: &'a str,
    pub step: Option<&'a str>,
    /// One sentence.
    pub cause: &'a str,
    /// Lines of the log, and their numbers.
    pub lines: &'a [(u64, &'a str)],
}

/// In Markdown. `path` is the file that is changed.
pub fn text(change: &Change, path: &str, evidence: &Evidence<'_>) -> String {
    let Evidence {
        run,
        job,
        step,
        cause,
        lines,
    } = evidence;
    let mut failed = format!("The job {}", code(job));
    if let Some(step) = step {
        failed.push_str(&format!(" failed in the step {}", code(step)));
    } else {
        failed.push_str(" failed");
    }
    if let Some(run) = run {
        failed.push_str(&format!(" of this run: {}", link(run)));
    }
    let width = lines
        .iter()
        .map(|(number, _)| number.to_string().len())
        .max()
        .unwrap_or(0);
    let log: Vec<String> = lines
        .iter()
        .map(|(number, line)| format!("{number:>width$}: {}", one_line(line)))
        .collect();
    let log = match log.as_slice() {
        [] => String::new(),
        log => format!("\n\n{}", fenced(&log.join("\n"), "text")),
    };
    let (what, safe) = told(change);
    format!(
        "## Evidence\n\n{failed}{log}\n\n## Cause\n\n{}\n\n## Change\n\n{what}\n\n## Why this is safe\n\n{safe} Nothing else in {} \
         changes: the old and the new file were parsed and compared.\n\n## How to undo it\n\nRevert the commit of this pull request.\n",
        inline(cause),
        code(path),
    )
}

fn told(change: &Change) -> (String, String) {
    match change {
        Change::Only { at, condition } => (
            format!("{} only runs if {} holds.", subject(at), code(&condition.expression())),
            "Runs in which the condition holds work as before. In other runs, this part is skipped instead of failing.".to_owned(),
        ),
        Change::SkipGuard { at, names, .. } => {
            let names: Vec<String> = names.iter().map(|name| code(name)).collect();
            let names = names.join(", ");
            (
                format!("`stageproof skip-guard` checks {names} before {} runs. If a value is missing, the rest of the job is skipped, \
                         with the reason. Steps that clean up after earlier steps still run.", object(at)),
                "If all values are set, the job works as before. If a person starts the run, a missing value still fails it. The guard \
                 reads no value into the log, and needs no permission.".to_owned(),
            )
        }
        Change::Trigger { from, to } => (
            format!("The event {} starts the workflow, instead of {}.", code(to), code(from)),
            "No job or step changes, only when they run. If this workflow is a required check, make sure that it still runs for \
             pull requests.".to_owned(),
        ),
        Change::Permission { job, scope, access, .. } => (
            format!("The token of the job {} gets the permission {}.", code(job), code(&format!("{scope}: {}", access.as_str()))),
            "Only this job gets the permission, and it keeps those it has. Runs from forks still get a token that only reads.".to_owned(),
        ),
        Change::FetchDepth(_) => (
            "The checkout fetches the whole history and all tags.".to_owned(),
            "The checked out files are the same. In a large repository, the checkout takes longer.".to_owned(),
        ),
        Change::TimeLimit { at, minutes } => (
            format!("The time limit of {} is {minutes} minutes.", object(at)),
            "What ends within the old limit works as before. A step that hangs is ended later.".to_owned(),
        ),
        Change::Retry { at, retries, .. } => (
            format!("If the script of {} fails, `stageproof heartbeat` runs it again, at most {retries} times.", object(at)),
            "A script that succeeds runs once, as before. A retry starts the script again at its first line, so merge this only if \
             running it twice does no harm. Its log is kept in the folder `artifacts`.".to_owned(),
        ),
        Change::ToolVersion { input, version, .. } => (
            format!("The input {} is {}.", code(input), code(version)),
            "Only this job uses the other version.".to_owned(),
        ),
        Change::SecretName { job, from, to } => (
            format!("The job {} reads the secret {} instead of {}.", code(job), code(to), code(from)),
            "Other jobs do not change. The secret's value is not part of the workflow.".to_owned(),
        ),
    }
}

/// As an address, if it can be nothing else.
fn link(address: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ":/.-_".contains(c);
    match address.starts_with("https://") && address.chars().all(is_plain) {
        true => address.to_owned(),
        false => code(address),
    }
}

/// As the beginning of a sentence.
fn subject(at: &At) -> String {
    let object = object(at);
    let first = object.chars().next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(object.chars().skip(1)).collect()
}

fn object(at: &At) -> String {
    let step = at.step.map(|index| format!("step {}", index + 1));
    match (step, &at.job) {
        (Some(step), Some(job)) => format!("{step} of the job {}", code(job)),
        (Some(step), None) => format!("{step} of the action"),
        (None, job) => format!("the job {}", code(job.as_deref().unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::workflow::Access;
    use crate::model::workflow::patch::Condition;

    /// `INSTA_UPDATE=always cargo test --lib -- patch` writes them again.
    fn snapshot(name: &str, text: &str) {
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, text));
    }

    #[test]
    fn a_pull_request_says_why_what_and_how_to_undo_it() {
        let change = Change::FetchDepth(At::step("a", 1));
        let evidence = Evidence {
            run: Some("https://github.com/o/r/actions/runs/1"),
            job: "a",
            step: Some("Run `git describe`"),
            cause: "No tag was fetched, says @ada in <b>[x](y)</b>.",
            lines: &[(9, "fatal: No names found"), (10, "```\u{1b}[31m")],
        };
        snapshot("pull-request", &text(&change, ".github/workflows/x.yml", &evidence));
    }

    #[test]
    fn each_change_has_a_sentence_of_its_own() {
        let (at, step) = (At::job("a"), At::step("a", 1));
        let own = |text: &str| text.to_owned();
        let changes = [
            Change::Only {
                at: at.clone(),
                condition: Condition::NotDependabot,
            },
            Change::Only {
                at: At {
                    job: None,
                    ..step.clone()
                },
                condition: Condition::NotFork,
            },
            Change::SkipGuard {
                at: step.clone(),
                names: vec![own("A"), own("B")],
                pin: None,
            },
            Change::Trigger {
                from: own("push"),
                to: own("pull_request"),
            },
            Change::Permission {
                job: own("a"),
                scope: own("packages"),
                access: Access::Write,
                granted: None,
            },
            Change::TimeLimit { at, minutes: 30 },
            Change::Retry {
                at: step.clone(),
                retries: 2,
                pin: None,
            },
            Change::ToolVersion {
                at: step,
                input: own("node-version"),
                version: own("22"),
            },
            Change::SecretName {
                job: own("a"),
                from: own("A"),
                to: own("B"),
            },
        ];
        let evidence = Evidence {
            run: None,
            job: "a",
            step: None,
            cause: "",
            lines: &[],
        };
        let sections = changes.iter().map(|change| {
            let text = text(change, "x.yml", &evidence);
            let (_, rest) = text.split_once("## Change\n\n").unwrap();
            rest.split_once(" Nothing else in")
                .unwrap()
                .0
                .replace("\n\n## Why this is safe\n\n", "\n  ")
        });
        snapshot("pull-request-sentences", &sections.collect::<Vec<_>>().join("\n"));
    }
}
