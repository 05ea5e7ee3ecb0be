//! A folder of our own for the length of one piece of work.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::Env;
use super::files::{self, TemporaryFolder};

/// How its name begins.
const SCRATCH: &str = ".stageproof-scratch-";

/// An empty private folder that is gone when the value is dropped.
///
/// The first place that takes it: the runner's temporary folder, which the runner empties even after a kill, if it
/// exists inside this machine (older runners hand the host's path into the container); the system's, which an empty
/// container does not have; the workspace, which is always there and only the last choice because others look into it.
pub fn folder(env: &Env, workspace: &Path) -> anyhow::Result<TemporaryFolder> {
    in_first_of(&places(env, workspace))
}

fn places(env: &Env, workspace: &Path) -> Vec<PathBuf> {
    let variable = |name: &str| env.raw(name).map(PathBuf::from).filter(|path| path.is_absolute());
    [
        variable("RUNNER_TEMP"),
        variable("TMPDIR"),
        Some(PathBuf::from("/tmp")),
        Some(workspace.to_owned()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn in_first_of(places: &[PathBuf]) -> anyhow::Result<TemporaryFolder> {
    let mut last = None;
    for place in places.iter().filter(|place| files::is_folder(place)) {
        files::clear_abandoned(place, SCRATCH);
        let made = files::temporary_folder(place, SCRATCH, 0o700);
        match made.with_context(|| format!("no temporary folder can be made in {}", place.display())) {
            Ok(folder) => return Ok(folder),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| anyhow::anyhow!("no place for a temporary folder exists")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_the_last_choice_and_is_left_clean() {
        let workspace = tempfile::tempdir().unwrap();
        let env: Env = [("RUNNER_TEMP", "/no/runner"), ("TMPDIR", "/no/temp")]
            .into_iter()
            .collect();
        let mut places = places(&env, workspace.path());
        assert_eq!(places.last().map(PathBuf::as_path), Some(workspace.path()));
        // This machine has the one place that an empty container lacks.
        places.retain(|place| place != Path::new("/tmp"));
        let made = in_first_of(&places).unwrap();
        assert_eq!(made.path().parent(), Some(workspace.path()));
        drop(made);
        assert_eq!(std::fs::read_dir(workspace.path()).unwrap().count(), 0);
        assert!(in_first_of(&places[..places.len() - 1]).is_err());
    }

    #[test]
    fn a_place_that_does_not_exist_is_passed_over() {
        let home = tempfile::tempdir().unwrap();
        let at = |temp: &str| -> TemporaryFolder {
            let env: Env = [("RUNNER_TEMP", temp), ("TMPDIR", home.path().to_str().unwrap())]
                .into_iter()
                .collect();
            folder(&env, Path::new("/nowhere")).unwrap()
        };
        let made = at("/no/such/folder");
        assert_eq!(made.path().parent(), Some(home.path()));
        let kept = made.path().to_owned();
        drop(made);
        assert!(!kept.exists());
        std::fs::create_dir(home.path().join("runner")).unwrap();
        let runner = home.path().join("runner");
        assert_eq!(at(runner.to_str().unwrap()).path().parent(), Some(runner.as_path()));
    }
}
