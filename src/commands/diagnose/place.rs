//! Where the step that failed is written: in the workflow of the run, or in one that it calls.

use super::workflow_file::WorkflowFile;
use crate::model::text::one_line;
use crate::model::workflow::patch::Refusal;
use crate::model::workflow::{Job, Workflow};
use crate::model::yaml::Node;

/// A step of a job.
pub struct Place<'a> {
    pub file: &'a WorkflowFile,
    pub job: &'a str,
    pub index: usize,
    pub line: u32,
    pub node: &'a Node,
}

/// How the log and GitHub call the step that failed.
pub struct Wanted<'a> {
    /// The job, after those that called its workflow.
    pub job: Option<&'a str>,
    /// Its title in the log.
    pub title: &'a str,
    /// Its name at GitHub.
    pub name: Option<&'a str>,
    /// The repository of the run, `OWNER/NAME`: a workflow may call another one of it by its full name.
    pub own: Option<&'a str>,
}

/// The step in the first of the workflows that has it: in one called `path`, or in one that this one calls.
pub fn find<'a>(files: &[&'a WorkflowFile], path: Option<&str>, wanted: &Wanted<'_>) -> Result<Place<'a>, Refusal> {
    let is_start = |file: &&&WorkflowFile| path.is_none_or(|path| file.name == path);
    let mut refusal = None;
    for file in files.iter().filter(is_start) {
        let called = wanted.job.and_then(|name| file.called(name, wanted.own));
        let found = match called {
            Some((path, job)) if files.iter().any(|file| file.name == path) => find(
                files,
                Some(&path),
                &Wanted {
                    job: Some(job),
                    ..*wanted
                },
            ),
            Some((path, _)) => Err(Refusal(format!(
                "the job is in the workflow {}, which was not read",
                one_line(&path)
            ))),
            None => file.place_of(wanted),
        };
        match found {
            Ok(place) => return Ok(place),
            Err(why) => {
                refusal.get_or_insert(why);
            }
        }
    }
    Err(refusal.unwrap_or_else(|| Refusal::new("the workflow was not read")))
}

impl WorkflowFile {
    fn jobs(&self) -> Vec<Job<'_>> {
        Workflow::of(&self.root).into_iter().flat_map(Workflow::jobs).collect()
    }

    /// The workflow that a job of this one calls, and how the job is called there: `CALLER / JOB` in GitHub's words.
    fn called<'n>(&self, name: &'n str, repository: Option<&str>) -> Option<(String, &'n str)> {
        let jobs = self.jobs();
        let ends = name.match_indices(" / ");
        let mut calls = ends.filter_map(|(at, joint)| {
            let (caller, own) = (name.get(..at)?, name.get(at + joint.len()..)?);
            let uses = named(&jobs, caller)
                .into_iter()
                .find_map(|job| job.node.get("uses")?.text())?;
            let path = uses.split('@').next().unwrap_or_default();
            let path = match (path.strip_prefix("./"), self.foreign()) {
                (Some(path), Some(repository)) => format!("{repository}/{path}"),
                (within, _) => within.unwrap_or(path).to_owned(),
            };
            let within = repository.and_then(|repository| {
                let (start, rest) = path.split_at_checked(repository.len())?;
                let is_it = start.eq_ignore_ascii_case(repository);
                rest.strip_prefix('/').filter(|_| is_it).map(str::to_owned)
            });
            Some((within.unwrap_or(path), own))
        });
        calls.next()
    }

    /// By GitHub's name of the step, or else by its action, the first line of its script, or its name.
    fn place_of(&self, wanted: &Wanted<'_>) -> Result<Place<'_>, Refusal> {
        let jobs = self.jobs();
        let jobs = match wanted.job {
            Some(name) => named(&jobs, name),
            None => jobs,
        };
        if jobs.is_empty() {
            return Err(Refusal::new("the job that the log names is not found in the workflow"));
        }
        let steps = jobs
            .iter()
            .flat_map(|job| job.steps().into_iter().map(move |step| (job, step)));
        let steps: Vec<_> = steps.collect();
        let called = |wanted: &str| {
            let bare = wanted.strip_prefix("Run ").unwrap_or(wanted);
            let is_it = move |step: &crate::model::workflow::Step<'_>| {
                let first = step
                    .text("run")
                    .and_then(|script| script.lines().find(|line| !line.trim().is_empty()));
                // The runner has filled in the expressions. One that begins with an expression may be anything.
                let is = |written: &str, wanted: &str| {
                    let has_beginning = written.find("${{").is_some_and(|at| at > 2);
                    written == wanted || has_beginning && is_written_so(written, wanted)
                };
                let mut bodies = [step.text("uses"), first].into_iter().flatten().map(str::trim);
                let name = step.text("name").map(str::trim);
                !wanted.is_empty()
                    && (name.is_some_and(|name| is(name, wanted))
                        || bodies.any(|body| is(body, wanted) || is(body, bare)))
            };
            steps.iter().filter(|(_, step)| is_it(step)).collect::<Vec<_>>()
        };
        let by_title = called(wanted.title.trim());
        let mut places = wanted.name.map(|name| called(name.trim())).unwrap_or_default();
        if places.is_empty() {
            places = by_title;
        } else if places.len() > 1 {
            places.retain(|(_, place)| by_title.iter().any(|(_, other)| std::ptr::eq(place.node, other.node)));
        }
        match places.as_slice() {
            [] => Err(Refusal::new("the step is not found in the workflow")),
            [(job, step)] => Ok(Place {
                file: self,
                job: job.id,
                index: step.index,
                line: step.node.place.line,
                node: step.node,
            }),
            // Of two that look the same, nobody knows which it was.
            _ => Err(Refusal::new(
                "several steps of the workflow look like the one that failed",
            )),
        }
    }
}

/// The jobs that a log may call so: by their `name`, else by their key. One of a matrix has its values behind it, and one of
/// a called workflow its caller before it, which is not known where only that workflow is given.
pub fn named<'a>(jobs: &[Job<'a>], name: &str) -> Vec<Job<'a>> {
    let called = |name: &str| -> Vec<Job<'a>> {
        let is_it = |job: &&Job<'_>| {
            let own = job.node.get("name").and_then(Node::text).unwrap_or(job.id).trim();
            let values = name.strip_prefix(own).is_some_and(|rest| rest.starts_with(" ("));
            let has_matrix = job.node.get("strategy").is_some();
            own == name || has_matrix && (values || is_written_so(own, name))
        };
        jobs.iter().filter(is_it).copied().collect()
    };
    match (called(name), name.rsplit_once(" / ")) {
        (none, Some((_, own))) if none.is_empty() => called(own),
        (some, _) => some,
    }
}

/// Whether a name with expressions in it can have become this one.
fn is_written_so(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split("${{");
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let behind = parts.map(|part| part.split_once("}}").map_or("", |(_, behind)| behind));
    let mut behind: Vec<&str> = behind.collect();
    let Some(last) = behind.pop() else {
        return rest.is_empty();
    };
    behind.into_iter().all(|text| {
        let found = rest.find(text).and_then(|at| rest.get(at + text.len()..));
        rest = found.unwrap_or_default();
        found.is_some()
    }) && rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::yaml;
    use proptest::prelude::*;

    #[test]
    fn a_log_names_its_job_by_name_key_caller_or_matrix() {
        let text = "jobs:\n  a: {}\n  b: {name: Build it}\n  c: {strategy: {matrix: {os: [x, y]}}}\n  d: {name: \"Test ${{ \
                    matrix.os }} on ${{ matrix.cpu }}!\", strategy: {matrix: {os: [x]}}}\n";
        let root = yaml::parse(text).unwrap();
        let jobs: Vec<Job<'_>> = Workflow::of(&root).unwrap().jobs().collect();
        for (name, expected) in [
            ("a", "a"),
            ("Build it", "b"),
            ("b", ""),
            ("ci / a", "a"),
            ("c (x)", "c"),
            ("a (x)", ""),
            ("Test é on arm!", "d"),
            ("Test x at arm!", ""),
            ("gone", ""),
        ] {
            let found: Vec<&str> = named(&jobs, name).iter().map(|job| job.id).collect();
            assert_eq!(found.join(","), expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn what_is_filled_in_is_known_again(parts in proptest::collection::vec(("[a-z ]{0,4}", "[a-z0-9 ]{0,4}"), 0..4), end in "[a-z ]{0,4}") {
            let written: String = parts.iter().map(|(text, _)| format!("{text}${{{{ x.y }}}}")).collect();
            let filled: String = parts.iter().map(|(text, value)| format!("{text}{value}")).collect();
            prop_assert!(is_written_so(&(written.clone() + &end), &(filled.clone() + &end)), "{written}{end} {filled}{end}");
            prop_assert!(!is_written_so(&(written + "X"), &filled));
        }
    }
}
