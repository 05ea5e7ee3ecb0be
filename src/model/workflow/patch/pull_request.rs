//! The text of a pull request that makes the change.

use super::target::Step;
use super::trigger::Trigger;
use super::{At, Change};
use crate::model::text::{one_line, printable};

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
        failed.push_str(&format!(" of this run: {}", one_line(run)));
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
        log => format!("\n\n{}", block(&log.join("\n"))),
    };
    let (what, safe) = told(change);
    format!(
        "## Evidence\n\n{failed}{log}\n\n## Cause\n\n{}\n\n## Change\n\n{what}\n\n## Why this is safe\n\n{safe} Nothing else in {} \
         changes: the old and the new file were parsed and compared.\n\n## How to undo it\n\nRevert this commit.\n",
        printable(cause),
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
                         with the reason.", object(at)),
                "If all values are set, the job works as before. If a person starts the run, a missing value still fails it. The guard \
                 reads no value into the log, and needs no permission.".to_owned(),
            )
        }
        Change::Trigger(trigger) => (
            match trigger {
                Trigger::AddEvent(event) => format!("The event {} starts the workflow, too.", code(event)),
                Trigger::RemoveEvent(event) => format!("The event {} no longer starts the workflow.", code(event)),
                Trigger::ReplaceEvent { from, to } => format!("The event {} starts the workflow, instead of {}.", code(to), code(from)),
                Trigger::AddBranch { event, branch } => format!("{} includes {}.", filter(event), code(branch)),
                Trigger::RemoveBranch { event, branch } => format!("{} no longer includes {}.", filter(event), code(branch)),
            },
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

fn filter(event: &str) -> String {
    code(&format!("on.{event}.branches"))
}

/// As the beginning of a sentence.
fn subject(at: &At) -> String {
    let object = object(at);
    let first = object.chars().next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(object.chars().skip(1)).collect()
}

fn object(at: &At) -> String {
    let step = at.step.as_ref().map(|step| match step {
        Step::Index(index) => format!("step {}", index + 1),
        Step::Name(name) => format!("the step {}", code(name)),
    });
    match (step, &at.job) {
        (Some(step), Some(job)) => format!("{step} of the job {}", code(job)),
        (Some(step), None) => format!("{step} of the action"),
        (None, job) => format!("the job {}", code(job.as_deref().unwrap_or_default())),
    }
}

/// As Markdown's code, with more backticks than the text has in a row.
fn code(text: &str) -> String {
    let text = one_line(text);
    let fence = fence(&text, 1);
    match text.starts_with('`') || text.ends_with('`') {
        true => format!("{fence} {text} {fence}"),
        false => format!("{fence}{text}{fence}"),
    }
}

fn block(text: &str) -> String {
    let fence = fence(text, 3);
    format!("{fence}text\n{text}\n{fence}")
}

fn fence(text: &str, least: usize) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let length = if longest >= least { longest + 1 } else { least };
    "`".repeat(length)
}
