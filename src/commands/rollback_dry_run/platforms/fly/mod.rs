//! Platform `fly`: the previous release is an image that Fly.io deployed before.

mod api;
mod messages;

use std::sync::Arc;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::commands::rollback_dry_run::{
    Claim, Claims, KEEP_IMAGES, LIMIT, NOT_RUN, Placeholder, Proof, Prove, Proving, Release, Seen, Template, age,
    commit_of, not_checked, not_there, present, releases, token,
};
use crate::engine::{NotChecked, Observation};
use crate::model::Finding;
use crate::model::text::{count, one_line};
use crate::world::registry::{Credentials, Image, ImageName, Platform, Registry};
use crate::world::secrets::Secret;
use crate::world::{Env, World};
pub use api::CALLS;
use api::{App, Fly};

const CURRENT: Claim<'_> = ("rollback:current", "All machines run one image");
const PREVIOUS: Claim<'_> = (
    "rollback:previous",
    "A previous release was good, and its image is another",
);
const PULLABLE: Claim<'_> = ("rollback:pullable", "The image of that release is in its registry");

const REGISTRY: &str = "registry.fly.io";
const ID_OF_TOKENS: &str = "x";

#[derive(Clone)]
pub struct FlyPlan {
    pub app: String,
    /// The variable that holds the token.
    pub token_env: String,
    /// The release to go back to, such as `v12`.
    pub to: Option<String>,
    /// The command that would roll back, to print it.
    pub rollback_command: Template,
}

/// What the first claim brings the others.
#[derive(Clone)]
struct Running {
    fly: Arc<Fly>,
    token: Secret,
    image: ImageName,
}

/// What would be gone back to.
#[derive(Clone)]
struct Target {
    release: Release,
    image: ImageName,
}

impl Prove for FlyPlan {
    fn claims(&self) -> &'static [Claim<'static>] {
        &[CURRENT, PREVIOUS, PULLABLE]
    }

    fn prove<'a>(&'a self, world: &'a World, claims: &'a mut Claims, proof: &'a mut Proof) -> Proving<'a> {
        Box::pin(async move {
            proof.not_covered = vec![
                format!("whether that image still starts and works{NOT_RUN}"),
                "whether the token may deploy: Fly.io has no way to ask".to_owned(),
                "fly.toml: the deploy uses the file of the folder it runs in, not that of the release".to_owned(),
                "volumes and their content".to_owned(),
            ];
            let running = claims.ask(CURRENT, self.clone().running(world.env.clone())).await?;
            let previous = self.clone().previous(running.clone(), world.clock.now());
            let target = claims.ask(PREVIOUS, previous).await?;
            let pullable = self.clone().pullable(running, target.clone(), world.env.clone());
            let (image, current_commit) = claims.ask(PULLABLE, pullable).await?;
            proof.previous_commit.clone_from(&image.revision);
            proof.current_commit = current_commit;
            let pinned = target.image.pinned(&image.digest);
            proof.command = self.rollback_command.fill(|_| pinned.clone());
            proof.proved = vec![
                format!(
                    "{} of {} ended as `{}`",
                    target.release.name,
                    self.app,
                    one_line(&target.release.state)
                ),
                format!("its image, {pinned}, is in its registry, for {}", image.platform),
            ];
            proof.image = Some(pinned.clone());
            proof.target = Some(pinned);
            Some(())
        })
    }
}

impl FlyPlan {
    pub const PLACEHOLDERS: [Placeholder; 1] = [Placeholder::Image];

    /// As flyctl takes it, if the configuration has no other command.
    pub fn default_command(app: &str) -> String {
        format!("fly deploy --app {app} --image {{image}}")
    }

    async fn running(self, env: Arc<Env>) -> Seen<Running> {
        let make = "`fly tokens create readonly` makes one";
        let token = token("Fly.io", &self.token_env, make, &env)?;
        let fly = Fly::connect(&token, &self.token_env, &env)?;
        let machines = match fly.machines(&self.app, Instant::now() + LIMIT).await {
            Err(error) if error.status == Some(404) => return Ok((None, not_there("no-app", &self.app, &error))),
            machines => machines?,
        };
        let (image, observed) = messages::one_image(&self.app, &machines)?;
        let observed = observed.fact("requests", fly.sent().to_string());
        let fly = Arc::new(fly);
        Ok((image.map(|image| Running { fly, token, image }), observed))
    }

    async fn previous(self, running: Running, now: Timestamp) -> Seen<Target> {
        let app = running.fly.app(&self.app, Instant::now() + LIMIT).await;
        let app = match app {
            Ok(Some(app)) => app,
            Ok(None) => {
                return Err(NotChecked::with_help(
                    format!("Fly.io shows the machines of {}, and not the app", self.app),
                    "use a token that may read the whole app",
                ));
            }
            Err(error) => return Err(error.into()),
        };
        Ok(self.judge(&app, &running.image, now))
    }

    fn judge(&self, app: &App, current: &ImageName, now: Timestamp) -> (Option<Target>, Observation) {
        let mut observed = Observation::nothing_wrong();
        if app.status == "suspended" {
            observed = observed.with(
                Finding::warning("suspended", format!("the app {} is suspended", self.app))
                    .help("a deploy starts it again; check that this is meant"),
            );
        }
        if let Some(release) = app
            .releases
            .first()
            .filter(|release| matches!(release.state.as_str(), "running" | "pending"))
        {
            let busy = format!("the release {} is being deployed", release.name);
            return (
                None,
                observed.with(
                    Finding::error("rollout-in-progress", busy)
                        .help("wait until it has ended, then rehearse the rollback"),
                ),
            );
        }
        let is_current = |release: &Release| {
            let image: Option<ImageName> = release.artifact.as_ref().and_then(|name| name.parse().ok());
            image.is_some_and(|image| is_same(&image, current))
        };
        match releases::previous(&app.releases, is_current, self.to.as_deref()) {
            Ok(release) => match release.artifact.clone().unwrap_or_default().parse::<ImageName>() {
                Ok(image) => {
                    let newer = app
                        .releases
                        .iter()
                        .position(|other| other == release)
                        .unwrap_or_default();
                    let observed = observed
                        .fact("release", format!("{} ({})", release.name, one_line(&release.state)))
                        .fact("image", image.to_string())
                        .fact("distance", count(newer, "release") + " back");
                    let observed = age::tell(observed, "deployed", &release.at, now);
                    let release = release.clone();
                    (Some(Target { release, image }), observed)
                }
                Err(error) => (
                    None,
                    observed.with(
                        Finding::error("odd-image", format!("the image of {}: {error}", release.name))
                            .help("name another release with --to-release"),
                    ),
                ),
            },
            Err(none) => (
                None,
                observed.with(messages::words(&self.app).no_previous(self.to.as_deref(), none)),
            ),
        }
    }

    async fn pullable(self, running: Running, target: Target, env: Arc<Env>) -> Seen<(Image, Option<String>)> {
        let own = env.get("FLY_REGISTRY_HOST").unwrap_or(REGISTRY);
        // The token is for Fly.io's own registry, and no other is shown it.
        let registry_of = |image: &ImageName| {
            if image.host() != own {
                return Registry::of(image, None, &env);
            }
            let pair = Secret::new(format!("{ID_OF_TOKENS}:{}", running.token.reveal()));
            Registry::with(image, Credentials::Basic(pair, self.token_env.clone()), &env)
        };
        let registry = registry_of(&target.image).map_err(not_checked)?;
        let until = Instant::now() + LIMIT;
        let digest = match registry.digest(target.image.reference(), until).await {
            Ok(digest) => digest,
            Err(missing) => return present(Err(missing), &registry, KEEP_IMAGES, |_| Observation::nothing_wrong()),
        };
        // Machines of Fly.io are of this kind.
        let on = Platform::default();
        let same = running.image.digest() == Some(&digest);
        let image = registry.image(&digest, &on, until).await;
        let (image, mut observed) = present(image, &registry, KEEP_IMAGES, |image| {
            Observation::nothing_wrong().fact("digest", image.digest.clone())
        })?;
        if same {
            let same = format!(
                "the image of {} has another name and the same digest as the one that runs now",
                target.release.name
            );
            observed = observed.with(Finding::error("same-image", same).help("name another release with --to-release"));
        }
        let Some(image) = image else {
            return Ok((None, observed));
        };
        let mut commit_now = None;
        if image.revision.is_some() {
            let (commit, sent) = commit_of(&running.image, registry_of(&running.image), &on, until).await;
            observed = observed.fact("requests for the current image", sent.to_string());
            commit_now = commit;
        }
        Ok((Some((image, commit_now)), observed))
    }
}

/// By digest where both have one, else by name and tag.
fn is_same(one: &ImageName, other: &ImageName) -> bool {
    match (one.digest(), other.digest()) {
        (Some(one), Some(other)) => one == other,
        _ => {
            one.host() == other.host()
                && one.repository() == other.repository()
                && one.tag().is_some()
                && one.tag() == other.tag()
        }
    }
}
