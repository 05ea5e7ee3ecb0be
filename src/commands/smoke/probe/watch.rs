//! After the first good response: whether it stays right.

use std::time::{Duration, Instant};

use super::attempt::{ProbeProgress, Step, pause_or_gone};
use super::findings::next_step;
use super::{ASIDE, Context, Probe};
use crate::commands::smoke::sample::Sample;
use crate::commands::smoke::window::{Goal, Run, State, Window};
use crate::engine::NotChecked;
use crate::model::{Class, Finding, Reason, TimeSpan, text};
use crate::world::clock;

/// When the last sample was, by a clock that goes on while this process is stopped and while the machine sleeps.
struct Lookout {
    last: Duration,
}

impl Lookout {
    fn look(&mut self, window: &mut Window) {
        let now = clock::since_boot();
        window.gap(now.saturating_sub(self.last));
        self.last = now;
    }

    /// An attempt looks for as long as it lasts, provided that this process runs.
    async fn during<F: Future>(&mut self, window: &mut Window, often: Duration, attempt: F) -> F::Output {
        let mut attempt = std::pin::pin!(attempt);
        loop {
            let ended = tokio::select! {
                biased;
                ended = &mut attempt => Some(ended),
                () = tokio::time::sleep(often) => None,
            };
            self.look(window);
            if let Some(ended) = ended {
                return ended;
            }
        }
    }
}

impl Probe {
    /// Whether it stays right.
    pub(super) async fn watch(
        &self,
        mut window: Window,
        course: &mut ProbeProgress,
        context: &Context<'_>,
    ) -> Result<Vec<Finding>, NotChecked> {
        let Some((goal, limits)) = self.window else {
            return Ok(Vec::new());
        };
        let began = Instant::now();
        let mut until = began + goal.lasts();
        let progress = &context.world.progress;
        progress.say(&format!("{}: right; now it is {goal}", self.asked()));
        let watching = progress.waiting(&format!("{}: {goal}", self.asked()), Some(until));
        let mut lookout = Lookout {
            last: clock::since_boot(),
        };
        let mut asked_to_wait: Option<Duration> = None;
        course.samples.mark();
        while window.state() == State::Open {
            let past = began.elapsed();
            let end = match goal {
                Goal::Steady(_) => limits.deadline,
                Goal::Watch(span) => span,
            };
            if past >= end.saturating_add(self.within) {
                // Failures to the end, and limits that would allow many more of them.
                lookout.look(&mut window);
                window.finish();
                break;
            }
            let wait_now = match (asked_to_wait, goal.lasts().saturating_sub(past)) {
                // A server that could send us away would choose what is seen of it.
                (Some(asked), _) => asked.min(limits.longest_gap * 3 / 4).max(self.interval),
                (None, Duration::ZERO) => self.interval,
                // The last sample is taken at the end, and not an interval after it.
                (None, left) => self.interval.min(left),
            };
            if let Some(how) = pause_or_gone(wait_now, context).await {
                return Ok(vec![self.gone(course, context, how)]);
            }
            lookout.look(&mut window);
            let attempt = self.attempt(self.timeout + ASIDE, course, context);
            let sample = match lookout.during(&mut window, limits.longest_gap / 4, attempt).await {
                Step::Sampled(sample) => sample,
                Step::Gone(how) => return Ok(vec![self.gone(course, context, how)]),
                Step::NotOurs(finding) => return Ok(vec![finding]),
            };
            if course.samples.is_change(&sample) {
                progress.say(&format!("{}: {sample}", self.asked()));
            }
            window.add(Run::one(sample.kind(), began.elapsed()));
            if let (Goal::Steady(span), Sample::Bad(_)) = (goal, &sample) {
                // It begins anew.
                until = Instant::now() + span;
            }
            let attempts = text::count(usize::try_from(window.samples()).unwrap_or(usize::MAX), "attempt");
            watching.now(&format!("{attempts}, {} failed", window.failed()), Some(until));
            asked_to_wait = course.add(sample);
        }
        course.streaks.finish();
        match window.state() {
            State::Unwatched(gap) => Err(self.unwatched(gap, &window, context)),
            _ => Ok(self.judge(&window, course, context)),
        }
    }

    /// What was not seen is neither right nor wrong.
    fn unwatched(&self, gap: Duration, window: &Window, context: &Context<'_>) -> NotChecked {
        let until = context.world.clock.now();
        let from = until.checked_sub(gap).unwrap_or(until);
        let seen = match (window.samples(), window.failed()) {
            (0, _) => "no sample before".to_owned(),
            (samples, failed) => format!("{failed} of {samples} samples before failed"),
        };
        NotChecked::with_help(
            format!(
                "{}: no sample for {}, between {from:.1} and {until:.1} ({seen}): stageproof or the machine was \
                 stalled",
                self.asked(),
                TimeSpan::measured(gap),
            ),
            "run it again; if this happens often, the machine is overloaded: a longer --interval allows longer gaps",
        )
    }

    fn judge(&self, window: &Window, course: &ProbeProgress, context: &Context<'_>) -> Vec<Finding> {
        let failed = window.failed();
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
                let message = format!(
                    "{}: good at first, then {} ({of}{detail})",
                    self.asked(),
                    window.explain(why)
                );
                let whose = if failed == 0 { Class::App } else { whose };
                vec![
                    Finding::error("degraded", message)
                        .because(whose, reason)
                        .help(next_step(whose, reason, last))
                        .excerpt(self.excerpt(last, context)),
                ]
            }
            State::Unwatched(_) | State::Open | State::Good if failed > 0 => {
                let reason = last.map_or(Reason::Timeout, |bad| bad.reason);
                vec![
                    Finding::warning(
                        "not-always",
                        format!("{}: {}, within the limits, but {of}", self.asked(), window.goal()),
                    )
                    .because(whose, reason)
                    .help("check what was slow or down at that moment; see --max-failures and the related limits"),
                ]
            }
            State::Unwatched(_) | State::Open | State::Good => Vec::new(),
        }
    }
}
