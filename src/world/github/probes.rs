//! Whether a token may read something: by reading a little of it.
//!
//! Each question needs the one permission and nothing else (docs.github.com, "Permissions required for GitHub Apps"). Other
//! permissions cannot be found out so: whether one may write shows only in writing; pages, security events and
//! attestations answer 404 or 403 for other reasons too; discussions, models and projects have no such endpoint.
//!
//! What is public may be read without the permission, so in a public repository most of these are always met.

use super::Session;
use super::calls::encoded;
use super::error::ApiError;

const SCOPES: [&str; 8] = [
    "actions",
    "checks",
    "contents",
    "deployments",
    "issues",
    "packages",
    "pull-requests",
    "statuses",
];

/// The permissions that [`Session::read_a_little`] knows.
pub fn readable_scopes() -> &'static [&'static str] {
    &SCOPES
}

impl Session<'_> {
    /// Reads something that `scope: read` allows. `commit` is one of the repository, by its hash.
    pub async fn read_a_little(&self, scope: &str, commit: Option<&str>) -> Result<(), ApiError> {
        let commit = encoded(commit.unwrap_or("HEAD"));
        let path = match scope {
            "actions" => "/actions/runs".to_owned(),
            "checks" => format!("/commits/{commit}/check-runs"),
            "contents" => "/branches".to_owned(),
            "packages" => return self.read_packages().await,
            "pull-requests" => "/pulls".to_owned(),
            "statuses" => format!("/commits/{commit}/statuses"),
            other => format!("/{other}"),
        };
        self.get_anything(&self.path(&format!("{path}?per_page=1"))).await
    }

    /// Packages belong to the owner. Of the types that can be listed, `container` answers 400 to a job's own token
    /// (cli/cli issue 9606, actions/github-script issue 449); the permission is the same for all.
    async fn read_packages(&self) -> Result<(), ApiError> {
        let owner = self.repository_itself().await?.owner;
        let owners = match owner.kind.as_str() {
            "Organization" => "orgs",
            _ => "users",
        };
        let login = encoded(&owner.login);
        self.get_anything(&format!("/{owners}/{login}/packages?package_type=npm&per_page=1"))
            .await
    }
}
