//! One URL: asked until it is right, and then, if wanted, watched whether it stays right.

use std::sync::Arc;
use std::time::{Duration, Instant};

use url::Url;

use super::expect::{self, Expected, LatencyLimit};
use super::other_family::{self, Asked};
use super::sample::{Bad, Sample, Samples};
use super::server::Watched;
use super::signs::{Control, Streaks, Told};
use super::timing::{Statistic, Timing, milliseconds};
use super::window::{Goal, Limits, Run, State, Window};
use crate::engine::{Looked, Observed};
use crate::model::{Class, Fact, Finding, Reason, TimeSpan, text};
use crate::world::World;
use crate::world::http::{Header, Http, Method, Request, Settings};

/// With less time than this there is no waiting and asking once more: the wait takes half of it.
const LAST_WAIT: Duration = Duration::from_millis(200);
/// An attempt with less time than this says nothing.
const LAST_ATTEMPT: Duration = Duration::from_millis(100);
/// How much of a body is searched for what is expected in it.
const BODY_SEARCHED: usize = 1 << 20;
/// How much of a body is read when nothing is expected of it.
const BODY_READ: usize = 64 << 10;
/// How much of a failure's description is told, in bytes: it may hold addresses that a server made up.
const DETAIL_SHOWN: usize = 1000;
/// What an attempt may take besides its own time, as the control is asked as well.
const ASIDE: Duration = Duration::from_secs(4);
/// How often a watch without news says that it goes on.
const NEWS: Duration = Duration::from_secs(60);
/// The engine's deadline is the last resort; the probe ends by its own limits before.
const SLACK: Duration = Duration::from_secs(30);

/// What is asked, how, and what is expected.
#[derive(Clone)]
pub struct Probe {
    pub name: Option<String>,
    /// The part of the flow it belongs to.
    pub stage: String,
    pub url: Url,
    pub method: Method,
    pub headers: Vec<Header>,
    pub body: Option<Arc<[u8]>>,
    pub settings: Settings,
    pub expected: Expected,
    pub slow: Slow,
    /// The certificate must be valid for at least this many days more.
    pub min_certificate_days: Option<u32>,
    /// In which it must become right.
    pub within: Duration,
    pub interval: Duration,
    pub timeout: Duration,
    pub window: Option<(Goal, Limits)>,
    pub control: Option<Url>,
}

/// When right answers come too late.
#[derive(Clone, Debug, Default)]
pub struct Slow {
    pub warn: Vec<LatencyLimit>,
    pub fail: Vec<LatencyLimit>,
}

/// What a probe looks with.
pub struct Means<'a> {
    pub http: &'a Http,
    pub control: Option<&'a Control>,
    pub watched: &'a Watched,
    pub world: &'a World,
}

/// What is known so far.
struct Course {
    samples: Samples,
    timing: Timing,
    streaks: Streaks,
}

/// How a wait or an attempt ended.
enum Step {
    Sampled(Sample),
    /// A server that should answer is gone.
    Gone(String),
}

impl Probe {
    /// Stable from run to run, as waivers name it.
    pub fn id(&self) -> String {
        match &self.name {
            Some(name) => format!("smoke:{name}"),
            None => format!("smoke:{}", self.url),
        }
    }

    pub fn title(&self) -> String {
        let name = self.name.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
        let then = match self.window {
            Some((goal, _)) => format!(", {goal}"),
            None => String::new(),
        };
        format!("{name}{} answers {}{then}", self.asked(), self.expected.statuses)
    }

    fn asked(&self) -> String {
        format!("{} {}", self.method, self.url)
    }

    /// By when it has ended by its own limits.
    pub fn deadline(&self) -> Duration {
        let window = self.window.map_or(Duration::ZERO, |(goal, limits)| {
            let last = u32::try_from(limits.failures.saturating_add(limits.transport_errors)).unwrap_or(u32::MAX);
            let lasts = match goal {
                Goal::Steady(_) => limits.deadline,
                Goal::Watch(span) => span,
            };
            lasts.saturating_add((self.longest_pause() + self.timeout + ASIDE).saturating_mul(last))
        });
        self.within.saturating_add(window).saturating_add(SLACK)
    }

    /// How long a server may ask to be left alone at the end of a window, where one more answer decides.
    fn longest_pause(&self) -> Duration {
        self.interval.saturating_add(self.timeout)
    }

    pub async fn look(&self, means: &Means<'_>) -> Looked {
        let mut course = Course {
            samples: Samples::default(),
            timing: Timing::new(self.interval),
            streaks: Streaks::default(),
        };
        let mut findings = Vec::new();
        match self.until_right(&mut course, means).await {
            Err(finding) => findings.push(finding),
            Ok(()) => {
                if let Some((goal, limits)) = self.window {
                    findings.extend(self.watch(Window::new(goal, limits), &mut course, means).await);
                }
                findings.extend(self.slow(&course.timing));
                findings.extend(self.certificate(&course.samples, means.world));
            }
        }
        if let (Some(control), Some(why)) = (means.control, course.samples.control_is_wrong()) {
            findings.push(
                Finding::warning(
                    "control-useless",
                    format!(
                        "the control {} tells nothing about whose fault it is: {why}",
                        control.url
                    ),
                )
                .help("name one that answers at once when all is well: another application on the same platform"),
            );
        }
        let redirected = course.samples.last_good().and_then(|good| good.moved_to.as_ref());
        let mut asked = [Some(&self.url), redirected].into_iter().flatten();
        if let Some(url) = asked.find(|url| self.settings.insecure && url.scheme() == "https") {
            findings.push(
                Finding::warning("not-verified", format!("the certificate of {url} was not verified"))
                    .help("drop --insecure, and name a private authority with --ca-file"),
            );
        }
        let mut facts = self.facts(&course, means.world);
        if course.samples.last_good().is_some() {
            let asked = Asked {
                url: &self.url,
                method: &self.method,
                headers: &self.headers,
                settings: &self.settings,
            };
            facts.extend(other_family::look(&asked, means.http, means.world).await);
        }
        Ok(Observed {
            findings,
            facts,
            latency: course.timing.latency(),
        })
    }

    /// Asks until the answer is right, the time is up, or the server that should answer is gone.
    async fn until_right(&self, course: &mut Course, means: &Means<'_>) -> Result<(), Finding> {
        let deadline = Instant::now() + self.within;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            // The wait may have taken longer than it should.
            if course.samples.count() > 0 && left < LAST_ATTEMPT {
                return Err(self.unhealthy(course, means, None));
            }
            let sample = match self.attempt(self.timeout.min(left), means).await {
                Step::Sampled(sample) => sample,
                Step::Gone(how) => return Err(self.gone(course, means, how)),
            };
            if course.samples.is_change(&sample) {
                let rest = match &sample {
                    Sample::Good(_) => String::new(),
                    Sample::Bad(_) => format!("; {} left", TimeSpan(whole_seconds(left))),
                };
                means.world.progress.say(&format!("{}: {sample}{rest}", self.asked()));
            }
            let good = sample.is_good();
            let retry_after = course.add(sample);
            if good {
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left < LAST_WAIT {
                return Err(self.unhealthy(course, means, None));
            }
            let pause = self.interval.max(retry_after.unwrap_or_default());
            // When no interval and attempt are left, the rest is halved, so that the last attempt is near the end.
            let wait = if left > pause + LAST_ATTEMPT {
                pause
            } else if let Some(asked) = retry_after.filter(|asked| *asked + LAST_ATTEMPT >= left) {
                return Err(self.unhealthy(course, means, Some(asked)));
            } else {
                left / 2
            };
            if let Some(how) = pause_or_gone(wait, means).await {
                return Err(self.gone(course, means, how));
            }
        }
    }

    /// Whether it stays right.
    async fn watch(&self, mut window: Window, course: &mut Course, means: &Means<'_>) -> Vec<Finding> {
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
            let sample = match self.attempt(self.timeout, means).await {
                Step::Sampled(sample) => sample,
                Step::Gone(how) => return vec![self.gone(course, means, how)],
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

    async fn attempt(&self, timeout: Duration, means: &Means<'_>) -> Step {
        let sampled = async {
            let mut sample = self.sample(timeout, means).await;
            if let Sample::Bad(bad) = &mut sample
                && bad.could_be_infra()
                && let Some(control) = means.control
            {
                match control.ask().await {
                    Told::Answers => {}
                    Told::Fails(how) => bad.sign = Some(how),
                    Told::Nothing(why) => bad.control_is_wrong = Some(why),
                }
            }
            sample
        };
        tokio::select! {
            biased;
            how = means.watched.ended() => Step::Gone(how),
            sample = sampled => Step::Sampled(sample),
        }
    }

    async fn sample(&self, timeout: Duration, means: &Means<'_>) -> Sample {
        let request = Request {
            url: &self.url,
            method: &self.method,
            headers: &self.headers,
            body: self.body.as_deref(),
            timeout,
            body_limit: if self.expected.reads_body() {
                BODY_SEARCHED
            } else {
                BODY_READ
            },
        };
        match means.http.send(request).await {
            Ok(answer) => self.expected.judge(answer, &self.url, self.settings.follow_redirects),
            Err(failure) => Sample::Bad(Bad {
                cut_short: failure.out_of_time && timeout < self.timeout,
                ..Bad::new(failure.reason, text::cut(&failure.detail, DETAIL_SHOWN))
            }),
        }
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
            TimeSpan(whole_seconds(course.samples.lasted())),
        );
        if let Some(asked) = asked_to_wait {
            message.push_str(&left_alone_for(asked));
        }
        if let Some(sign) = &bad.sign {
            message.push_str(&format!("; {sign}"));
        }
        Finding::error("unhealthy", message)
            .because(bad.class(), bad.reason)
            .help(next_step(bad.class(), bad.reason))
            .excerpt(self.excerpt(Some(bad), means))
    }

    fn gone(&self, course: &mut Course, means: &Means<'_>, how: String) -> Finding {
        course.add(Sample::Bad(Bad::new(Reason::ProcessExit, how)));
        self.unhealthy(course, means, None)
    }

    /// What others wrote about it: the answer, and the servers' logs.
    fn excerpt(&self, bad: Option<&Bad>, means: &Means<'_>) -> String {
        let answer = bad.map(|bad| bad.excerpt.clone()).filter(|text| !text.is_empty());
        let logs = means.watched.last_lines();
        answer.into_iter().chain(logs).collect::<Vec<_>>().join("\n")
    }

    fn slow(&self, timing: &Timing) -> Vec<Finding> {
        let wrong = |limits: &[LatencyLimit]| -> Vec<String> {
            limits.iter().filter_map(|limit| limit.check(timing).err()).collect()
        };
        let finding = |finding: Finding| {
            finding
                .because(Class::App, Reason::Latency)
                .help(expect::next_step(Reason::Latency))
        };
        let failed = wrong(&self.slow.fail);
        if !failed.is_empty() {
            let message = format!("{}: {}", self.asked(), failed.join("; "));
            return vec![finding(Finding::error("too-slow", message))];
        }
        let warned = wrong(&self.slow.warn);
        if warned.is_empty() {
            return Vec::new();
        }
        let message = format!("{}: {}", self.asked(), warned.join("; "));
        vec![finding(Finding::warning("slow", message))]
    }

    fn certificate(&self, samples: &Samples, world: &World) -> Option<Finding> {
        let least = self.min_certificate_days?;
        let message = match days_left(samples, world) {
            Some(days) if days >= i64::from(least) => return None,
            Some(days) => format!(
                "{}: the certificate is valid for {} more, at least {least} are expected",
                self.url,
                text::count(usize::try_from(days.max(0)).unwrap_or(0), "day")
            ),
            None => format!("{}: there is no certificate, so it has no days left", self.url),
        };
        Some(
            Finding::error("certificate-expires", message)
                .because(Class::App, Reason::Tls)
                .help("renew the certificate, and see why nothing did so by itself"),
        )
    }

    fn facts(&self, course: &Course, world: &World) -> Vec<Fact> {
        let samples = &course.samples;
        let mut facts = Vec::new();
        if let Some(good) = samples.last_good() {
            facts.push(Fact::new(
                "answer",
                format!("{} in {}, {}", good.status, milliseconds(good.took), good.version),
            ));
            let phases = &good.phases;
            let known = [("dns", phases.dns), ("connect", phases.connect), ("tls", phases.tls)];
            let told = known.iter().filter_map(|(name, took)| took.map(|took| (*name, took)));
            let told = told.chain([("first byte", phases.first_byte), ("total", phases.total)]);
            let told: Vec<String> = told
                .map(|(name, took)| format!("{name} {}", milliseconds(took)))
                .collect();
            facts.push(Fact::new("phases", told.join(", ")));
            if let Some(address) = good.address {
                facts.push(Fact::new("address", address.ip().to_string()));
            }
            if let Some(url) = &good.moved_to {
                facts.push(Fact::new("redirected to", url.to_string()));
            }
            if let Some(days) = days_left(samples, world) {
                facts.push(Fact::new("certificate", format!("valid for {days} more days")));
            }
        }
        if self.settings.insecure {
            facts.push(Fact::new("verification", "off (--insecure)"));
        }
        if samples.count() > 1 {
            let tally = Some(samples.tally()).filter(|tally| !tally.is_empty());
            let failed = tally.map(|tally| format!(" ({tally})")).unwrap_or_default();
            facts.push(Fact::new("attempts", format!("{}{failed}", samples.count())));
            let several = course.timing.count() > 1;
            for which in [Statistic::Median, Statistic::P95].into_iter().filter(|_| several) {
                if let Some(took) = course.timing.statistic(which) {
                    facts.push(Fact::new(which.as_str(), milliseconds(took)));
                }
            }
        }
        facts
    }
}

impl Course {
    /// Answers with how long the server asks to be left alone.
    fn add(&mut self, sample: Sample) -> Option<Duration> {
        let at = self.samples.lasted();
        let retry_after = match &sample {
            Sample::Good(good) => {
                self.timing.add(at, Some(good.took));
                self.streaks.good();
                None
            }
            Sample::Bad(bad) => {
                self.timing.add(at, None);
                // What failed before the first right answer is not a failure of what answers now.
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

fn next_step(whose: Class, reason: Reason) -> &'static str {
    match whose {
        Class::Infra => "the platform or the way to it is in trouble: run it again when that is over",
        Class::App => expect::next_step(reason),
    }
}

fn left_alone_for(asked: Duration) -> String {
    let asked = TimeSpan(whole_seconds(asked));
    format!("; it asks to be left alone for {asked}, which is longer than what is left")
}

async fn pause_or_gone(wait: Duration, means: &Means<'_>) -> Option<String> {
    tokio::select! {
        biased;
        how = means.watched.ended() => Some(how),
        () = tokio::time::sleep(wait) => None,
    }
}

fn days_left(samples: &Samples, world: &World) -> Option<i64> {
    let certificate = samples.last_good()?.certificate.as_ref()?;
    let left = certificate.not_after - world.clock.now().as_second();
    Some(left.div_euclid(24 * 60 * 60))
}

/// Sub-second parts of waiting times are noise; of short ones they are everything.
fn whole_seconds(duration: Duration) -> Duration {
    if duration < Duration::from_secs(1) {
        Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(0))
    } else {
        Duration::from_secs(duration.as_secs())
    }
}
