//! Who is below us in the process table. Nobody, as far as can be told, where there is no `/proc`.
#![expect(
    clippy::disallowed_methods,
    reason = "reads the files of /proc, which the kernel makes"
)]

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{self, Read as _};

use rustix::process::{Pid, getpid};

/// Bytes of a command line that are kept, of which the last may be a part of a secret.
const LONGEST_COMMAND: usize = 4096;

pub struct Table(HashMap<i32, Entry>);

/// A line of the table, as `proc_pid_stat(5)` describes it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Entry {
    pub parent: i32,
    pub group: i32,
    /// One letter: `R` runs, `S` sleeps, `D` waits for a device, `T` is stopped.
    pub state: char,
    /// CPU time of its own, clock ticks.
    pub cpu: u64,
    /// CPU time of its children that ended and were waited for, clock ticks.
    pub cpu_of_children: u64,
    /// When it began, clock ticks since the system did.
    pub started: u64,
    /// Resident memory, pages.
    pub resident: u64,
}

/// Somebody who is alive.
#[derive(Clone, Copy)]
pub struct Member {
    pub pid: Pid,
    pub entry: Entry,
}

impl Table {
    pub fn read() -> Self {
        let Ok(folder) = fs::read_dir("/proc") else {
            return Self(HashMap::new());
        };
        let pids = folder.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
        Self(
            pids.filter_map(|pid| Some((pid, parse(&read(&format!("/proc/{pid}/stat")).ok()?)?)))
                .collect(),
        )
    }

    /// The same, of those only who are below us, as the kernel lists children. It costs little on a machine with many
    /// processes, and may miss who is just being made.
    pub fn read_below_us() -> Self {
        if children().is_none() {
            return Self::read();
        }
        let mut found = HashMap::new();
        let mut next = vec![getpid().as_raw_nonzero().get()];
        while let Some(pid) = next.pop() {
            let stat = read(&format!("/proc/{pid}/stat")).unwrap_or_default();
            let Some(entry) = parse(&stat).filter(|_| !found.contains_key(&pid)) else {
                continue;
            };
            found.insert(pid, entry);
            let threads = fs::read_dir(format!("/proc/{pid}/task"))
                .into_iter()
                .flatten()
                .flatten();
            for thread in threads {
                let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
                next.extend(children.split_whitespace().filter_map(|pid| pid.parse::<i32>().ok()));
            }
        }
        Self(found)
    }

    /// The parent of a process, its parent, and so on.
    pub fn ancestors(&self, pid: i32) -> Vec<i32> {
        let mut found = Vec::new();
        let mut next = pid;
        while let Some(entry) = self.0.get(&next)
            && !found.contains(&entry.parent)
        {
            next = entry.parent;
            found.push(next);
        }
        found
    }

    /// Our own line, without the rest of the table.
    pub fn ours() -> Option<Entry> {
        parse(&read("/proc/self/stat").ok()?)
    }

    /// Our own line.
    pub fn us(&self) -> Option<Entry> {
        self.0.get(&getpid().as_raw_nonzero().get()).copied()
    }

    /// Everybody alive among those children of ours that are roots, and among their descendants. Only below us: a number
    /// that was given to somebody else in the meantime is somewhere else.
    pub fn below_us(&self, is_root: impl Fn(i32, &Entry) -> bool) -> Vec<Member> {
        let us = getpid().as_raw_nonzero().get();
        let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
        for (pid, entry) in &self.0 {
            children.entry(entry.parent).or_default().push(*pid);
        }
        let mut family: Vec<i32> = children.get(&us).cloned().unwrap_or_default();
        family.retain(|pid| self.0.get(pid).is_some_and(|entry| is_root(*pid, entry)));
        let mut seen: HashSet<i32> = family.iter().copied().collect();
        let mut next = 0;
        while let Some(pid) = family.get(next) {
            next += 1;
            let new = children
                .get(pid)
                .into_iter()
                .flatten()
                .filter(|child| seen.insert(**child));
            let new: Vec<i32> = new.copied().collect();
            family.extend(new);
        }
        let member = |pid| {
            let entry = *self
                .0
                .get(&pid)
                .filter(|entry| !matches!(entry.state, 'Z' | 'X' | 'x'))?;
            Some(Member {
                pid: Pid::from_raw(pid)?,
                entry,
            })
        };
        family.into_iter().filter_map(member).collect()
    }
}

/// The children of our first thread, to which orphans go as well. `None` where the kernel does not list them.
pub fn children() -> Option<Vec<i32>> {
    let us = getpid().as_raw_nonzero();
    let listed = fs::read_to_string(format!("/proc/self/task/{us}/children")).ok()?;
    Some(listed.split_whitespace().filter_map(|pid| pid.parse().ok()).collect())
}

/// A small file of `/proc`, which does not say how long it is, in one go.
fn read(path: &str) -> io::Result<Vec<u8>> {
    let mut text = Vec::with_capacity(1024);
    fs::File::open(path)?.read_to_end(&mut text)?;
    Ok(text)
}

/// The words of a process's command line, with spaces between; its name in brackets if it has none.
pub fn command(pid: i32) -> String {
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<_> = words.split(|byte| *byte == 0).filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        return format!("[{}]", name(pid));
    }
    let mut words = words.join(&b' ');
    words.truncate(LONGEST_COMMAND);
    String::from_utf8_lossy(&words).into_owned()
}

/// The program's name, as the kernel keeps it: 15 bytes at most, and the program may change it.
pub fn name(pid: i32) -> String {
    let name = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    String::from_utf8_lossy(&name).trim_end().to_owned()
}

/// `pid (name) state parent group …`; the name may hold anything, also parentheses.
fn parse(stat: &[u8]) -> Option<Entry> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let fields: Vec<&str> = std::str::from_utf8(&stat[end + 1..])
        .ok()?
        .split_ascii_whitespace()
        .collect();
    // What an odd kernel leaves out is nothing used.
    let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    Some(Entry {
        state: fields.first()?.chars().next()?,
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        cpu: number(11) + number(12),
        cpu_of_children: number(13) + number(14),
        started: number(19),
        resident: number(21),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_is_no_trouble() {
        let entry = parse(b"12 (a) Z 1 (b) S 7 9 0 0").unwrap();
        assert_eq!((entry.parent, entry.group, entry.state), (7, 9, 'S'));
        assert_eq!(parse(b"12 (a) Z 3 4").unwrap().state, 'Z');
        assert!(parse(b"").is_none());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_child_is_found_at_little_cost_too() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let number = i32::try_from(child.id()).unwrap();
        let below = |table: Table| table.below_us(|pid, _| pid == number).len();
        let found = (below(Table::read()), below(Table::read_below_us()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found, (1, 1));
        let us = getpid().as_raw_nonzero().get();
        assert!(Table::read().ancestors(us).ends_with(&[0]), "up to the first process");
    }

    #[test]
    fn the_numbers_are_where_the_kernel_writes_them() {
        let stat = b"7 (x) R 1 7 7 0 -1 4194560 1 2 3 4 150 50 30 20 20 0 1 0 4242 8192 99 1844 0 0";
        let entry = parse(stat).unwrap();
        assert_eq!(
            (entry.cpu, entry.cpu_of_children, entry.started, entry.resident),
            (200, 50, 4242, 99)
        );
        // The kernel's own words about us.
        let us = Table::read().us();
        assert!(us.is_none_or(|us| us.resident > 0 && us.started > 0), "{us:?}");
    }
}
