//! One attempt: from the start of the command until nothing of it has to be waited for any more.

mod measure;
mod shutdown;
mod signals;

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::attempt::{Attempt, Context, KILLED, Limit};
use super::events::{Position, millis};
use super::stall::StallDetector;
use crate::model::TimeSpan;
use crate::model::heartbeat::{End, Event};
use crate::world::process::{Ending, StartError};
use crate::world::wrap::{Heard, Order, Process, Reading, Told, Wrapped, memory};

/// The longest time between SIGTERM and SIGKILL when somebody else asked: 2.5 s after its SIGTERM a runner kills.
const TOLD_AGAIN: Duration = Duration::from_millis(1500);
/// How often we look whether those that are to end have ended.
const TICK: Duration = Duration::from_millis(20);
/// Memory is measured so often, unless something needs it more often.
const SAMPLE: Duration = Duration::from_secs(1);

/// Starts the command and stays until it is over.
pub async fn run(context: &mut Context<'_>, number: u32) -> Result<Attempt, StartError> {
    let oom = memory::killed();
    let peak = memory::Peak::before();
    let order = Order {
        command: context.command,
        pty: context.plan.pty,
        folder: &context.plan.folder,
    };
    let world = context.teller.world;
    let wrapped = Wrapped::start(
        &order,
        &world.env,
        context.teller.live,
        &context.output,
        &context.reaper,
    )?;
    let mut watch = Watch::new(context, wrapped, number);
    let command = context.shown.to_owned();
    context.teller.tell(watch.place(), Event::Start { command });
    watch.until_over(context).await;
    let mut attempt = watch.finish(context);
    attempt.peak_kib = attempt.peak_kib.max(peak.since());
    if attempt.exit_code() == KILLED && !attempt.killed {
        let killed = memory::killed().zip(oom);
        attempt.out_of_memory = killed.map(|(after, before)| after.saturating_sub(before));
    }
    let end = End {
        exit: attempt.exit_code(),
        signal: attempt.ending.and_then(Ending::signal),
        bytes: attempt.reading.bytes,
        lines: attempt.reading.lines,
        cpu_ms: attempt.cpu.map(millis),
        peak_kib: attempt.peak_kib,
        // Whoever writes them counts them.
        records: 0,
    };
    let place = Position {
        pid: attempt.pid,
        attempt: number,
        elapsed: attempt.took,
    };
    context.teller.tell(place, Event::End(end));
    Ok(attempt)
}

/// Waits before the next attempt, unless we are told to end.
pub async fn wait(context: &mut Context<'_>, time: Duration) -> Option<Told> {
    let until = Instant::now() + time;
    loop {
        tokio::select! {
            biased;
            heard = context.signals.next() => {
                if let Heard::Told(told) = heard {
                    return Some(told);
                }
            }
            () = sleep_until(until) => return None,
        }
    }
}

/// Being on the way out: what was told to end is killed at `kill_at`.
#[derive(Clone, Copy, Debug)]
struct Shutdown {
    kill_at: Instant,
    /// Since when SIGKILL is sent.
    killed: Option<Instant>,
}

struct Watch {
    wrapped: Wrapped,
    number: u32,
    pulse: StallDetector,
    attempt: Attempt,
    every: Duration,
    sample_every: Duration,
    next_beat: Instant,
    next_sample: Instant,
    beats: u64,
    /// What was told at the last beat.
    told_at_beat: Reading,
    deadline: Option<Instant>,
    /// A signal that is held back, and until when.
    held: Option<(Told, Instant)>,
    /// A signal was passed on, and this is how long the command has for it.
    passed_on: Option<Instant>,
    leaving: Option<Shutdown>,
    /// When the command itself ended.
    ended_at: Option<Instant>,
}

impl Watch {
    fn new(context: &Context<'_>, wrapped: Wrapped, number: u32) -> Self {
        let started = Instant::from_std(wrapped.started);
        let plan = context.plan;
        let stall = plan.stall_after.map_or(SAMPLE, |limit| limit / 4);
        let sample_every = SAMPLE.min(stall).min(plan.every).max(Duration::from_millis(10));
        Self {
            attempt: Attempt {
                pid: wrapped.pid,
                ..Attempt::default()
            },
            number,
            pulse: StallDetector::new(plan.stall_after),
            every: plan.every,
            sample_every,
            next_beat: started + plan.every,
            next_sample: started + sample_every,
            beats: 0,
            told_at_beat: Reading::default(),
            deadline: plan.timeout.map(|limit| started + limit),
            held: None,
            passed_on: None,
            leaving: None,
            ended_at: None,
            wrapped,
        }
    }

    fn place(&self) -> Position {
        Position {
            pid: self.wrapped.pid,
            attempt: self.number,
            elapsed: self.wrapped.elapsed(),
        }
    }

    async fn until_over(&mut self, context: &mut Context<'_>) {
        while !self.is_over(context) {
            let wake = self.next_wake();
            let child = self.wrapped.child;
            let running = self.ended_at.is_none();
            let streams_open = !self.wrapped.streams.has_ended();
            tokio::select! {
                ending = context.reaper.ended(child), if running => self.command_ended(ending),
                heard = context.signals.next() => match heard {
                    Heard::Told(told) => self.told(context, told),
                    Heard::Resized => self.wrapped.resize(&context.teller.world.env),
                },
                () = self.wrapped.streams.ended(), if streams_open => {}
                () = sleep_until(wake) => {}
            }
            self.on_time(context);
        }
    }

    fn next_wake(&self) -> Instant {
        let now = Instant::now();
        // What is over is not looked at any more, or its time, which is past, would wake us again and again.
        let running = self.ended_at.is_none();
        let undisturbed = running && self.leaving.is_none();
        let times = [
            running.then_some(self.next_beat),
            running.then_some(self.next_sample),
            self.deadline.filter(|_| undisturbed),
            self.held.map(|(_, until)| until).filter(|_| undisturbed),
            self.passed_on.filter(|_| undisturbed),
            (!undisturbed).then(|| now + TICK),
        ];
        times.into_iter().flatten().min().unwrap_or(now + self.every)
    }

    fn command_ended(&mut self, ending: Ending) {
        self.attempt.ending = Some(ending);
        self.attempt.took = self.wrapped.elapsed();
        self.ended_at = Some(Instant::now());
        self.wrapped.has_ended();
    }

    fn on_time(&mut self, context: &Context<'_>) {
        let now = Instant::now();
        if let Some(leaving) = self.leaving {
            self.press(context, leaving, now);
        } else if self.ended_at.is_none() {
            self.keep_limits(context, now);
        }
        if self.ended_at.is_none() && (now >= self.next_beat || now >= self.next_sample) {
            self.measure(context, now);
        }
    }

    fn keep_limits(&mut self, context: &Context<'_>, now: Instant) {
        if let Some((told, until)) = self.held
            && now >= until
        {
            let grace = TimeSpan(context.plan.critical.unwrap_or_default());
            let name = told.name();
            context.teller.note(
                self.place(),
                format!("{name} was held back for {grace}, passing it on now"),
            );
            self.pass_on(context, told);
        }
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            self.attempt.limit = Some(Limit::Time);
            let limit = TimeSpan(context.plan.timeout.unwrap_or_default());
            let grace = TimeSpan(context.plan.grace);
            context.teller.note(
                self.place(),
                format!("timed out after {limit}: SIGTERM to everything, SIGKILL after {grace}"),
            );
            self.leave(context.plan.grace);
        } else if self.passed_on.is_some_and(|until| now >= until) {
            context
                .teller
                .note(self.place(), "it did not end after the signal: SIGTERM to everything");
            self.leave(context.plan.grace.min(self.pressed()));
        }
    }

    fn finish(mut self, context: &Context<'_>) -> Attempt {
        if !self.wrapped.streams.has_ended() {
            self.attempt.cut = true;
            self.wrapped.streams.cut();
            let why = match self.ended_at {
                Some(_) => "the command has ended, but another process still holds its output open: reading stops here",
                None => "reading of its output stops here",
            };
            context.teller.note(self.place(), why);
        }
        if self.leaving.is_none() && self.wrapped.tree.has_orphans() {
            let left: Vec<Process> = self.wrapped.tree.processes();
            self.attempt.left_behind = left.iter().map(|process| context.teller.shown(process)).collect();
            if !left.is_empty() {
                context.teller.note(self.place(), "the command left processes behind:");
                context.teller.list(self.place(), &left);
            }
        }
        if let Some(since) = self.pulse.stalled_since() {
            self.attempt.stalls.push((since, self.wrapped.elapsed()));
        }
        self.wrapped.tree.release();
        self.attempt.reading = self.wrapped.streams.reading();
        self.attempt.failure = self.wrapped.streams.failure();
        self.attempt.cpu = self.wrapped.tree.cpu_of_the_dead();
        self.attempt.peak_kib = self.pulse.peak_kib();
        if self.ended_at.is_none() {
            self.attempt.took = self.wrapped.elapsed();
        }
        self.attempt
    }
}
