//! What Heroku's Platform API is asked.
//!
//! Sources: devcenter.heroku.com/articles/platform-api-reference; the types of `@heroku-cli/schema` 2.0.1; `releases.js` of
//! the CLI 11.10 for `eligible_for_rollback`; changelog 3075 for `oci_image`.

use serde::Deserialize;
use tokio::time::Instant;

use crate::commands::rollback_dry_run::{History, MOST_PAGES, Release};
use crate::world::Env;
use crate::world::api::{Api, ApiError, Who};
use crate::world::calls::{Call, Content};
use crate::world::secrets::Secret;

const APP: Call = Call::get("/apps/{app}", "whether the app is in maintenance");
const RELEASES: Call = Call::get("/apps/{app}/releases", "the releases of the app and their slugs");
const SLUG: Call = Call::get("/apps/{app}/slugs/{slug}", "whether the slug of a release is kept");
const IMAGE: Call = Call::get(
    "/apps/{app}/oci-images/{image}",
    "the same, for apps of the generation Fir",
);
pub const CALLS: [Call; 4] = [APP, RELEASES, SLUG, IMAGE];

/// The default of Heroku; said, so that it is known here.
const FIRST_RANGE: &str = "version ..; max=200, order=desc";

pub struct Heroku(Api);

#[derive(Deserialize)]
pub struct App {
    #[serde(default)]
    pub maintenance: bool,
}

/// A release, as Heroku tells it.
#[derive(Deserialize)]
pub struct Told {
    version: u64,
    status: String,
    #[serde(default)]
    pub current: bool,
    slug: Option<Id>,
    oci_image: Option<Id>,
    eligible_for_rollback: Option<bool>,
    created_at: String,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

/// A slug or an image.
#[derive(Deserialize)]
pub struct Artifact {
    /// What it was built from, if git deployed it.
    pub commit: Option<String>,
}

impl Told {
    pub fn name(&self) -> String {
        format!("v{}", self.version)
    }

    /// Its release command is running.
    pub fn is_pending(&self) -> bool {
        self.status == "pending"
    }

    /// What was built. A release that only set configuration before the first deploy has none.
    pub fn artifact(&self) -> Option<String> {
        let slug = self.slug.as_ref().map(|slug| format!("slug {}", slug.id));
        slug.or_else(|| Some(format!("image {}", self.oci_image.as_ref()?.id)))
    }

    fn release(&self) -> Release {
        let artifact = self.artifact();
        let state = match (&*self.status, self.eligible_for_rollback) {
            ("succeeded", _) if artifact.is_none() => "succeeded, without code",
            // As the CLI calls it.
            ("succeeded", Some(false)) => "expired",
            (status, _) => status,
        };
        Release {
            name: self.name(),
            artifact,
            good: state == "succeeded",
            state: state.to_owned(),
            at: self.created_at.clone(),
        }
    }
}

/// `None` if no release with code is the current one.
pub fn history(told: &[Told]) -> Option<History> {
    Some(History {
        current: told.iter().find(|release| release.current)?.artifact()?,
        releases: told.iter().map(Told::release).collect(),
    })
}

impl Heroku {
    /// At the address that the CLI takes from HEROKU_HOST, which is a host or a URL.
    pub fn connect(token: &Secret, token_env: &str, env: &Env) -> Result<Self, ApiError> {
        let who = Who::with_token("Heroku", "app", token_env);
        let version = Api::header("Accept", "application/vnd.heroku+json; version=3")?;
        let headers = vec![Api::bearer(token, token_env)?, version];
        let host = env.get("HEROKU_HOST").unwrap_or("heroku.com");
        let url = match host.starts_with("http") {
            true => host.to_owned(),
            false => format!("https://api.{host}"),
        };
        Api::at_url(who, ("HEROKU_HOST", &url), headers, env).map(Self)
    }

    pub fn sent(&self) -> usize {
        self.0.sent()
    }

    pub async fn app(&self, app: &str, until: Instant) -> Result<App, ApiError> {
        self.0.get(&APP, &[app], &[], until).await
    }

    /// Newest first; older ones until there is one to go back to.
    pub async fn releases(&self, app: &str, named: Option<&str>, until: Instant) -> Result<Vec<Told>, ApiError> {
        let mut told: Vec<Told> = Vec::new();
        let mut range = FIRST_RANGE.to_owned();
        for _ in 0..MOST_PAGES {
            let content = Content {
                values: &[app],
                headers: &[Api::header("Range", &range)?],
                ..Content::default()
            };
            let (page, next): (Vec<Told>, _) = self.0.page(&RELEASES, content, "Next-Range", until).await?;
            told.extend(page);
            match next {
                Some(next) if history(&told).is_none_or(|history| history.previous(named).is_err()) => range = next,
                _ => break,
            }
        }
        Ok(told)
    }

    /// Looks for what [`Told::artifact`] named.
    pub async fn artifact(&self, app: &str, artifact: &str, until: Instant) -> Result<Artifact, ApiError> {
        let (kind, id) = artifact.split_once(' ').unwrap_or_default();
        let call = if kind == "slug" { SLUG } else { IMAGE };
        self.0.get(&call, &[app, id], &[], until).await
    }
}
