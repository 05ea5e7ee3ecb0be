//! The workflow of the job that failed: where the step is written, and the patch for it.

use std::path::PathBuf;

use super::Named;
use crate::model::diagnose::{Confidence, Diagnosis, Fix};
use crate::model::workflow::patch::propose::{Facts, Lacks, propose};
use crate::model::workflow::patch::{self, Change, Patch, Pin, Refusal, Step};
use crate::model::workflow::{Access, Job, Workflow};
use crate::model::yaml::{self, Node};
use crate::world::files::{self, Links};
use crate::world::job_log::Source;

const LARGEST: u64 = 1 << 20;

pub struct WorkflowFile {
    pub name: String,
    pub path: PathBuf,
    text: String,
    root: Node,
}

/// A step of a job.
pub struct Place<'a> {
    job: &'a str,
    index: usize,
    pub line: u32,
    node: &'a Node,
}

impl WorkflowFile {
    pub fn read(named: &Named) -> Result<Self, (String, String)> {
        let help = || "check the path of --workflow-file".to_owned();
        let Source::File(path) = &named.source else {
            return Err(("--workflow-file is not a file".to_owned(), help()));
        };
        let text = files::read_text(path, LARGEST, Links::Follow).map_err(|error| (format!("{error:#}"), help()))?;
        let root = yaml::parse(&text).map_err(|error| (format!("{}: {error}", named.name), help()))?;
        if Workflow::of(&root).is_none() {
            return Err((format!("{} has no jobs", named.name), help()));
        }
        Ok(Self {
            name: named.name.clone(),
            path: path.clone(),
            text,
            root,
        })
    }

    /// The step that failed: by its action, the first line of its script, or its name, in the job that the log names.
    pub fn place_of(&self, found: &Diagnosis) -> Result<Place<'_>, Refusal> {
        let jobs: Vec<Job<'_>> = Workflow::of(&self.root).into_iter().flat_map(Workflow::jobs).collect();
        let jobs = match &found.context.job {
            Some(name) => named(&jobs, name),
            None => jobs,
        };
        if jobs.is_empty() {
            return Err(Refusal::new("the job that the log names is not found in the workflow"));
        }
        let wanted = found.step.trim();
        let steps = jobs
            .iter()
            .flat_map(|job| job.steps().into_iter().map(move |step| (job, step)));
        let places = steps.filter(|(_, step)| {
            let first = step
                .text("run")
                .and_then(|script| script.lines().find(|line| !line.trim().is_empty()));
            let names = [step.text("uses"), first, step.text("name")];
            !wanted.is_empty() && names.into_iter().flatten().any(|name| name.trim() == wanted)
        });
        match places.collect::<Vec<_>>().as_slice() {
            [] => Err(Refusal::new("the step is not found in the workflow")),
            [(job, step)] => Ok(Place {
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

    /// The change that a diagnosis calls for, if there is exactly one, and the patch that makes it.
    pub fn patch(&self, found: &Diagnosis) -> Result<(Change, Patch), Refusal> {
        let Some(fix) = &found.fix else {
            return Err(Refusal::new("no change of the workflow is known to help"));
        };
        if found.confidence != Confidence::Sure {
            return Err(Refusal::new("the diagnosis is not sure"));
        }
        let place = self.place_of(found)?;
        // What is said if nothing is proposed.
        let (lacks, why_not) = match fix {
            Fix::SkipGuard { names } => (Lacks::Values(names), "the log does not name what is missing"),
            Fix::EventGuard | Fix::Trigger => (
                Lacks::Event(&[]),
                "a log does not name the event of its run, so what to change in `on` or `if` is not known",
            ),
            Fix::Permission { scope, level } => {
                may_grant(found, place.node, scope)?;
                let why_not = "the token has this permission already, or the run is from a fork or from Dependabot";
                (Lacks::Permission { scope, access: *level }, why_not)
            }
            Fix::CheckoutDepth => (Lacks::History, "the step is not found in the workflow"),
            Fix::Timeout { limit } => (
                Lacks::Time { minutes: *limit },
                "the workflow does not set the limit that was exceeded, or it is the longest there is",
            ),
            Fix::Retry => (Lacks::Luck, "running the step twice may not be harmless"),
            Fix::PinVersion => return Err(Refusal::new("the log does not say which version works")),
            Fix::Edit { .. } => return Err(Refusal::new("this change has to be made by hand")),
            Fix::SecretName => return Err(Refusal::new("the log does not say which secret is meant")),
        };
        let granted: Vec<(String, Access)> = found.context.granted().collect();
        let source = found.context.secret_source.as_deref();
        let pin = Pin {
            at: concat!("v", env!("CARGO_PKG_VERSION")).to_owned(),
            note: None,
        };
        let facts = Facts {
            lacks: Some(lacks),
            is_sure: true,
            job: place.job,
            step: Some(Step::Index(place.index)),
            event: None,
            is_fork: source.map(|source| source == "None"),
            is_dependabot: source.map(|source| source == "Dependabot"),
            granted: (!granted.is_empty()).then_some(&*granted),
            pin: Some(&pin),
        };
        let change = propose(&facts, &self.root).ok_or_else(|| Refusal::new(why_not))?;
        let patch = patch::patch(self.text.as_bytes(), &self.name, &change)?;
        Ok((change, patch))
    }
}

/// The jobs that a log may call so: by their `name`, else by their key. A called workflow's job has its caller before it,
/// and one of a matrix its values behind it.
fn named<'a>(jobs: &[Job<'a>], name: &str) -> Vec<Job<'a>> {
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

/// A log may say anything. It grants a right only if the runner listed the token's permissions, and if the failed step
/// of the workflow does what the right is for.
fn may_grant(found: &Diagnosis, step: &Node, scope: &str) -> Result<(), Refusal> {
    if found.context.permissions.is_empty() {
        return Err(Refusal::new("the log does not list the permissions of the token"));
    }
    let words: &[&str] = match scope {
        "contents" => &["git push"],
        "packages" => &["push", "publish"],
        "id-token" => &[
            "oidc", "id_token", "cosign", "publish", "attest", "aws", "gcloud", "az ",
        ],
        _ => &["gh ", "api."],
    };
    let script = step.get("run").and_then(Node::text);
    let does = script.is_none_or(|script| words.iter().any(|word| script.contains(word)));
    match does && found.is_own_line {
        true => Ok(()),
        false => Err(Refusal(format!(
            "the step that failed does not look as if it needs `{scope}`"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
