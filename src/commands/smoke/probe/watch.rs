//! After the first right answer: whether it stays right.

use std::time::{Duration, Instant};

use super::attempt::{Course, Step, pause_or_gone};
use super::told::{left_alone_for, next_step, whole_seconds};
use super::{ASIDE, Means, Probe};
use crate::commands::smoke::window::{Goal, Run, State, Window};
use crate::model::{Class, Finding, Reason, TimeSpan, text};

/// How often a watch without news says that it goes on.
const NEWS: Duration = Duration::from_secs(60);

impl Probe {
    /// Whether it stays right.
    pub(super) async fn watch(&self, mut window: Window, course: &mut Course, means: &Means<'_>) -> Vec<Finding> {
        let Some((goal, limits)) = self.window else {
            return Vec::new();
        };
        let began = Instant::now();
        let mut told = began;
        let progress = &means.world.progress;
        progress.say(&format!("{}: right; now it is {goal}", self.asked()));
        let mut asked_to_wait: Option<Duration> = None;
        let mut left_alone = None;
        course.samples.mark();
        while window.state() == State::Open {
            let past = began.elapsed();
            let end = match goal {
                Goal::Steady(_) => limits.deadline,
                Goal::Watch(span) => span,
            };
            if past >= end.saturating_add(self.within) {
                // Failures to the end, and limits that would allow many more of them.
                window.finish();
                break;
            }
            let most = end.saturating_sub(past).max(self.longest_pause());
            if let Some(asked) = asked_to_wait.filter(|asked| *asked > most) {
                // For longer than the window lasts.
                window.finish();
                left_alone = Some(asked);
                break;
            }
            let wait_now = match (asked_to_wait, goal.lasts().saturating_sub(past)) {
                (Some(asked), _) => asked.max(self.interval),
                (None, Duration::ZERO) => self.interval,
                // The last sample is taken at the end, and not an interval after it.
                (None, left) => self.interval.min(left),
            };
            if let Some(how) = pause_or_gone(wait_now, means).await {
                return vec![self.gone(course, means, how)];
            }
            let sample = match self.attempt(self.timeout + ASIDE, course, means).await {
                Step::Sampled(sample) => sample,
                Step::Gone(how) => return vec![self.gone(course, means, how)],
                Step::NotOurs(finding) => return vec![finding],
            };
            if course.samples.is_change(&sample) {
                progress.say(&format!("{}: {sample}", self.asked()));
            } else if told.elapsed() >= NEWS {
                told = Instant::now();
                progress.say(&format!(
                    "{}: {} of {}, {} failed",
                    self.asked(),
                    TimeSpan(whole_seconds(began.elapsed())),
                    TimeSpan(goal.lasts()),
                    window.tolerated(),
                ));
            }
            window.add(Run::one(sample.kind(), began.elapsed()));
            asked_to_wait = course.add(sample);
        }
        course.streaks.finish();
        self.judge(&window, left_alone, course, means)
    }

    fn judge(&self, window: &Window, left_alone: Option<Duration>, course: &Course, means: &Means<'_>) -> Vec<Finding> {
        let failed = window.tolerated();
        let of = format!(
            "{failed} of {} failed: {}",
            text::count(usize::try_from(window.samples()).unwrap_or(usize::MAX), "sample"),
            course.samples.tally_since_mark()
        );
        let whose = if course.streaks.app == 0 {
            Class::Infra
        } else {
            Class::App
        };
        let last = course.samples.last_failure();
        match window.state() {
            State::Degraded(why) => {
                let reason = last.map_or(Reason::Timeout, |bad| bad.reason);
                let detail = last
                    .map(|bad| format!("; last {bad}", bad = bad.detail))
                    .unwrap_or_default();
                let mut message = format!(
                    "{}: right at first, then {} ({of}{detail})",
                    self.asked(),
                    window.explain(why)
                );
                if let Some(asked) = left_alone {
                    message.push_str(&left_alone_for(asked));
                }
                let whose = if failed == 0 { Class::App } else { whose };
                vec![
                    Finding::error("degraded", message)
                        .because(whose, reason)
                        .help(next_step(whose, reason))
                        .excerpt(self.excerpt(last, means)),
                ]
            }
            State::Open | State::Good if failed > 0 => {
                let reason = last.map_or(Reason::Timeout, |bad| bad.reason);
                vec![
                    Finding::warning(
                        "not-always",
                        format!("{}: {}, within the limits, but {of}", self.asked(), window.goal()),
                    )
                    .because(whose, reason)
                    .help("look at what was slow or away at that moment; the limits are --max-failures and its kin"),
                ]
            }
            State::Open | State::Good => Vec::new(),
        }
    }
}
