//! One attempt, and what the attempts so far amount to.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use url::Url;

use super::window::Kind;
use crate::model::{Class, Reason, TimeSpan};
use crate::world::http::{Expiry, Hop, Phases};

/// One attempt.
pub enum Sample {
    Good(Box<Good>),
    Bad(Bad),
}

/// A good response.
pub struct Good {
    pub status: u16,
    /// `HTTP/1.1` or `HTTP/2`.
    pub version: &'static str,
    pub took: Duration,
    pub phases: Phases,
    /// Who was connected to: the proxy, if there is one.
    pub address: Option<SocketAddr>,
    pub proxy: Option<String>,
    /// Where the answer came from, if not from the URL that was asked.
    pub moved_to: Option<Url>,
    /// Of the certificates that were shown.
    pub first_expiry: Option<Expiry>,
    /// Where a redirect left TLS.
    pub downgrade: Option<Hop>,
}

/// A bad response, or none.
#[derive(Clone, Debug)]
pub struct Bad {
    pub reason: Reason,
    pub detail: String,
    /// The status, if that is what is wrong.
    pub status: Option<u16>,
    /// What to do, if it is not what the reason says.
    pub help: Option<&'static str>,
    /// First bytes of the answer.
    pub excerpt: String,
    /// It ended because less than its own time was left, so it says little about what was probed.
    pub cut_short: bool,
    /// Of the certificates that were shown.
    pub first_expiry: Option<Expiry>,
    /// The server's Retry-After.
    pub retry_after: Option<Duration>,
    /// The independent sign that the platform is at fault, in words.
    pub sign: Option<String>,
    /// The control was asked, and there was too little time for its answer.
    pub control_was_hurried: bool,
    /// Why the control could not give one.
    pub control_is_wrong: Option<String>,
}

impl Bad {
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
            status: None,
            help: None,
            excerpt: String::new(),
            cut_short: false,
            first_expiry: None,
            retry_after: None,
            sign: None,
            control_was_hurried: false,
            control_is_wrong: None,
        }
    }

    /// Without an independent sign that the platform is at fault, it is the deployed thing's.
    pub fn class(&self) -> Class {
        match self.sign {
            Some(_) => Class::Infra,
            None => Class::App,
        }
    }

    /// Whether there was no answer at all, or only one of what stands in front of the application. A platform in
    /// trouble looks like this; an application that answers wrongly does not.
    pub fn could_be_infra(&self) -> bool {
        !is_answer(self.reason) || self.reason == Reason::Gateway5xx
    }
}

/// Whether something answered.
fn is_answer(reason: Reason) -> bool {
    match reason {
        Reason::Dns
        | Reason::Refused
        | Reason::ConnectTimeout
        | Reason::Reset
        | Reason::Tls
        | Reason::Timeout
        | Reason::ProcessExit => false,
        Reason::Redirect
        | Reason::AuthWall
        | Reason::Status4xx
        | Reason::Status5xx
        | Reason::Gateway5xx
        | Reason::Body
        | Reason::Header
        | Reason::Latency
        | Reason::WrongVersion
        | Reason::StatusOther => true,
    }
}

impl Sample {
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Good(_))
    }

    /// What it means for a window.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Good(_) => Kind::Good,
            Self::Bad(bad) if is_answer(bad.reason) => Kind::Wrong,
            Self::Bad(_) => Kind::NoAnswer,
        }
    }

    fn is_cut_short(&self) -> bool {
        matches!(self, Self::Bad(Bad { cut_short: true, .. }))
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good(good) => write!(f, "{} in {}", good.status, TimeSpan::measured(good.took)),
            Self::Bad(bad) => write!(f, "{}: {}", bad.reason, bad.detail),
        }
    }
}

/// All attempts so far. Memory does not grow with their number.
pub struct Samples {
    began: Instant,
    count: usize,
    by_reason: BTreeMap<Reason, usize>,
    /// The same, at the mark.
    marked: BTreeMap<Reason, usize>,
    /// What the last attempt that counts amounts to: its status or reason.
    state: Option<String>,
    /// The last failure, except that one that was cut short does not replace one that had its time.
    bad: Option<Bad>,
    good: Option<Box<Good>>,
    /// Since the first good response, like the next.
    first_expiry: Option<Expiry>,
    downgrade: Option<Hop>,
    control_is_wrong: Option<String>,
}

impl Default for Samples {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            count: 0,
            by_reason: BTreeMap::new(),
            marked: BTreeMap::new(),
            state: None,
            bad: None,
            good: None,
            first_expiry: None,
            downgrade: None,
            control_is_wrong: None,
        }
    }
}

impl Samples {
    pub fn add(&mut self, sample: Sample) {
        let counts = self.counts(&sample);
        self.count += 1;
        if counts {
            self.state = Some(state(&sample));
        }
        // What is settling may show an old certificate yet.
        if sample.is_good() || self.good.is_some() {
            let shown = match &sample {
                Sample::Good(good) => &good.first_expiry,
                Sample::Bad(bad) => &bad.first_expiry,
            };
            self.first_expiry = self.first_expiry.iter().chain(shown).min().cloned();
        }
        match sample {
            Sample::Good(good) => {
                self.downgrade = self.downgrade.take().or(good.downgrade.clone());
                self.good = Some(good);
            }
            Sample::Bad(mut bad) => {
                self.control_is_wrong = bad.control_is_wrong.take().or(self.control_is_wrong.take());
                *self.by_reason.entry(bad.reason).or_default() += 1;
                if counts {
                    self.bad = Some(bad);
                }
            }
        }
    }

    /// Whether a sample differs from the last one in more than its time.
    pub fn is_change(&self, sample: &Sample) -> bool {
        self.counts(sample) && self.state.as_deref() != Some(&state(sample))
    }

    fn counts(&self, sample: &Sample) -> bool {
        !sample.is_cut_short() || (self.good.is_none() && self.bad.as_ref().is_none_or(|bad| bad.cut_short))
    }

    pub fn count(&self) -> usize {
        self.count
    }

    pub fn lasted(&self) -> Duration {
        self.began.elapsed()
    }

    pub fn last_failure_mut(&mut self) -> Option<&mut Bad> {
        self.bad.as_mut()
    }

    pub fn last_failure(&self) -> Option<&Bad> {
        self.bad.as_ref()
    }

    /// Why the control could not tell whose fault a failure was.
    pub fn control_is_wrong(&self) -> Option<&str> {
        self.control_is_wrong.as_deref()
    }

    pub fn last_good(&self) -> Option<&Good> {
        self.good.as_deref()
    }

    /// The first end of a certificate in any of them since the first good response.
    pub fn first_expiry(&self) -> Option<&Expiry> {
        self.first_expiry.as_ref()
    }

    /// A redirect that left TLS on the way to a good response.
    pub fn downgrade(&self) -> Option<&Hop> {
        self.downgrade.as_ref()
    }

    /// `refused 12, status-5xx 3`.
    pub fn tally(&self) -> String {
        told(self.by_reason.iter().map(|(reason, count)| (*reason, *count)))
    }

    /// What comes from here on is told apart from what came before.
    pub fn mark(&mut self) {
        self.marked = self.by_reason.clone();
    }

    /// Like [`Samples::tally`], of what came after the mark.
    pub fn tally_since_mark(&self) -> String {
        let before = |reason| self.marked.get(reason).copied().unwrap_or(0);
        let since = self
            .by_reason
            .iter()
            .map(|(reason, count)| (*reason, count - before(reason)));
        told(since.filter(|(_, count)| *count > 0))
    }
}

fn told(counts: impl Iterator<Item = (Reason, usize)>) -> String {
    counts
        .map(|(reason, count)| format!("{reason} {count}"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn state(sample: &Sample) -> String {
    match sample {
        Sample::Good(_) => "good".to_owned(),
        Sample::Bad(bad) => format!("{}: {}", bad.reason, bad.detail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(reason: Reason, detail: &str) -> Sample {
        Sample::Bad(Bad::new(reason, detail))
    }

    fn hurried() -> Sample {
        Sample::Bad(Bad {
            cut_short: true,
            ..Bad::new(Reason::Timeout, "no time")
        })
    }

    #[test]
    fn an_attempt_without_its_time_does_not_replace_one_that_had_it() {
        let mut samples = Samples::default();
        samples.add(hurried());
        let reason = |samples: &Samples| samples.last_failure().unwrap().reason;
        assert_eq!(reason(&samples), Reason::Timeout, "better than nothing");
        samples.add(failed(Reason::Gateway5xx, "503"));
        assert!(!samples.is_change(&hurried()));
        samples.add(hurried());
        assert_eq!(reason(&samples), Reason::Gateway5xx);
        assert_eq!(
            (samples.count(), samples.tally().as_str()),
            (3, "timeout 2, gateway-5xx 1")
        );
    }

    #[test]
    fn the_first_certificate_to_expire_of_all_samples_since_the_first_right_one_counts() {
        let expiry = |at| {
            Some(Expiry {
                at,
                is_authority: false,
                host: "h".into(),
            })
        };
        let good = |at| {
            Sample::Good(Box::new(Good {
                status: 200,
                version: "HTTP/1.1",
                took: Duration::ZERO,
                phases: Phases::default(),
                address: None,
                proxy: None,
                moved_to: None,
                first_expiry: expiry(at),
                downgrade: None,
            }))
        };
        let bad = |at| {
            Sample::Bad(Bad {
                first_expiry: expiry(at),
                ..Bad::new(Reason::Reset, "")
            })
        };
        let mut samples = Samples::default();
        let mut first = |sample| {
            samples.add(sample);
            samples.first_expiry().map(|expiry| expiry.at)
        };
        assert_eq!(first(bad(1)), None, "what is settling may show an old one");
        assert_eq!(first(good(9)), Some(9));
        assert_eq!(first(good(5)), Some(5));
        assert_eq!(first(good(7)), Some(5), "not the last one");
        assert_eq!(first(failed(Reason::Reset, "")), Some(5));
        assert_eq!(first(bad(3)), Some(3), "also without a good response");
    }

    #[test]
    fn only_changes_are_told() {
        let mut samples = Samples::default();
        let refused = || failed(Reason::Refused, "r");
        assert!(samples.is_change(&refused()));
        samples.add(refused());
        assert!(!samples.is_change(&refused()));
        assert!(samples.is_change(&failed(Reason::Reset, "x")));
        samples.add(refused());
        assert_eq!(samples.tally(), "refused 2");
    }

    #[test]
    fn an_answer_is_told_from_none() {
        assert_eq!(failed(Reason::Gateway5xx, "").kind(), Kind::Wrong);
        assert_eq!(failed(Reason::Reset, "").kind(), Kind::NoAnswer);
        assert!(Bad::new(Reason::Gateway5xx, "").could_be_infra());
        assert!(!Bad::new(Reason::Status5xx, "").could_be_infra());
    }
}
