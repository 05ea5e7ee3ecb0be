//! What a log must be new against, besides what `--committed-since` names.
//!
//! The base in an event goes stale: the branch moves on and brings in the logs of other pull requests. So the base that
//! the checkout itself shows counts as well.

use serde_json::Value;

use crate::model::text::one_line;
use crate::world::git::{Commit, GitError, Oid, PointsTo, Repository};

pub struct Base {
    /// Its name in messages.
    pub name: String,
    pub commit: Commit,
}

/// `since` is the commit of `base`, and `request` the event's pull request, if there is one.
pub fn bases(
    repository: &Repository,
    base: &str,
    since: Given,
    head: &Commit,
    detached: bool,
    event: Option<&str>,
    request: Option<&Value>,
) -> Result<Vec<Base>, GitError> {
    let mut bases = vec![Base {
        name: format!("`{}`", one_line(base)),
        commit: since.commit,
    }];
    let parents = repository.parents(head.id)?;
    let is_merge = parents.len() > 1;
    let text = |pointer: &str| request.and_then(|request| request.pointer(pointer)?.as_str());
    if let Some(sha) = text("/head/sha") {
        let change = Oid::from_str(sha).map_err(|_| no_commit(sha))?;
        if !repository.holds(head.id, change)? {
            return Err(GitError::Stopped(format!(
                "the commit {} is checked out, which does not contain the pull request's commit {sha}",
                head.id
            )));
        }
        if is_merge && head.id != change {
            // Whatever is merged and does not hold the pull request's commit is what it is merged into.
            for (number, parent) in parents.into_iter().enumerate() {
                if !repository.holds(parent.id, change)? {
                    bases.push(merged(number, parent));
                }
            }
        } else if let Some(branch) = text("/base/ref") {
            bases.push(tip(repository, branch)?);
        }
    } else if is_merge {
        // GitHub's test merge is checked out without a branch. On a laptop a branch's name says what is meant, as what an
        // event other than that of a pull request says does.
        let test_merge = match event {
            Some(_) => request.is_some(),
            None => detached || !since.is_name,
        };
        bases.extend(
            parents
                .into_iter()
                .take(usize::from(test_merge))
                .map(|parent| merged(0, parent)),
        );
    }
    Ok(bases)
}

fn merged(number: usize, parent: Commit) -> Base {
    Base {
        name: format!("`HEAD^{}`, which was merged,", number + 1),
        commit: parent,
    }
}

/// The newest known commit of the branch that a pull request is for.
fn tip(repository: &Repository, branch: &str) -> Result<Base, GitError> {
    for name in [format!("refs/remotes/origin/{branch}"), format!("refs/heads/{branch}")] {
        if let Some(given) = commit_of(repository, &name)? {
            return Ok(Base {
                name: format!("`{}`", one_line(branch)),
                commit: given.commit,
            });
        }
    }
    Err(GitError::Broken {
        what: format!(
            "there is no branch `{}` in the checkout, nor `origin/{0}`",
            one_line(branch)
        ),
        detail: "the pull request's base is unknown".to_owned(),
    })
}

/// What a name or an id leads to.
pub struct Given {
    pub commit: Commit,
    /// The name of a branch or a tag, and no id or expression.
    pub is_name: bool,
}

pub fn commit_of(repository: &Repository, revision: &str) -> Result<Option<Given>, GitError> {
    let Some(resolved) = repository.resolve(revision)? else {
        return Ok(None);
    };
    match resolved.points_to {
        PointsTo::Commit(commit) => Ok(Some(Given {
            commit,
            is_name: resolved.name.is_some(),
        })),
        PointsTo::Broken(detail) => Err(GitError::Broken {
            what: format!("`{}` cannot be read", one_line(revision)),
            detail,
        }),
        PointsTo::Other(_) => Ok(None),
    }
}

fn no_commit(sha: &str) -> GitError {
    GitError::Stopped(format!("the event's `{}` is not a commit id", one_line(sha)))
}
