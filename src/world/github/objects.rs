//! What GitHub answers, as far as it is read. Texts in it were written by others.

use jiff::Timestamp;
use serde::Deserialize;

#[derive(Clone, Debug, Deserialize)]
pub struct Repository {
    pub default_branch: String,
    pub owner: Owner,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Owner {
    pub login: String,
    /// `User` or `Organization`.
    #[serde(rename = "type")]
    pub kind: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Environment {
    pub name: String,
}

/// Of a secret only its name is told.
#[derive(Clone, Debug, Deserialize)]
pub struct SecretName {
    pub name: String,
}

/// A run of a workflow.
#[derive(Clone, Debug, Deserialize)]
pub struct Run {
    pub id: u64,
    /// Counts the runs of its workflow.
    pub run_number: u64,
    pub workflow_id: u64,
    /// `queued`, `in_progress`, `waiting`, `pending`, `requested` or `completed`; others may come.
    pub status: Option<String>,
    /// What started it: `push`, `schedule`, `pull_request`.
    pub event: Option<String>,
    pub html_url: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// As for a job.
    pub conclusion: Option<String>,
    /// Of a fork, it may be called like one of this repository.
    pub head_branch: Option<String>,
    pub head_sha: Option<String>,
    /// The file of its workflow, perhaps with `@` and a ref behind it.
    pub path: Option<String>,
    /// Who started its first attempt.
    pub actor: Option<Actor>,
    /// Not there if it was deleted.
    pub head_repository: Option<FullName>,
    pub repository: Option<FullName>,
    /// The workflows that it calls.
    pub referenced_workflows: Option<Vec<Referenced>>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Actor {
    pub login: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct FullName {
    /// `OWNER/NAME`
    pub full_name: String,
}

/// A workflow that another one calls: `OWNER/NAME/.github/workflows/FILE@REF`, and the commit of it.
#[derive(Clone, Debug, Deserialize)]
pub struct Referenced {
    pub path: String,
    pub sha: String,
}

/// A workflow of a repository.
#[derive(Clone, Debug, Deserialize)]
pub struct WorkflowEntry {
    pub id: u64,
    pub name: String,
    pub path: String,
}

/// A file of a repository. One larger than 1 MB has no content.
#[derive(Clone, Debug, Deserialize)]
pub struct Content {
    pub content: String,
    /// `base64`, or `none`.
    pub encoding: String,
}

impl Run {
    /// Whether a pull request started it, with whatever rights.
    pub fn is_of_pull_request(&self) -> bool {
        self.event
            .as_deref()
            .is_some_and(|event| event.starts_with("pull_request"))
    }

    /// Whether its commit is of another repository, as far as GitHub says.
    pub fn is_from_fork(&self) -> Option<bool> {
        let own = self.repository.as_ref()?;
        match &self.head_repository {
            Some(head) => Some(!head.full_name.eq_ignore_ascii_case(&own.full_name)),
            // A fork that was deleted.
            None => self.is_of_pull_request().then_some(true),
        }
    }

    pub fn is_of_dependabot(&self) -> Option<bool> {
        Some(self.actor.as_ref()?.login == "dependabot[bot]")
    }

    /// The file of its workflow in the repository.
    pub fn file(&self) -> Option<&str> {
        let path = self.path.as_deref()?;
        Some(path.split_once('@').map_or(path, |(path, _)| path))
    }
}

/// An artifact of a run.
#[derive(Clone, Debug, Deserialize)]
pub struct Artifact {
    pub id: u64,
    pub name: String,
    pub size_in_bytes: u64,
    pub expired: bool,
    /// `sha256:` and 64 digits. Artifacts of old versions of the service have none.
    pub digest: Option<String>,
}

/// A job of a run. Its id is that of its check run as well.
#[derive(Clone, Debug, Deserialize)]
pub struct Job {
    pub id: u64,
    pub name: String,
    pub status: String,
    /// `success`, `failure`, `skipped`, `cancelled`, `timed_out`, `neutral`, `action_required`, or nothing before its end.
    pub conclusion: Option<String>,
    pub html_url: Option<String>,
    /// Which attempt of the run it belongs to.
    pub run_attempt: Option<u64>,
    /// Those that ran or were skipped, in their order.
    pub steps: Option<Vec<JobStep>>,
}

/// A step of a job, as GitHub shows it: one for a whole composite action.
#[derive(Clone, Debug, Deserialize)]
pub struct JobStep {
    pub name: String,
    /// Counted from 1, which is `Set up job`.
    pub number: u64,
    pub conclusion: Option<String>,
    /// To the second.
    pub started_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Annotation {
    pub title: Option<String>,
    pub message: Option<String>,
    /// `notice`, `warning` or `failure`.
    pub annotation_level: Option<String>,
}

/// A commit that was to be deployed to an environment.
#[derive(Clone, Debug, Deserialize)]
pub struct Deployment {
    pub id: u64,
    pub sha: String,
    #[serde(rename = "ref")]
    pub reference: String,
    pub created_at: Timestamp,
}

/// What became of a deployment: `queued`, `in_progress`, `success`, `failure`, `error`, and `inactive` after a later success.
#[derive(Clone, Debug, Deserialize)]
pub struct DeploymentStatus {
    pub state: String,
}

/// A ref or an annotated tag: something that names an object.
#[derive(Clone, Debug, Deserialize)]
pub struct Pointer {
    pub object: Object,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Object {
    pub sha: String,
    /// `commit`, `tag`, `tree` or `blob`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// What a call answers that comes in pages.
pub trait Page {
    type Item;

    fn items(self) -> Vec<Self::Item>;
}

#[derive(Deserialize)]
pub struct Environments {
    environments: Vec<Environment>,
}

#[derive(Deserialize)]
pub struct Secrets {
    secrets: Vec<SecretName>,
}

#[derive(Deserialize)]
pub struct Runs {
    workflow_runs: Vec<Run>,
}

#[derive(Deserialize)]
pub struct Artifacts {
    artifacts: Vec<Artifact>,
}

#[derive(Deserialize)]
pub struct Jobs {
    jobs: Vec<Job>,
}

#[derive(Deserialize)]
pub struct Workflows {
    workflows: Vec<WorkflowEntry>,
}

impl Page for Workflows {
    type Item = WorkflowEntry;

    fn items(self) -> Vec<WorkflowEntry> {
        self.workflows
    }
}

impl Page for Secrets {
    type Item = SecretName;

    fn items(self) -> Vec<SecretName> {
        self.secrets
    }
}

impl Page for Environments {
    type Item = Environment;

    fn items(self) -> Vec<Environment> {
        self.environments
    }
}

impl Page for Artifacts {
    type Item = Artifact;

    fn items(self) -> Vec<Artifact> {
        self.artifacts
    }
}

impl Page for Runs {
    type Item = Run;

    fn items(self) -> Vec<Run> {
        self.workflow_runs
    }
}

impl Page for Jobs {
    type Item = Job;

    fn items(self) -> Vec<Job> {
        self.jobs
    }
}

impl<T> Page for Vec<T> {
    type Item = T;

    fn items(self) -> Self {
        self
    }
}
