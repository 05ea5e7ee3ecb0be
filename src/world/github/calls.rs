//! The questions that are asked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Session;
use super::error::{ApiError, Why};
use super::objects::{
    Annotation, Artifact, Artifacts, Content, Deployment, DeploymentStatus, Environment, Environments, Job, Jobs, Page,
    Pointer, Repository, Run, Runs, SecretName, Secrets, WorkflowEntry, Workflows,
};
use super::send::Answer;

/// GitHub's largest page.
const PER_PAGE: usize = 100;
/// A thousand of anything is more than a person set up.
const MOST_PAGES: usize = 10;

/// GitHub shows no more of a job, and most logs have a hundredth of it.
const LARGEST_LOG: usize = 64 << 20;

/// An annotated tag may point to another one, which is as rare as it is odd.
const MOST_TAGS_OF_TAGS: usize = 3;

/// A list, as far as it was read.
#[derive(Debug)]
pub struct Listed<T> {
    pub items: Vec<T>,
    /// Nothing came after.
    pub whole: bool,
}

impl Session<'_> {
    /// The repository (metadata, which every token for it may read).
    pub async fn repository_itself(&self) -> Result<Repository, ApiError> {
        Ok(self.get(&self.path("")).await?.value)
    }

    /// An environment by its name, in whatever case (actions: read). `None` if it does not exist or may not be seen.
    pub async fn environment(&self, name: &str) -> Result<Option<Environment>, ApiError> {
        let path = self.path(&format!("/environments/{}", encoded(name)));
        match self.get(&path).await {
            Ok(Answer { value, .. }) => Ok(Some(value)),
            Err(ApiError { why: Why::NotFound, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All environments (actions: read).
    pub async fn environments(&self) -> Result<Listed<Environment>, ApiError> {
        self.list::<Environments>("/environments", MOST_PAGES).await
    }

    /// The secrets of the repository (secrets: read, which the token of a job cannot have).
    pub async fn secrets(&self) -> Result<Vec<SecretName>, ApiError> {
        Ok(self.list::<Secrets>("/actions/secrets", MOST_PAGES).await?.items)
    }

    /// Those that its organization shares with it (secrets: read).
    pub async fn organization_secrets(&self) -> Result<Vec<SecretName>, ApiError> {
        let path = "/actions/organization-secrets";
        Ok(self.list::<Secrets>(path, MOST_PAGES).await?.items)
    }

    /// Those of an environment (environments: read).
    pub async fn environment_secrets(&self, environment: &str) -> Result<Vec<SecretName>, ApiError> {
        let path = format!("/environments/{}/secrets", encoded(environment));
        Ok(self.list::<Secrets>(&path, MOST_PAGES).await?.items)
    }

    /// One run (actions: read).
    pub async fn run(&self, id: u64) -> Result<Run, ApiError> {
        Ok(self.get(&self.path(&format!("/actions/runs/{id}"))).await?.value)
    }

    /// A workflow's runs of one status, the newest first (actions: read).
    pub async fn runs_of_status(&self, workflow: u64, status: &str) -> Result<Listed<Run>, ApiError> {
        let path = format!("/actions/workflows/{workflow}/runs?status={}", encoded(status));
        self.list::<Runs>(&path, MOST_PAGES).await
    }

    /// A workflow's newest runs on a branch that have ended, 100 at most, the newest first (actions: read).
    pub async fn ended_runs(&self, workflow: u64, branch: &str) -> Result<Listed<Run>, ApiError> {
        let branch = encoded(branch);
        let path = format!("/actions/workflows/{workflow}/runs?status=completed&branch={branch}");
        self.list::<Runs>(&path, 1).await
    }

    /// The newest runs that ended so, the newest first, 100 at most: of one workflow, on a branch, of a commit
    /// (actions: read).
    pub async fn newest_runs(
        &self,
        conclusion: &str,
        workflow: Option<u64>,
        branch: Option<&str>,
        sha: Option<&str>,
    ) -> Result<Listed<Run>, ApiError> {
        let of = workflow.map_or(String::new(), |id| format!("/workflows/{id}"));
        let mut path = format!("/actions{of}/runs?status={}", encoded(conclusion));
        for (name, value) in [("branch", branch), ("head_sha", sha)] {
            path.extend(value.map(|value| format!("&{name}={}", encoded(value))));
        }
        self.list::<Runs>(&path, 1).await
    }

    /// The workflows of the repository (actions: read).
    pub async fn workflows(&self) -> Result<Listed<WorkflowEntry>, ApiError> {
        self.list::<Workflows>("/actions/workflows", MOST_PAGES).await
    }

    /// A file of this repository or of another one, at a commit, or else on the default branch (contents: read). `None` if
    /// it does not exist there, or may not be seen.
    pub async fn file(
        &self,
        repository: Option<&str>,
        path: &str,
        commit: Option<&str>,
    ) -> Result<Option<Vec<u8>>, ApiError> {
        let each = |path: &str| path.split('/').map(encoded).collect::<Vec<_>>().join("/");
        let repository = each(repository.unwrap_or(&self.github.repository));
        let at = commit.map_or(String::new(), |commit| format!("?ref={}", encoded(commit)));
        let path = format!("/repos/{repository}/contents/{}{at}", each(path));
        let answer = match self.get::<Content>(&path).await {
            Ok(answer) => answer.value,
            Err(ApiError { why: Why::NotFound, .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let plain: String = answer.content.split_ascii_whitespace().collect();
        let bytes = (answer.encoding == "base64")
            .then(|| STANDARD.decode(plain).ok())
            .flatten();
        let why = || Why::NotUnderstood("it has no content in base64".to_owned());
        bytes.map(Some).ok_or_else(|| ApiError { path, why: why() })
    }

    /// The jobs of all attempts of a run (actions: read).
    ///
    /// Whether an attempt that repeats only what failed lists the other jobs too has changed over the years, so what
    /// counts is found by the caller: of each name those of the newest attempt.
    pub async fn jobs(&self, run: u64) -> Result<Listed<Job>, ApiError> {
        let path = format!("/actions/runs/{run}/jobs?filter=all");
        self.list::<Jobs>(&path, MOST_PAGES).await
    }

    /// The log of a job that has ended (actions: read).
    pub async fn job_log(&self, job: u64) -> Result<Vec<u8>, ApiError> {
        let path = self.path(&format!("/actions/jobs/{job}/logs"));
        self.get_kept_elsewhere(&path, LARGEST_LOG).await
    }

    /// The artifacts of all attempts of a run, expired ones too (actions: read).
    pub async fn artifacts(&self, run: u64) -> Result<Listed<Artifact>, ApiError> {
        let path = format!("/actions/runs/{run}/artifacts");
        self.list::<Artifacts>(&path, MOST_PAGES).await
    }

    /// Where the zip of an artifact is, for a minute (actions: read).
    pub async fn artifact_address(&self, artifact: u64) -> Result<url::Url, ApiError> {
        self.address_elsewhere(&self.path(&format!("/actions/artifacts/{artifact}/zip")))
            .await
    }

    /// What a job said on the run's page (checks: read).
    pub async fn annotations(&self, job: u64) -> Result<Listed<Annotation>, ApiError> {
        let path = format!("/check-runs/{job}/annotations");
        self.list::<Vec<Annotation>>(&path, 1).await
    }

    /// The newest deployments to an environment, 100 at most, the newest first (deployments: read).
    pub async fn deployments(&self, environment: &str) -> Result<Listed<Deployment>, ApiError> {
        let path = format!("/deployments?environment={}", encoded(environment));
        self.list::<Vec<Deployment>>(&path, 1).await
    }

    /// Whether a deployment ever was a success (deployments: read).
    pub async fn deployment_succeeded(&self, id: u64) -> Result<bool, ApiError> {
        let path = format!("/deployments/{id}/statuses");
        let listed = self.list::<Vec<DeploymentStatus>>(&path, 1).await?;
        Ok(listed.items.iter().any(|status| status.state == "success"))
    }

    /// The commit that a tag leads to (contents: read). `None` if there is no such tag, or what it leads to is no commit.
    pub async fn tagged_commit(&self, tag: &str) -> Result<Option<String>, ApiError> {
        let mut path = self.path(&format!("/git/ref/tags/{}", encoded(tag)));
        for _ in 0..=MOST_TAGS_OF_TAGS {
            let Pointer { object } = match self.get(&path).await {
                Ok(Answer { value, .. }) => value,
                Err(ApiError { why: Why::NotFound, .. }) => return Ok(None),
                Err(error) => return Err(error),
            };
            let is_id = object.sha.len() == 40 && object.sha.bytes().all(|b| b.is_ascii_hexdigit());
            match object.kind.as_str() {
                "commit" if is_id => return Ok(Some(object.sha.to_ascii_lowercase())),
                "tag" if is_id => path = self.path(&format!("/git/tags/{}", object.sha)),
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    pub(super) fn path(&self, rest: &str) -> String {
        format!("/repos/{}{rest}", self.github.repository)
    }

    async fn list<P>(&self, rest: &str, most_pages: usize) -> Result<Listed<P::Item>, ApiError>
    where
        P: Page + serde::de::DeserializeOwned,
    {
        let joint = if rest.contains('?') { '&' } else { '?' };
        let mut path = self.path(&format!("{rest}{joint}per_page={PER_PAGE}"));
        let mut items = Vec::new();
        let mut pages = 1;
        loop {
            let Answer { value, next } = self.get::<P>(&path).await?;
            items.extend(value.items());
            match next {
                None => return Ok(Listed { items, whole: true }),
                Some(_) if pages == most_pages => return Ok(Listed { items, whole: false }),
                Some(next) => path = self.own_path(&path, &next)?,
            }
            pages += 1;
        }
    }
}

/// A name as one part of a path or one value of a query: everything but letters, digits and `-._~` is escaped.
pub(super) fn encoded(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_cannot_become_more_than_a_name() {
        assert_eq!(encoded("eu/staging 2?&#%é"), "eu%2Fstaging%202%3F%26%23%25%C3%A9");
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_one_part(name in "\\PC{1,40}") {
            let encoded = encoded(&name);
            let url = url::Url::parse(&format!("http://h/{encoded}x/y?q={encoded}")).unwrap();
            prop_assert_eq!(url.path_segments().unwrap().count(), 2);
            prop_assert_eq!(url.query_pairs().next().unwrap().1, name.as_str());
        }
    }
}
