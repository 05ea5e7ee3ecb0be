//! Who is below us in the process table. Nobody, as far as can be told, where there is no `/proc`.

use std::collections::{HashMap, HashSet};
use std::fs;

use rustix::process::{Pid, getpid};

pub struct Table(HashMap<i32, Entry>);

pub struct Entry {
    parent: i32,
    pub group: i32,
    dead: bool,
}

/// Somebody who is alive.
#[derive(Clone, Copy)]
pub struct Member {
    pub pid: Pid,
    /// The number of its process group.
    pub group: i32,
}

impl Table {
    pub fn read() -> Self {
        let Ok(folder) = fs::read_dir("/proc") else {
            return Self(HashMap::new());
        };
        let pids = folder.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
        Self(
            pids.filter_map(|pid| Some((pid, parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)?)))
                .collect(),
        )
    }

    /// Everybody alive among those children of ours that are roots, and among their descendants. Only below us: a number
    /// that was given to somebody else in the meantime is somewhere else.
    pub fn below_us(&self, is_root: impl Fn(i32, &Entry) -> bool) -> Vec<Member> {
        let us = getpid().as_raw_nonzero().get();
        let mut family: HashSet<i32> = self
            .0
            .iter()
            .filter(|(pid, entry)| entry.parent == us && is_root(**pid, entry))
            .map(|(pid, _)| *pid)
            .collect();
        loop {
            let next: Vec<i32> = self
                .0
                .iter()
                .filter(|(pid, entry)| !family.contains(pid) && family.contains(&entry.parent))
                .map(|(pid, _)| *pid)
                .collect();
            if next.is_empty() {
                break;
            }
            family.extend(next);
        }
        let member = |pid| {
            let entry = self.0.get(&pid).filter(|entry| !entry.dead)?;
            Some(Member {
                pid: Pid::from_raw(pid)?,
                group: entry.group,
            })
        };
        family.into_iter().filter_map(member).collect()
    }
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
