//! Measuring now and then, and telling what it shows: beats, stalls.

use std::time::Duration;

use tokio::time::Instant;

use super::super::attempt::{Context, Limit};
use super::super::events::millis;
use super::super::stall::{Change, Sample};
use super::Watch;
use crate::model::TimeSpan;
use crate::model::heartbeat::{Beat, Event};
use crate::world::wrap::{Reading, Usage};

/// Measuring takes at most one part in so many of the time, however many processes there are.
const SAMPLE_SHARE: u32 = 50;

impl Watch {
    /// Measures, and tells what is to be told of it.
    pub(super) fn measure(&mut self, context: &Context<'_>, now: Instant) {
        let usage = self.wrapped.tree.usage();
        self.next_sample = now + self.sample_every.max(now.elapsed() * SAMPLE_SHARE);
        // Nobody is there any more, or not yet seen: that is no measurement.
        if let Some(usage) = usage.as_ref().filter(|usage| usage.processes > 0) {
            self.pulse.remember_peak(usage);
        }
        let reading = self.wrapped.streams.reading();
        let at = self.wrapped.elapsed();
        let change = self.pulse.measured(Sample {
            at,
            bytes: reading.bytes,
            cpu: usage.map(|usage| usage.cpu),
        });
        match change {
            Change::None => {}
            Change::Resumed { since } => {
                self.attempt.stalls.push((since, at));
                context.teller.tell(self.place(), Event::Resumed);
            }
            Change::Stalled(idle) => self.stalled(context, idle),
        }
        if now >= self.next_beat {
            self.beat(context, reading, usage);
            while self.next_beat <= now {
                self.next_beat += self.every;
            }
        }
    }

    fn beat(&mut self, context: &Context<'_>, reading: Reading, usage: Option<Usage>) {
        self.beats += 1;
        let before = std::mem::replace(&mut self.told_at_beat, reading);
        let beat = Beat {
            beat: self.beats,
            bytes: reading.bytes - before.bytes,
            lines: reading.lines - before.lines,
            cpu_ms: usage.map(|usage| millis(usage.cpu)),
            rss_kib: usage.filter(|usage| usage.processes > 0).map(|usage| usage.rss_kib),
            quiet_ms: millis(reading.quiet),
        };
        context.teller.tell(self.place(), Event::Beat(beat));
    }

    fn stalled(&mut self, context: &Context<'_>, idle: Duration) {
        let processes = self.wrapped.tree.processes();
        let event = Event::Stall {
            quiet_ms: millis(idle),
            processes: processes.len() as u64,
        };
        context.teller.tell(self.place(), event);
        context.teller.list(self.place(), &processes);
        if context.plan.stall_kill && self.leaving.is_none() {
            self.attempt.limit = Some(Limit::Stall);
            let grace = TimeSpan(context.plan.grace);
            context.teller.note(
                self.place(),
                format!("ended by --stall-kill: SIGTERM to everything, SIGKILL after {grace}"),
            );
            self.leave(context.plan.grace);
        }
    }
}
