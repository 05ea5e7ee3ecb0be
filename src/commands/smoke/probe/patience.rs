//! Until the first right answer.

use std::time::{Duration, Instant};

use super::attempt::{Course, Step, pause_or_gone};
use super::told::{self, next_step};
use super::{ASIDE, Means, Probe};
use crate::commands::smoke::sample::{Bad, Sample};
use crate::commands::smoke::signs::Told;
use crate::model::{Finding, Reason, TimeSpan, text};

/// With less time than this there is no waiting and asking once more: the wait takes half of it.
const LAST_WAIT: Duration = Duration::from_millis(200);
/// An attempt with less time than this says nothing.
const LAST_ATTEMPT: Duration = Duration::from_millis(100);

impl Probe {
    /// Asks until the answer is right, the time is up, or the server that should answer is gone.
    pub(super) async fn until_right(&self, course: &mut Course, means: &Means<'_>) -> Result<(), Finding> {
        let deadline = Instant::now() + self.within;
        let waiting = means.world.progress.waiting(&self.asked(), Some(deadline));
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            // The wait may have taken longer than it should.
            if course.samples.count() > 0 && left < LAST_ATTEMPT {
                return Err(self.given_up(course, means, None).await);
            }
            let sample = match self.attempt(left, course, means).await {
                Step::Sampled(sample) => sample,
                Step::Gone(how) => return Err(self.gone(course, means, how)),
                Step::NotOurs(finding) => return Err(finding),
            };
            if course.samples.is_change(&sample) {
                let rest = match &sample {
                    Sample::Good(_) => String::new(),
                    Sample::Bad(_) => format!("; {} left", TimeSpan::measured(left)),
                };
                means.world.progress.say(&format!("{}: {sample}{rest}", self.asked()));
            }
            let good = sample.is_good();
            if let Sample::Bad(bad) = &sample {
                let attempts = text::count(course.samples.count() + 1, "attempt");
                let state = format!("still waiting: {attempts}, last: {}", bad.detail);
                waiting.now(&state, Some(deadline));
            }
            let retry_after = course.add(sample);
            if good {
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left < LAST_WAIT {
                return Err(self.given_up(course, means, None).await);
            }
            let pause = self.interval.max(retry_after.unwrap_or_default());
            // When no interval and attempt are left, the rest is halved, so that the last attempt is near the end.
            let wait = if left > pause + LAST_ATTEMPT {
                pause
            } else if let Some(asked) = retry_after.filter(|asked| *asked + LAST_ATTEMPT >= left) {
                return Err(self.given_up(course, means, Some(asked)).await);
            } else {
                left / 2
            };
            if let Some(how) = pause_or_gone(wait, means).await {
                return Err(self.gone(course, means, how));
            }
        }
    }

    /// The time is up. Whose fault it was is worth the control's whole time, if it had less before.
    async fn given_up(&self, course: &mut Course, means: &Means<'_>, asked_to_wait: Option<Duration>) -> Finding {
        if let Some(bad) = course.samples.last_failure_mut().filter(|bad| bad.control_was_hurried)
            && let Some(control) = means.control
            && let Told::Fails(how) = control.ask(ASIDE).await
        {
            bad.sign = Some(how);
        }
        self.unhealthy(course, means, asked_to_wait)
    }

    fn unhealthy(&self, course: &Course, means: &Means<'_>, asked_to_wait: Option<Duration>) -> Finding {
        let Some(bad) = course.samples.last_failure() else {
            return Finding::error("no-sample", "there was no time for a single attempt");
        };
        let mut message = format!(
            "{}: {} ({} in {})",
            self.asked(),
            bad.detail,
            text::count(course.samples.count(), "attempt"),
            TimeSpan::measured(course.samples.lasted()),
        );
        if let Some(asked) = asked_to_wait {
            message.push_str(&told::asked_to_wait(asked));
        }
        if let Some(sign) = &bad.sign {
            message.push_str(&format!("; {sign}"));
        }
        Finding::error("unhealthy", message)
            .because(bad.class(), bad.reason)
            .help(next_step(bad.class(), bad.reason))
            .excerpt(self.excerpt(Some(bad), means))
    }

    pub(super) fn gone(&self, course: &mut Course, means: &Means<'_>, how: String) -> Finding {
        course.add(Sample::Bad(Bad::new(Reason::ProcessExit, how)));
        self.unhealthy(course, means, None)
    }
}
