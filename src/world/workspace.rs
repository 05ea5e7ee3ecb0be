//! Which folder is the workspace: the configuration is looked for there, and its paths and all defaults are relative to it.
//!
//! A step's `working-directory` is often a folder below. What a person types is relative to that one.

use std::path::{Path, PathBuf};

use super::{Env, World, files, paths};

/// The nearest folder with `marker` in it, from the current one upwards; without one GITHUB_WORKSPACE, or the top of the git
/// repository, or the current folder.
pub fn find(env: &Env, folder: &Path, marker: &str) -> PathBuf {
    let folders = folders(env, folder);
    let marked = folders
        .iter()
        .find(|above| !matches!(paths::is_absent(&above.join(marker)), Ok(true)));
    let last = || folders.last().cloned();
    marked.cloned().or_else(last).unwrap_or_else(|| folder.to_owned())
}

/// A path for the steps that follow: relative to GITHUB_WORKSPACE, or to the workspace, if it is in there; else as the host
/// names it.
pub fn told(path: &Path, world: &World) -> PathBuf {
    match path.strip_prefix(base(world)) {
        Ok(relative) => relative.to_owned(),
        Err(_) => world.host.outside(path),
    }
}

fn base(world: &World) -> &Path {
    let on_runner = world.env.raw("GITHUB_WORKSPACE").map(Path::new);
    let base = on_runner.filter(|base| base.is_absolute() && world.workspace.starts_with(base));
    base.unwrap_or(&world.workspace)
}

/// What [`told`] says, from the current folder.
pub fn from_here(told: &Path, world: &World) -> PathBuf {
    let base = base(world);
    let whole = base.join(told);
    match (whole.strip_prefix(&world.folder), world.folder.strip_prefix(base)) {
        (Ok(below), _) => below.to_owned(),
        (_, Ok(above)) if told.is_relative() => above.components().map(|_| "..").collect::<PathBuf>().join(told),
        _ => whole,
    }
}

/// A path in words: without the workspace, if it is in there.
pub fn shown(path: &Path, workspace: &Path) -> String {
    path.strip_prefix(workspace).unwrap_or(path).display().to_string()
}

/// The current folder and those above it, up to GITHUB_WORKSPACE or to the top of the git repository. What is above that
/// belongs to somebody else. GITHUB_WORKSPACE is the last one, also where the current folder is elsewhere.
pub fn folders(env: &Env, folder: &Path) -> Vec<PathBuf> {
    let on_runner = env.raw("GITHUB_WORKSPACE").map(PathBuf::from);
    let on_runner = on_runner
        .filter(|path| path.is_absolute() && files::is_folder(path))
        .and_then(|path| paths::real(&path).ok());
    let above: Vec<&Path> = folder.ancestors().collect();
    let is_workspace = |path: &&Path| on_runner.is_some() && paths::real(path).ok() == on_runner;
    let is_repository = |path: &&Path| matches!(paths::kind(&path.join(".git")), Ok(Some(_)));
    let workspace = above.iter().position(is_workspace);
    let top = workspace.or_else(|| above.iter().position(is_repository)).unwrap_or(0);
    let mut folders: Vec<PathBuf> = above.into_iter().take(top + 1).map(Path::to_owned).collect();
    if workspace.is_none() {
        folders.extend(on_runner);
    }
    folders
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const MARKER: &str = ".github/stageproof.yml";

    /// `paths` that end in a slash are folders.
    fn tree(paths: &[&str]) -> (tempfile::TempDir, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        for path in paths {
            let whole = root.path().join(path);
            match path.ends_with('/') {
                true => fs::create_dir_all(whole).unwrap(),
                false => {
                    fs::create_dir_all(whole.parent().unwrap()).unwrap();
                    fs::write(whole, "").unwrap();
                }
            }
        }
        let real = fs::canonicalize(root.path()).unwrap();
        (root, real)
    }

    #[test]
    fn the_nearest_configuration_decides_and_without_one_the_runner_or_git() {
        let marked = |folder: &str| format!("{folder}/{MARKER}");
        let table: [(&[&str], Option<&str>, &str, &str); 8] = [
            (&[&marked("ws"), "ws/app/deep/"], Some("ws"), "ws/app/deep", "ws"),
            (
                &[&marked("ws"), &marked("ws/app"), "ws/app/x/"],
                Some("ws"),
                "ws/app/x",
                "ws/app",
            ),
            (&["ws/app/", "ws/app/.git/"], Some("ws"), "ws/app", "ws"),
            // Above the workspace is somebody else's folder.
            (&[&marked("."), "ws/app/"], Some("ws"), "ws/app", "ws"),
            (&["ws/", "elsewhere/"], Some("ws"), "elsewhere", "ws"),
            (&["repo/.git/", "repo/app/"], None, "repo/app", "repo"),
            (&[&marked("."), "app/"], None, "app", "app"),
            (&["repo/.git/", "repo/app/"], Some("gone"), "repo/app", "repo"),
        ];
        for (paths, workspace, folder, expected) in table {
            let (_kept, root) = tree(paths);
            let env = workspace.map(|name| ("GITHUB_WORKSPACE", root.join(name).into_os_string()));
            let env: Env = env.into_iter().collect();
            let found = find(&env, &root.join(folder), MARKER);
            assert_eq!(found, root.join(expected), "{paths:?} {workspace:?} {folder}");
        }
    }
}
