//! The runner's folders under both of their names: the container's and the host's.
//!
//! A container action sees the workspace, and since runner 2.331 RUNNER_TEMP, under names of its own. The runner translates
//! only the beginning of a variable (actions/runner, `ContainerInfo.TranslateToContainerPath`), and nothing back. Whatever
//! else is written in the container is gone with it.

use std::io;
use std::path::{Path, PathBuf};

use super::{Env, files, mounts, paths};

/// What the action's container knows of its host. Everywhere else both names are one.
#[derive(Clone, Debug, Default)]
pub struct Host {
    folders: Vec<Folder>,
}

/// One folder that both sides see.
#[derive(Clone, Debug)]
struct Folder {
    inside: PathBuf,
    outside: PathBuf,
}

impl Host {
    /// `temp` and `workspace` are RUNNER_TEMP and GITHUB_WORKSPACE as the host names them. Only the action knows them.
    pub fn new(env: &Env, temp: Option<&str>, workspace: Option<&str>) -> Self {
        let absolute = |path: PathBuf| path.is_absolute() && path.parent().is_some();
        let folder = |name: &str, outside: Option<&str>| {
            let inside = PathBuf::from(env.raw(name)?);
            let outside: PathBuf = PathBuf::from(outside?).components().collect();
            (absolute(inside.clone()) && absolute(outside.clone())).then_some(Folder { inside, outside })
        };
        let Some(workspace) = folder("GITHUB_WORKSPACE", workspace) else {
            return Self::default();
        };
        let temp = folder("RUNNER_TEMP", temp);
        Self {
            folders: std::iter::once(workspace).chain(temp).collect(),
        }
    }

    /// A path as it is named here. One that is in none of the folders stays as it is.
    pub fn inside(&self, path: &str) -> String {
        let here = |folder: &Folder| Path::new(path).starts_with(&folder.inside);
        if self.folders.iter().any(here) {
            return path.to_owned();
        }
        let found = self.folders.iter().find_map(|folder| {
            let outside = folder.outside.to_str()?;
            let rest = path.strip_prefix(outside)?;
            // What only begins with the same letters is another folder.
            (rest.is_empty() || rest.starts_with('/')).then(|| format!("{}{rest}", folder.inside.display()))
        });
        found.unwrap_or_else(|| path.to_owned())
    }

    /// A path as the steps that follow name it.
    pub fn outside(&self, path: &Path) -> PathBuf {
        let found = self.folders.iter().find_map(|folder| {
            let rest = path.strip_prefix(&folder.inside).ok()?;
            Some(folder.outside.join(rest))
        });
        found.unwrap_or_else(|| path.to_owned())
    }

    /// Whether there are two names at all.
    pub fn is_in_container(&self) -> bool {
        !self.folders.is_empty()
    }

    /// Whether what is written there outlives the container. Not every mount does.
    pub fn keeps(&self, path: &Path) -> io::Result<bool> {
        let folder = self.folders.iter().find(|folder| paths::stays_in(&folder.inside, path));
        match folder {
            _ if !self.is_in_container() => Ok(true),
            Some(folder) => is_mounted(&folder.inside),
            None => Ok(false),
        }
    }

    /// Whether a path is on the container's own layer, which nobody else sees.
    pub fn hides(&self, path: &Path) -> io::Result<bool> {
        if !self.is_in_container() {
            return Ok(false);
        }
        // A link may lead to something of the host.
        let leads_nowhere = !paths::is_absent(path)? && !files::is_there(path)?;
        let real = paths::real_as_far_as_it_exists(path);
        Ok(leads_nowhere || !is_mounted(&real)?)
    }
}

fn is_mounted(path: &Path) -> io::Result<bool> {
    Ok(mounts::point_above(path)? != Path::new("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn host(workspace: &str, temp: &str) -> Host {
        let env: Env = [
            ("GITHUB_WORKSPACE", "/github/workspace"),
            ("RUNNER_TEMP", "/github/runner_temp"),
        ]
        .into_iter()
        .collect();
        Host::new(&env, Some(temp), Some(workspace))
    }

    #[test]
    fn whole_parts_of_a_path_are_translated_and_back() {
        let host = host("/home/runner/work/shop/shop/", "/home/runner/work/_temp");
        for (given, expected) in [
            ("/home/runner/work/shop/shop/a.txt", "/github/workspace/a.txt"),
            ("/home/runner/work/shop/shop", "/github/workspace"),
            ("/home/runner/work/_temp/x y/*.log", "/github/runner_temp/x y/*.log"),
            ("/home/runner/work/shop/shop2/a", "/home/runner/work/shop/shop2/a"),
            ("/home/runner/work/_temp2", "/home/runner/work/_temp2"),
            ("/home/runner/work", "/home/runner/work"),
            ("x/home/runner/work/shop/shop/a", "x/home/runner/work/shop/shop/a"),
            ("/github/workspace/a", "/github/workspace/a"),
            ("relative", "relative"),
            ("", ""),
        ] {
            assert_eq!(host.inside(given), expected, "{given}");
        }
        let out = |path: &str| host.outside(Path::new(path));
        assert_eq!(out("/github/workspace/x"), Path::new("/home/runner/work/shop/shop/x"));
        assert_eq!(
            out("/github/runner_temp/ev.zip"),
            Path::new("/home/runner/work/_temp/ev.zip")
        );
        assert_eq!(
            out("/github/runner_temp2/ev.zip"),
            Path::new("/github/runner_temp2/ev.zip")
        );
    }

    #[test]
    fn outside_of_the_action_nothing_is_translated_or_hidden() {
        let none = Host::new(&Env::default(), None, None);
        assert_eq!(none.inside("/home/runner/work/x"), "/home/runner/work/x");
        assert_eq!(none.outside(Path::new("/tmp/a")), Path::new("/tmp/a"));
        assert!(!none.hides(Path::new("/nowhere/at/all")).unwrap());
        assert!(host("/h/w", "/h/t").hides(Path::new("/nowhere/at/all")).unwrap());
        // What cannot be a folder of its own is none.
        for odd in ["", "/", "relative", "D:\\a"] {
            assert_eq!(host(odd, odd).inside("/x/y"), "/x/y", "{odd}");
        }
    }

    #[test]
    fn only_what_is_in_a_mounted_folder_is_kept() {
        let env: Env = [("GITHUB_WORKSPACE", "/proc"), ("RUNNER_TEMP", "/no-such-folder")]
            .into_iter()
            .collect();
        let host = Host::new(&env, Some("/h/t"), Some("/h/w"));
        for (path, kept) in [
            ("/proc/tools", true),
            ("/proc", true),
            ("/proc/../etc", false),
            ("/no-such-folder/tools", false),
            ("/elsewhere", false),
        ] {
            assert_eq!(host.keeps(Path::new(path)).unwrap(), kept, "{path}");
        }
    }

    proptest! {
        #[test]
        fn twice_is_once_and_another_name_is_left_alone(
            folder in "(/[a-c]{1,2}){1,3}",
            temp in "(/[a-c]{1,2}){1,3}",
            more in "[a-z0-9_.-]{1,5}",
            rest in "(/[a-c*]{0,3}){0,3}",
        ) {
            let host = host(&folder, &temp);
            for path in [format!("{folder}{rest}"), format!("{temp}{rest}"), format!("/github{folder}"), rest.clone()] {
                let once = host.inside(&path);
                prop_assert_eq!(host.inside(&once), once);
            }
            let sibling = format!("{folder}{more}{rest}");
            if !Path::new(&sibling).starts_with(&temp) {
                prop_assert_eq!(host.inside(&sibling), sibling);
            }
        }
    }
}
