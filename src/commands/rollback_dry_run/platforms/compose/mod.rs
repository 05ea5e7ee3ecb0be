//! Platform `compose`: the previous release is the images of a compose file at an earlier commit, or of an earlier entry in
//! a file that the deploys keep.

mod file;
mod state;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::commands::rollback_dry_run::{
    Claim, Claims, Deployments, LIMIT, NOT_RUN, Placeholder, Proof, Prove, Proving, Pulled, Release, Seen, Template,
    Wanted, Words, age, all_present, blocking, is_plain, not_checked, one_registry, releases,
};
use crate::engine::{NotChecked, Observation};
use crate::model::Finding;
use crate::model::text::{count, one_line};
use crate::world::World;
use crate::world::env::Env;
use crate::world::files::{self, Links};
use crate::world::git::{Commit, GitError, PointsTo, Repository};
use crate::world::registry::{Credentials, ImageName, Platform};
use file::FileError;
use state::Entry;

const CURRENT: Claim<'_> = ("rollback:current", "The images that run now are named");
const PREVIOUS: Claim<'_> = ("rollback:previous", "An earlier release has other images");
const PULLABLE: Claim<'_> = (
    "rollback:pullable",
    "The images of that release are in their registries",
);

/// A compose file is written by people; a state file grows by some hundred bytes with each deploy.
const LARGEST: u64 = 8 << 20;

#[derive(Clone)]
pub struct ComposePlan {
    pub from: From,
    /// The release to go back to, in a state file.
    pub to: Option<String>,
    /// What the images must run on.
    pub on: Platform,
    /// The variable that holds `user:password` of the registry.
    pub auth_env: Option<String>,
    /// The command that would roll back, if it is not docker compose's own.
    pub rollback_command: Option<Template>,
}

/// Where the images of the two releases are named.
#[derive(Clone)]
pub enum From {
    /// A compose file, relative to the workspace, and the commit it is read at.
    Commit(PathBuf, At),
    State(PathBuf),
}

/// The commit of the previous release.
#[derive(Clone)]
pub enum At {
    Reference(String),
    /// That was deployed before.
    Deployment(Deployments),
}

/// The images of a release, by service.
type Images = BTreeMap<String, ImageName>;

/// What runs now.
#[derive(Clone)]
struct Running {
    images: Images,
    /// Of a state file, all of it.
    entries: Vec<Entry>,
}

/// What would be gone back to.
#[derive(Clone)]
struct Target {
    images: Images,
    name: String,
    commit: Option<String>,
}

impl Prove for ComposePlan {
    fn claims(&self) -> &'static [Claim<'static>] {
        &[CURRENT, PREVIOUS, PULLABLE]
    }

    fn prove<'a>(&'a self, world: &'a World, claims: &'a mut Claims, proof: &'a mut Proof) -> Proving<'a> {
        Box::pin(async move {
            proof.not_covered = vec![
                format!("whether those images still start and work{NOT_RUN}"),
                "volumes, networks and their content".to_owned(),
                "files and variables that the services read where they run".to_owned(),
            ];
            let running = claims.ask(CURRENT, self.running(world)).await?;
            let mut reference = None;
            if let From::Commit(_, At::Deployment(deployments)) = &self.from {
                reference = Some(deployments.look(world, claims).await?);
            }
            let previous = self.previous(running.clone(), reference, world);
            let target = claims.ask(PREVIOUS, previous).await?;
            proof.command = self.command(&target);
            proof.target = Some(target.commit.clone().unwrap_or_else(|| target.name.clone()));
            proof.not_covered.push(match (&self.rollback_command, &proof.command) {
                (Some(_), _) => "that the rollback command does this: it is printed as given".to_owned(),
                (None, Some(_)) => {
                    "that the services are updated to what the compose file says, and not by hand".to_owned()
                }
                (None, None) => "the rollback command: none was given (--rollback-command)".to_owned(),
            });
            let pullable = self
                .clone()
                .pullable(running.images.clone(), target.clone(), world.env.clone());
            if let Some(pulled) = claims.ask(PULLABLE, pullable).await {
                pulled.tell(proof);
                proof.proved = vec![format!(
                    "{} of {} in their registries, for {}",
                    count(pulled.previous.len(), "image"),
                    target.name,
                    self.on
                )];
            }
            self.commits(&running, &target, world, proof);
            Some(())
        })
    }
}

impl ComposePlan {
    pub const PLACEHOLDERS: [Placeholder; 2] = [Placeholder::Sha, Placeholder::Release];

    /// What the files themselves say of commits is more than what the images say.
    fn commits(&self, running: &Running, target: &Target, world: &World, proof: &mut Proof) {
        match &self.from {
            From::State(_) => {
                let current = running.entries.last().and_then(|entry| entry.commit.clone());
                proof.current_commit = current.or(proof.current_commit.take());
            }
            From::Commit(..) => proof.current_commit = world.runner.sha().or(proof.current_commit.take()),
        }
        proof.previous_commit = target.commit.clone().or(proof.previous_commit.take());
    }

    fn command(&self, target: &Target) -> Option<String> {
        if let Some(own) = &self.rollback_command {
            return own.fill(|placeholder| match placeholder {
                Placeholder::Sha => target.commit.clone().unwrap_or_default(),
                _ => target.name.clone(),
            });
        }
        let From::Commit(file, _) = &self.from else {
            return None;
        };
        let (file, commit) = (file.to_str().filter(|file| is_plain(file))?, target.commit.as_ref()?);
        Some(format!(
            "git checkout --detach {commit} && docker compose --file {file} up --detach --wait"
        ))
    }

    fn running(&self, world: &World) -> impl Future<Output = Seen<Running>> + Send + 'static {
        let (plan, workspace, env) = (self.clone(), world.workspace.clone(), world.env.clone());
        blocking(world, LIMIT, move |_| match &plan.from {
            From::Commit(file, _) => {
                let shown = file.display().to_string();
                let text = read(&workspace.join(file), &shown)?;
                let beside = workspace.join(file).with_file_name(".env");
                let dotenv = files::read_if_there(&beside, LARGEST, Links::Follow).unwrap_or_default();
                let images = images_of(&shown, &text, &env, &dotenv.unwrap_or_default())?;
                let observed = named(&images);
                let entries = Vec::new();
                Ok((Some(Running { images, entries }), observed))
            }
            From::State(file) => {
                let shown = file.display().to_string();
                let text = read(&workspace.join(file), &shown)?;
                let entries = state::parse(&text).map_err(|why| {
                    NotChecked::with_help(
                        format!("the state file {shown} cannot be used: {why}"),
                        "write it as the guide shows: a JSON list of releases with their images, newest last",
                    )
                })?;
                let images = entries.last().map(|entry| entry.images.clone()).unwrap_or_default();
                let observed = named(&images);
                if let Some(failed) = entries.last().filter(|entry| !is_good(entry)) {
                    let why = format!(
                        "the newest release of {shown}, {}, ended as `{}`: what runs now is not known",
                        one_line(&failed.release),
                        one_line(failed.status.as_deref().unwrap_or_default())
                    );
                    let help = "note the release that runs as the last entry, then rehearse the rollback";
                    return Ok((None, observed.with(Finding::error("current-unknown", why).help(help))));
                }
                Ok((Some(Running { images, entries }), observed))
            }
        })
    }

    fn previous(
        &self,
        running: Running,
        deployed: Option<String>,
        world: &World,
    ) -> impl Future<Output = Seen<Target>> + Send + 'static {
        let (plan, workspace, env, now) = (
            self.clone(),
            world.workspace.clone(),
            world.env.clone(),
            world.clock.now(),
        );
        blocking(world, LIMIT, move |_| match &plan.from {
            From::State(_) => Ok(in_state(&plan, &running, now)),
            From::Commit(file, at) => {
                let reference = match (at, &deployed) {
                    (At::Reference(reference), _) => reference,
                    (At::Deployment(_), Some(commit)) => commit,
                    (At::Deployment(_), None) => return Err(NotChecked::errored("no deployment was found")),
                };
                at_commit(&workspace, file, reference, &running.images, &env)
            }
        })
    }

    async fn pullable(self, current: Images, target: Target, env: Arc<Env>) -> Seen<Pulled> {
        one_registry(self.auth_env.as_deref(), target.images.values().chain(current.values()))?;
        let wanted = |images: &Images| {
            let mut names: Vec<&ImageName> = images.values().collect();
            names.sort();
            names.dedup();
            let one = |name: &ImageName| {
                let credentials = Credentials::of(name, self.auth_env.as_deref(), &env).map_err(not_checked)?;
                let name = name.clone();
                Ok(Wanted { name, credentials })
            };
            names.into_iter().map(one).collect::<Result<Vec<Wanted>, NotChecked>>()
        };
        let (previous, running) = (wanted(&target.images)?, wanted(&current)?);
        let until = Instant::now() + LIMIT;
        let (pulled, mut observed) = all_present(&previous, &running, &self.on, &env, until).await?;
        if pulled
            .as_ref()
            .is_some_and(|pulled| are_same(pulled, &target.images, &current))
        {
            let same = format!(
                "the images of {} have other names and the content of those that run now",
                target.name
            );
            let help = "name another release: this one would change nothing";
            observed = observed.with(Finding::error("same-image", same).help(help));
        }
        for (name, image) in pulled.iter().flat_map(|pulled| &pulled.previous) {
            if name.digest().is_none() {
                let moves = format!("{name} is named by a tag, which can be moved to another image at any time");
                let help = format!("name it by its digest: {}", name.pinned(&image.digest));
                observed = observed.with(Finding::warning("tag-can-move", moves).help(help));
            }
        }
        Ok((pulled, observed))
    }
}

/// Whether each service would run the content that it runs now.
fn are_same(pulled: &Pulled, target: &Images, current: &Images) -> bool {
    let [was, is] = pulled.contents();
    target.len() == current.len()
        && target.iter().all(|(service, name)| {
            let now = current.get(service).and_then(|name| is.get(name));
            now.is_some() && was.get(name) == now
        })
}

fn read(path: &Path, shown: &str) -> Result<Vec<u8>, NotChecked> {
    files::read(path, LARGEST, Links::Follow).map_err(|error| {
        NotChecked::with_help(
            format!("{shown} cannot be read: {error:#}"),
            "check the path, which is relative to the workspace, and that it is checked out",
        )
    })
}

fn images_of(shown: &str, text: &[u8], env: &Env, dotenv: &[u8]) -> Result<Images, NotChecked> {
    let wrong = |error: &FileError| NotChecked::with_help(format!("{shown}: {error}"), error.help());
    let text = std::str::from_utf8(text).map_err(|_| NotChecked::errored(format!("{shown} is not UTF-8")))?;
    let beside = file::dotenv(&String::from_utf8_lossy(dotenv));
    let variable = |name: &str| env.get(name).map(str::to_owned).or_else(|| beside.get(name).cloned());
    file::images(text, &variable).map_err(|error| wrong(&error))
}

fn named(images: &Images) -> Observation {
    let observed = Observation::nothing_wrong().fact("services", images.len().to_string());
    images.iter().fold(observed, |observed, (service, image)| {
        observed.fact(service, image.to_string())
    })
}

fn is_good(entry: &Entry) -> bool {
    entry.status.as_deref().is_none_or(|status| status == "success")
}

fn in_state(plan: &ComposePlan, running: &Running, now: Timestamp) -> (Option<Target>, Observation) {
    let artifact = |images: &Images| {
        let pairs = images.iter().map(|(service, image)| format!("{service}={image}"));
        pairs.collect::<Vec<_>>().join(" ")
    };
    let release = |entry: &Entry| Release {
        name: entry.release.clone(),
        artifact: Some(artifact(&entry.images)),
        state: entry.status.clone().unwrap_or_else(|| "success".to_owned()),
        good: is_good(entry),
        at: entry.at.clone().unwrap_or_default(),
    };
    let all: Vec<Release> = running.entries.iter().rev().map(release).collect();
    let current = Some(artifact(&running.images));
    let words = Words {
        platform: "the state file",
        of: "the state file".to_owned(),
        release: "release",
        artifact: "images",
        kept: "images of",
        list: "it",
        like: "its `release`",
        all_the_same: "name an earlier release with --to-release, or go back by another way",
    };
    match releases::previous(&all, |release| release.artifact == current, plan.to.as_deref()) {
        Ok(release) => {
            let distance = all.iter().position(|other| other == release).unwrap_or_default();
            // The name may be there twice; it is the same entry that was chosen.
            let entry = running.entries.iter().rev().nth(distance);
            let mut observed = Observation::nothing_wrong()
                .fact("release", one_line(&release.name))
                .fact("distance", count(distance, "release") + " back");
            if !release.at.is_empty() {
                observed = age::tell(observed, "deployed", &release.at, now);
            }
            let target = entry.map(|entry| Target {
                images: entry.images.clone(),
                name: release.name.clone(),
                commit: entry.commit.clone(),
            });
            let unfilled = |target: &Target| plan.rollback_command.is_some() && plan.command(target).is_none();
            if target.as_ref().is_some_and(unfilled) {
                let what = format!(
                    "the entry of {} does not fill in --rollback-command: its `commit` is missing, or a name needs quoting",
                    one_line(&release.name)
                );
                let help = "write the commit of each release into the state file, or use {release}";
                observed = observed.with(Finding::error("command-not-filled-in", what).help(help));
            }
            (target, observed)
        }
        Err(none) => (None, Observation::found(words.no_previous(plan.to.as_deref(), none))),
    }
}

fn at_commit(workspace: &Path, file: &Path, reference: &str, current: &Images, env: &Env) -> Seen<Target> {
    let blind = |error: GitError| {
        NotChecked::with_help(
            error.to_string(),
            "check the repository out before this step, with `fetch-depth: 0`",
        )
    };
    let repository = Repository::open(workspace).map_err(blind)?;
    let Some(commit) = commit(&repository, reference).map_err(blind)? else {
        let why = format!("the clone has no commit `{}`", one_line(reference));
        return Err(NotChecked::with_help(
            why,
            "check --ref; fetch the history with `fetch-depth: 0`",
        ));
    };
    let top = repository.working_folder().unwrap_or(workspace);
    let path = workspace.join(file);
    let path = path.strip_prefix(top).unwrap_or(file);
    let name = format!("commit {}", commit.id);
    let Some(text) = repository.content(commit.tree, path, LARGEST).map_err(blind)? else {
        let what = format!("{name} has no file {}", path.display());
        let help = "name a commit that has it with --ref, or the file as it was called then with --compose-file";
        return Ok((
            None,
            Observation::found(Finding::error("no-compose-file", what).help(help)),
        ));
    };
    let beside = repository.content(commit.tree, &path.with_file_name(".env"), LARGEST);
    let beside = match beside.map_err(blind)? {
        Some(text) => text,
        // One that is not in the repository is what docker compose would read then, too.
        None => files::read_if_there(&workspace.join(file).with_file_name(".env"), LARGEST, Links::Follow)
            .unwrap_or_default()
            .unwrap_or_default(),
    };
    let shown = format!("{} at {name}", path.display());
    let images = images_of(&shown, &text, env, &beside)?;
    let observed = named(&images).fact("commit", commit.id.to_string());
    if images == *current {
        let same = format!("{shown} names the images that run now");
        let help = "write the tag or digest of each release into the compose file or a tracked .env; or name another \
                    commit with --ref";
        return Ok((None, observed.with(Finding::error("same-image", same).help(help))));
    }
    let commit = Some(commit.id.to_string());
    Ok((Some(Target { images, name, commit }), observed))
}

fn commit(repository: &Repository, reference: &str) -> Result<Option<Commit>, GitError> {
    let resolved = repository.resolve(reference)?;
    Ok(resolved.and_then(|resolved| match resolved.points_to {
        PointsTo::Commit(commit) => Some(commit),
        PointsTo::Other(_) | PointsTo::Broken(_) => None,
    }))
}
