//! The command and everything it started: what it uses, who is in it, and how it is ended.
//!
//! We are the subreaper of all that comes below us (or process 1), so on Linux everybody below us belongs to the command,
//! also who left its process group or session, or lost its parent; only who was there before it does not. Elsewhere the
//! process group is all that is known, and what is used is not told.
#![expect(
    clippy::disallowed_methods,
    reason = "reads the files of /proc, which the kernel makes"
)]

use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};

use crate::world::process::table::{Member, Table, children, command};

const GROUP_ONLY: bool = cfg!(not(target_os = "linux"));

/// What the tree used since the command began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// CPU time of the living, and of the dead that were waited for.
    pub cpu: Duration,
    /// Resident memory of the living, KiB. What several share counts for each.
    pub rss_kib: u64,
    pub processes: u64,
}

/// One process, as `ps` would show it.
#[derive(Clone, Debug)]
pub struct Process {
    pub pid: i32,
    pub parent: i32,
    pub state: char,
    pub elapsed: Duration,
    pub command: String,
}

pub struct Tree {
    leader: Pid,
    /// Children that we had before.
    strangers: Vec<i32>,
    /// Until it was waited for, nobody else can have its number.
    leader_is_there: bool,
    /// What our children had used before this one began, clock ticks.
    used_before: u64,
    /// Killed when it is dropped.
    armed: bool,
}

impl Tree {
    pub fn new(leader: Pid, strangers: Vec<i32>, used_before: u64) -> Self {
        Self {
            leader,
            strangers,
            leader_is_there: true,
            used_before,
            armed: true,
        }
    }

    pub fn leader_is_gone(&mut self) {
        self.leader_is_there = false;
    }

    /// It is over, and who is left may stay.
    pub fn release(&mut self) {
        self.armed = false;
    }

    fn living(&self) -> (Table, Vec<Member>) {
        let table = Table::read();
        let members = table.below_us(|pid, _| !self.strangers.contains(&pid));
        (table, members)
    }

    /// `None` where the system does not tell.
    pub fn usage(&self) -> Option<Usage> {
        let (table, members) = self.living();
        let ended = table.us()?.cpu_of_children.saturating_sub(self.used_before);
        let ticks: u64 = members.iter().map(|m| m.entry.cpu + m.entry.cpu_of_children).sum();
        let pages: u64 = members.iter().map(|m| m.entry.resident).sum();
        Some(Usage {
            cpu: of_ticks(ended + ticks),
            rss_kib: pages * (rustix::param::page_size() as u64 / 1024),
            processes: members.len() as u64,
        })
    }

    /// CPU time of those who ended and were waited for. `None` where the system does not tell.
    pub fn cpu_of_the_dead(&self) -> Option<Duration> {
        let us = Table::ours()?;
        Some(of_ticks(us.cpu_of_children.saturating_sub(self.used_before)))
    }

    /// Whether the command, which has ended, left somebody behind. Asked after every command, so without a look at all
    /// processes where the kernel lists our children.
    pub fn has_orphans(&self) -> bool {
        children().is_none_or(|listed| listed.iter().any(|pid| !self.strangers.contains(pid)))
    }

    /// Everybody who is alive, parents before their children where these are younger.
    pub fn processes(&self) -> Vec<Process> {
        let (_, mut members) = self.living();
        members.sort_by_key(|member| (member.entry.started, member.pid.as_raw_pid()));
        let uptime = fs::read_to_string("/proc/uptime").unwrap_or_default();
        let uptime: f64 = uptime
            .split(' ')
            .next()
            .and_then(|seconds| seconds.parse().ok())
            .unwrap_or(0.0);
        let uptime = Duration::try_from_secs_f64(uptime).unwrap_or_default();
        let process = |member: Member| Process {
            pid: member.pid.as_raw_pid(),
            parent: member.entry.parent,
            state: member.entry.state,
            elapsed: uptime.saturating_sub(of_ticks(member.entry.started)),
            command: command(member.pid.as_raw_pid()),
        };
        members.into_iter().map(process).collect()
    }

    pub fn is_anybody_left(&self) -> bool {
        self.leader_is_there
            || !self.living().1.is_empty()
            || (GROUP_ONLY && test_kill_process_group(self.leader).is_ok())
    }

    /// To the command's process group, as a terminal would.
    pub fn signal_group(&self, signal: Signal) {
        if self.leader_is_there && kill_process_group(self.leader, signal).is_err() {
            // It has not made its group yet.
            let _ = kill_process(self.leader, signal);
        }
    }

    /// To everybody, wherever that is.
    pub fn signal(&self, signal: Signal) {
        let in_group = (GROUP_ONLY || self.leader_is_there) && kill_process_group(self.leader, signal).is_ok();
        for member in self.living().1 {
            // Once is enough, except that a SIGKILL too many does no harm.
            if signal == Signal::KILL || !in_group || member.entry.group != self.leader.as_raw_pid() {
                let _ = kill_process(member.pid, signal);
            }
        }
        if self.leader_is_there && !in_group {
            let _ = kill_process(self.leader, signal);
        }
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        if self.armed {
            self.signal(Signal::KILL);
        }
    }
}

/// What our children used that we waited for, clock ticks.
pub fn used_by_children() -> u64 {
    // Our own line is enough, and the whole table is long.
    Table::ours().map_or(0, |us| us.cpu_of_children)
}

fn of_ticks(ticks: u64) -> Duration {
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Duration::from_millis(ticks.saturating_mul(1000) / per_second)
}
