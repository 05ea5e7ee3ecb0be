//! Platform `image`: the previous release is an image in a registry.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::claims::{Claim, Claims, Seen};
use super::template::{Placeholder, Template};
use super::{Proof, Prove};
use crate::engine::{NotChecked, Observation};
use crate::model::{Finding, TimeSpan};
use crate::world::World;
use crate::world::registry::{Image, ImageName, Missing, Platform, Registry};

const CURRENT: Claim<'_> = ("rollback:current", "The current image is in its registry");
const PREVIOUS: Claim<'_> = (
    "rollback:previous",
    "The previous image is in its registry and differs from the current one",
);
const PULLABLE: Claim<'_> = ("rollback:pullable", "The previous image can be pulled for the platform");

/// For the requests of one claim, retries included.
const LIMIT: Duration = Duration::from_secs(30);
const MARGIN: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub struct ImagePlan {
    /// What would be gone back to.
    pub image: ImageName,
    /// What runs now.
    pub current: Option<ImageName>,
    /// What the image must run on.
    pub on: Platform,
    /// The variable that holds `user:password` of the registry.
    pub auth_env: Option<String>,
    /// The command that would roll back, to print it.
    pub rollback_command: Option<Template>,
}

impl Prove for ImagePlan {
    async fn prove(&self, _: &Path, world: &World, claims: &mut Claims) -> Proof {
        let mut proof = Proof {
            not_covered: vec![
                "whether that image still starts and works: it was not run".to_owned(),
                "the layers of the image: its manifests were read, not its content".to_owned(),
                "permissions of whoever runs the rollback".to_owned(),
            ],
            ..Proof::default()
        };
        // The image that runs was pulled: if it is not found either, it is the question that is wrong.
        let mut current = None;
        if let Some(image) = &self.current {
            current = claims.look(CURRENT, LIMIT + MARGIN, self.digest(image, world)).await;
        } else {
            let untold = "that the previous image differs from the current one: name that with --current-image";
            proof.not_covered.push(untold.to_owned());
        }
        let previous = self.previous(current, world);
        let Some(digest) = claims.look(PREVIOUS, LIMIT + MARGIN, previous).await else {
            claims.skip(&[PULLABLE]);
            return proof;
        };
        let pinned = self.image.pinned(&digest);
        proof.command = (self.rollback_command.as_ref()).and_then(|template| template.fill(|_| pinned.clone()));
        proof.target = Some(pinned.clone());
        proof.not_covered.push(match &self.rollback_command {
            Some(_) => "that the rollback command does this: it is printed as given".to_owned(),
            None => "the rollback command: none was given (--rollback-command)".to_owned(),
        });
        let pullable = claims
            .look(PULLABLE, LIMIT + MARGIN, self.pullable(digest, world))
            .await;
        if let Some(image) = pullable {
            proof.proved = vec![
                format!("{pinned} is in its registry, for {}", image.platform),
                "its digest names these very bytes, whatever its tag names later".to_owned(),
            ];
        }
        proof
    }
}

impl ImagePlan {
    pub const PLACEHOLDERS: [Placeholder; 1] = [Placeholder::Image];

    fn digest(&self, image: &ImageName, world: &World) -> impl Future<Output = Seen<String>> + Send + 'static {
        let (image, auth_env, env) = (image.clone(), self.auth_env.clone(), world.env.clone());
        async move {
            let registry = Registry::of(&image, auth_env.as_deref(), &env).map_err(not_checked)?;
            let digest = registry.digest(image.reference(), Instant::now() + LIMIT).await;
            present(digest, &registry, |digest| {
                Observation::nothing_wrong()
                    .fact("image", image.to_string())
                    .fact("digest", digest.clone())
            })
        }
    }

    fn previous(&self, current: Option<String>, world: &World) -> impl Future<Output = Seen<String>> + Send + 'static {
        let look = self.digest(&self.image, world);
        let image = self.image.clone();
        async move {
            let (digest, mut observed) = look.await?;
            if let Some(digest) = &digest {
                if current.as_ref() == Some(digest) {
                    let same = format!("the previous image {image} is the current one: both are {digest}");
                    observed.findings.push(
                        Finding::error("same-image", same).help("name the image of the release before with --image"),
                    );
                }
                if image.digest().is_none() {
                    let moves = format!("{image} is named by a tag, which can be moved to another image at any time");
                    let pinned = image.pinned(digest);
                    observed
                        .findings
                        .push(Finding::warning("tag-can-move", moves).help(format!(
                            "keep the digest of each release, and name {pinned} with --image"
                        )));
                }
            }
            Ok((digest, observed))
        }
    }

    fn pullable(&self, digest: String, world: &World) -> impl Future<Output = Seen<Image>> + Send + 'static {
        let (plan, env, now) = (self.clone(), world.env.clone(), world.clock.now());
        async move {
            let registry = Registry::of(&plan.image, plan.auth_env.as_deref(), &env).map_err(not_checked)?;
            let image = registry.image(&digest, &plan.on, Instant::now() + LIMIT).await;
            present(image, &registry, |image| {
                let observed = Observation::nothing_wrong().fact("platform", image.platform.to_string());
                let age = image.created.as_ref().and_then(|created| age(created, now));
                match (age, &image.created) {
                    (Some(age), Some(created)) => observed.fact("built", format!("{created}, {} ago", TimeSpan(age))),
                    _ => observed,
                }
            })
        }
    }
}

/// Reproducible builds say 1970, or another time that is no age.
fn age(created: &str, now: Timestamp) -> Option<Duration> {
    const DECADE: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
    let created: Timestamp = created.parse().ok()?;
    let age = Duration::try_from(now.duration_since(created)).ok()?;
    let minutes = Duration::from_secs(age.as_secs() / 60 * 60);
    (age < DECADE).then_some(minutes)
}

/// What was looked for in a registry, or what its absence means.
pub fn present<T>(result: Result<T, Missing>, registry: &Registry, observe: impl FnOnce(&T) -> Observation) -> Seen<T> {
    let requests = |observed: Observation| observed.fact("requests", registry.sent().to_string());
    match result {
        Ok(value) => {
            let observed = requests(observe(&value)).fact("asked", registry.asks());
            Ok((Some(value), observed))
        }
        Err(Missing::Absent(what)) => {
            let finding = Finding::error("image-absent", what).help(
                "go back to a release whose image is kept, and keep the images of the last releases in the registry",
            );
            Ok((None, requests(Observation::found(finding))))
        }
        Err(Missing::OtherPlatform(what)) => {
            let finding = Finding::error("other-platform", what).help("set --image-platform to what staging runs on");
            Ok((None, requests(Observation::found(finding))))
        }
        Err(unknown) => Err(not_checked(unknown)),
    }
}

pub fn not_checked(missing: Missing) -> NotChecked {
    match missing {
        Missing::Unknown(unknown) => NotChecked::with_help(unknown.why, unknown.help),
        Missing::Absent(what) | Missing::OtherPlatform(what) => NotChecked::errored(what),
    }
}
