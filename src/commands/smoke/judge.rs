//! Whether an answer is right, and what the answers so far amount to.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use regex::Regex;
use url::Url;

use crate::model::{Fact, Reason, StatusSet, TimeSpan, text};
use crate::world::http::Answer;

/// First bytes of a wrong answer that are shown.
const BODY_SHOWN: usize = 600;

/// One attempt.
pub enum Sample {
    Good {
        status: u16,
        took: Duration,
        address: Option<String>,
        /// Where the answer came from, if not from the URL that was asked.
        moved_to: Option<Url>,
    },
    Bad {
        reason: Reason,
        detail: String,
        excerpt: String,
        /// It ended because less than its own time was left, so it says little about what was probed.
        cut_short: bool,
    },
}

impl Sample {
    pub fn failed(reason: Reason, detail: String) -> Self {
        Self::Bad {
            reason,
            detail,
            excerpt: String::new(),
            cut_short: false,
        }
    }

    pub fn cut_short(reason: Reason, detail: String) -> Self {
        Self::Bad {
            reason,
            detail,
            excerpt: String::new(),
            cut_short: true,
        }
    }

    pub fn is_good(&self) -> bool {
        matches!(self, Self::Good { .. })
    }

    fn is_cut_short(&self) -> bool {
        matches!(self, Self::Bad { cut_short: true, .. })
    }
}

/// What a right answer is.
pub struct Expected<'a> {
    pub url: &'a Url,
    pub statuses: &'a StatusSet,
    pub body: Option<&'a Regex>,
    /// Redirects were followed, so one that comes back is one that could not be.
    pub redirects_followed: bool,
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good { status, took, .. } => write!(f, "{status} in {}", milliseconds(*took)),
            Self::Bad { reason, detail, .. } => write!(f, "{reason}: {detail}"),
        }
    }
}

/// Judges a whole answer.
pub fn answer(answer: Answer, expected: &Expected<'_>) -> Sample {
    let status = answer.status;
    let text = String::from_utf8_lossy(&answer.body);
    let bad = |reason: Reason, detail: String| Sample::Bad {
        reason,
        detail,
        excerpt: text::cut(&text, BODY_SHOWN),
        cut_short: false,
    };
    let statuses = expected.statuses;
    if !statuses.contains(status) {
        let (reason, what) = wrong_status(status, expected.redirects_followed);
        let to = match (&answer.location, reason) {
            (Some(location), Reason::Redirect) => format!(" to {}", text::cut(location, 300)),
            _ => String::new(),
        };
        return bad(reason, format!("answered {status}{to}, expected {statuses}{what}"));
    }
    if let Some(pattern) = expected.body
        && !pattern.is_match(&text)
    {
        let where_ = match (answer.body.is_empty(), answer.body_cut) {
            (true, _) => "the body is empty",
            (false, true) => "it is not in the first 1 MiB of the body",
            (false, false) => "it is not in the body",
        };
        return bad(
            Reason::Body,
            format!("answered {status}, but not with /{pattern}/: {where_}"),
        );
    }
    Sample::Good {
        status,
        took: answer.took,
        address: answer.address.map(|a| a.ip().to_string()),
        moved_to: (answer.url != *expected.url).then_some(answer.url),
    }
}

fn wrong_status(status: u16, redirects_followed: bool) -> (Reason, &'static str) {
    match status {
        300..=399 if redirects_followed => (Reason::Redirect, " (it names no place that could be followed)"),
        300..=399 => (Reason::Redirect, " (redirects are not followed unless asked)"),
        401 | 403 => (Reason::AuthWall, " (something in front of it asks for a login)"),
        502..=504 => (
            Reason::Gateway5xx,
            " (what stands in front of the application answered for it)",
        ),
        400..=499 => (Reason::Status4xx, ""),
        500..=599 => (Reason::Status5xx, ""),
        _ => (Reason::StatusOther, ""),
    }
}

/// What to do about it.
pub fn next_step(reason: Reason) -> &'static str {
    match reason {
        Reason::Dns => "check the host name; a brand-new name may need some minutes and a larger --within",
        Reason::Refused => "check that it was started, on this port and address; a slow start needs a larger --within",
        Reason::ConnectTimeout => "check the address, firewall and routes between here and there",
        Reason::Reset => "check its log for a crash, and that the port speaks HTTP",
        Reason::Tls => "check the certificate, its name and its chain; SSL_CERT_FILE names private authorities",
        Reason::Timeout => "check its log for what it waits for; a slow endpoint needs a larger --timeout",
        Reason::Redirect => "probe where it leads, accept it with --expect-status, or give --follow-redirects",
        Reason::AuthWall => "let the probe through the protection, or probe a public path with --path",
        Reason::Status4xx => "check the path and the routes of what was deployed",
        Reason::Status5xx => "check its log: it answered, with an error of its own",
        Reason::Gateway5xx => "check that the application behind the balancer is up and found by it",
        Reason::Body | Reason::Header | Reason::StatusOther => {
            "compare the shown answer with what you expect, and mend one of the two"
        }
        Reason::Latency => "check what slows it down, or allow more",
        Reason::WrongVersion => "check that the rollout has ended and which version answers",
        Reason::ProcessExit => "mend the start command or what its last lines complain about",
    }
}

/// All attempts so far. Memory does not grow with their number.
pub struct Samples {
    began: Instant,
    count: usize,
    by_reason: BTreeMap<Reason, usize>,
    /// What the last attempt that counts amounts to: its status or reason.
    state: Option<String>,
    /// The last attempt, except that one that was cut short does not replace one that had its time.
    last: Option<Sample>,
}

impl Default for Samples {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            count: 0,
            by_reason: BTreeMap::new(),
            state: None,
            last: None,
        }
    }
}

impl Samples {
    pub fn add(&mut self, sample: Sample) {
        self.count += 1;
        if let Sample::Bad { reason, .. } = &sample {
            *self.by_reason.entry(*reason).or_default() += 1;
        }
        if self.counts(&sample) {
            self.state = Some(state(&sample));
            self.last = Some(sample);
        }
    }

    /// Whether a sample differs from the last one in more than its time.
    pub fn is_change(&self, sample: &Sample) -> bool {
        self.counts(sample) && self.state.as_deref() != Some(&state(sample))
    }

    fn counts(&self, sample: &Sample) -> bool {
        !sample.is_cut_short() || self.last.as_ref().is_none_or(Sample::is_cut_short)
    }

    pub fn count(&self) -> usize {
        self.count
    }

    pub fn lasted(&self) -> Duration {
        self.began.elapsed()
    }

    pub fn last_failure(&self) -> Option<(Reason, String, String)> {
        match &self.last {
            Some(Sample::Bad {
                reason,
                detail,
                excerpt,
                ..
            }) => Some((*reason, detail.clone(), excerpt.clone())),
            _ => None,
        }
    }

    /// `refused 12, status-5xx 3`.
    pub fn tally(&self) -> String {
        self.by_reason
            .iter()
            .map(|(reason, count)| format!("{reason} {count}"))
            .collect::<Vec<_>>()
            .join(", ")
    }

    pub fn facts(&self) -> Vec<Fact> {
        let mut facts = Vec::new();
        if let Some(Sample::Good {
            status,
            took,
            address,
            moved_to,
        }) = &self.last
        {
            facts.push(Fact::new("answer", format!("{status} in {}", milliseconds(*took))));
            if let Some(address) = address {
                facts.push(Fact::new("address", address.clone()));
            }
            if let Some(url) = moved_to {
                facts.push(Fact::new("redirected to", url.to_string()));
            }
            if self.count > 1 {
                facts.push(Fact::new("attempts", format!("{} ({})", self.count, self.tally())));
            }
        }
        facts
    }
}

fn state(sample: &Sample) -> String {
    match sample {
        Sample::Good { .. } => "good".to_owned(),
        Sample::Bad { reason, detail, .. } => format!("{reason}: {detail}"),
    }
}

fn milliseconds(duration: Duration) -> TimeSpan {
    TimeSpan::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::http::{Headers, Phases};

    fn answered(status: u16, body: &str) -> Answer {
        Answer {
            status,
            location: Some("/login".into()),
            url: Url::parse("http://h/").unwrap(),
            address: None,
            body: body.as_bytes().to_vec(),
            body_cut: false,
            took: Duration::from_millis(3),
            version: "HTTP/1.1",
            headers: Headers::default(),
            hops: Vec::new(),
            phases: Phases::default(),
            certificate: None,
            retry_after: None,
        }
    }

    fn reason(status: u16, body: &str, expect: Option<&str>) -> Option<Reason> {
        let expect = expect.map(|text| Regex::new(text).unwrap());
        let url = Url::parse("http://h/").unwrap();
        let expected = Expected {
            url: &url,
            statuses: &StatusSet::ok(),
            body: expect.as_ref(),
            redirects_followed: false,
        };
        match answer(answered(status, body), &expected) {
            Sample::Good { .. } => None,
            Sample::Bad { reason, .. } => Some(reason),
        }
    }

    #[test]
    fn each_wrong_status_has_its_reason() {
        for (status, expected) in [
            (200, None),
            (204, Some(Reason::StatusOther)),
            (302, Some(Reason::Redirect)),
            (401, Some(Reason::AuthWall)),
            (403, Some(Reason::AuthWall)),
            (404, Some(Reason::Status4xx)),
            (429, Some(Reason::Status4xx)),
            (500, Some(Reason::Status5xx)),
            (502, Some(Reason::Gateway5xx)),
            (503, Some(Reason::Gateway5xx)),
            (504, Some(Reason::Gateway5xx)),
            (505, Some(Reason::Status5xx)),
        ] {
            assert_eq!(reason(status, "", None), expected, "{status}");
        }
    }

    #[test]
    fn the_body_counts_only_after_the_status() {
        assert_eq!(reason(200, "ready: yes", Some("ready: (yes|ok)")), None);
        assert_eq!(reason(200, "ready: no", Some("ready: yes")), Some(Reason::Body));
        assert_eq!(reason(500, "ready: yes", Some("ready: yes")), Some(Reason::Status5xx));
    }

    #[test]
    fn nobody_is_told_to_ask_for_what_they_asked_for() {
        assert!(wrong_status(304, false).1.contains("unless asked"));
        assert!(!wrong_status(304, true).1.contains("unless asked"));
    }

    #[test]
    fn an_attempt_without_its_time_does_not_replace_one_that_had_it() {
        let hurried = || Sample::cut_short(Reason::Timeout, "no time".into());
        let mut samples = Samples::default();
        samples.add(hurried());
        assert_eq!(
            samples.last_failure().unwrap().0,
            Reason::Timeout,
            "better than nothing"
        );
        samples.add(Sample::failed(Reason::Gateway5xx, "503".into()));
        assert!(!samples.is_change(&hurried()));
        samples.add(hurried());
        assert_eq!(samples.last_failure().unwrap().0, Reason::Gateway5xx);
        assert_eq!(
            (samples.count(), samples.tally().as_str()),
            (3, "timeout 2, gateway-5xx 1")
        );
    }

    #[test]
    fn only_changes_are_told() {
        let mut samples = Samples::default();
        let refused = || Sample::failed(Reason::Refused, "r".into());
        assert!(samples.is_change(&refused()));
        samples.add(refused());
        assert!(!samples.is_change(&refused()));
        assert!(samples.is_change(&Sample::failed(Reason::Reset, "x".into())));
        samples.add(refused());
        assert_eq!(samples.tally(), "refused 2");
    }
}
