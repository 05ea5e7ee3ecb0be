//! One attempt, and what is known after it.

use std::time::{Duration, Instant};

use super::{Context, Probe};
use crate::commands::smoke::blips::Streaks;
use crate::commands::smoke::control::ControlAnswer;
use crate::commands::smoke::sample::{Bad, Sample, Samples};
use crate::commands::smoke::server::Owner;
use crate::commands::smoke::timing::Timing;
use crate::model::{Finding, Reason};
use crate::world::http::Request;

/// How much of a body is searched for what is expected in it.
const BODY_SEARCHED: usize = 1 << 20;
/// How much of a body is read when nothing is expected of it.
const BODY_READ: usize = 64 << 10;
/// How much of a failure's description is told, in bytes: it may hold addresses that a server made up.
const DETAIL_SHOWN: usize = 1000;
/// How long the control's last word holds for attempts that leave no time to ask it.
const SIGN_HOLDS: Duration = Duration::from_secs(10);

/// What is known so far.
pub(super) struct ProbeProgress {
    pub samples: Samples,
    pub timing: Timing,
    pub streaks: Streaks,
    /// When the control failed last, and how.
    sign: Option<(Instant, String)>,
}

/// How a wait or an attempt ended.
pub(super) enum Step {
    Sampled(Sample),
    /// A server that should answer is gone.
    Gone(String),
    /// It was not a started server that answered.
    NotOurs(Finding),
}

impl Probe {
    /// `left` is the time in which it must have ended, the control's answer included.
    pub(super) async fn attempt(&self, left: Duration, course: &ProbeProgress, context: &Context<'_>) -> Step {
        let deadline = Instant::now() + left;
        let sampled = async {
            let mut sample = self.sample(self.timeout.min(left), context).await;
            if let Sample::Bad(bad) = &mut sample
                && bad.could_be_infra()
                && let Some(control) = context.control
            {
                // Half of it, so that the probe itself is asked again.
                let left = deadline.saturating_duration_since(Instant::now()) / 2;
                match control.ask(left).await {
                    ControlAnswer::Answers => {}
                    ControlAnswer::Fails(how) => bad.sign = Some(how),
                    ControlAnswer::NoTime => {
                        bad.sign = course.recent_sign();
                        bad.control_was_hurried = bad.sign.is_none();
                    }
                    ControlAnswer::Nothing(why) => bad.control_is_wrong = Some(why),
                }
            }
            sample
        };
        tokio::select! {
            biased;
            how = context.watched.ended() => Step::Gone(how),
            step = of_ours(sampled, context) => step,
        }
    }

    async fn sample(&self, timeout: Duration, context: &Context<'_>) -> Sample {
        let request = Request {
            url: &self.url,
            method: &self.method,
            headers: &self.headers,
            body: self.body.as_ref(),
            timeout,
            body_limit: if self.expected.reads_body() {
                BODY_SEARCHED
            } else {
                BODY_READ
            },
        };
        match context.http.send(request).await {
            Ok(answer) => {
                let secrets = &context.world.secrets;
                self.expected
                    .judge(answer, &self.url, self.settings.follow_redirects, secrets)
            }
            Err(failure) => Sample::Bad(Bad {
                cut_short: failure.out_of_time && timeout < self.timeout,
                first_expiry: failure.first_expiry,
                help: failure.help,
                ..Bad::new(
                    failure.reason,
                    context.world.secrets.shorten(failure.detail.as_str(), DETAIL_SHOWN),
                )
            }),
        }
    }
}

/// A sample, if it is a started server that answered, or none was started. Asked before and after, so that somebody else
/// who answers once and goes is seen, and one who is there already learns nothing from the request.
async fn of_ours(sampled: impl Future<Output = Sample>, context: &Context<'_>) -> Step {
    let Some(home) = context.home else {
        return Step::Sampled(sampled.await);
    };
    let before = home.owner().await;
    if let Owner::Another(finding) = before {
        return Step::NotOurs(finding);
    }
    let sample = sampled.await;
    if !sample.is_good() {
        return Step::Sampled(sample);
    }
    match (before, home.owner().await) {
        (_, Owner::Another(finding)) => Step::NotOurs(finding),
        (_, Owner::Nobody) => match context.watched.ends_soon().await {
            Some(how) => Step::Gone(how),
            None => Step::NotOurs(home.gone()),
        },
        // It just began to listen, or somebody else answered before it did: only another answer can tell.
        (Owner::Nobody | Owner::Changing, _) | (_, Owner::Changing) => Step::Sampled(Sample::Bad(Bad::new(
            Reason::Refused,
            "it answered while a process other than the started server was also listening".to_owned(),
        ))),
        _ => Step::Sampled(sample),
    }
}

impl ProbeProgress {
    /// `stretch` is how long one point of the line over time lasts at first.
    pub fn new(stretch: Duration) -> Self {
        Self {
            samples: Samples::default(),
            timing: Timing::new(stretch),
            streaks: Streaks::default(),
            sign: None,
        }
    }

    fn recent_sign(&self) -> Option<String> {
        let (when, sign) = self.sign.as_ref()?;
        (when.elapsed() < SIGN_HOLDS).then(|| sign.clone())
    }

    /// Returns the server's Retry-After.
    pub fn add(&mut self, sample: Sample) -> Option<Duration> {
        let at = self.samples.lasted();
        let retry_after = match &sample {
            Sample::Good(good) => {
                self.timing.add(at, Some(good.took));
                self.streaks.good();
                None
            }
            Sample::Bad(bad) => {
                if let Some(sign) = &bad.sign {
                    self.sign = Some((Instant::now(), sign.clone()));
                }
                self.timing.add(at, None);
                // What failed before the first good response is not a failure of what answers now.
                if self.samples.last_good().is_some() {
                    self.streaks.bad(bad);
                }
                bad.retry_after
            }
        };
        self.samples.add(sample);
        retry_after
    }
}

/// Which server ended during a wait, and how, in words.
pub(super) async fn pause_or_gone(wait: Duration, context: &Context<'_>) -> Option<String> {
    tokio::select! {
        biased;
        how = context.watched.ended() => Some(how),
        () = tokio::time::sleep(wait) => None,
    }
}
