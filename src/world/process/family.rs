//! A program and everything it started, wherever that went.
//!
//! A process group is not enough: a child that calls `setsid` leaves it. On Linux we are therefore made the parent of
//! orphans (`PR_SET_CHILD_SUBREAPER`), so whatever was started stays below us in the process table, and carries a
//! variable with a random value by which an orphan is told from the orphans of others.

use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, kill_process_group, test_kill_process_group, waitpid};
use tokio::time::Instant;

use super::table::Table;

/// The variable with the random value.
pub const MARK: &str = "STAGEPROOF_PROCESS";

/// Without a process table that can be read, the group is all that is known. That its number could have gone to somebody
/// else within a second of the leader's end is accepted there.
const GROUP_ONLY: bool = cfg!(not(target_os = "linux"));

/// How often processes that are being ended are counted.
const TICK: Duration = Duration::from_millis(25);
/// How long the kernel may take to carry out a SIGKILL.
const DYING: Duration = Duration::from_secs(2);

pub struct Family {
    leader: Option<Pid>,
    /// Others that lead a group of their own. A program may overwrite its environment, and then this is how it is known.
    others: Vec<Pid>,
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
            leader: leader.and_then(pid),
            others: Vec::new(),
            leader_is_there: true,
            token,
            armed: true,
            signalled: Vec::new(),
        }
    }

    /// Somebody below the leader who leads a group of its own.
    pub fn add(&mut self, other: u32) {
        self.others.extend(pid(other));
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
            || (GROUP_ONLY && self.groups().any(|group| test_kill_process_group(group).is_ok()))
    }

    /// The process ids of everybody alive.
    pub fn members(&self) -> Vec<u32> {
        let living = self.living().into_iter();
        living.filter_map(|pid| u32::try_from(pid.as_raw_pid()).ok()).collect()
    }

    pub fn signal(&mut self, signal: Signal) {
        for group in self.groups() {
            if GROUP_ONLY || (self.leader_is_there && Some(group) == self.leader) {
                // Gone already is as good.
                let _ = kill_process_group(group, signal);
            }
        }
        for pid in self.living() {
            let _ = kill_process(pid, signal);
            if Some(pid) != self.leader && !self.signalled.contains(&pid) {
                self.signalled.push(pid);
            }
        }
    }

    fn groups(&self) -> impl Iterator<Item = Pid> {
        self.leader.into_iter().chain(self.others.iter().copied())
    }

    /// Everybody alive who is known by number or by group, is an orphan with the mark, or descends from one of these.
    fn living(&self) -> Vec<Pid> {
        let mark = format!("{MARK}={}", self.token);
        let known: Vec<i32> = self.groups().map(Pid::as_raw_pid).collect();
        let members = Table::read()
            .below_us(|pid, entry| known.contains(&pid) || known.contains(&entry.group) || is_marked(pid, &mark));
        members.into_iter().map(|member| member.pid).collect()
    }
}

fn pid(number: u32) -> Option<Pid> {
    i32::try_from(number).ok().and_then(Pid::from_raw)
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

#[expect(
    clippy::disallowed_methods,
    reason = "reads the files of /proc, which the kernel makes"
)]
fn is_marked(pid: i32, mark: &str) -> bool {
    std::fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environ| {
        environ
            .split(|byte| *byte == 0)
            .any(|variable| variable == mark.as_bytes())
    })
}

/// Something that is to leave with its family.
pub trait Leaving: Send {
    fn family(&mut self) -> &mut Family;

    fn is_anything_left(&mut self) -> bool;

    /// Lets time pass.
    fn wait_until(&mut self, time: Instant) -> impl Future<Output = ()> + Send;
}

/// SIGTERM, time to tidy up, SIGKILL.
pub async fn end(who: &mut impl Leaving, grace: Duration) {
    for (signal, patience) in [(Signal::TERM, grace), (Signal::KILL, DYING)] {
        if !who.is_anything_left() {
            return;
        }
        who.family().signal(signal);
        let until = Instant::now() + patience;
        while Instant::now() < until {
            who.wait_until(Instant::now() + TICK).await;
            if !who.is_anything_left() {
                return;
            }
            if signal == Signal::KILL {
                // A child that was being forked during the last round is there now.
                who.family().signal(signal);
            }
        }
    }
}

/// A family whose leader is gone.
impl Leaving for Family {
    fn family(&mut self) -> &mut Family {
        self
    }

    fn is_anything_left(&mut self) -> bool {
        self.is_anybody_left()
    }

    async fn wait_until(&mut self, time: Instant) {
        tokio::time::sleep_until(time).await;
    }
}
