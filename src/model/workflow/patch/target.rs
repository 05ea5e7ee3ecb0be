//! Which job or step a change is for.

use super::Refusal;
use super::editor::Editor;
use super::path::Path;
use crate::model::text::one_line;
use crate::model::workflow::expression::is_dynamic;
use crate::model::workflow::reference::{Reference, STAGEPROOF};
use crate::model::yaml::Node;

/// A job or a step of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At {
    /// By its key. `None` for the steps of a composite action.
    pub job: Option<String>,
    /// Counted from 0; `None` for the job itself.
    pub step: Option<usize>,
}

impl At {
    pub fn job(job: &str) -> Self {
        Self {
            job: Some(job.to_owned()),
            step: None,
        }
    }

    pub fn step(job: &str, index: usize) -> Self {
        Self {
            job: Some(job.to_owned()),
            step: Some(index),
        }
    }

    fn scope(&self) -> Path {
        match &self.job {
            Some(job) => Path::default().key("jobs").key(job.as_str()),
            None => Path::default().key("runs"),
        }
    }

    /// Where the job is written.
    pub fn job_path(&self, editor: &Editor<'_>) -> Result<Path, Refusal> {
        if self.job.is_none() {
            return Err(Refusal::new(
                "a composite action has no jobs; change the workflow that uses it",
            ));
        }
        let path = self.scope();
        match editor.find(&path)? {
            Some(node) if node.entries().next().is_some() => Ok(path),
            Some(_) => Err(Refusal(format!("`{path}` is no job"))),
            None if editor.root().get("runs").is_some() => Err(Refusal::new("the file is an action, not a workflow")),
            None => Err(Refusal(format!("there is no `{path}`"))),
        }
    }

    /// Where its steps are written.
    pub fn steps(&self, editor: &Editor<'_>) -> Result<Path, Refusal> {
        let scope = self.scope();
        if let Some(called) = editor.at(&scope)?.get("uses").and_then(Node::text) {
            let called = one_line(called);
            return Err(Refusal(format!(
                "`{scope}` calls the workflow {called}, so its steps are in that file"
            )));
        }
        let path = scope.key("steps");
        match editor.at(&path)?.items() {
            [] => Err(Refusal(format!("`{path}` is no list of steps"))),
            _ => Ok(path),
        }
    }

    /// Which of its steps is meant.
    pub fn index(&self, editor: &Editor<'_>) -> Result<usize, Refusal> {
        let path = self.steps(editor)?;
        let steps = editor.at(&path)?.items().len();
        let index = self.step.ok_or_else(|| Refusal::new("the change needs a step"))?;
        if index < steps {
            return Ok(index);
        }
        Err(Refusal(format!(
            "`{path}` has {steps} steps, and no number {}",
            index + 1
        )))
    }

    /// The job, or the step.
    pub fn path(&self, editor: &Editor<'_>) -> Result<Path, Refusal> {
        let path = match &self.step {
            None => self.job_path(editor)?,
            Some(_) => self.steps(editor)?.item(self.index(editor)?),
        };
        editor.at(&path)?;
        Ok(path)
    }
}

/// Whether a job certainly runs on Linux, which the action of stageproof needs.
pub fn needs_linux(editor: &Editor<'_>, at: &At) -> Result<(), Refusal> {
    let job = at.job_path(editor)?;
    let path = job.key("runs-on");
    let runs_on = editor.at(&path)?;
    let labels = runs_on.get("labels").unwrap_or(runs_on).scalars();
    let matrix = editor
        .at(&job)?
        .get("strategy")
        .and_then(|strategy| strategy.get("matrix"));
    let is_linux = |label: &&Node| match matrix_key(label) {
        // What `include` adds may be anything.
        Some(key) => matrix.is_some_and(|matrix| {
            let values = matrix.get(key).map(Node::items).unwrap_or_default();
            !values.is_empty() && values.iter().all(names_linux) && matrix.get("include").is_none()
        }),
        None => names_linux(label),
    };
    match labels.iter().any(is_linux) {
        true => Ok(()),
        false => Err(Refusal(format!(
            "`{path}` names no Linux runner, which stageproof's action needs"
        ))),
    }
}

fn names_linux(label: &Node) -> bool {
    let label = label.text().unwrap_or_default().to_ascii_lowercase();
    !is_dynamic(&label) && (label == "linux" || label.starts_with("ubuntu"))
}

/// `os` of `${{ matrix.os }}`.
fn matrix_key(label: &Node) -> Option<&str> {
    let inside = label.text()?.trim().strip_prefix("${{")?.strip_suffix("}}")?;
    inside.trim().strip_prefix("matrix.")
}

/// Whether a step uses the repository of an action.
pub fn uses(step: &Node, is_wanted: impl Fn(&str) -> bool) -> bool {
    let reference = step.get("uses").and_then(Node::text).and_then(Reference::parse);
    matches!(reference, Some(Reference::Repository { repository, .. }) if is_wanted(repository))
}

/// Whether a step is stageproof's action with this command.
pub fn is_ours(step: &Node, command: &str) -> bool {
    let given = step
        .get("with")
        .and_then(|with| with.get("command"))
        .and_then(Node::text);
    uses(step, |repository| repository == STAGEPROOF) && given == Some(command)
}
