//! Until the first good response.

use std::time::{Duration, Instant};

use super::attempt::{ProbeProgress, Step, pause_or_gone};
use super::findings::{self, next_step};
use super::{ASIDE, Context, Probe};
use crate::commands::smoke::control::ControlAnswer;
use crate::commands::smoke::sample::{Bad, Sample};
use crate::model::{Finding, Reason, TimeSpan, text};

/// With less time than this there is no waiting and asking once more: the wait takes half of it.
const LAST_WAIT: Duration = Duration::from_millis(200);
/// An attempt with less time than this says nothing.
const LAST_ATTEMPT: Duration = Duration::from_millis(100);

/// Statuses that waiting does not change: something forbids the request, or the route is gone for good.
const FINAL: [u16; 4] = [401, 403, 405, 410];
/// How often, and for how long, such an answer must come to be believed.
const CONFIRMED: (u32, Duration) = (3, Duration::from_secs(2));

/// The same final answer, attempt after attempt.
struct Settled {
    status: Option<u16>,
    since: Instant,
    count: u32,
}

impl Settled {
    /// The status, once it is believed. `None` is any other answer.
    fn by(&mut self, status: Option<u16>) -> Option<u16> {
        if status != self.status {
            *self = Self {
                status,
                since: Instant::now(),
                count: 0,
            };
        }
        self.count += 1;
        let (count, lasts) = CONFIRMED;
        self.status
            .filter(|_| self.count >= count && self.since.elapsed() >= lasts)
    }
}

impl Probe {
    fn is_final(&self, status: u16) -> bool {
        FINAL.contains(&status)
            && !self
                .retry_on_status
                .as_ref()
                .is_some_and(|retried| retried.contains(status))
    }

    /// Asks until the answer is right, the time is up, or the server that should answer is gone.
    pub(super) async fn until_right(&self, course: &mut ProbeProgress, context: &Context<'_>) -> Result<(), Finding> {
        let deadline = Instant::now() + self.within;
        let waiting = context.world.progress.waiting(&self.asked(), Some(deadline));
        let mut settled = Settled {
            status: None,
            since: Instant::now(),
            count: 0,
        };
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            // The wait may have taken longer than it should.
            if course.samples.count() > 0 && left < LAST_ATTEMPT {
                return Err(self.given_up(course, context, "").await);
            }
            let sample = match self.attempt(left, course, context).await {
                Step::Sampled(sample) => sample,
                Step::Gone(how) => return Err(self.gone(course, context, how)),
                Step::NotOurs(finding) => return Err(finding),
            };
            if course.samples.is_change(&sample) {
                let rest = match &sample {
                    Sample::Good(_) => String::new(),
                    Sample::Bad(_) => format!("; {} left", TimeSpan::measured(left)),
                };
                context.world.progress.say(&format!("{}: {sample}{rest}", self.asked()));
            }
            let good = sample.is_good();
            if let Sample::Bad(bad) = &sample {
                let attempts = text::count(course.samples.count() + 1, "attempt");
                let state = format!("{} ({attempts})", bad.detail);
                waiting.now(&state, Some(deadline));
            }
            let status = match &sample {
                Sample::Bad(bad) => bad.status,
                Sample::Good(_) => None,
            };
            let retry_after = course.add(sample);
            if good {
                return Ok(());
            }
            if let Some(status) = settled.by(status.filter(|status| self.is_final(*status))) {
                return Err(self.given_up(course, context, &findings::final_answer(status)).await);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left < LAST_WAIT {
                return Err(self.given_up(course, context, "").await);
            }
            let pause = self.interval.max(retry_after.unwrap_or_default());
            // When no interval and attempt are left, the rest is halved, so that the last attempt is near the end.
            let wait = if left > pause + LAST_ATTEMPT {
                pause
            } else if let Some(asked) = retry_after.filter(|asked| *asked + LAST_ATTEMPT >= left) {
                return Err(self.given_up(course, context, &findings::asked_to_wait(asked)).await);
            } else {
                left / 2
            };
            if let Some(how) = pause_or_gone(wait, context).await {
                return Err(self.gone(course, context, how));
            }
        }
    }

    /// The time is up. Whose fault it was is worth the control's whole time, if it had less before.
    async fn given_up(&self, course: &mut ProbeProgress, context: &Context<'_>, why: &str) -> Finding {
        if let Some(bad) = course.samples.last_failure_mut().filter(|bad| bad.control_was_hurried)
            && let Some(control) = context.control
            && let ControlAnswer::Fails(how) = control.ask(ASIDE).await
        {
            bad.sign = Some(how);
        }
        self.unhealthy(course, context, why)
    }

    fn unhealthy(&self, course: &ProbeProgress, context: &Context<'_>, why: &str) -> Finding {
        let Some(bad) = course.samples.last_failure() else {
            return Finding::error("no-sample", "no time was left for a single attempt");
        };
        let mut message = format!(
            "{}: {} ({} in {})",
            self.asked(),
            bad.detail,
            text::count(course.samples.count(), "attempt"),
            TimeSpan::measured(course.samples.lasted()),
        );
        message.push_str(why);
        if let Some(sign) = &bad.sign {
            message.push_str(&format!("; {sign}"));
        }
        Finding::error("unhealthy", message)
            .because(bad.class(), bad.reason)
            .help(next_step(bad.class(), bad.reason, Some(bad)))
            .excerpt(match bad.reason {
                // The server's own check shows them.
                Reason::ProcessExit => String::new(),
                _ => self.excerpt(Some(bad), context),
            })
    }

    pub(super) fn gone(&self, course: &mut ProbeProgress, context: &Context<'_>, how: String) -> Finding {
        course.add(Sample::Bad(Bad::new(Reason::ProcessExit, how)));
        self.unhealthy(course, context, "")
    }
}
