//! The release before this one, as GitHub's deployments know it.

use std::time::Duration;

use super::claims::{Claim, Claims, Seen};
use crate::engine::{NotChecked, Observation};
use crate::model::Finding;
use crate::model::text::{count, one_line};
use crate::world::World;
use crate::world::calls::Call;
use crate::world::github::GitHub;

const DEPLOYED: Claim<'_> = ("rollback:deployment", "An earlier commit was deployed with success");

/// What GitHub is asked, which octocrab words (world/github); a test compares the two.
pub const CALLS: [Call; 2] = [
    Call::get("/repos/{repository}/deployments", "the deployments to the environment"),
    Call::get(
        "/repos/{repository}/deployments/{id}/statuses",
        "whether a deployment was a success",
    ),
];

/// For all requests.
const LIMIT: Duration = Duration::from_secs(50);
const MARGIN: Duration = Duration::from_secs(5);

/// Where to look.
#[derive(Clone, Debug)]
pub struct Deployments {
    pub environment: String,
    /// The variable that holds the token.
    pub token_env: String,
}

impl Deployments {
    /// Claims that a commit was deployed before, and answers with it.
    pub async fn look(&self, world: &World, claims: &mut Claims) -> Option<String> {
        claims.look(DEPLOYED, LIMIT + MARGIN, self.previous(world)).await
    }

    /// The commit of the newest successful deployment of another commit than the current one. That is the commit of the
    /// run; outside of a run, what was deployed last.
    fn previous(&self, world: &World) -> impl Future<Output = Seen<String>> + Send + 'static {
        let (plan, world) = (self.clone(), world.clone());
        async move {
            let github = GitHub::connect(&world.env, world.clock, world.progress.clone(), &plan.token_env)
                .map_err(|no| NotChecked::with_help(no.to_string(), no.help()))?;
            let session = github.within(LIMIT);
            let environment = &plan.environment;
            let listed = session.deployments(environment).await?;
            let mut current = world.runner.subject(environment).sha;
            let mut looked = 0;
            for deployment in &listed.items {
                if current.as_ref() == Some(&deployment.sha) {
                    continue;
                }
                looked += 1;
                // A later success makes earlier ones inactive, so the newest state says nothing.
                if !session.deployment_succeeded(deployment.id).await? {
                    continue;
                }
                if current.is_none() {
                    current = Some(deployment.sha.clone());
                    continue;
                }
                let observed = Observation::nothing_wrong()
                    .fact("commit", deployment.sha.clone())
                    .fact(
                        "deployed",
                        format!("{} from {}", deployment.created_at, one_line(&deployment.reference)),
                    );
                return Ok((Some(deployment.sha.clone()), observed));
            }
            let more = if listed.whole { "" } else { " among the newest" };
            let what = format!(
                "{environment} has no successful deployment of an earlier commit ({} looked at{more})",
                count(looked, "deployment")
            );
            let finding = Finding::error("no-deployment", what).help(
                "a job that names the environment makes one; until there is one, name the release to go back to yourself",
            );
            Ok((None, Observation::found(finding)))
        }
    }
}
