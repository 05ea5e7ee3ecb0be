//! Which files are looked at: the configuration, workflows and actions of a repository, or what was named.

use std::path::{Path, PathBuf};

use crate::world::walk::{Kind, Step, Trouble, walk};
use crate::world::{World, files, workspace};

/// Actions are looked for this deep, among so many entries. Larger repositories are none that GitHub serves well.
const DEEPEST: usize = 6;
const MOST_ENTRIES: usize = 500_000;
const WORKFLOWS: &str = ".github/workflows";
/// Folders that hold what others wrote, or what is made.
const LEFT_OUT: [&str; 6] = [".git", "node_modules", "target", "vendor", "dist", "artifacts"];

/// One file to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub path: PathBuf,
    /// As findings name it: relative to the repository's top.
    pub shown: String,
    pub is_config: bool,
    /// Somebody named it. Then it is a configuration by what it holds, and by its name only if that tells nothing.
    pub is_named: bool,
}

/// Files of one repository.
#[derive(Clone, Debug)]
pub struct Repository {
    pub top: PathBuf,
    pub files: Vec<File>,
    pub troubles: Vec<String>,
}

/// What is looked at without a word about it: `config` in the workspace, workflows and actions of the whole repository.
pub fn of_world(world: &World, config: &Path) -> Repository {
    let folders = workspace::folders(&world.env, &world.folder);
    let top = folders.last().unwrap_or(&world.workspace).clone();
    of_repository(&top, &world.workspace.join(config), world, MOST_ENTRIES)
}

/// What the named folder or file leads to. A file belongs to the repository of the current folder.
pub fn named(path: &Path, world: &World, config: &Path) -> Repository {
    if files::is_folder(path) {
        return of_repository(path, &path.join(config), world, MOST_ENTRIES);
    }
    let folders = workspace::folders(&world.env, &world.folder);
    let top = folders.last().unwrap_or(&world.workspace).clone();
    let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    let mut file = File::of(path.to_owned(), &top, name.contains("stageproof"));
    file.is_named = true;
    Repository {
        top,
        files: vec![file],
        troubles: Vec::new(),
    }
}

fn of_repository(top: &Path, config: &Path, world: &World, most: usize) -> Repository {
    // Of a repository elsewhere the whole path is told.
    let shown_from = match workspace::folders(&world.env, &world.folder).last() {
        Some(own) if top.starts_with(own) => own.clone(),
        _ => top.to_owned(),
    };
    let mut found = Vec::new();
    if files::exists(config) {
        found.push(File::of(config.to_owned(), &shown_from, true));
    }
    let mut workflows = Vec::new();
    let mut troubles = Vec::new();
    let folder = top.join(WORKFLOWS);
    if files::is_folder(&folder) {
        troubles = walk(&folder, |path, kind| {
            if kind != Kind::Folder && is_yaml(path) {
                workflows.push(File::of(folder.join(path), &shown_from, false));
            }
            Step::Past
        });
    }
    let mut actions = Vec::new();
    let mut entries = 0;
    let mut is_cut = false;
    troubles.extend(walk(top, |path, kind| {
        if entries == most {
            is_cut = true;
            return Step::Stop;
        }
        entries += 1;
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if kind == Kind::Folder {
            let is_deep = path.components().count() >= DEEPEST;
            return if is_deep || LEFT_OUT.contains(&name) {
                Step::Past
            } else {
                Step::In
            };
        }
        if matches!(name, "action.yml" | "action.yaml") && kind == Kind::File {
            actions.push(File::of(top.join(path), &shown_from, false));
        }
        Step::In
    }));
    if is_cut {
        let detail = format!("it has more than {most} files and folders; the rest was not searched for actions");
        troubles.push(Trouble {
            path: top.to_owned(),
            detail,
        });
    }
    workflows.sort_by(|a, b| a.path.cmp(&b.path));
    actions.sort_by(|a, b| a.path.cmp(&b.path));
    found.extend(workflows);
    found.extend(actions);
    let told = |trouble: Trouble| format!("{}: {}", trouble.path.display(), trouble.detail);
    Repository {
        top: top.to_owned(),
        files: found,
        troubles: troubles.into_iter().map(told).collect(),
    }
}

fn is_yaml(path: &Path) -> bool {
    matches!(path.extension().and_then(|end| end.to_str()), Some("yml" | "yaml"))
}

impl File {
    fn of(path: PathBuf, top: &Path, is_config: bool) -> Self {
        Self {
            shown: workspace::shown(&path, top),
            path,
            is_config,
            is_named: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Env;

    #[test]
    fn a_search_that_ends_early_says_so() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
            std::fs::write(folder.path().join(name).join("action.yml"), "").unwrap();
        }
        let world = World::of(Env::default());
        let config = folder.path().join("stageproof.yml");
        let whole = of_repository(folder.path(), &config, &world, 6);
        assert_eq!((whole.files.len(), whole.troubles), (3, Vec::new()));
        let cut = of_repository(folder.path(), &config, &world, 5);
        assert!(
            cut.files.len() < 3 && cut.troubles[0].contains("more than 5 files"),
            "{cut:?}"
        );
    }
}
