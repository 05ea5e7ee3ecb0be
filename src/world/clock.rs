//! What time it is.

use std::time::Duration;

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

/// `Instant` stands still on Linux while the machine sleeps; this one does not, as elsewhere.
#[cfg(target_os = "linux")]
const SINCE_BOOT: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const SINCE_BOOT: ClockId = ClockId::Monotonic;

/// How long the machine has been up. Goes on while this process is stopped and while the machine sleeps; nobody can set it.
pub fn since_boot() -> Duration {
    let now = clock_gettime(SINCE_BOOT);
    Duration::new(
        now.tv_sec.try_into().unwrap_or_default(),
        now.tv_nsec.try_into().unwrap_or_default(),
    )
}

/// The wall clock. A fixed one makes tests and reproducible bundles possible.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    fixed: Option<Timestamp>,
}

impl Clock {
    /// Stands still at so many seconds since 1970. `None` if that is no date.
    pub fn fixed(seconds: i64) -> Option<Self> {
        let at = Timestamp::from_second(seconds).ok()?;
        Some(Self { fixed: Some(at) })
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now(&self) -> Timestamp {
        self.fixed.unwrap_or_else(Timestamp::now)
    }

    /// RFC 3339, UTC, milliseconds: `2026-01-31T23:59:59.123Z`.
    pub fn rfc3339(&self) -> String {
        format!("{:.3}", self.now())
    }

    /// Yesterday in UTC.
    pub fn yesterday(&self) -> String {
        self.date_in(-1)
    }

    /// Today in UTC: `2026-01-31`.
    pub fn date(&self) -> String {
        self.date_in(0)
    }

    /// In so many days.
    pub fn date_in(&self, days: i64) -> String {
        let span = jiff::SignedDuration::from_hours(days.saturating_mul(24));
        let then = self.now().checked_add(span).unwrap_or(self.now());
        then.strftime("%Y-%m-%d").to_string()
    }
}
