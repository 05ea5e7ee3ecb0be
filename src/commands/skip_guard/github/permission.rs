//! Whether the token may read something, found out by reading a little of it.
//!
//! Nowhere is a missing one a matter of course: runs from forks and of Dependabot have tokens that read as the workflow
//! says, and only cannot write (docs.github.com, "Permissions for the GITHUB_TOKEN").

use crate::commands::skip_guard::answer::{Answer, met, should};
use crate::engine::NotChecked;
use crate::world::World;
use crate::world::github::{ApiError, Session, Why};

pub async fn permission(scope: &str, session: &Session<'_>, world: &World) -> Result<Answer, NotChecked> {
    match session.read_a_little(scope, world.runner.sha().as_deref()).await {
        Ok(()) => Ok(met("read", scope)),
        Err(ApiError {
            why: Why::NotAllowed { needed, .. },
            ..
        }) => {
            let needed = needed.unwrap_or_else(|| format!("{scope}: read"));
            Ok(should(
                format!("the token lacks the permission {scope}: read"),
                format!("Add `{needed}` to `permissions:` of the job; permissions not listed there are not granted."),
            ))
        }
        Err(error) => Err(error.into()),
    }
}
