//! Whether the log as it is was committed, and with the change that it is to prove.

use std::path::Path;

use super::base::{bases, commit_of};
use super::{Rules, pull_request};
use crate::model::text::one_line;
use crate::model::{Ended, Finding};
use crate::world::World;
use crate::world::git::{GitError, Repository};

const FETCH_ALL: &str =
    "fetch the whole history: actions/checkout with `fetch-depth: 0`; on a laptop `git fetch --unshallow`";

const ANEW: &str = "run the step for this change and commit the log it writes";

pub fn look(log: &Path, base: &str, rules: &Rules, world: &World) -> Ended {
    let interrupt = &world.interrupt;
    let stop = || interrupt.received().map(|signal| format!("interrupted by {signal}"));
    match findings(log, base, rules, world, &stop) {
        Ok(findings) => Ended::Looked(findings),
        Err(error) => Ended::with_help(error.to_string(), help(&error)),
    }
}

fn findings(
    log: &Path,
    base: &str,
    rules: &Rules,
    world: &World,
    stop: &dyn Fn() -> Option<String>,
) -> Result<Vec<Finding>, GitError> {
    let one = |finding: Finding| Ok(vec![finding]);
    let repository = Repository::open(&world.folder)?;
    repository.check_loose_objects(stop)?;
    let (head, branch) = repository.head()?;
    let Some(path) = inside(&repository, log) else {
        return one(rules
            .of_file("untracked", "it is not in this repository")
            .help("name a log that is part of the checkout"));
    };
    let commit = "commit it as heartbeat wrote it: `git add -f` and `git commit`";
    let Some(entry) = repository.entry(head.tree, &path)? else {
        let message = format!("it is not in the commit {}, which is checked out", head.id);
        return one(rules.of_file("untracked", &message).help(commit));
    };
    if !entry.is_file {
        let message = format!("the commit {} has something other than a file at its path", head.id);
        return one(rules.of_file("not-a-file", &message).help(commit));
    }
    if Repository::id_of_file(log)? != entry.id {
        let message = format!("it differs from the commit {}", head.id);
        return one(rules.of_file("dirty", &message).help(
            "commit it as it is, or restore it with `git checkout`; exempt it from filters (Git LFS, line endings)",
        ));
    }
    let Some(since) = commit_of(&repository, base)? else {
        let message = format!(
            "there is no commit `{}` in {}",
            one_line(base),
            repository.folder().display()
        );
        return Err(GitError::Broken {
            what: message,
            detail: "nothing can be compared with it".to_owned(),
        });
    };
    // Where the history was cut, an old change looks like one of the first commit that is left.
    if repository.is_shallow() {
        return Err(GitError::Stopped(format!(
            "{} has an incomplete history, which may lack the file's last change",
            repository.folder().display()
        )));
    }
    let request = pull_request::of_event(&world.runner).map_err(GitError::Stopped)?;
    let event = world.runner.event_name.as_deref();
    let bases = bases(&repository, base, since, &head, branch.is_none(), event, request)?;
    for base in &bases {
        if repository.holds_content(base.commit.tree, entry.id, stop)? {
            let message = format!("{} already has this log, under this name or another", base.name);
            return one(rules.of_file("not-changed", &message).help(ANEW));
        }
    }
    let since: Vec<_> = bases.iter().map(|base| base.commit.id).collect();
    if repository.last_change(&path, head.id, &since, stop)?.is_none() {
        let names: Vec<&str> = bases.iter().map(|base| base.name.as_str()).collect();
        let message = format!("no commit since {} changed it", names.join(" and "));
        return one(rules.of_file("not-changed", &message).help(ANEW));
    }
    Ok(Vec::new())
}

/// The log's path in the repository.
fn inside(repository: &Repository, log: &Path) -> Option<std::path::PathBuf> {
    let folder = crate::world::paths::real(repository.working_folder()?).ok()?;
    log.strip_prefix(folder).ok().map(Path::to_owned)
}

fn help(error: &GitError) -> &'static str {
    match error {
        GitError::NotARepository(_) => "check the repository out before this step (actions/checkout)",
        GitError::NoCommits(_) => "commit the log",
        GitError::Ambiguous { .. } => "use the full name (refs/heads/main) or the commit id",
        GitError::Broken { .. } | GitError::Stopped(_) => FETCH_ALL,
    }
}
