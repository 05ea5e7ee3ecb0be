//! Where in a workflow the step that failed is written.

use super::Named;
use crate::model::workflow::{Job, Workflow};
use crate::model::yaml::{self, Node};
use crate::world::files::{self, Links};
use crate::world::job_log::Source;

const LARGEST: u64 = 1 << 20;

pub struct WorkflowFile {
    pub name: String,
    root: Node,
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
            root,
        })
    }

    /// The line of the step that a log calls so: by its action, the first line of its script, or its name.
    pub fn line_of(&self, title: &str) -> Option<u32> {
        let workflow = Workflow::of(&self.root)?;
        let wanted = title.trim();
        let steps = workflow.jobs().flat_map(Job::steps);
        let mut found = steps.filter(|step| {
            let first = step
                .text("run")
                .and_then(|script| script.lines().find(|line| !line.trim().is_empty()));
            let names = [step.text("uses"), first, step.text("name")];
            names.into_iter().flatten().any(|name| name.trim() == wanted)
        });
        let step = found.next()?;
        // Of two that look the same, nobody knows which it was.
        found.next().is_none().then_some(step.node.place.line)
    }
}
