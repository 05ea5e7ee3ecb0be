//! A program and everything it started, wherever that went.
//!
//! A process group is not enough: a child that calls `setsid` leaves it. On Linux we are therefore made the parent of
//! orphans (`PR_SET_CHILD_SUBREAPER`), so whatever was started stays below us in the process table, and carries a
//! variable with a random value by which an orphan is told from the orphans of others.

use rustix::process::{Pid, Signal, WaitOptions, kill_process, kill_process_group, test_kill_process_group, waitpid};

/// The variable with the random value.
pub const MARK: &str = "STAGEPROOF_PROCESS";

/// Without a process table that can be read, the group is all that is known. That its number could have gone to somebody
/// else within a second of the leader's end is accepted there.
const GROUP_ONLY: bool = cfg!(not(target_os = "linux"));

pub struct Family {
    leader: Option<Pid>,
    /// Until it was waited for, nobody else can have the leader's number, and so nobody its group's.
    leader_is_there: bool,
    token: String,
    /// Dropped before it was tidied away in order.
    armed: bool,
    /// Those we signalled: if they become our children, we must wait for them.
    signalled: Vec<Pid>,
}

impl Family {
    pub fn new(leader: Option<u32>, token: String) -> Self {
        Self {
            leader: leader.and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw),
            leader_is_there: true,
            token,
            armed: true,
            signalled: Vec::new(),
        }
    }

    /// The leader was waited for; its number may go to somebody else now.
    pub fn leader_is_gone(&mut self) {
        self.leader_is_there = false;
    }

    pub fn disarm(&mut self) {
        self.armed = false;
    }

    /// Whether anybody but the leader is left. Those that are dead but not waited for do not count.
    pub fn is_anybody_left(&mut self) -> bool {
        self.signalled.retain(|pid| {
            // Those that are not our children (yet) answer with an error and are asked again.
            !matches!(waitpid(Some(*pid), WaitOptions::NOHANG), Ok(Some(_)))
        });
        self.living().into_iter().any(|pid| Some(pid) != self.leader)
            || (GROUP_ONLY
                && self
                    .leader
                    .is_some_and(|leader| test_kill_process_group(leader).is_ok()))
    }

    pub fn signal(&mut self, signal: Signal) {
        if let (Some(leader), true) = (self.leader, self.leader_is_there || GROUP_ONLY) {
            // Gone already is as good.
            let _ = kill_process_group(leader, signal);
        }
        for pid in self.living() {
            let _ = kill_process(pid, signal);
            if Some(pid) != self.leader && !self.signalled.contains(&pid) {
                self.signalled.push(pid);
            }
        }
    }

    fn living(&self) -> Vec<Pid> {
        self.leader
            .map(|leader| table::living(leader, &self.token))
            .unwrap_or_default()
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        if self.armed {
            self.signal(Signal::KILL);
        }
    }
}

/// From now on orphans below us become our children.
pub fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        // Refused only by kernels older than 3.4; then those in the group are still found.
        ONCE.call_once(|| {
            let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
        });
    }
}

#[cfg(target_os = "linux")]
mod table {
    use std::collections::{HashMap, HashSet};
    use std::fs;

    use rustix::process::{Pid, getpid};

    use super::MARK;

    struct Entry {
        parent: i32,
        group: i32,
        dead: bool,
    }

    /// Everybody alive who descends from `leader`, is an orphan with `token`, or descends from one.
    pub fn living(leader: Pid, token: &str) -> Vec<Pid> {
        let table = read();
        let us = getpid().as_raw_nonzero().get();
        let leader = leader.as_raw_nonzero().get();
        let mark = format!("{MARK}={token}");
        let is_root = |pid: i32, entry: &Entry| {
            pid == leader || (entry.parent == us && (entry.group == leader || is_marked(pid, &mark)))
        };
        let mut family: HashSet<i32> = HashSet::new();
        for (pid, entry) in &table {
            // Only below us: a number that was given to somebody else in the meantime is somewhere else.
            if entry.parent == us && is_root(*pid, entry) {
                family.insert(*pid);
            }
        }
        loop {
            let next: Vec<i32> = table
                .iter()
                .filter(|(pid, entry)| !family.contains(pid) && family.contains(&entry.parent))
                .map(|(pid, _)| *pid)
                .collect();
            if next.is_empty() {
                break;
            }
            family.extend(next);
        }
        let alive = family
            .into_iter()
            .filter(|pid| table.get(pid).is_some_and(|entry| !entry.dead));
        alive.filter_map(Pid::from_raw).collect()
    }

    fn read() -> HashMap<i32, Entry> {
        let Ok(folder) = fs::read_dir("/proc") else {
            return HashMap::new();
        };
        let pids = folder.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
        pids.filter_map(|pid| Some((pid, parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)?)))
            .collect()
    }

    /// `pid (name) state parent group …`; the name may hold anything, also parentheses.
    fn parse(stat: &[u8]) -> Option<Entry> {
        let end = stat.iter().rposition(|byte| *byte == b')')?;
        let mut fields = std::str::from_utf8(&stat[end + 1..]).ok()?.split_ascii_whitespace();
        let state = fields.next()?;
        Some(Entry {
            dead: matches!(state, "Z" | "X" | "x"),
            parent: fields.next()?.parse().ok()?,
            group: fields.next()?.parse().ok()?,
        })
    }

    fn is_marked(pid: i32, mark: &str) -> bool {
        fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environ| {
            environ
                .split(|byte| *byte == 0)
                .any(|variable| variable == mark.as_bytes())
        })
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_name_with_parentheses_is_no_trouble() {
            let entry = parse(b"12 (a) Z 1 (b) S 7 9 0 0").unwrap();
            assert_eq!((entry.parent, entry.group, entry.dead), (7, 9, false));
            assert!(parse(b"12 (a) Z 3 4").unwrap().dead);
            assert!(parse(b"").is_none());
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod table {
    use rustix::process::Pid;

    /// See `GROUP_ONLY`.
    pub fn living(_: Pid, _: &str) -> Vec<Pid> {
        Vec::new()
    }
}
