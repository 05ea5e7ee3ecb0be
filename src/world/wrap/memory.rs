//! Whether memory was the trouble.
#![expect(
    clippy::disallowed_methods,
    reason = "reads the files of /proc, which the kernel makes"
)]

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::resource::{UsageWho, getrusage};

/// How many processes of our control group the kernel has killed because memory ran out. `None` where it does not tell.
pub fn killed() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    files(&groups)
        .iter()
        .find_map(|file| counted(&fs::read_to_string(file).ok()?))
}

/// The most resident memory that a child had which was waited for, KiB. Between its start and its own program a child
/// counts as large as we are, so what is not more than that says nothing.
#[derive(Clone, Copy, Debug)]
pub struct Peak(Option<u64>);

impl Peak {
    /// What there is before a child is started.
    pub fn before() -> Self {
        Self(resident(UsageWho::RUSAGE_CHILDREN))
    }

    /// That of the children since then, where it can be told.
    pub fn since(self) -> Option<u64> {
        let ours = resident(UsageWho::RUSAGE_SELF);
        resident(UsageWho::RUSAGE_CHILDREN)
            .filter(|_| ours.is_some())
            .filter(|peak| Some(*peak) > self.0.max(ours))
    }
}

fn resident(of: UsageWho) -> Option<u64> {
    let usage = getrusage(of).ok()?;
    // Linux counts in KiB, others in bytes.
    let unit = if cfg!(target_os = "linux") { 1 } else { 1024 };
    u64::try_from(usage.max_rss()).ok().map(|peak| peak / unit)
}

/// Where the count may be: version 2 has one tree for everything, version 1 one for memory.
fn files(groups: &str) -> Vec<PathBuf> {
    let place = |root: &str, group: &str, file: &str| Path::new(root).join(group.trim_start_matches('/')).join(file);
    let mut files = Vec::new();
    for line in groups.lines() {
        match line.splitn(3, ':').collect::<Vec<_>>()[..] {
            ["0", "", group] => {
                files.push(place("/sys/fs/cgroup", group, "memory.events"));
                files.push(PathBuf::from("/sys/fs/cgroup/memory.events"));
            }
            [_, kinds, group] if kinds.split(',').any(|kind| kind == "memory") => {
                files.push(place("/sys/fs/cgroup/memory", group, "memory.oom_control"));
                files.push(PathBuf::from("/sys/fs/cgroup/memory/memory.oom_control"));
            }
            _ => {}
        }
    }
    files
}

fn counted(events: &str) -> Option<u64> {
    events
        .lines()
        .find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found_in_both_versions() {
        assert_eq!(
            counted("low 0\nhigh 0\nmax 4\noom 3\noom_kill 2\noom_group_kill 0\n"),
            Some(2)
        );
        assert_eq!(counted("oom_kill_disable 0\nunder_oom 0\noom_kill 7\n"), Some(7));
        assert_eq!(counted("oom_kill_disable 0\n"), None);
        let two = files("0::/system.slice/runner.service\n");
        assert_eq!(
            two[0],
            Path::new("/sys/fs/cgroup/system.slice/runner.service/memory.events")
        );
        let one = files("12:cpu,cpuacct:/x\n7:memory:/docker/ab\n1:name=systemd:/\n");
        assert_eq!(one[0], Path::new("/sys/fs/cgroup/memory/docker/ab/memory.oom_control"));
        assert!(files("garbage").is_empty());
    }
}
