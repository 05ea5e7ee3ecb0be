//! Platform `image`: the previous release is an image in a registry.

use std::str::FromStr;
use std::sync::Arc;

use tokio::time::Instant;

use crate::commands::rollback_dry_run::{
    Claim, Claims, Deployments, KEEP_IMAGES, LIMIT, NOT_RUN, Placeholder, Proof, Prove, Proving, Seen, Template, age,
    commit_of, not_checked, one_registry, present,
};
use crate::engine::{NotChecked, Observation};
use crate::model::Finding;
use crate::world::registry::{Image, ImageName, NotAnImage, Platform, Registry};
use crate::world::{Env, World};

const CURRENT: Claim<'_> = ("rollback:current", "The current image is in its registry");
const PREVIOUS: Claim<'_> = ("rollback:previous", "The previous image is in its registry");
const DIFFERENT: Claim<'_> = (
    "rollback:previous",
    "The previous image is in its registry and differs from the current one",
);
const PULLABLE: Claim<'_> = ("rollback:pullable", "The previous image can be pulled for the platform");

/// When docker was published: RFC 3339, which sorts by time.
const FIRST_IMAGES: &str = "2013";
/// In the tag of an image that is named by the commit it was built from.
const COMMIT: &str = "{sha}";

#[derive(Clone)]
pub struct ImagePlan {
    /// What would be gone back to. `{sha}` in its tag is the commit that was deployed before.
    pub image: NamedImage,
    /// What runs now. `{sha}` in its tag is the commit of the run.
    pub current: Option<NamedImage>,
    /// Where that commit is looked up.
    pub deployments: Deployments,
    /// What the image must run on.
    pub on: Platform,
    /// The variable that holds `user:password` of the registry.
    pub auth_env: Option<String>,
    /// The command that would roll back, to print it.
    pub rollback_command: Option<Template>,
}

/// The name of an image whose tag may be the commit it was built from.
#[derive(Clone, Debug)]
pub struct NamedImage(String);

impl FromStr for NamedImage {
    type Err = NotAnImage;

    fn from_str(text: &str) -> Result<Self, NotAnImage> {
        text.replace(COMMIT, &"0".repeat(40)).parse::<ImageName>()?;
        Ok(Self(text.to_owned()))
    }
}

impl NamedImage {
    fn has_commit(&self) -> bool {
        self.0.contains(COMMIT)
    }

    fn of(&self, commit: &str) -> Result<ImageName, NotChecked> {
        let named = self.0.replace(COMMIT, commit).parse();
        named.map_err(|error: NotAnImage| NotChecked::errored(error.to_string()))
    }
}

/// What `current` names, if the commit of the run is known where it must be.
fn current(image: &NamedImage, world: &World) -> Result<ImageName, NotChecked> {
    let commit = world.runner.subject("").sha;
    if image.has_commit() && commit.is_none() {
        return Err(NotChecked::with_help(
            "--current-image has {sha}, and GITHUB_SHA is not set",
            "run it in a job of a workflow, or name the image",
        ));
    }
    image.of(&commit.unwrap_or_default())
}

impl Prove for ImagePlan {
    fn claims(&self) -> &'static [Claim<'static>] {
        match self.current {
            Some(_) => &[CURRENT, DIFFERENT, PULLABLE],
            None => &[PREVIOUS, PULLABLE],
        }
    }

    fn prove<'a>(&'a self, world: &'a World, claims: &'a mut Claims, proof: &'a mut Proof) -> Proving<'a> {
        Box::pin(async move {
            proof.not_covered = vec![
                format!("whether that image still starts and works{NOT_RUN}"),
                "the layers of the image: its manifests were read, not its content".to_owned(),
                "permissions of whoever runs the rollback".to_owned(),
            ];
            // The image that runs was pulled: if it is not found either, it is the question that is wrong.
            let mut digest_now = None;
            let claim = if self.current.is_some() { DIFFERENT } else { PREVIOUS };
            if let Some(image) = &self.current {
                let image = current(image, world);
                let if_absent = "check --current-image: what runs was pulled from there";
                let look = self.clone().digest(image, if_absent, world.env.clone());
                digest_now = claims.ask(CURRENT, look).await;
            } else {
                let untold = "that the previous image differs from the current one: name that with --current-image";
                proof.not_covered.push(untold.to_owned());
            }
            let mut commit = String::new();
            if self.image.has_commit() {
                commit = self.deployments.look(world, claims).await?;
                proof.previous_commit = Some(commit.clone());
            }
            if self.current.as_ref().is_some_and(NamedImage::has_commit) {
                proof.current_commit = world.runner.sha();
            }
            let image = self.image.of(&commit);
            let previous = self
                .clone()
                .previous(image.clone(), digest_now.clone(), world.env.clone());
            let (digest, image) = (claims.ask(claim, previous).await?, image.ok()?);
            let pinned = image.pinned(&digest);
            proof.command = (self.rollback_command.as_ref()).and_then(|template| template.fill(|_| pinned.clone()));
            proof.target = Some(pinned.clone());
            proof.image = Some(pinned.clone());
            proof.not_covered.push(match &self.rollback_command {
                Some(_) => "that the rollback command does this: it is printed as given".to_owned(),
                None => "the rollback command: none was given (--rollback-command)".to_owned(),
            });
            let pullable = self.clone().pullable(image, digest, digest_now, world.clone());
            let (image, current_commit) = claims.ask(PULLABLE, pullable).await?;
            proof.previous_commit = proof.previous_commit.take().or(image.revision);
            proof.current_commit = proof.current_commit.take().or(current_commit);
            proof.proved = vec![
                format!("{pinned} is in its registry, for {}", image.platform),
                "its digest names these very bytes, whatever its tag names later".to_owned(),
            ];
            Some(())
        })
    }
}

impl ImagePlan {
    pub const PLACEHOLDERS: [Placeholder; 1] = [Placeholder::Image];

    async fn digest(
        self,
        image: Result<ImageName, NotChecked>,
        if_absent: &'static str,
        env: Arc<Env>,
    ) -> Seen<String> {
        let both = [Some(&self.image), self.current.as_ref()].into_iter().flatten();
        let both: Vec<ImageName> = both.filter_map(|named| named.of(&"0".repeat(40)).ok()).collect();
        one_registry(self.auth_env.as_deref(), &both)?;
        let image = image?;
        let registry = Registry::of(&image, self.auth_env.as_deref(), &env).map_err(not_checked)?;
        let digest = registry.digest(image.reference(), Instant::now() + LIMIT).await;
        present(digest, &registry, if_absent, |digest| {
            Observation::nothing_wrong()
                .fact("image", image.to_string())
                .fact("digest", digest.clone())
        })
    }

    async fn previous(
        self,
        image: Result<ImageName, NotChecked>,
        current: Option<String>,
        env: Arc<Env>,
    ) -> Seen<String> {
        let (digest, mut observed) = self.digest(image.clone(), KEEP_IMAGES, env).await?;
        let image = image?;
        if let Some(digest) = &digest {
            if current.as_ref() == Some(digest) {
                let same = format!("the previous image {image} is the current one: both are {digest}");
                observed = observed
                    .with(Finding::error("same-image", same).help("name the image of the release before with --image"));
            }
            if image.digest().is_none() {
                let moves = format!("{image} is named by a tag, which can be moved to another image at any time");
                let pinned = image.pinned(digest);
                observed = observed.with(Finding::warning("tag-can-move", moves).help(format!(
                    "keep the digest of each release, and name {pinned} with --image"
                )));
            }
        }
        Ok((digest, observed))
    }

    async fn pullable(
        self,
        image: ImageName,
        digest: String,
        digest_now: Option<String>,
        world: World,
    ) -> Seen<(Image, Option<String>)> {
        // Where its name has no commit, its label may.
        let current = (self.current.as_ref())
            .filter(|named| !named.has_commit())
            .and_then(|named| named.of("").ok()?.pinned(&digest_now?).parse().ok());
        let registry = Registry::of(&image, self.auth_env.as_deref(), &world.env).map_err(not_checked)?;
        let until = Instant::now() + LIMIT;
        let image = registry.image(&digest, &self.on, until).await;
        let (image, mut observed) = present(image, &registry, KEEP_IMAGES, |image| {
            let observed = Observation::nothing_wrong().fact("platform", image.platform.to_string());
            // Reproducible builds say 1970, or another time that is no age.
            match image.created.as_deref().filter(|created| *created > FIRST_IMAGES) {
                Some(created) => age::tell(observed, "built", created, world.clock.now()),
                None => observed,
            }
        })?;
        let Some(image) = image else {
            return Ok((None, observed));
        };
        let mut commit_now = None;
        if let (Some(current), true) = (current, image.revision.is_some() || self.image.has_commit()) {
            let registry = Registry::of(&current, self.auth_env.as_deref(), &world.env);
            let (commit, sent) = commit_of(&current, registry, &self.on, until).await;
            observed = observed.fact("requests for the current image", sent.to_string());
            commit_now = commit;
        }
        Ok((Some((image, commit_now)), observed))
    }
}
