//! What Fly.io is asked: GraphQL for releases, the Machines API for what runs.
//!
//! Sources: fly.io/docs/machines/api; the queries and the schema of flyctl (superfly/flyctl, `gql/schema.graphql`;
//! superfly/fly-go, `resource_releases.go` and `machine_types.go`).

use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use crate::commands::rollback_dry_run::releases::Release;
use crate::world::Env;
use crate::world::api::{Api, ApiError, Who};
use crate::world::calls::Call;
use crate::world::registry::ImageName;
use crate::world::secrets::Secret;

const RELEASES: Call = Call::query(
    "/graphql",
    "query($app: String!, $limit: Int!) { app(name: $app) { status \
     releases: releasesUnprocessed(first: $limit) { nodes { version status imageRef createdAt } } } }",
    "the releases of the app and their images",
);
const MACHINES: Call = Call::get(
    "/v1/apps/{app}/machines",
    "the machines of the app and the images they run",
);

/// All that Fly.io is ever asked; the registry has a list of its own.
pub const CALLS: [(&str, &[Call]); 2] = [("api.fly.io", &[RELEASES]), ("api.machines.dev", &[MACHINES])];

/// As many as flyctl shows.
const MOST_RELEASES: u32 = 25;

/// The addresses can be set as they can for flyctl.
pub struct Fly {
    graphql: Api,
    machines: Api,
}

/// What the app is, and its releases, newest first.
pub struct App {
    pub status: String,
    pub releases: Vec<Release>,
}

/// One machine, as far as it matters.
#[derive(Clone, Debug, Deserialize)]
pub struct Machine {
    pub id: String,
    pub state: String,
    #[serde(default)]
    image_ref: ImageRef,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ImageRef {
    registry: String,
    repository: String,
    tag: String,
    digest: String,
}

impl Machine {
    /// With everything that is known of it, as `registry/repository:tag@digest`.
    pub fn image(&self) -> Option<ImageName> {
        let of = &self.image_ref;
        let tag = Some(&of.tag).filter(|tag| !tag.is_empty()).map(|tag| format!(":{tag}"));
        let digest = Some(&of.digest)
            .filter(|digest| !digest.is_empty())
            .map(|digest| format!("@{digest}"));
        let name = format!("{}/{}", of.registry, of.repository);
        format!("{name}{}{}", tag.unwrap_or_default(), digest.unwrap_or_default())
            .parse()
            .ok()
    }
}

impl Fly {
    pub fn connect(token: &Secret, token_env: &str, env: &Env) -> Result<Self, ApiError> {
        let api = |base_env: &str, default: &str| {
            let who = Who::with_token("Fly.io", "app", token_env);
            let headers = vec![Api::authorization(&authorization(token), token_env)?];
            Api::at(who, (base_env, default), headers, env)
        };
        Ok(Self {
            graphql: api("FLY_API_BASE_URL", "https://api.fly.io")?,
            machines: api("FLY_FLAPS_BASE_URL", "https://api.machines.dev")?,
        })
    }

    pub fn sent(&self) -> usize {
        self.graphql.sent() + self.machines.sent()
    }

    pub async fn app(&self, name: &str, until: Instant) -> Result<Option<App>, ApiError> {
        #[derive(Deserialize)]
        struct Data {
            app: Option<Told>,
        }
        #[derive(Deserialize)]
        struct Told {
            status: String,
            releases: Nodes,
        }
        #[derive(Deserialize)]
        struct Nodes {
            nodes: Vec<Node>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Node {
            version: u64,
            status: String,
            image_ref: Option<String>,
            created_at: String,
        }
        let variables = json!({ "app": name, "limit": MOST_RELEASES });
        let data: Data = self.graphql.query(&RELEASES, &variables, until).await?;
        let release = |node: Node| {
            Release {
                name: format!("v{}", node.version),
                artifact: node.image_ref,
                // What deploys write today, and what the first platform wrote.
                good: matches!(node.status.as_str(), "complete" | "succeeded"),
                state: node.status,
                at: node.created_at,
            }
        };
        Ok(data.app.map(|told| App {
            status: told.status,
            releases: told.releases.nodes.into_iter().map(release).collect(),
        }))
    }

    pub async fn machines(&self, app: &str, until: Instant) -> Result<Vec<Machine>, ApiError> {
        self.machines.get(&MACHINES, &[app], &[], until).await
    }
}

/// Tokens of the macaroon kind have a scheme of their own, which people may have copied with them.
fn authorization(token: &Secret) -> Secret {
    let text = token.reveal();
    Secret::new(if text.starts_with("FlyV1 ") {
        text.to_owned()
    } else if text.starts_with("fm1") || text.starts_with("fm2_") {
        format!("FlyV1 {text}")
    } else {
        format!("Bearer {text}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_macaroon_is_sent_with_its_scheme() {
        for (token, sent) in [
            ("FlyV1 fm2_abc", "FlyV1 fm2_abc"),
            ("fm2_abc,fm2_def", "FlyV1 fm2_abc,fm2_def"),
            ("fo1_abc", "Bearer fo1_abc"),
        ] {
            assert_eq!(authorization(&Secret::new(token)).reveal(), sent);
        }
    }

    #[test]
    fn a_machine_names_its_image_as_far_as_it_knows_it() {
        let machine: Machine = serde_json::from_str(
            r#"{"id":"1","state":"started","image_ref":{"registry":"registry.fly.io","repository":"shop","tag":"deployment-01","digest":""}}"#,
        )
        .unwrap();
        assert_eq!(
            machine.image().unwrap().to_string(),
            "registry.fly.io/shop:deployment-01"
        );
        let machine: Machine = serde_json::from_str(r#"{"id":"1","state":"created"}"#).unwrap();
        assert_eq!(machine.image(), None);
    }
}
