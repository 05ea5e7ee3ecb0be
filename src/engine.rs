//! Runs checks: bounded, each with a deadline, results in the order given. A check that panics, hangs or is
//! interrupted becomes *errored*; the others still run, and nothing here can lose a result.

use std::borrow::Cow;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};

use crate::model::latency::Latency;
use crate::model::{Check, Ended, Fact, Finding, TimeSpan};
use crate::world::{Interrupt, panics};

/// What looking brought back.
pub type Looked = Result<Observed, Blind>;

/// It was looked up.
#[derive(Debug, Default)]
pub struct Observed {
    pub findings: Vec<Finding>,
    pub facts: Vec<Fact>,
    pub latency: Option<Latency>,
}

impl Observed {
    pub fn nothing_wrong() -> Self {
        Self::default()
    }

    pub fn found(finding: Finding) -> Self {
        Self {
            findings: vec![finding],
            ..Self::default()
        }
    }

    #[must_use]
    pub fn fact(mut self, name: &str, value: impl Into<String>) -> Self {
        self.facts.push(Fact::new(name, value));
        self
    }
}

/// It was not looked up, and why.
#[derive(Debug)]
pub enum Blind {
    /// On purpose.
    Skipped { reason: String },
    /// It could not be. Never green.
    Errored { cause: String, help: Option<String> },
}

impl Blind {
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

impl From<anyhow::Error> for Blind {
    fn from(error: anyhow::Error) -> Self {
        Self::errored(format!("{error:#}"))
    }
}

impl From<Blind> for Ended {
    fn from(blind: Blind) -> Self {
        match blind {
            Blind::Skipped { reason } => Self::Skipped { reason },
            Blind::Errored { cause, help } => Self::Errored { cause, help },
        }
    }
}

/// A claim and the way to look it up.
pub struct Task {
    id: String,
    stage: Cow<'static, str>,
    title: String,
    deadline: Duration,
    look: Pin<Box<dyn Future<Output = Looked> + Send>>,
}

impl Task {
    /// `deadline` is the last resort against a check that never comes back; a check that knows its own limits ends
    /// by itself before that.
    pub fn new(
        stage: impl Into<Cow<'static, str>>,
        id: impl Into<String>,
        title: impl Into<String>,
        deadline: Duration,
        look: impl Future<Output = Looked> + Send + 'static,
    ) -> Self {
        Self {
            id: id.into(),
            stage: stage.into(),
            title: title.into(),
            deadline,
            look: Box::pin(look),
        }
    }
}

/// Runs `tasks`, at most `at_once` at a time, and answers in their order.
pub async fn run(tasks: Vec<Task>, at_once: usize, interrupt: &Interrupt) -> Vec<Check> {
    let lanes = at_once.clamp(1, tasks.len().max(1));
    let mut checks: Vec<Option<Check>> = tasks.iter().map(|_| None).collect();
    // A few lanes that take one after the other wake fewer threads than one waiting task for each.
    let queue = Arc::new(Mutex::new(tasks.into_iter().enumerate()));
    let mut running = JoinSet::new();
    for _ in 0..lanes {
        let (queue, interrupt) = (Arc::clone(&queue), interrupt.clone());
        running.spawn(async move {
            let mut ended = Vec::new();
            loop {
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((index, task)) = next else { return ended };
                ended.push((index, run_one(task, &interrupt).await));
            }
        });
    }
    while let Some(lane) = running.join_next().await {
        // A lane only awaits; it cannot panic, and nobody aborts it.
        for (index, check) in lane.unwrap_or_default() {
            checks[index] = Some(check);
        }
    }
    checks.into_iter().flatten().collect()
}

async fn run_one(task: Task, interrupt: &Interrupt) -> Check {
    let started = Instant::now();
    let ended = if let Some(signal) = interrupt.received() {
        Err(interrupted(signal, "before it began"))
    } else {
        // On a thread of its own: one that never yields keeps no worker, and so neither the deadline nor a signal from
        // being noticed, however many of its kind there are.
        let (wanted, unwanted) = oneshot::channel::<Infallible>();
        let runtime = Handle::current();
        let look = task.look;
        let looking = tokio::task::spawn_blocking(move || {
            runtime.block_on(async {
                tokio::select! {
                    looked = look => looked,
                    _ = unwanted => Err(Blind::errored("it was given up")),
                }
            })
        });
        let ended = tokio::select! {
            biased;
            ended = looking => ended.unwrap_or_else(|error| Err(crashed(error))),
            signal = interrupt.wait() => Err(interrupted(signal, "before it ended")),
            () = tokio::time::sleep(task.deadline) => Err(Blind::with_help(
                format!("it did not end within its deadline of {}", TimeSpan(task.deadline)),
                "look at what it was waiting for; a check that has limits of its own ends before this",
            )),
        };
        // What still looks and yields is dropped.
        drop(wanted);
        ended
    };
    let (ended, facts, latency) = match ended {
        Ok(observed) => (Ended::Looked(observed.findings), observed.facts, observed.latency),
        Err(blind) => (blind.into(), Vec::new(), None),
    };
    Check {
        facts,
        latency,
        ..Check::new(&task.stage, task.id, task.title, ended, started.elapsed())
    }
}

fn interrupted(signal: &str, when: &str) -> Blind {
    Blind::errored(format!("interrupted by {signal} {when}"))
}

fn crashed(error: JoinError) -> Blind {
    Blind::with_help(
        panics::no_result(error),
        "this is a bug in stageproof: report it with the command and this line",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Counts, Status, Verdict};

    const SOON: Duration = Duration::from_millis(100);
    const LATE: Duration = Duration::from_secs(60);

    fn fine(id: &str) -> Task {
        Task::new("stage", id, id, LATE, async { Ok(Observed::nothing_wrong()) })
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
                Ok(Observed::nothing_wrong())
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
                Ok(Observed::nothing_wrong())
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
                    Ok(Observed::nothing_wrong())
                })
            })
            .collect();
        assert_eq!(run(tasks, 3, &Interrupt::never()).await.len(), 20);
        assert!(most.load(Ordering::SeqCst) <= 3);
    }
}
