//! How many commits the previous release is back, and which migrations lie between.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::blocking::blocking;
use super::claims::{Claim, Claims, Seen};
use super::migrations::Migrations;
use super::proof::Proof;
use crate::engine::{NotChecked, Observation};
use crate::model::Finding;
use crate::model::text::{count, one_line};
use crate::world::World;
use crate::world::git::{Change, Commit, GitError, Repository, Stop};

const DISTANCE: Claim<'_> = ("rollback:distance", "The commits since that release are known");

const LIMIT: Duration = Duration::from_secs(120);
const MARGIN: Duration = Duration::from_secs(30);
/// Migrations that are named; the rest is counted.
const NAMED: usize = 10;

const NAME_COMMITS: &str = "build images with the label org.opencontainers.image.revision, as docker/metadata-action does; \
                            or name them by commit: --image NAME:{sha} with --current-image NAME:{sha}";
const FETCH: &str = "run it in a clone that has both commits: actions/checkout with `fetch-depth: 0`, of the repository that \
                     is deployed";

/// Two commits that are both in the clone.
#[derive(Clone)]
struct Between {
    folder: PathBuf,
    current: Commit,
    previous: Commit,
}

/// Says how far back it is. What is not known is a gap that is told, unless somebody asks for migrations: then nothing is
/// proved.
pub async fn measure(migrations: &[Migrations], world: &World, claims: &mut Claims, proof: &mut Proof) {
    if !claims.all_hold() {
        if !migrations.is_empty() {
            claims.skip(DISTANCE);
        }
        return;
    }
    let between = match (&proof.current_commit, &proof.previous_commit) {
        (Some(current), Some(previous)) => find(&world.folder, current, previous),
        (None, None) => Err((
            "neither the current nor the previous release names its commit",
            NAME_COMMITS,
        )),
        (None, _) => Err(("the current release does not name its commit", NAME_COMMITS)),
        (_, None) => Err(("the previous release does not name its commit", NAME_COMMITS)),
    };
    match between {
        Ok(between) => {
            let migrations = migrations.to_vec();
            let look = blocking(world, LIMIT, move |stop| look(&between, &migrations, stop));
            claims.look(DISTANCE, LIMIT + MARGIN, look).await;
        }
        Err((why, help)) if !migrations.is_empty() => {
            let why = format!("the migrations since then are not known: {why}");
            let unknown = async move { Err::<(Option<()>, _), _>(NotChecked::with_help(why, help)) };
            claims.look(DISTANCE, MARGIN, unknown).await;
        }
        Err((why, help)) => proof
            .not_covered
            .push(format!("how many commits back it is: {why} ({help})")),
    }
}

fn find(folder: &Path, current: &str, previous: &str) -> Result<Between, (&'static str, &'static str)> {
    let none = |_| ("there is no repository here", FETCH);
    let repository = Repository::open(folder).map_err(none)?;
    let commit = |id: &str, why| repository.commit_if_here(id).ok_or((why, FETCH));
    Ok(Between {
        folder: folder.to_owned(),
        current: commit(current, "the commit of the current release is not in this clone")?,
        previous: commit(previous, "the commit of the previous release is not in this clone")?,
    })
}

fn look(between: &Between, migrations: &[Migrations], stop: Stop<'_>) -> Seen<()> {
    let repository = Repository::open(&between.folder).map_err(unreadable)?;
    let (current, previous) = (&between.current, &between.previous);
    let distance = repository.distance(current.id, previous.id, stop).map_err(unreadable)?;
    let is_cut = repository.is_shallow();
    let back = count(distance.back, "commit");
    let mut observed = Observation::nothing_wrong().fact(
        "distance",
        match is_cut {
            // What was cut off may be a way from one to the other.
            true if distance.aside > 0 => "unknown: the history here is incomplete".to_owned(),
            true => format!("at least {back} back: the history here is incomplete"),
            false => format!("{back} back"),
        },
    );
    if distance.aside > 0 && !is_cut {
        let aside = count(distance.aside, "commit");
        let message = format!(
            "{} is not in the history of {}: going back also brings {aside} that the current release does not have",
            previous.id, current.id
        );
        observed = observed.with(Finding::note("diverged", message));
    }
    if !migrations.is_empty() {
        observed
            .findings
            .extend(migrated(&repository, between, migrations, stop)?);
    }
    Ok((Some(()), observed))
}

fn migrated(
    repository: &Repository,
    between: &Between,
    migrations: &[Migrations],
    stop: Stop<'_>,
) -> Result<Vec<Finding>, NotChecked> {
    let (mut found, mut counted) = (Vec::new(), 0);
    let (old, new) = (between.previous.tree, between.current.tree);
    let visit = |path: &Path, change: Change| {
        let is_one = |of: &Migrations| match change {
            Change::Submodule => of.may_be_in(path),
            _ => of.covers(path),
        };
        if migrations.iter().any(is_one) {
            counted += 1;
            if found.len() < NAMED {
                found.push(format!(
                    "{} ({})",
                    one_line(&path.display().to_string()),
                    in_words(change)
                ));
            }
        }
        ControlFlow::Continue(())
    };
    repository
        .differences(Some(old), Some(new), stop, visit)
        .map_err(unreadable)?;
    let mut findings = Vec::new();
    if counted > 0 {
        let more = match counted - found.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message = format!(
            "{} changed since that release, and going back does not undo them: {}{more}",
            count(counted, "migration"),
            found.join(", ")
        );
        let help = "check that the previous release works with the database as it is now, or plan how to undo them";
        findings.push(Finding::warning("migrations", message).help(help));
    }
    // A glob with a typo would find nothing forever.
    for glob in migrations {
        let mut is_there = false;
        for tree in [new, old] {
            let look = |path: &Path, change: Change| {
                if glob.covers(path) || (change == Change::Submodule && glob.may_be_in(path)) {
                    is_there = true;
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            };
            repository
                .differences(None, Some(tree), stop, look)
                .map_err(unreadable)?;
        }
        if !is_there {
            let message = format!("no file in either release matches --migrations `{}`", glob.as_str());
            let help = "paths start at the top of the repository, like db/migrate/*.rb or **/migrations/*.py";
            findings.push(Finding::warning("no-migrations", message).help(help));
        }
    }
    Ok(findings)
}

fn in_words(change: Change) -> &'static str {
    match change {
        Change::Added => "added",
        Change::Changed => "changed",
        Change::Removed => "removed",
        Change::Submodule => "a submodule, whose files are not here",
    }
}

fn unreadable(error: GitError) -> NotChecked {
    match error {
        GitError::Stopped(reason) => NotChecked::errored(reason),
        error => NotChecked::with_help(
            error.to_string(),
            "fetch the whole history, without `filter:`; `git fsck` finds damaged objects",
        ),
    }
}
