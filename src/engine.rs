//! Runs checks: bounded, each with a deadline, results in the order given. A check that panics, hangs or is
//! interrupted becomes *errored*; the others still run, and nothing here can lose a result.
//!
//! Checks run on threads of their own; deadlines and signals are minded on the caller's, so a check that never yields
//! keeps neither from being noticed.

use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::runtime::{Builder, Handle};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::model::latency::Latency;
use crate::model::{Check, Ended, Fact, Finding, Outcome, TimeSpan};
use crate::world::calls::Unknown;
use crate::world::github::{ApiError, NoAccess};
use crate::world::{Interrupt, panics};

/// What looking brought back.
pub type CheckResult = Result<Observation, NotChecked>;

/// It was looked up.
#[derive(Debug, Default)]
pub struct Observation {
    pub findings: Vec<Finding>,
    pub facts: Vec<Fact>,
    pub latency: Option<Latency>,
}

impl Observation {
    pub fn nothing_wrong() -> Self {
        Self::default()
    }

    pub fn found(finding: Finding) -> Self {
        Self::default().with(finding)
    }

    #[must_use]
    pub fn with(mut self, finding: Finding) -> Self {
        self.findings.push(finding);
        self
    }

    #[must_use]
    pub fn fact(mut self, name: &str, value: impl Into<String>) -> Self {
        self.facts.push(Fact::new(name, value));
        self
    }
}

/// It was not looked up, and why.
#[derive(Clone, Debug)]
pub enum NotChecked {
    /// On purpose.
    Skipped { reason: String },
    /// It could not be. Never green.
    Errored { cause: String, help: Option<String> },
}

impl From<ApiError> for NotChecked {
    fn from(error: ApiError) -> Self {
        Self::with_help(error.to_string(), error.help())
    }
}

impl From<NoAccess> for NotChecked {
    fn from(no: NoAccess) -> Self {
        Self::with_help(no.to_string(), no.help())
    }
}

impl From<Unknown> for NotChecked {
    fn from(unknown: Unknown) -> Self {
        Self::with_help(unknown.why, unknown.help)
    }
}

impl NotChecked {
    pub fn errored(cause: impl Into<String>) -> Self {
        Self::Errored {
            cause: cause.into(),
            help: None,
        }
    }

    pub fn with_help(cause: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Errored {
            cause: cause.into(),
            help: Some(help.into()),
        }
    }
}

impl From<anyhow::Error> for NotChecked {
    fn from(error: anyhow::Error) -> Self {
        Self::errored(format!("{error:#}"))
    }
}

impl From<NotChecked> for Ended {
    fn from(blind: NotChecked) -> Self {
        match blind {
            NotChecked::Skipped { reason } => Self::Skipped { reason },
            NotChecked::Errored { cause, help } => Self::Errored { cause, help },
        }
    }
}

/// How long what takes no time may take.
const AT_ONCE: Duration = Duration::from_millis(100);

type Look = Pin<Box<dyn Future<Output = CheckResult> + Send>>;

/// A claim and the way to look it up.
pub struct Task {
    claim: Claim,
    look: Look,
}

struct Claim {
    id: String,
    stage: Cow<'static, str>,
    title: String,
    deadline: Duration,
    grace: Duration,
}

impl Task {
    /// `deadline` is the last resort against a check that never comes back; a check that knows its own limits ends
    /// by itself before that.
    pub fn new(
        stage: impl Into<Cow<'static, str>>,
        id: impl Into<String>,
        title: impl Into<String>,
        deadline: Duration,
        look: impl Future<Output = CheckResult> + Send + 'static,
    ) -> Self {
        let claim = Claim {
            id: id.into(),
            stage: stage.into(),
            title: title.into(),
            deadline,
            grace: Duration::ZERO,
        };
        let look = Box::pin(look);
        Self { claim, look }
    }

    /// A check that notices an interrupt itself and then removes what it made: it is dropped only after `grace`.
    #[must_use]
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.claim.grace = grace;
        self
    }
}

/// Runs `tasks`, at most `at_once` at a time, and answers in their order.
pub async fn run(tasks: Vec<Task>, at_once: usize, interrupt: &Interrupt) -> Vec<Check> {
    // A few lanes that take one check after the other wake fewer threads than a waiting task for each.
    let lanes = at_once.clamp(1, tasks.len().max(1));
    let board = Arc::new(Board::new(tasks));
    let mut listening = true;
    if let Some(signal) = interrupt.received() {
        board.interrupt(signal);
        listening = false;
    }
    let workers = workers(lanes);
    let mut lanes: Vec<JoinHandle<()>> = (0..lanes).map(|lane| board.start(lane, &workers)).collect();
    let mut aborted = false;
    while let Some(due) = board.waits_until() {
        tokio::select! {
            biased;
            signal = interrupt.wait(), if listening => {
                board.interrupt(signal);
                listening = false;
            }
            () = board.changed.notified() => {}
            () = tokio::time::sleep_until(due.into()) => {}
        }
        let given_up = board.give_up_overdue();
        aborted |= !given_up.is_empty();
        for lane in &given_up {
            lanes[*lane].abort();
        }
        if !given_up.is_empty() && board.has_waiting() {
            let workers = workers_that_answer().await;
            for _ in given_up {
                lanes.push(board.start(lanes.len(), &workers));
            }
        }
    }
    // What they hold may be processes, and the end of ours would leave them.
    if aborted {
        let _ = tokio::time::timeout(AT_ONCE, join_all(lanes)).await;
    }
    board.into_checks()
}

/// Runs work that waits for nothing but the disk and the processor and that heeds interrupts itself. If it panics,
/// the claim is errored.
pub async fn blocking(
    (stage, id, title): (&'static str, &str, &str),
    work: impl FnOnce() -> Outcome + Send + 'static,
) -> Outcome {
    let started = Instant::now();
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        let ended = crashed(panics::no_result(error)).into();
        Outcome {
            checks: vec![Check::new(stage, id, title, ended, started.elapsed())],
            ..Outcome::default()
        }
    })
}

/// What is still to do and what came of the rest.
struct Board {
    state: Mutex<State>,
    /// All have ended, or one is due earlier than those before.
    changed: Notify,
}

struct State {
    waiting: std::vec::IntoIter<(usize, Look)>,
    claims: Vec<(Claim, Slot)>,
    /// How many have not ended.
    open: usize,
    /// When the earliest is due, as far as is known to who waits for it.
    due: Instant,
}

enum Slot {
    Waiting,
    Running(Running),
    Ended(Check),
}

struct Running {
    lane: usize,
    since: Instant,
    until: Instant,
    /// It is given up but may still tidy up until then.
    given_up: Option<NotChecked>,
}

/// Later than any deadline that matters.
const FAR: Duration = Duration::from_secs(86_400 * 365);

impl Board {
    fn new(tasks: Vec<Task>) -> Self {
        let (claims, looks): (Vec<_>, Vec<_>) = (tasks.into_iter())
            .map(|task| ((task.claim, Slot::Waiting), task.look))
            .unzip();
        let looks: Vec<_> = looks.into_iter().enumerate().collect();
        let state = State {
            waiting: looks.into_iter(),
            open: claims.len(),
            claims,
            due: Instant::now() + FAR,
        };
        Self {
            state: Mutex::new(state),
            changed: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(self: &Arc<Self>, lane: usize, workers: &Handle) -> JoinHandle<()> {
        let board = Arc::clone(self);
        let lane = async move {
            while let Some((index, look)) = board.take(lane) {
                let looked = AssertUnwindSafe(look).catch_unwind().await;
                let looked = looked.unwrap_or_else(|panic| Err(crashed(panics::internal_error(&*panic))));
                if !board.end(index, lane, looked) {
                    return;
                }
            }
        };
        workers.spawn(lane)
    }

    fn take(&self, lane: usize) -> Option<(usize, Look)> {
        let state = &mut *self.state();
        let (index, look) = state.waiting.next()?;
        let since = Instant::now();
        let (claim, slot) = &mut state.claims[index];
        let until = since + claim.deadline.min(FAR);
        *slot = Slot::Running(Running {
            lane,
            since,
            until,
            given_up: None,
        });
        if until < state.due {
            state.due = until;
            self.changed.notify_one();
        }
        Some((index, look))
    }

    /// Whether the lane may go on: it may not if its check was given up.
    fn end(&self, index: usize, lane: usize, looked: CheckResult) -> bool {
        let state = &mut *self.state();
        // Nobody waits for it any more once the checks were handed out.
        match state.claims.get_mut(index).map(|(_, slot)| slot) {
            Some(Slot::Running(running)) if running.lane == lane => {
                let looked = running.given_up.take().map_or(looked, Err);
                state.end(index, looked);
                if state.open == 0 {
                    self.changed.notify_one();
                }
                true
            }
            _ => false,
        }
    }

    /// What waits is not begun, and what runs is given up.
    fn interrupt(&self, signal: &str) {
        let state = &mut *self.state();
        for (index, _) in std::mem::take(&mut state.waiting) {
            state.end(index, Err(interrupted(signal, "before it began")));
        }
        let now = Instant::now();
        for (claim, slot) in &mut state.claims {
            if let Slot::Running(running) = slot {
                running
                    .given_up
                    .get_or_insert_with(|| interrupted(signal, "before it ended"));
                running.until = now + claim.grace;
            }
        }
    }

    /// Ends what did not end in time, and names the lanes that it held.
    fn give_up_overdue(&self) -> Vec<usize> {
        let state = &mut *self.state();
        let now = Instant::now();
        let mut lanes = Vec::new();
        for index in 0..state.claims.len() {
            let (claim, slot) = &mut state.claims[index];
            let Slot::Running(running) = slot else { continue };
            if running.until <= now && running.given_up.is_none() {
                running.given_up = Some(overdue(claim.deadline));
                running.until = now + claim.grace;
            }
            if running.until <= now {
                lanes.push(running.lane);
                let given_up = running.given_up.take().unwrap_or_else(|| overdue(claim.deadline));
                state.end(index, Err(given_up));
            }
        }
        lanes
    }

    fn has_waiting(&self) -> bool {
        self.state().waiting.len() > 0
    }

    /// When the next check is overdue. Nothing when all have ended.
    fn waits_until(&self) -> Option<Instant> {
        let state = &mut *self.state();
        let running = state.claims.iter().filter_map(|(_, slot)| match slot {
            Slot::Running(running) => Some(running.until),
            Slot::Waiting | Slot::Ended(_) => None,
        });
        state.due = running.min().unwrap_or_else(|| Instant::now() + FAR);
        (state.open > 0).then_some(state.due)
    }

    fn into_checks(self: Arc<Self>) -> Vec<Check> {
        let claims = std::mem::take(&mut self.state().claims);
        let ended = claims.into_iter().filter_map(|(_, slot)| match slot {
            Slot::Ended(check) => Some(check),
            Slot::Waiting | Slot::Running(_) => None,
        });
        ended.collect()
    }
}

impl State {
    fn end(&mut self, index: usize, looked: CheckResult) {
        let (claim, slot) = &mut self.claims[index];
        let took = match slot {
            Slot::Running(running) => running.since.elapsed(),
            Slot::Waiting | Slot::Ended(_) => Duration::ZERO,
        };
        let (ended, facts, latency) = match looked {
            Ok(observed) => (Ended::Looked(observed.findings), observed.facts, observed.latency),
            Err(blind) => (blind.into(), Vec::new(), None),
        };
        let (stage, id, title) = (
            &*claim.stage,
            std::mem::take(&mut claim.id),
            std::mem::take(&mut claim.title),
        );
        *slot = Slot::Ended(Check {
            facts,
            latency,
            ..Check::new(stage, id, title, ended, took)
        });
        self.open -= 1;
    }
}

static WORKERS: Mutex<Option<Handle>> = Mutex::new(None);

/// The threads on which checks run. They live as long as the process: what one check opened, another may use.
fn workers(lanes: usize) -> Handle {
    let wanted = lanes.min(2);
    let known = WORKERS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let enough = known.filter(|known| known.metrics().num_workers() >= wanted);
    enough.unwrap_or_else(|| new_workers(wanted))
}

/// The same, or others if these are held by checks that never yield.
async fn workers_that_answer() -> Handle {
    let workers = workers(1);
    match tokio::time::timeout(AT_ONCE, workers.spawn(async {})).await {
        Ok(_) => workers,
        Err(_) => new_workers(2),
    }
}

fn new_workers(threads: usize) -> Handle {
    let build = || Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    // Without a thread to be had it panics.
    match std::panic::catch_unwind(build) {
        Ok(Ok(runtime)) => {
            let handle = runtime.handle().clone();
            *WORKERS.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle.clone());
            std::mem::forget(runtime);
            handle
        }
        // No thread is to be had: better here than not at all.
        Ok(Err(_)) | Err(_) => Handle::current(),
    }
}

fn interrupted(signal: &str, when: &str) -> NotChecked {
    NotChecked::errored(format!("interrupted by {signal} {when}"))
}

fn overdue(deadline: Duration) -> NotChecked {
    NotChecked::with_help(
        format!("it did not end within its deadline of {}", TimeSpan(deadline)),
        "find out what it was waiting for; set a shorter limit of the check itself, if it has one",
    )
}

fn crashed(what: String) -> NotChecked {
    NotChecked::with_help(
        what,
        "this is a bug in stageproof: report it with the command and this line",
    )
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::model::{Counts, Status, Verdict};

    const SOON: Duration = Duration::from_millis(100);
    const LATE: Duration = Duration::from_secs(60);

    fn fine(id: &str) -> Task {
        Task::new("stage", id, id, LATE, async { Ok(Observation::nothing_wrong()) })
    }

    fn cause(check: &Check) -> &str {
        match &check.ended {
            Ended::Errored { cause, .. } => cause,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn panics_and_hangs_become_errors_and_the_others_still_run() {
        let tasks = vec![
            fine("first"),
            Task::new("stage", "panics", "panics", LATE, async { panic!("seven of nine") }),
            Task::new("stage", "hangs", "hangs", SOON, std::future::pending()),
            // Never yields: the worst a check can do.
            Task::new("stage", "blocks", "blocks", SOON, async {
                std::thread::sleep(Duration::from_secs(2));
                Ok(Observation::nothing_wrong())
            }),
            fine("last"),
        ];
        let checks = run(tasks, 8, &Interrupt::never()).await;
        let ids: Vec<&str> = checks.iter().map(|c| c.id.as_str()).collect();
        assert_eq!(
            ids,
            ["first", "panics", "hangs", "blocks", "last"],
            "in the order given"
        );
        assert!(cause(&checks[1]).contains("seven of nine"));
        assert!(cause(&checks[2]).contains("deadline of 100ms"));
        assert!(cause(&checks[3]).contains("deadline of 100ms"));
        assert_eq!(checks[4].status(), Status::Passed);
        let verdict = Verdict::of(&Counts::of(&checks), false);
        assert_eq!(verdict, Verdict::Inconclusive);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn more_checks_that_never_yield_than_workers_stop_no_deadline() {
        let block = |n: usize| {
            Task::new("stage", n.to_string(), "blocks", SOON, async {
                std::thread::sleep(Duration::from_secs(3));
                Ok(Observation::nothing_wrong())
            })
        };
        let started = Instant::now();
        let checks = run((0..6).map(block).collect(), 6, &Interrupt::never()).await;
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
        assert!(checks.iter().all(|check| cause(check).contains("deadline of 100ms")));
    }

    #[tokio::test]
    async fn what_is_given_up_is_dropped() {
        struct Dropped(Option<oneshot::Sender<()>>);
        impl Drop for Dropped {
            fn drop(&mut self) {
                let _ = self.0.take().map(|tell| tell.send(()));
            }
        }
        let (tell, dropped) = oneshot::channel();
        let held = Dropped(Some(tell));
        let hang = Task::new("stage", "hangs", "hangs", SOON, async move {
            let _held = held;
            std::future::pending().await
        });
        run(vec![hang], 1, &Interrupt::never()).await;
        dropped.await.unwrap();
    }

    #[tokio::test]
    async fn what_has_grace_tidies_up_and_is_errored_all_the_same() {
        let seen = Arc::new(Mutex::new(false));
        let done = Arc::clone(&seen);
        let look = async move {
            tokio::time::sleep(SOON * 2).await;
            *done.lock().unwrap() = true;
            Ok(Observation::nothing_wrong())
        };
        let checks = run(
            vec![Task::new("stage", "slow", "slow", SOON, look).with_grace(LATE)],
            1,
            &Interrupt::never(),
        )
        .await;
        assert!(*seen.lock().unwrap(), "it was dropped before its grace was over");
        assert!(cause(&checks[0]).contains("deadline of 100ms"), "{:?}", checks[0]);
    }

    #[tokio::test]
    async fn an_interrupt_begins_nothing_and_ends_what_runs() {
        let (sender, interrupt) = Interrupt::by_hand();
        let begun = Task::new("stage", "runs", "runs", LATE, async move {
            sender.send(Some("SIGTERM")).unwrap();
            std::future::pending().await
        });
        let checks = run(vec![begun, fine("waits")], 1, &interrupt).await;
        assert!(cause(&checks[0]).contains("SIGTERM before it ended"), "{:?}", checks[0]);
        assert!(cause(&checks[1]).contains("SIGTERM before it began"), "{:?}", checks[1]);
    }

    #[tokio::test]
    async fn not_more_than_allowed_run_at_once() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let running = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let tasks = (0..20)
            .map(|n| {
                let (running, most) = (Arc::clone(&running), Arc::clone(&most));
                Task::new("stage", n.to_string(), "t", LATE, async move {
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    running.fetch_sub(1, Ordering::SeqCst);
                    Ok(Observation::nothing_wrong())
                })
            })
            .collect();
        assert_eq!(run(tasks, 3, &Interrupt::never()).await.len(), 20);
        assert!(most.load(Ordering::SeqCst) <= 3);
    }
}
