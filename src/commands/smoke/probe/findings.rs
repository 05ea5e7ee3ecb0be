//! What a probe has to say in the end: facts, and findings about good responses.

use std::time::Duration;

use super::attempt::ProbeProgress;
use super::{Context, Probe};
use crate::commands::smoke::expect::{self, LatencyLimit};
use crate::commands::smoke::sample::{Bad, Samples};
use crate::commands::smoke::timing::{Statistic, Timing};
use crate::model::check::ASSERTED;
use crate::model::{Class, Fact, Finding, Reason, TimeSpan, text};
use crate::world::World;
use crate::world::http::Expiry;

impl Probe {
    /// What others wrote about it: the answer, and the servers' logs.
    pub(super) fn excerpt(&self, bad: Option<&Bad>, context: &Context<'_>) -> String {
        let answer = bad.map(|bad| bad.excerpt.clone()).filter(|text| !text.is_empty());
        let logs = context.watched.last_lines(context.world);
        answer.into_iter().chain(logs).collect::<Vec<_>>().join("\n")
    }

    pub(super) fn slow(&self, timing: &Timing) -> Vec<Finding> {
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

    pub(super) fn certificate(&self, samples: &Samples, world: &World) -> Option<Finding> {
        let least = self.min_certificate_days?;
        let message = match samples.first_expiry() {
            Some(expiry) if days_left(expiry, world) >= i64::from(least) => return None,
            Some(expiry) => format!(
                "{}: {} is {}, expected at least {least}",
                self.url,
                match expiry.is_authority {
                    true => format!("an authority's certificate that {} sends along", expiry.host),
                    false => format!("the certificate of {}", expiry.host),
                },
                validity(days_left(expiry, world))
            ),
            None => {
                let message = format!("{}: there is no certificate to check", self.url);
                return Some(
                    Finding::error("no-certificate", message)
                        .because(Class::App, Reason::Tls)
                        .help("probe it with https, or drop --min-certificate-days"),
                );
            }
        };
        Some(
            Finding::error("certificate-expires", message)
                .because(Class::App, Reason::Tls)
                .help("renew the certificate, and find out why it was not renewed automatically"),
        )
    }

    /// Everything that has to hold, in short words.
    fn asserted(&self) -> String {
        let mut words = self.expected.in_words();
        let days = self.min_certificate_days;
        words.extend(days.map(|days| format!("certificate valid for at least {}", text::count(days as usize, "day"))));
        words.extend(self.slow.fail.iter().map(|limit| format!("latency at most {limit}")));
        words.push(format!("within {}", TimeSpan(self.within)));
        words.extend(self.window.map(|(goal, _)| goal.to_string()));
        words.join("; ")
    }

    pub(super) fn facts(&self, course: &ProbeProgress, world: &World) -> Vec<Fact> {
        let samples = &course.samples;
        let mut facts = vec![Fact::new(ASSERTED, self.asserted())];
        if let Some(good) = samples.last_good() {
            facts.push(Fact::new(
                "answer",
                format!("{} in {}, {}", good.status, TimeSpan::measured(good.took), good.version),
            ));
            let phases = &good.phases;
            let known = [("dns", phases.dns), ("connect", phases.connect), ("tls", phases.tls)];
            let told = known.iter().filter_map(|(name, took)| took.map(|took| (*name, took)));
            let told = told.chain([("first byte", phases.first_byte), ("total", phases.total)]);
            let told: Vec<String> = told
                .map(|(name, took)| format!("{name} {}", TimeSpan::measured(took)))
                .collect();
            facts.push(Fact::new("phases", told.join(", ")));
            match (&good.proxy, good.address) {
                (Some(proxy), _) => facts.push(Fact::new("proxy", proxy)),
                (None, Some(address)) => facts.push(Fact::new("address", address.ip().to_string())),
                (None, None) => {}
            }
            if let Some(url) = &good.moved_to {
                facts.push(Fact::new("redirected to", url.to_string()));
            }
            if let Some(expiry) = samples.first_expiry() {
                facts.push(Fact::new("certificate", validity(days_left(expiry, world))));
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
                    facts.push(Fact::new(which.as_str(), TimeSpan::measured(took).to_string()));
                }
            }
        }
        facts
    }
}

pub(super) fn next_step(whose: Class, reason: Reason, bad: Option<&Bad>) -> &'static str {
    match (whose, bad.and_then(|bad| bad.help)) {
        (Class::Infra, _) => "the platform or the network failed: run it again once that is resolved",
        (Class::App, Some(help)) => help,
        (Class::App, None) => expect::next_step(reason),
    }
}

pub(super) fn asked_to_wait(asked: Duration) -> String {
    format!(
        "; Retry-After ({}) exceeds the remaining time",
        TimeSpan::measured(asked)
    )
}

pub(super) fn final_answer(status: u16) -> String {
    format!(
        "; stopped early, because waiting rarely changes a {status}; to keep trying, use --retry-on-status {status}"
    )
}

fn validity(days: i64) -> String {
    let number = days.unsigned_abs();
    let noun = if number == 1 { "day" } else { "days" };
    if days < 0 {
        format!("expired {number} {noun} ago")
    } else {
        format!("valid for {number} more {noun}")
    }
}

fn days_left(expiry: &Expiry, world: &World) -> i64 {
    (expiry.at - world.clock.now().as_second()).div_euclid(24 * 60 * 60)
}
