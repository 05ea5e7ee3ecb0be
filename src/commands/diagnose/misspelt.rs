//! A secret whose name is misspelt in the workflow: it is empty, and one with nearly the same name exists.

use std::collections::{BTreeMap, BTreeSet};

use super::place::{Place, named};
use super::workflow_file::WorkflowFile;
use crate::model::diagnose::{Cause, Diagnosis, Fix};
use crate::model::text::one_line;
use crate::model::workflow::Workflow;
use crate::model::workflow::secrets::{environment, held_by, is_misspelt, of_job};
use crate::world::github::{ApiError, Job as ApiJob, SecretName, Session, Why};

/// Each is a question.
const MOST_ENVIRONMENTS: usize = 3;
/// So often a name is right if nobody can say which secrets exist.
const USED_ELSEWHERE: usize = 2;

/// The secrets that exist, as far as the token may list them.
#[derive(Debug, Default)]
pub struct Existing {
    names: BTreeSet<String>,
    /// Why some of them could not be listed.
    unread: Option<String>,
}

impl Existing {
    /// Asks for those of the repository, of its organization, and of the environments of the jobs that failed.
    pub async fn of(files: &[WorkflowFile], failed: &[&ApiJob], session: &Session<'_>) -> Self {
        let mut existing = Self::default();
        match session.secrets().await {
            // There is always such a list.
            Err(error) => existing.unread = Some(error.why.to_string()),
            listed => existing.take(listed),
        }
        // One that may not list these may not list the others.
        if existing.unread.is_none() {
            existing.take(session.organization_secrets().await);
            let mut environments = BTreeSet::new();
            for workflow in files.iter().filter_map(|file| Workflow::of(&file.root)) {
                let jobs: Vec<_> = workflow.jobs().collect();
                let failed = failed.iter().flat_map(|job| named(&jobs, &job.name));
                environments.extend(failed.filter_map(environment));
            }
            let (known, open): (Vec<&str>, Vec<&str>) = environments.iter().partition(|name| !name.contains("${{"));
            for name in known.iter().take(MOST_ENVIRONMENTS) {
                existing.take(session.environment_secrets(name).await);
            }
            if let Some(name) = open.first().or_else(|| known.get(MOST_ENVIRONMENTS)) {
                let why = format!("those of the environment `{}` were not asked for", one_line(name));
                existing.unread.get_or_insert(why);
            }
        }
        existing
    }

    fn take(&mut self, listed: Result<Vec<SecretName>, ApiError>) {
        match listed {
            Ok(all) => self
                .names
                .extend(all.into_iter().map(|secret| secret.name.to_ascii_uppercase())),
            // Nothing of this kind.
            Err(ApiError { why: Why::NotFound, .. }) => {}
            Err(error) => {
                self.unread.get_or_insert_with(|| error.why.to_string());
            }
        }
    }
}

/// Whether a value is empty in the log that a secret should give: it is not worth a question otherwise.
pub fn may_be(log: &[u8], files: &[WorkflowFile]) -> bool {
    let workflows = files.iter().filter_map(|file| Workflow::of(&file.root));
    let mut jobs = workflows.flat_map(Workflow::jobs);
    let has_secrets = jobs.any(|job| !of_job(job).is_empty());
    let ends = log.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    // As the runner writes a value: `  NAME: `.
    let is_empty = |line: &[u8]| {
        let name = line
            .strip_suffix(b":")
            .and_then(|rest| rest.rsplit(|byte| *byte == b' ').next());
        name.is_some_and(|name| {
            let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
            name.iter().all(is_name) && line.ends_with(&[b"  ", name, b":"].concat())
        })
    };
    has_secrets
        && ends
            .filter(|line| !line.ends_with(b" env:") && !line.ends_with(b" with:"))
            .any(is_empty)
}

/// The jobs that use each secret: their file, key and environment.
#[derive(Debug, Default)]
pub struct Uses(BTreeMap<String, BTreeSet<(String, String, Option<String>)>>);

impl Uses {
    pub fn of<'a>(files: impl IntoIterator<Item = &'a WorkflowFile>) -> Self {
        let mut uses = Self::default();
        for file in files {
            for job in Workflow::of(&file.root).into_iter().flat_map(Workflow::jobs) {
                let environment = environment(job).map(str::to_ascii_lowercase);
                let place = (file.name.clone(), job.id.to_owned(), environment);
                for name in of_job(job) {
                    uses.0.entry(name).or_default().insert(place.clone());
                }
            }
        }
        uses
    }

    /// The environments of the jobs besides this one that use it.
    fn elsewhere(&self, name: &str, place: &Place<'_>) -> impl Iterator<Item = Option<&str>> {
        let all = self.0.get(name).into_iter().flatten();
        all.filter(move |(file, job, _)| (&**file, &**job) != (&*place.file.name, place.job))
            .map(|(_, _, environment)| environment.as_deref())
    }
}

/// What is known of the name of the secret that is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// It is another one, and how that is known.
    Misspelt { from: String, to: String, known: String },
    /// Nobody could say which secrets exist, and why.
    NotCompared(String),
}

impl Name {
    /// The name in the workflow, and the one that is meant.
    pub fn misspelt(&self) -> Option<(&str, &str)> {
        match self {
            Self::Misspelt { from, to, .. } => Some((from, to)),
            Self::NotCompared(_) => None,
        }
    }
}

/// The secret of the one value that is missing, if it is the name that is wrong.
pub fn look(
    found: &Diagnosis,
    place: &Place<'_>,
    existing: Option<&Existing>,
    uses: impl FnOnce() -> Uses,
) -> Option<Name> {
    let Some(Fix::SkipGuard { names }) = &found.fix else {
        return None;
    };
    let [name] = names.as_slice() else { return None };
    if found.cause != Cause::MissingSecret || found.context.lacks_secrets() {
        return None;
    }
    let job = Workflow::of(&place.file.root)?.job(place.job)?;
    let from = held_by(name, place.node, job)?;
    let of_this_job = of_job(job);
    // What the job uses besides is another secret.
    let only = |near: Vec<&String>| match near.as_slice() {
        [to] if !of_this_job.contains(to) => Some((*to).clone()),
        _ => None,
    };
    let misspelt = |to: String, known: String| {
        let from = from.clone();
        Some(Name::Misspelt { from, to, known })
    };
    if let Some(existing) = existing {
        if existing.names.contains(&from.to_ascii_uppercase()) {
            return None;
        }
        let near = existing.names.iter().filter(|name| is_misspelt(&from, name)).collect();
        if let Some(to) = only(near) {
            let known = format!("there is a secret {to}, and none called {from}");
            return misspelt(to, known);
        }
        existing.unread.as_ref()?;
    }
    let uses = uses();
    let is_used_here_alone = uses.elsewhere(&from.to_ascii_uppercase(), place).next().is_none();
    let own = environment(job).map(str::to_ascii_lowercase);
    // What only another environment has does not exist for this job.
    let known = |to: &str| {
        uses.elsewhere(to, place)
            .filter(|other| other.is_none() || *other == own.as_deref())
            .count()
    };
    let near: Vec<&String> = uses.0.keys().filter(|name| is_misspelt(&from, name)).collect();
    if let Some(to) = only(near).filter(|to| is_used_here_alone && known(to) >= USED_ELSEWHERE) {
        let known = format!("{from} is empty; other jobs use {to}");
        return misspelt(to, known);
    }
    let why = existing?.unread.as_ref()?;
    Some(Name::NotCompared(format!(
        "whether the name of the secret {} is misspelt is not known: the names of secrets cannot be listed ({why}); a token \
         with the repository permission `Secrets: read` can",
        one_line(&from)
    )))
}
