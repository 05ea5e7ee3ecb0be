//! Platform `git`: the previous release is a commit of the repository.

mod messages;
mod nearest;
mod search;
pub mod version;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use globset::GlobMatcher;

use crate::commands::rollback_dry_run::{
    Checkout, Claim, Claims, Deployments, NOT_RUN, Placeholder, Proof, Prove, Proving, Seen, Template, blocking,
};
use crate::engine::{NotChecked, Observation};
use crate::model::Finding;
use crate::model::text::{count, one_line};
use crate::world::files::TemporaryFolder;
use crate::world::git::{Named, Repository, StandIn, TreeError, Written};
use crate::world::{World, scratch};
use search::Found;

const EXISTS: Claim<'_> = ("rollback:previous-release", "A previous release exists");
const ANCESTOR: Claim<'_> = ("rollback:ancestor", "It is an ancestor of HEAD");
const CHECKOUT: Claim<'_> = ("rollback:checkout", "It can be checked out");

/// A history of a million commits is walked in seconds; a checkout of gigabytes takes minutes.
const WALKING: Duration = Duration::from_secs(120);
const WRITING: Duration = Duration::from_secs(600);
/// What the engine waits beyond the limit that the work itself keeps.
const MARGIN: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub struct GitPlan {
    /// A given tag, branch or commit; otherwise that of `deployments`, or the nearest tag before HEAD that matches `tags`.
    pub reference: Option<String>,
    pub deployments: Option<Deployments>,
    /// Over short tag names, `*` matches slashes too, as in `git tag --list`.
    pub tags: GlobMatcher,
    /// Whether `v2.0.0-rc.1` is a release, too.
    pub pre_releases: bool,
    /// The command that would roll back.
    pub rollback_command: Template,
    /// Whether the files of the release are handed on, to start it.
    pub keeps_checkout: bool,
}

impl Prove for GitPlan {
    fn claims(&self) -> &'static [Claim<'static>] {
        &[EXISTS, ANCESTOR, CHECKOUT]
    }

    fn prove<'a>(&'a self, world: &'a World, claims: &'a mut Claims, proof: &'a mut Proof) -> Proving<'a> {
        Box::pin(async move {
            proof.not_covered = vec![
                format!("whether that release still builds, starts and works{NOT_RUN}"),
                "permissions of whoever runs the command, and local changes that block it".to_owned(),
            ];
            let (mut plan, place) = (self.clone(), world.folder.clone());
            if let Some(deployments) = &self.deployments {
                plan.reference = Some(deployments.look(world, claims).await?);
            }
            let now = world.clock.now();
            let find = blocking(world, WALKING, move |stop| search::find(&plan, &place, now, stop));
            let found = claims.look(EXISTS, WALKING + MARGIN, find).await?;
            proof.target = Some(found.argument.clone());
            proof.current_commit = Some(found.head.id.to_string());
            proof.previous_commit = Some(found.release.id.to_string());
            proof.command = self.rollback_command.fill(|placeholder| match placeholder {
                Placeholder::Ref => found.argument.clone(),
                _ => found.release.id.to_string(),
            });
            let (subject, place) = (found.clone(), world.folder.clone());
            let descend = blocking(world, WALKING, move |stop| ancestor(&subject, &place, stop));
            claims.look(ANCESTOR, WALKING + MARGIN, descend).await;
            let (subject, place, env) = (found.clone(), world.folder.clone(), world.env.clone());
            // Held here too: should the work never come back from a read, the folder is still removed.
            let kept: Arc<Mutex<Option<TemporaryFolder>>> = Arc::default();
            let (shared, keeps) = (Arc::clone(&kept), self.keeps_checkout);
            let check_out = blocking(world, WRITING, move |stop| {
                let folder = scratch::folder(&env, &place).map_err(|error| {
                    NotChecked::with_help(format!("{error:#}"), "set RUNNER_TEMP to a folder that can be written")
                })?;
                let path = folder.path().to_owned();
                *lock(&shared) = Some(folder);
                let seen = checkout(&subject, &place, &path, stop);
                if keeps && matches!(seen, Ok((Some(_), _))) {
                    return seen;
                }
                let folder = lock(&shared).take();
                if let Some(Err(error)) = folder.map(TemporaryFolder::close) {
                    return Err(NotChecked::with_help(
                        format!("the temporary folder {} cannot be removed: {error}", path.display()),
                        "remove it by hand",
                    ));
                }
                seen
            });
            let written = claims.look(CHECKOUT, WRITING + MARGIN, check_out).await;
            let folder = lock(&kept).take();
            let written = written?;
            proof.checkout = folder.map(|folder| Checkout {
                folder,
                top: working_folder(&world.folder),
            });
            proof.proved = proved(&found, &written);
            let filters: Vec<&str> = written.filters.iter().map(String::as_str).collect();
            if !filters.is_empty() {
                let filters = one_line(&filters.join(", "));
                let unrun = format!("the output of git's filters ({filters} in .gitattributes): none was run");
                proof.not_covered.insert(0, unrun);
            }
            proof.not_covered.splice(0..0, referred(&written));
            proof.not_covered.insert(0, record(&found));
            Some(())
        })
    }
}

fn working_folder(folder: &Path) -> Option<PathBuf> {
    Repository::open(folder).ok()?.working_folder().map(Path::to_owned)
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ancestor(found: &Found, workspace: &Path, stop: &dyn Fn() -> Option<String>) -> Seen<()> {
    let is_ancestor = found.is_ancestor || {
        let wanted = HashSet::from([found.release.id]);
        let repository = search::open(workspace)?;
        let reached = repository.ancestors_among(found.head.id, &wanted, stop);
        !reached.map_err(search::blind)?.is_empty()
    };
    if is_ancestor {
        return Ok((Some(()), Observation::nothing_wrong()));
    }
    let message = format!("{} is not in the history of HEAD ({})", found.shown(), found.head.id);
    if found.is_shallow {
        return Err(NotChecked::with_help(
            format!("{message}, but the history here is incomplete"),
            "fetch the whole history: actions/checkout with `fetch-depth: 0`",
        ));
    }
    let finding = Finding::error("not-an-ancestor", message).help(
        "this would not be a rollback, as it is on another line of history; name an ancestor of HEAD, or drop --ref",
    );
    Ok((None, Observation::found(finding)))
}

fn checkout(found: &Found, workspace: &Path, folder: &Path, stop: &dyn Fn() -> Option<String>) -> Seen<Written> {
    let repository = search::open(workspace)?;
    let written = match repository.write_tree(found.release.tree, folder, stop) {
        Ok(written) => written,
        Err(TreeError::Stopped(reason)) => return Err(NotChecked::errored(reason)),
        Err(error @ TreeError::Write { .. }) => {
            return Err(NotChecked::with_help(
                format!("{error} (in {})", parent(folder).display()),
                "free some space there, or set RUNNER_TEMP to a folder with more; names too long for the file system \
                 cannot be checked out here",
            ));
        }
        Err(error @ TreeError::Large { .. }) => {
            return Err(NotChecked::with_help(
                format!("{} was not checked out: {error}", found.shown()),
                "prove this release with your own command: --platform command --check",
            ));
        }
        Err(error @ TreeError::Omitted { .. }) => {
            return Err(NotChecked::with_help(
                format!("{} was not checked out: {error} in this partial clone", found.shown()),
                search::UNFILTERED,
            ));
        }
        Err(error) => {
            let help = match &error {
                TreeError::Object { .. } => {
                    "the object is missing or damaged: check it with `git fsck` and fetch it again"
                }
                _ => "no git client can check this out; name another release with --ref",
            };
            let message = format!("{} cannot be checked out: {error}", found.shown());
            return Ok((
                None,
                Observation::found(Finding::error("broken-release", message).help(help)),
            ));
        }
    };
    let mut observed = Observation::nothing_wrong()
        .fact("files", (written.files + written.links).to_string())
        .fact("bytes", written.bytes.to_string());
    for (code, line) in referred_by_code(&written) {
        observed = observed.with(
            Finding::warning(code, format!("not proved: {line}"))
                .help("prove it with your own command: --platform command --check"),
        );
    }
    Ok((Some(written), observed))
}

fn parent(folder: &Path) -> PathBuf {
    folder.parent().unwrap_or(folder).to_owned()
}

/// Git does not tell what ran well.
fn record(found: &Found) -> String {
    match &found.name {
        Some(name) if name.full().starts_with(b"refs/tags/") => {
            format!("whether {name} was good: the tag is the only record")
        }
        _ => "whether it was good: you named it, and no record confirms it".to_owned(),
    }
}

fn proved(found: &Found, written: &Written) -> Vec<String> {
    vec![
        format!("{} exists, and is an ancestor of HEAD", found.shown()),
        format!(
            "all of it can be checked out: {}, {} bytes, each as its id says",
            count(
                usize::try_from(written.files + written.links).unwrap_or(usize::MAX),
                "file"
            ),
            written.bytes
        ),
        "nothing in the repository was changed, and the command was not run".to_owned(),
    ]
}

/// What a tree refers to without holding it.
fn referred(written: &Written) -> Vec<String> {
    referred_by_code(written).into_iter().map(|(_, line)| line).collect()
}

fn referred_by_code(written: &Written) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    let none = Named::default();
    let stand_in = |kind: StandIn| written.stand_ins.get(&kind).unwrap_or(&none);
    for (code, named, noun, what) in [
        (
            "submodules",
            &written.submodules,
            "submodule",
            "are in separate repositories",
        ),
        (
            "lfs",
            stand_in(StandIn::Lfs),
            "Git LFS file",
            "are on the LFS server; only the pointers are here",
        ),
        (
            "git-crypt",
            stand_in(StandIn::GitCrypt),
            "git-crypt file",
            "are encrypted; the rollback needs the key",
        ),
        (
            "git-annex",
            stand_in(StandIn::Annex),
            "git-annex file",
            "are kept by git-annex; only the pointers are here",
        ),
    ] {
        if named.count > 0 {
            let more = if named.count > named.first.len() as u64 {
                ", …"
            } else {
                ""
            };
            let counted = count(usize::try_from(named.count).unwrap_or(usize::MAX), noun);
            lines.push((
                code,
                format!(
                    "the contents of {counted} ({}{more}), which {what}",
                    named.first.join(", ")
                ),
            ));
        }
    }
    lines
}
