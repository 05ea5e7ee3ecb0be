//! Which files are scanned.

use std::path::{Path, PathBuf};

use super::Plan;
use crate::model::text::count;
use crate::world::World;
use crate::world::paths;
use crate::world::walk::{Kind, Step, walk};

/// One file.
pub struct File {
    pub path: PathBuf,
    /// As findings and rules for paths name it: relative to the workspace, or the whole path.
    pub shown: String,
}

/// All of them, in order.
#[derive(Default)]
pub struct Listed {
    pub files: Vec<File>,
    pub troubles: Vec<String>,
    links: usize,
    others: usize,
    repositories: usize,
}

impl Listed {
    /// What was not looked at, and why.
    pub fn left_out(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.links > 0 {
            notes.push(format!("{} not followed.", count(self.links, "link")));
        }
        if self.others > 0 {
            notes.push(format!("Not scanned: {}.", count(self.others, "special file")));
        }
        if self.repositories > 0 {
            notes.push(format!(
                "Not scanned: {} of git (.git), whose content is compressed.",
                count(self.repositories, "folder")
            ));
        }
        notes
    }
}

pub fn list(plan: &Plan, world: &World) -> Listed {
    let mut listed = Listed::default();
    for path in &plan.paths {
        // A link that is named is meant.
        let real = match paths::real(path) {
            Ok(real) => real,
            Err(error) => {
                listed
                    .troubles
                    .push(format!("{} cannot be scanned: {error}", path.display()));
                continue;
            }
        };
        match paths::kind(&real) {
            Ok(Some(Kind::Folder)) => below(&real, world, &mut listed),
            Ok(Some(Kind::File)) => listed.add(real, world),
            Ok(_) => {
                let why = "it is neither a file nor a folder";
                listed
                    .troubles
                    .push(format!("{} cannot be scanned: {why}", path.display()));
            }
            Err(error) => listed
                .troubles
                .push(format!("{} cannot be scanned: {error}", path.display())),
        }
    }
    listed.files.sort_by(|one, other| one.path.cmp(&other.path));
    listed.files.dedup_by(|one, other| one.path == other.path);
    listed
}

fn below(folder: &Path, world: &World, listed: &mut Listed) {
    let troubles = walk(folder, |path, kind| {
        if world.interrupt.received().is_some() {
            return Step::Stop;
        }
        match kind {
            Kind::Folder if path.ends_with(".git") => {
                listed.repositories += 1;
                return Step::Past;
            }
            Kind::Folder => {}
            Kind::File => listed.add(folder.join(path), world),
            Kind::Symlink => listed.links += 1,
            Kind::Other => listed.others += 1,
        }
        Step::In
    });
    for trouble in troubles {
        let path = trouble.path.display();
        listed
            .troubles
            .push(format!("{path} cannot be scanned: {}", trouble.detail));
    }
}

impl Listed {
    fn add(&mut self, path: PathBuf, world: &World) {
        let shown = path.strip_prefix(&world.workspace).unwrap_or(&path);
        let shown = shown.to_string_lossy().into_owned();
        self.files.push(File { path, shown });
    }
}
