//! Which folder, by both of its names.
//!
//! actions/runner mounts its temporary folder into a container action since 2.329 (always since 2.331); before that
//! RUNNER_TEMP names a folder of the host that is not there. The workspace is mounted always. Inputs are translated into
//! the container's names where they begin with a mounted folder, arguments are not (ContainerActionHandler.cs).

use std::path::{Path, PathBuf};

use super::Plan;
use crate::model::Finding;
use crate::model::text::printable;
use crate::world::{World, files, mounts};

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

/// One folder that both sides see.
struct Root {
    inside: PathBuf,
    outside: PathBuf,
}

/// The folder, and what is worth saying about the choice.
pub fn find(plan: &Plan, world: &World) -> Result<(Place, Vec<Finding>), Box<Finding>> {
    let temp = world
        .env
        .raw("RUNNER_TEMP")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    if plan.host_temp.is_none() && plan.host_workspace.is_none() {
        let folder = match (&plan.to, temp) {
            (Some(to), _) => world.workspace.join(to),
            (None, Some(temp)) => temp.join(IN_TEMP),
            (None, None) => {
                let finding = Finding::error("no-folder", "RUNNER_TEMP is not set, and no folder is named");
                return Err(Box::new(finding.help("name one: stageproof install --to ~/bin")));
            }
        };
        let folder: PathBuf = folder.components().collect();
        let outside = told(&folder)?;
        return Ok((
            Place {
                inside: folder,
                outside,
                in_sources: false,
            },
            Vec::new(),
        ));
    }
    let temp = root(temp, plan.host_temp.as_deref())?;
    let workspace = root(Some(world.workspace.clone()), plan.host_workspace.as_deref())?;
    match &plan.to {
        Some(to) => named(&world.workspace.join(to), [&temp, &workspace]).map(|place| (place, Vec::new())),
        None => default(temp.as_ref(), workspace.as_ref()),
    }
}

fn root(inside: Option<PathBuf>, outside: Option<&str>) -> Result<Option<Root>, Box<Finding>> {
    let (Some(inside), Some(outside)) = (inside, outside) else {
        return Ok(None);
    };
    let outside = PathBuf::from(outside);
    told(&outside)?;
    Ok(Some(Root { inside, outside }))
}

fn default(temp: Option<&Root>, workspace: Option<&Root>) -> Result<(Place, Vec<Finding>), Box<Finding>> {
    if let Some(temp) = temp
        && is_mounted(&temp.inside)?
    {
        return Ok((place(temp, Path::new(IN_TEMP), false)?, Vec::new()));
    }
    if let Some(workspace) = workspace
        && is_mounted(&workspace.inside)?
    {
        let message = "the runner's temporary folder is not mounted here, so it goes into the workspace";
        let finding = Finding::note("in-workspace", message).help("update the runner to 2.331 or newer");
        return Ok((place(workspace, Path::new(IN_WORKSPACE), true)?, vec![finding]));
    }
    Err(no_mount(
        "neither the runner's temporary folder nor the workspace is mounted into this container",
    ))
}

/// A folder that somebody named, by either of its names.
fn named(to: &Path, roots: [&Option<Root>; 2]) -> Result<Place, Box<Finding>> {
    let to: PathBuf = to.components().collect();
    // `..` may lead out of what is mounted.
    let strange = to.components().any(|part| part == std::path::Component::ParentDir);
    for root in roots.into_iter().flatten() {
        let rest = to
            .strip_prefix(&root.inside)
            .or_else(|_| to.strip_prefix(&root.outside));
        if let Ok(rest) = rest
            && !strange
            && is_mounted(&root.inside)?
        {
            return place(root, rest, false);
        }
    }
    Err(no_mount(&format!(
        "{} is not in a folder of the runner that is mounted into this container",
        printable(&to.display().to_string())
    )))
}

fn place(root: &Root, rest: &Path, in_sources: bool) -> Result<Place, Box<Finding>> {
    Ok(Place {
        inside: root.inside.join(rest),
        outside: told(&root.outside.join(rest))?,
        in_sources,
    })
}

fn is_mounted(path: &Path) -> Result<bool, Box<Finding>> {
    match mounts::point_above(path) {
        Ok(point) => Ok(point != Path::new("/")),
        Err(error) => Err(no_mount(&format!("the mounts cannot be read: {error}"))),
    }
}

fn no_mount(message: &str) -> Box<Finding> {
    Box::new(Finding::error("no-mount", message).help(
        "leave --to out, or name a folder in the workspace or in RUNNER_TEMP: the container sees nothing else of the host",
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

    #[test]
    fn what_is_on_the_containers_own_layer_is_refused() {
        // Nothing is mounted at the one, and something always at the other.
        let root = |inside: &str| Root {
            inside: inside.into(),
            outside: "/host/x".into(),
        };
        let (bare, proc) = (root("/no-such-folder"), root("/proc"));
        assert_eq!(default(Some(&bare), Some(&bare)).unwrap_err().code, "no-mount");
        let (found, findings) = default(Some(&bare), Some(&proc)).unwrap();
        assert_eq!(found.outside, "/host/x/.stageproof-bin");
        assert_eq!(findings[0].code, "in-workspace");
        let (found, findings) = default(Some(&proc), Some(&bare)).unwrap();
        assert_eq!((found.outside.as_str(), findings.len()), ("/host/x/stageproof-bin", 0));
        for to in ["/proc/tools", "/host/x/tools"] {
            let found = named(Path::new(to), [&Some(root("/proc")), &None]).unwrap();
            assert_eq!(found.inside, Path::new("/proc/tools"));
            assert_eq!(found.outside, "/host/x/tools");
        }
        for to in ["/elsewhere", "/proc/../etc", "/host/xy"] {
            let error = named(Path::new(to), [&Some(root("/proc")), &None]).unwrap_err();
            assert_eq!(error.code, "no-mount", "{to}");
        }
    }
}
