//! Which folder, by both of its names.
//!
//! actions/runner mounts its temporary folder into a container action since 2.329 (always since 2.331); before that
//! RUNNER_TEMP names a folder of the host that is not there. The workspace is mounted always. Inputs are translated into
//! the container's names where they begin with a mounted folder, arguments are not (ContainerActionHandler.cs).

use std::path::{Path, PathBuf};

use super::Plan;
use crate::model::Finding;
use crate::model::text::printable;
use crate::world::{Host, World, files};

/// In the runner's temporary folder, which it empties before every job.
const IN_TEMP: &str = "stageproof-bin";
/// In the workspace, where everybody sees it.
const IN_WORKSPACE: &str = ".stageproof-bin";

/// A folder.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its name here.
    pub inside: PathBuf,
    /// Its name for the steps that follow.
    pub outside: String,
    /// It is a new folder in the middle of somebody's sources.
    in_sources: bool,
}

impl Place {
    /// Hides it from git if it is among the sources, so that a checkout stays clean.
    pub fn prepare(&self) -> anyhow::Result<()> {
        if self.in_sources {
            files::replace(&self.inside.join(".gitignore"), b"*\n")?;
        }
        Ok(())
    }
}

/// The folder, and what is worth saying about the choice.
pub fn find(plan: &Plan, world: &World) -> Result<(Place, Vec<Finding>), Box<Finding>> {
    let host = &world.host;
    let temp = world.env.raw("RUNNER_TEMP").map(PathBuf::from);
    let temp = temp.filter(|path| path.is_absolute()).map(|temp| temp.join(IN_TEMP));
    let in_workspace = world.workspace.join(IN_WORKSPACE);
    match (&plan.to, temp) {
        (Some(to), _) => {
            let to = world.workspace.join(to);
            let to = to.to_str().map_or(to.clone(), |to| host.inside(to).into());
            if !keeps(host, &to)? {
                return Err(no_mount(&format!(
                    "{} is not in a folder of the runner that is mounted into this container",
                    printable(&to.display().to_string())
                )));
            }
            place(host, &to, false).map(|place| (place, Vec::new()))
        }
        (None, Some(temp)) if keeps(host, &temp)? => place(host, &temp, false).map(|place| (place, Vec::new())),
        (None, None) if !host.is_in_container() => {
            let finding = Finding::error("no-folder", "RUNNER_TEMP is not set, and no folder was given");
            Err(Box::new(finding.help("name one: stageproof install --to ~/bin")))
        }
        (None, _) if keeps(host, &in_workspace)? => {
            let message = "the runner's temporary folder is not mounted here, so it is installed in the workspace";
            let finding = Finding::note("in-workspace", message).help("update the runner to 2.331 or newer");
            Ok((place(host, &in_workspace, true)?, vec![finding]))
        }
        (None, _) => Err(no_mount(
            "neither the runner's temporary folder nor the workspace is mounted into this container",
        )),
    }
}

fn place(host: &Host, folder: &Path, in_sources: bool) -> Result<Place, Box<Finding>> {
    let inside: PathBuf = folder.components().collect();
    Ok(Place {
        outside: told(&host.outside(&inside))?,
        inside,
        in_sources,
    })
}

fn keeps(host: &Host, path: &Path) -> Result<bool, Box<Finding>> {
    let keeps = host.keeps(path);
    keeps.map_err(|error| no_mount(&format!("the mounts cannot be read: {error}")))
}

fn no_mount(message: &str) -> Box<Finding> {
    Box::new(Finding::error("no-mount", message).help(
        "drop --to, or name a folder in the workspace or in RUNNER_TEMP: the container sees nothing else of the host",
    ))
}

/// A path as a line of GITHUB_PATH: whole, and one line.
fn told(path: &Path) -> Result<String, Box<Finding>> {
    let plain = path
        .to_str()
        .filter(|text| path.is_absolute() && !text.chars().any(char::is_control));
    match plain {
        // Behind a `:` in PATH another folder begins.
        Some(text) if !text.contains(':') => Ok(text.trim_end_matches('/').to_owned()),
        _ => {
            let shown = path.to_string_lossy().escape_debug().to_string();
            let message = format!(
                "`{shown}` cannot be an entry of PATH: it must be absolute, UTF-8, and without `:` and line breaks"
            );
            Err(Box::new(
                Finding::error("bad-folder", message).help("name another folder with --to"),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_stand_in_path_is_told() {
        assert_eq!(told(Path::new("/home/runner/a b/")).unwrap(), "/home/runner/a b");
        for bad in ["relative", "", "/a:b", "/a\nb", "/a\rb", "C:\\x", "D:/a/_temp"] {
            assert_eq!(told(Path::new(bad)).unwrap_err().code, "bad-folder", "{bad}");
        }
    }
}
