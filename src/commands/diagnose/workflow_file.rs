//! A workflow, from the work tree or from GitHub.

use std::path::PathBuf;

use super::Named;
use crate::model::workflow::Workflow;
use crate::model::yaml::{self, Node};
use crate::world::World;
use crate::world::files::{self, Links};
use crate::world::job_log::Source;
use crate::world::walk::{Step, walk};

pub const LARGEST: u64 = 1 << 20;
const FOLDER: &str = ".github/workflows";

#[derive(Debug)]
pub struct WorkflowFile {
    /// From the top of its repository; in front of a file of another repository is that one's name.
    pub name: String,
    /// In the work tree.
    pub path: Option<PathBuf>,
    pub text: String,
    pub root: Node,
}

/// Those of the work tree that can be read.
pub fn all(world: &World) -> Vec<WorkflowFile> {
    let folder = world.workspace.join(FOLDER);
    let mut found = Vec::new();
    let _ = walk(&folder, |path, _| {
        let named = Named::new(Source::File(folder.join(path)), format!("{FOLDER}/{}", path.display()));
        let is_yaml = matches!(path.extension().and_then(|end| end.to_str()), Some("yml" | "yaml"));
        found.extend(is_yaml.then(|| WorkflowFile::read(&named).ok()).flatten());
        Step::Past
    });
    found
}

impl WorkflowFile {
    pub fn read(named: &Named) -> Result<Self, (String, String)> {
        let help = || "check the path of --workflow-file".to_owned();
        let Source::File(path) = &named.source else {
            return Err(("--workflow-file is not a file".to_owned(), help()));
        };
        let text = files::read_text(path, LARGEST, Links::Follow).map_err(|error| (format!("{error:#}"), help()))?;
        Self::parse(&named.name, Some(path.clone()), text).map_err(|why| (format!("{}: {why}", named.name), help()))
    }

    pub fn parse(name: &str, path: Option<PathBuf>, text: String) -> Result<Self, String> {
        let root = yaml::parse(&text).map_err(|error| error.to_string())?;
        if Workflow::of(&root).is_none() {
            return Err("it has no jobs".to_owned());
        }
        Ok(Self {
            name: name.to_owned(),
            path,
            text,
            root,
        })
    }

    /// The other repository that it is of.
    pub fn foreign(&self) -> Option<&str> {
        let (repository, _) = self.name.split_once("/.github/")?;
        self.path.is_none().then_some(repository)
    }
}
