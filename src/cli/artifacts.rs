//! Which artifacts a subcommand gets from GitHub.

use std::path::Path;

use clap::Args;

use super::diagnose::run_ref;
use super::error::UsageError;
use super::evidence_bundle::check_endpoint;
use super::skip_guard::is_variable;
use super::{Given, Or};
use crate::commands::diagnose::RunRef;
use crate::commands::verdict;
use crate::world::artifacts::{OfRun, Wanted};
use crate::world::aws;
use crate::world::s3::{self, Place};

#[derive(Clone, Debug, Default, Args)]
pub struct ArtifactOptions {
    /// Artifact with a bundle to download; * in the name stands for any text; repeatable. Needs a token and actions: read,
    /// except in the action without --run.
    #[arg(long, value_name = "NAME")]
    pub artifact: Vec<String>,
    /// Run that has the artifacts, by its id or its address [default: this run].
    #[arg(long, value_name = "ID or URL", requires = "artifact")]
    pub run: Option<String>,
    /// Environment variable with the token to download artifacts with [default: GITHUB_TOKEN].
    #[arg(long, value_name = "NAME", requires = "artifact")]
    pub github_token_env: Option<String>,
}

impl Or for ArtifactOptions {
    /// Names are typed, never configured.
    fn or(self, _: Self) -> Self {
        self
    }
}

/// Reports of a run that was named are compared with that one. Its id decides which commit they are of. A status file would
/// say that they are of this run.
pub fn of_run(wanted: &Wanted, plan: &mut verdict::Plan) {
    if let (Some(run), verdict::Plan::Fold(fold)) = (&wanted.run, plan) {
        let subject = &mut fold.origin.subject;
        let is_this = subject.run_id.as_ref() == Some(&run.id.to_string())
            && (run.repository.is_none() || run.repository == subject.repository);
        if !is_this {
            fold.status_file = None;
        }
        subject.run_id = Some(run.id.to_string());
        subject.repository = run.repository.clone().or(subject.repository.take());
        (subject.run_attempt, subject.sha) = (None, None);
    }
}

/// The object of a store that `path` names, as s3://BUCKET/KEY. `flag` is the store's address, else the configured one.
pub(super) fn stored(
    name: String,
    path: &Path,
    flag: Option<&str>,
    given: &mut Given<'_>,
) -> Result<s3::Wanted, UsageError> {
    let text = path.to_string_lossy();
    let wrong = |why: &str| UsageError::new(format!("`{text}` {why}")).help("write it like s3://BUCKET/KEY.zip");
    let zip: Place = text.parse().map_err(|why: String| wrong(&why))?;
    if zip.key.is_empty() {
        return Err(wrong("names a bucket, and no object in it"));
    }
    let configured = given
        .config
        .evidence_bundle
        .as_ref()
        .and_then(|config| config.store_endpoint.as_deref());
    let endpoint = flag.or(configured).map(str::to_owned);
    check_endpoint(endpoint.as_deref(), given.world)?;
    let secrets = [aws::SECRET_KEY, aws::SESSION_TOKEN];
    given.secret_names.extend(secrets.map(str::to_owned));
    Ok(s3::Wanted {
        name,
        zip,
        envelope: None,
        endpoint,
    })
}

/// `--store-endpoint` without a store to ask.
pub(super) fn no_store() -> UsageError {
    UsageError::new("--store-endpoint has no effect without s3://BUCKET/KEY")
        .help("name a stored bundle, or leave it out")
}

impl ArtifactOptions {
    /// Whether the step needs a token, and the variable that holds it.
    pub fn token_env(&self) -> &str {
        self.github_token_env.as_deref().unwrap_or("GITHUB_TOKEN")
    }

    /// `None`: none were named.
    pub(super) fn wanted(&self, given: &mut Given<'_>) -> Result<Option<Wanted>, UsageError> {
        if self.artifact.is_empty() {
            return Ok(None);
        }
        if self.artifact.iter().any(|name| name.trim().is_empty()) {
            return Err(UsageError::new("--artifact is empty").help("give the name of the artifact, or `*`"));
        }
        if !is_variable(self.token_env()) {
            return Err(
                UsageError::new("--github-token-env is not the name of an environment variable")
                    .help("give the name of the variable that holds the token, not the token"),
            );
        }
        given.secret_names.push(self.token_env().to_owned());
        let run = self
            .run
            .as_deref()
            .map(|text| match run_ref(text.trim(), given.world)? {
                RunRef {
                    repository,
                    id,
                    job: None,
                    attempt: None,
                } => Ok(OfRun { repository, id }),
                _ => Err(UsageError::new(format!("--run `{text}` is a job or an attempt"))
                    .help("artifacts belong to the run: leave out what follows its id")),
            });
        Ok(Some(Wanted {
            names: self.artifact.clone(),
            run: run.transpose()?,
            token_env: self.token_env().to_owned(),
        }))
    }
}
