//! Telling what happens to the command: each event once, to the log of records and to the console.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::model::heartbeat::{Event, Record};
use crate::model::{TimeSpan, Verbosity};
use crate::world::World;
use crate::world::secrets::Part;
use crate::world::wrap::{Live, Log, Process};

/// Processes that are listed at once; more than that nobody reads.
const LISTED: usize = 20;

pub struct EventLog<'a> {
    pub live: &'a Live,
    pub records: &'a Log,
    pub world: &'a World,
    pub label: &'a str,
    pub verbosity: Verbosity,
    /// Records since the attempt began.
    pub told: AtomicU64,
}

/// Which attempt, and how far it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Position {
    pub pid: u32,
    pub attempt: u32,
    pub elapsed: Duration,
}

impl EventLog<'_> {
    pub fn tell(&self, place: Position, mut event: Event) {
        if matches!(event, Event::Start { .. }) {
            self.told.store(0, Ordering::Relaxed);
        }
        let told = self.told.fetch_add(1, Ordering::Relaxed) + 1;
        if let Event::End(end) = &mut event {
            end.records = told;
        }
        let record = Record {
            time: self.world.clock.rfc3339(),
            label: self.label.to_owned(),
            pid: place.pid,
            attempt: place.attempt,
            elapsed_ms: millis(place.elapsed),
            event,
        };
        self.records.record(&record);
        let is_shown = match record.event {
            Event::Start { .. } | Event::Beat(_) => self.verbosity > Verbosity::Quiet,
            // The result follows, and says it all.
            Event::End(_) => self.verbosity == Verbosity::Verbose,
            Event::Stall { .. } | Event::Resumed | Event::Note { .. } => true,
        };
        if is_shown {
            self.live.say(&record.to_string());
        }
    }

    pub fn note(&self, place: Position, text: impl Into<String>) {
        self.tell(place, Event::Note { text: text.into() });
    }

    /// Who is there, one line each.
    pub fn list(&self, place: Position, processes: &[Process]) {
        for process in processes.iter().take(LISTED) {
            self.note(place, self.shown(process));
        }
        if processes.len() > LISTED {
            self.note(place, format!("and {} more processes", processes.len() - LISTED));
        }
    }

    /// A process in words, without secrets.
    pub fn shown(&self, process: &Process) -> String {
        let elapsed = TimeSpan::measured(process.elapsed);
        format!(
            "process {} (child of {}, state {}, for {elapsed}): {}",
            process.pid,
            process.parent,
            process.state,
            self.world
                .secrets
                .shorten(Part::beginning(process.command.as_bytes()), 200)
        )
    }
}

pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
