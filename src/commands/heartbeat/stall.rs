//! Whether a command does anything, from what is measured of it now and then.

use std::time::Duration;

use crate::world::wrap::Usage;

/// Work that is none: timers and collectors wake up in every large program, also in one that hangs, and a script that waits
/// in a loop starts a `sleep` each time. Clock ticks are 10 ms, so twice that is rounding.
const IDLE: Duration = Duration::from_millis(20);
/// And so much of the time that passed, as one in this many.
const IDLE_SHARE: u32 = 100;
/// Work is added up over so long: on a busy machine a command gets little of it at a time.
const WINDOW: Duration = Duration::from_secs(1);

/// One measurement.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    /// Since the attempt began.
    pub at: Duration,
    /// Bytes of output so far.
    pub bytes: u64,
    /// CPU time so far. `None` where the system does not tell: then only output counts.
    pub cpu: Option<Duration>,
}

/// What a measurement showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    None,
    /// It has done nothing for so long.
    Stalled(Duration),
    /// It does something again, after it had stalled at this time.
    Resumed {
        since: Duration,
    },
}

pub struct StallDetector {
    limit: Option<Duration>,
    /// Bytes at the last measurement.
    bytes: u64,
    /// Since when work is added up: the time, and the CPU time then.
    window: (Duration, Duration),
    /// When it last did something.
    active: Duration,
    stalled: bool,
    peak_kib: Option<u64>,
}

impl StallDetector {
    /// `limit` is how long it may do nothing.
    pub fn new(limit: Option<Duration>) -> Self {
        Self {
            limit,
            bytes: 0,
            window: (Duration::ZERO, Duration::ZERO),
            active: Duration::ZERO,
            stalled: false,
            peak_kib: None,
        }
    }

    pub fn measured(&mut self, sample: Sample) -> Change {
        let cpu = sample.cpu.unwrap_or_default();
        let window = sample.at.saturating_sub(self.window.0);
        let worked = cpu.saturating_sub(self.window.1);
        let active = sample.bytes > self.bytes || worked > IDLE + window / IDLE_SHARE;
        self.bytes = sample.bytes;
        if active || window >= WINDOW {
            self.window = (sample.at, cpu);
        }
        if active {
            let since = std::mem::replace(&mut self.active, sample.at);
            return match std::mem::take(&mut self.stalled) {
                true => Change::Resumed { since },
                false => Change::None,
            };
        }
        let idle = sample.at.saturating_sub(self.active);
        match self.limit {
            Some(limit) if idle >= limit && !self.stalled => {
                self.stalled = true;
                Change::Stalled(idle)
            }
            _ => Change::None,
        }
    }

    /// When it began to do nothing, if that is too long ago.
    pub fn stalled_since(&self) -> Option<Duration> {
        self.stalled.then_some(self.active)
    }

    pub fn remember_peak(&mut self, usage: &Usage) {
        self.peak_kib = self.peak_kib.max(Some(usage.rss_kib));
    }

    /// The most resident memory that was seen at once, KiB.
    pub fn peak_kib(&self) -> Option<u64> {
        self.peak_kib
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(seconds: u64, bytes: u64, cpu_ms: u64) -> Sample {
        Sample {
            at: Duration::from_secs(seconds),
            bytes,
            cpu: Some(Duration::from_millis(cpu_ms)),
        }
    }

    #[test]
    fn a_stall_is_told_once_and_again_after_activity() {
        let mut pulse = StallDetector::new(Some(Duration::from_secs(3)));
        let changes: Vec<Change> = [(1, 5), (2, 5), (4, 5), (5, 5), (6, 6), (7, 6), (9, 6)]
            .into_iter()
            .map(|(at, bytes)| pulse.measured(sample(at, bytes, 0)))
            .collect();
        let none = Change::None;
        let stalled = Change::Stalled(Duration::from_secs(3));
        let since = Duration::from_secs(1);
        assert_eq!(
            changes,
            [none, none, stalled, none, Change::Resumed { since }, none, stalled]
        );
        assert_eq!(pulse.stalled_since(), Some(Duration::from_secs(6)));
    }

    #[test]
    fn silent_work_is_no_stall_but_a_timer_is() {
        let stalls = |cpu_per_second: u64| {
            let mut pulse = StallDetector::new(Some(Duration::from_secs(5)));
            (1..20).any(|at| matches!(pulse.measured(sample(at, 0, at * cpu_per_second)), Change::Stalled(_)))
        };
        assert!(!stalls(500), "half of a core");
        assert!(!stalls(40));
        assert!(stalls(10), "a timer, or a loop around sleep");
        assert!(stalls(0));
    }

    /// On a busy machine: 10 ms of work in each 50 ms.
    #[test]
    fn work_is_added_up() {
        let mut pulse = StallDetector::new(Some(Duration::from_millis(400)));
        let stalled = (1..40).any(|n| {
            let sample = Sample {
                at: Duration::from_millis(n * 50),
                bytes: 0,
                cpu: Some(Duration::from_millis(n * 10)),
            };
            matches!(pulse.measured(sample), Change::Stalled(_))
        });
        assert!(!stalled);
    }

    #[test]
    fn where_cpu_time_is_not_told_only_output_counts() {
        let mut pulse = StallDetector::new(Some(Duration::from_secs(1)));
        let blind = Sample {
            at: Duration::from_secs(2),
            bytes: 0,
            cpu: None,
        };
        assert!(matches!(pulse.measured(blind), Change::Stalled(_)));
        assert!(
            matches!(StallDetector::new(None).measured(blind), Change::None),
            "nobody asked"
        );
    }
}
