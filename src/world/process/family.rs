//! A program and everything it started, wherever that went.
//!
//! A process group is not enough: a child that calls `setsid` leaves it. On Linux we are therefore made the parent of
//! orphans (`PR_SET_CHILD_SUBREAPER`), so whatever was started stays below us in the process table, whatever it does to
//! its session, its environment or its user. Several families may be below us at once. What is started carries a variable
//! with a random value by which an orphan is told from those of other families; an orphan that got rid of it, and was not
//! there before, belongs to every family that is looked at.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, kill_process_group, test_kill_process_group, waitpid};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::Left;
use super::table::{Entry, Member, Table, command};
use crate::world::random;

/// The variable with the random value.
const MARK: &str = "STAGEPROOF_PROCESS";

/// Without a process table that can be read, the group is all that is known. That its number could have gone to somebody
/// else within a second of the leader's end is accepted there.
const GROUP_ONLY: bool = cfg!(not(target_os = "linux"));

/// How often processes that are being ended are counted.
const TICK: Duration = Duration::from_millis(25);
/// How long the kernel may take to carry out a SIGKILL.
const DYING: Duration = Duration::from_secs(2);

/// Who below us is known to belong to whom. Held while a family is started and while its members are counted, so that
/// nobody sees a child that is not in here yet.
static CLAIMS: Mutex<Claims> = Mutex::new(Claims {
    before: BTreeSet::new(),
    families: Vec::new(),
});

/// Unit tests start children of their own at the same time, and those are nobody's family.
const IN_COMPANY: bool = cfg!(test);

struct Claims {
    /// Who was below us before we started anything, by number and start: a shell that became us may have left some.
    before: BTreeSet<(i32, u64)>,
    families: Vec<Kin>,
}

fn claims() -> MutexGuard<'static, Claims> {
    CLAIMS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// By what the members of a family are known.
#[derive(Clone)]
pub struct Kin {
    /// Process ids, and so process groups. A program may overwrite its environment, and then this is how it is known.
    leaders: Vec<i32>,
    mark: String,
}

pub struct Family {
    kin: Kin,
    leader: Option<Pid>,
    /// Until it was waited for, nobody else can have the leader's number, and so nobody its group's.
    leader_is_there: bool,
    /// Dropped before it was tidied away in order.
    armed: bool,
    /// Those we signalled: if they become our children, we must wait for them.
    signalled: Vec<Pid>,
}

impl Family {
    /// Starts a program as the first of a family, the leader of a process group of its own.
    pub fn start(program: &mut Command) -> io::Result<(Child, Self)> {
        adopt_orphans();
        let token = random::token().map_err(io::Error::other)?;
        program.env(MARK, &token).process_group(0);
        let mut claims = claims();
        let child = program.spawn()?;
        let leader = child.id().and_then(pid);
        let kin = Kin {
            leaders: leader.map(Pid::as_raw_pid).into_iter().collect(),
            mark: format!("{MARK}={token}"),
        };
        claims.families.push(kin.clone());
        let family = Self {
            kin,
            leader,
            leader_is_there: true,
            armed: true,
            signalled: Vec::new(),
        };
        Ok((child, family))
    }

    /// Somebody below the leader who leads a group of its own.
    pub fn add(&mut self, other: u32) {
        self.kin.leaders.extend(pid(other).map(Pid::as_raw_pid));
        for kin in claims().families.iter_mut().filter(|kin| kin.mark == self.kin.mark) {
            kin.leaders.clone_from(&self.kin.leaders);
        }
    }

    /// By what its members are known, to be given away.
    pub fn kin(&self) -> Kin {
        self.kin.clone()
    }

    /// The leader was waited for; its number may go to somebody else now.
    pub fn leader_is_gone(&mut self) {
        self.leader_is_there = false;
    }

    pub fn disarm(&mut self) {
        self.armed = false;
    }

    /// Whether anybody but the leader is left.
    pub fn is_anybody_left(&mut self) -> bool {
        !self.left().is_empty()
    }

    /// Who is left besides the leader. Those that are dead but not waited for do not count.
    pub fn left(&mut self) -> Vec<Left> {
        self.signalled.retain(|pid| {
            // Those that are not our children (yet) answer with an error and are asked again.
            !matches!(waitpid(Some(*pid), WaitOptions::NOHANG), Ok(Some(_)))
        });
        let living = self.kin.living().into_iter().map(|member| member.pid);
        let mut left: Vec<Left> = living.filter(|pid| Some(*pid) != self.leader).map(Left::of).collect();
        if GROUP_ONLY {
            let there = self.groups().filter(|group| test_kill_process_group(*group).is_ok());
            left.extend(there.map(Left::of));
        }
        left
    }

    pub fn signal(&mut self, signal: Signal) {
        for group in self.groups() {
            if GROUP_ONLY || (self.leader_is_there && Some(group) == self.leader) {
                // Gone already is as good.
                let _ = kill_process_group(group, signal);
            }
        }
        for member in self.kin.living() {
            let pid = member.pid;
            let _ = kill_process(pid, signal);
            if Some(pid) != self.leader && !self.signalled.contains(&pid) {
                self.signalled.push(pid);
            }
        }
    }

    fn groups(&self) -> impl Iterator<Item = Pid> {
        self.kin.leaders.iter().filter_map(|leader| Pid::from_raw(*leader))
    }
}

impl Kin {
    /// The process ids of everybody alive; at little cost without who is just being made.
    pub fn members(&self, whole: bool) -> Vec<i32> {
        let read = if whole { Table::read } else { Table::read_below_us };
        let living = self.living_in(read).into_iter();
        living.map(|member| member.pid.as_raw_pid()).collect()
    }

    fn living(&self) -> Vec<Member> {
        self.living_in(Table::read)
    }

    fn living_in(&self, read: fn() -> Table) -> Vec<Member> {
        let claims = claims();
        read().below_us(|pid, entry| self.owns(pid, entry, &claims))
    }

    /// Whether a child of ours is of this family, and so its descendants.
    fn owns(&self, pid: i32, entry: &Entry, claims: &Claims) -> bool {
        let leads = |kin: &Self| kin.leaders.contains(&pid) || kin.leaders.contains(&entry.group);
        if leads(self) || is_marked(pid, &self.mark) {
            return true;
        }
        let mut others = claims.families.iter().filter(|other| other.mark != self.mark);
        let was_before = claims.before.contains(&(pid, entry.started));
        !IN_COMPANY && !was_before && !others.any(|other| leads(other) || is_marked(pid, &other.mark))
    }
}

impl Left {
    fn of(pid: Pid) -> Self {
        let pid = pid.as_raw_pid();
        Self {
            pid,
            command: command(pid),
        }
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
        claims().families.retain(|kin| kin.mark != self.kin.mark);
    }
}

/// From now on orphans below us become our children.
pub fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| {
            let before = Table::read_below_us().below_us(|_, _| true);
            let known = |member: Member| (member.pid.as_raw_pid(), member.entry.started);
            claims().before = before.into_iter().map(known).collect();
            // Refused only by kernels older than 3.4; then those in the group are still found.
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
