//! The workflow of the job that failed: where the step is written, and the patch for it.

use std::path::PathBuf;

use super::Named;
use crate::model::diagnose::{Confidence, Diagnosis, Fix};
use crate::model::workflow::patch::propose::{Facts, Lacks, propose};
use crate::model::workflow::patch::{self, Change, Patch, Pin, Refusal, Step};
use crate::model::workflow::{Access, Workflow};
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

    /// The step that a log calls so: by its action, the first line of its script, or its name.
    pub fn place_of(&self, title: &str) -> Option<Place<'_>> {
        let workflow = Workflow::of(&self.root)?;
        let wanted = title.trim();
        let steps = workflow.jobs().flat_map(|job| {
            job.steps()
                .into_iter()
                .enumerate()
                .map(move |(index, step)| (job, index, step))
        });
        let mut found = steps.filter(|(.., step)| {
            let first = step
                .text("run")
                .and_then(|script| script.lines().find(|line| !line.trim().is_empty()));
            let names = [step.text("uses"), first, step.text("name")];
            names.into_iter().flatten().any(|name| name.trim() == wanted)
        });
        let (job, index, step) = found.next()?;
        // Of two that look the same, nobody knows which it was.
        found.next().is_none().then_some(Place {
            job: job.id,
            index,
            line: step.node.place.line,
        })
    }

    /// The change that a diagnosis calls for, if there is exactly one, and the patch that makes it.
    pub fn patch(&self, found: &Diagnosis) -> Option<(Change, Result<Patch, Refusal>)> {
        let fix = found.fix.as_ref()?;
        let place = self.place_of(&found.step)?;
        let lacks = match fix {
            Fix::SkipGuard { names } => Lacks::Values(names),
            Fix::EventGuard | Fix::Trigger => Lacks::Event(&[]),
            Fix::Permission { scope, level } => Lacks::Permission { scope, access: *level },
            Fix::CheckoutDepth => Lacks::History,
            Fix::Timeout => Lacks::Time { minutes: None },
            Fix::Retry => Lacks::Luck,
            // Which version works, or which name is meant, no log says.
            Fix::PinVersion | Fix::SecretName => return None,
        };
        let granted: Vec<(String, Access)> = found.context.granted().collect();
        let source = found.context.secret_source.as_deref();
        let pin = Pin {
            at: concat!("v", env!("CARGO_PKG_VERSION")).to_owned(),
            note: None,
        };
        let facts = Facts {
            lacks: Some(lacks),
            is_sure: found.confidence == Confidence::Sure,
            job: place.job,
            step: Some(Step::Index(place.index)),
            event: None,
            is_fork: source.map(|source| source == "None"),
            is_dependabot: source.map(|source| source == "Dependabot"),
            granted: (!granted.is_empty()).then_some(&*granted),
            pin: Some(&pin),
        };
        let change = propose(&facts, &self.root)?;
        let patch = patch::patch(self.text.as_bytes(), &self.name, &change);
        Some((change, patch))
    }
}
