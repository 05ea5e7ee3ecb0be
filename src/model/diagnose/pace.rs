//! Whether a step still went on when its time was up.

use std::fmt;
use std::time::Duration;

use crate::model::TimeSpan;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// It printed nothing for so many seconds.
    Silent(u32),
    /// It printed the same again and again for so many seconds.
    Repeats(u32),
    GoesOn,
}

impl Pace {
    /// It would not have ended with more time.
    pub fn hangs(self) -> bool {
        self != Self::GoesOn
    }
}

/// What the step did until its end.
impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = |seconds: u32| TimeSpan::measured(Duration::from_secs(seconds.into()));
        match self {
            Self::Silent(seconds) => write!(f, "printed nothing for the last {}", span(*seconds)),
            Self::Repeats(seconds) => write!(f, "printed nothing new for the last {}", span(*seconds)),
            Self::GoesOn => f.write_str("still printed progress until the end"),
        }
    }
}
