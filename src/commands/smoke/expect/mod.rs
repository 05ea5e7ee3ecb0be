//! What a good response is, and whether one is.

mod decimal;
mod document;
mod header;
mod json;
mod latency;
pub mod pattern;
mod version;

use regex::Regex;
use url::Url;

pub use header::HeaderExpectation;
pub use json::JsonExpectation;
pub use latency::LatencyLimit;
pub use version::{Version, VersionFrom};

use document::Document;

use super::sample::{Bad, Good, Sample};
use crate::model::{Reason, StatusSet};
use crate::world::http::{Answer, Hop};
use crate::world::secrets::{Part, Redactor};

/// First bytes of a bad response that are shown.
const BODY_SHOWN: usize = 600;
/// Of what is wrong with JSON, which may name a key.
const JSON_ERROR_SHOWN: usize = 200;
/// Longest address out of an answer that is shown.
pub const URL_SHOWN: usize = 300;

/// What is expected of every answer. The first that does not hold is the reason.
#[derive(Clone, Debug)]
pub struct Expected {
    pub statuses: StatusSet,
    /// The host that answers in the end, after redirects.
    pub final_host: Option<String>,
    /// Where redirects lead, one after the other.
    pub redirects: Vec<Url>,
    pub version: Option<Version>,
    pub headers: Vec<HeaderExpectation>,
    pub body: Option<Regex>,
    pub json: Vec<JsonExpectation>,
}

impl Expected {
    /// Whether more than the first bytes of a body matter.
    pub fn reads_body(&self) -> bool {
        // Named one by one, so that the compiler asks this of a new one.
        let Self {
            statuses: _,
            final_host: _,
            redirects: _,
            version,
            headers: _,
            body,
            json,
        } = self;
        let version = version.as_ref().map(|version| &version.from);
        body.is_some() || !json.is_empty() || version.is_some_and(|from| !matches!(from, VersionFrom::Header(_)))
    }

    /// All of it, in short words.
    pub fn in_words(&self) -> Vec<String> {
        let Self {
            statuses,
            final_host,
            redirects,
            version,
            headers,
            body,
            json,
        } = self;
        let mut words = vec![format!("status {statuses}")];
        if !redirects.is_empty() {
            let urls: Vec<&str> = redirects.iter().map(Url::as_str).collect();
            words.push(format!("redirected to {}", urls.join(", then ")));
        }
        words.extend(final_host.iter().map(|host| format!("final host {host}")));
        words.extend(version.iter().map(ToString::to_string));
        words.extend(headers.iter().map(|header| format!("header {header}")));
        words.extend(body.iter().map(|pattern| format!("body matches /{pattern}/")));
        words.extend(json.iter().map(|json| format!("JSON {json}")));
        words
    }

    fn reads_json(&self) -> bool {
        let version = self.version.as_ref().map(|version| &version.from);
        !self.json.is_empty() || matches!(version, Some(VersionFrom::Json(_)))
    }

    /// Judges a whole answer. `follows` says whether redirects were followed.
    pub fn judge(&self, answer: Answer, asked: &Url, follows: bool, secrets: &Redactor) -> Sample {
        let text = String::from_utf8_lossy(&answer.body);
        match self.wrong(&answer, &text, follows, secrets) {
            Some((reason, detail)) => Sample::Bad(Bad {
                status: (!self.statuses.contains(answer.status)).then_some(answer.status),
                excerpt: secrets.first_bytes(body(&answer), BODY_SHOWN),
                first_expiry: answer.first_expiry,
                retry_after: answer.retry_after,
                ..Bad::new(reason, detail)
            }),
            None => Sample::Good(Box::new(Good {
                status: answer.status,
                version: answer.version,
                took: answer.took,
                phases: answer.phases,
                address: answer.address,
                proxy: answer.proxy,
                downgrade: self.downgrade(&answer.hops).cloned(),
                moved_to: (answer.url != *asked).then_some(answer.url),
                first_expiry: answer.first_expiry,
            })),
        }
    }

    fn wrong(&self, answer: &Answer, body: &str, follows: bool, secrets: &Redactor) -> Option<(Reason, String)> {
        let status = answer.status;
        if !self.statuses.contains(status) {
            let (reason, what) = wrong_status(status, follows);
            let to = match (&answer.location, reason) {
                (Some(location), Reason::Redirect) => format!(" to {}", place(location, secrets)),
                _ => String::new(),
            };
            let over = over(&answer.hops, secrets);
            return Some((
                reason,
                format!("answered {status}{to}{over}, expected {}{what}", self.statuses),
            ));
        }
        if let Err(wrong) = self.way(answer, secrets) {
            return Some((Reason::Redirect, format!("answered {status}, but {wrong}")));
        }
        let json = self.reads_json().then(|| Document::parse(without_mark(&answer.body)));
        let parsed = json.as_ref().and_then(|json| json.as_ref().ok()).copied();
        // Before the rest: an old version is the likeliest reason for another body, too.
        if let Some(version) = &self.version
            && let Err(wrong) = version.check(answer, body, parsed, secrets)
        {
            return Some((Reason::WrongVersion, format!("answered {status}, but {wrong}")));
        }
        for header in &self.headers {
            if let Err(wrong) = header.check(&answer.headers.all(header.name()), secrets) {
                return Some((Reason::Header, format!("answered {status}, but {wrong}")));
            }
        }
        if let Some(pattern) = &self.body
            && !pattern.is_match(body)
        {
            let place = match (answer.body.is_empty(), answer.body_cut) {
                (true, _) => "the body is empty",
                (false, true) => "it is not in the first 1 MiB of the body",
                (false, false) => "it is not in the body",
            };
            let encoded = encoded(answer, secrets);
            return Some((
                Reason::Body,
                format!("answered {status}, but not with /{pattern}/: {place}{encoded}"),
            ));
        }
        if let Some(Err(error)) = &json {
            let what = match (answer.body.is_empty(), answer.body_cut) {
                (true, _) => "the body is empty, and JSON is expected".to_owned(),
                (false, true) => "its body is longer than the 1 MiB that are read as JSON".to_owned(),
                (false, false) => {
                    let error = secrets.shorten(error.to_string().as_str(), JSON_ERROR_SHOWN);
                    format!("its body cannot be read as JSON: {error}{}", encoded(answer, secrets))
                }
            };
            return Some((Reason::Body, format!("answered {status}, but {what}")));
        }
        for expectation in &self.json {
            if let Some(json) = parsed
                && let Err(wrong) = expectation.check(json, secrets)
            {
                return Some((
                    Reason::Body,
                    format!("answered {status}, but {wrong}, expected {expectation}"),
                ));
            }
        }
        None
    }

    /// A redirect that left TLS, unless just that is expected.
    fn downgrade<'h>(&self, hops: &'h [Hop]) -> Option<&'h Hop> {
        let mut hops = hops.iter();
        hops.find(|hop| hop.is_downgrade() && !self.redirects.contains(&hop.to))
    }

    /// Whether it came by the right way from the right place.
    fn way(&self, answer: &Answer, secrets: &Redactor) -> Result<(), String> {
        let hops = &answer.hops;
        if !self.redirects.is_empty() {
            let taken: Vec<&Url> = hops.iter().map(|hop| &hop.to).collect();
            if taken != self.redirects.iter().collect::<Vec<_>>() {
                let list = |urls: &[&Url]| match urls {
                    [] => "nowhere".to_owned(),
                    urls => urls
                        .iter()
                        .map(|url| shown(url, secrets))
                        .collect::<Vec<_>>()
                        .join(", then "),
                };
                return Err(format!(
                    "its redirects lead to {}, expected {}",
                    list(&taken),
                    list(&self.redirects.iter().collect::<Vec<_>>())
                ));
            }
        }
        let host = answer.url.host_str().unwrap_or_default();
        match &self.final_host {
            Some(expected) if !expected.eq_ignore_ascii_case(host) => Err(format!(
                "{host} answered after all redirects{}, expected {expected}",
                over(hops, secrets)
            )),
            _ => Ok(()),
        }
    }
}

fn shown(url: &Url, secrets: &Redactor) -> String {
    secrets.shorten(url.as_str(), URL_SHOWN)
}

/// Where an answer leads, as it is written there but for what may be a password.
fn place(location: &str, secrets: &Redactor) -> String {
    let hidden = Url::parse(location)
        .ok()
        .filter(|url| !url.username().is_empty() || url.password().is_some());
    let Some(mut url) = hidden else {
        return secrets.shorten(location, URL_SHOWN);
    };
    // Neither is refused by a URL that had one.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    shown(&url, secrets)
}

/// ` (over https://a/, https://b/)`, if it was redirected.
fn over(hops: &[Hop], secrets: &Redactor) -> String {
    match hops {
        [] => String::new(),
        hops => {
            let urls: Vec<String> = hops.iter().map(|hop| shown(&hop.to, secrets)).collect();
            format!(" (redirected to {})", urls.join(", then "))
        }
    }
}

/// What was read of it.
fn body(answer: &Answer) -> Part<'_> {
    match answer.body_cut {
        true => Part::beginning(&answer.body),
        false => Part::whole(&answer.body),
    }
}

/// JSON must not begin with a byte order mark, and readers may ignore it (RFC 8259, 8.1).
fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// A server that encodes without being asked to sends what nobody here reads.
fn encoded(answer: &Answer, secrets: &Redactor) -> String {
    match answer.headers.get("content-encoding") {
        Some(coding) if !coding.trim().eq_ignore_ascii_case("identity") => {
            let coding = secrets.shorten(coding.trim(), 40);
            format!(" (it is encoded as {coding}, although no encoding was requested)")
        }
        _ => String::new(),
    }
}

fn wrong_status(status: u16, follows: bool) -> (Reason, &'static str) {
    match status {
        300..=399 if follows => (Reason::Redirect, " (it has no usable Location)"),
        300..=399 => (
            Reason::Redirect,
            " (redirects are not followed; see --follow-redirects)",
        ),
        401 | 403 => (
            Reason::AuthWall,
            " (the server, or a proxy in front of it, requires authentication)",
        ),
        503 => (
            Reason::Gateway5xx,
            " (the application, or a proxy in front of it, is unavailable)",
        ),
        502 | 504 => (
            Reason::Gateway5xx,
            " (a proxy in front of the application got no response from it)",
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
        Reason::ConnectTimeout => "check the address, the firewall and the route to it",
        Reason::Reset => {
            "check its log for a crash, and that the URL has the scheme that the port speaks, http or https"
        }
        Reason::Tls => "check the certificate, its name and its chain; --ca-file names private authorities",
        Reason::Timeout => "check its log for what it is waiting for; a slow endpoint needs a larger --timeout",
        Reason::Redirect => "probe where it leads, accept it with --expect-status, or give --follow-redirects",
        Reason::AuthWall => {
            "let the probe through the protection with --header-env or --bearer-env, or probe a public path with --path"
        }
        Reason::Status4xx => "check the path and the routes of what was deployed",
        Reason::Status5xx => "check its log: the application itself answered with an error",
        Reason::Gateway5xx => "check the application's log, and that a proxy or balancer in front of it can reach it",
        Reason::Body | Reason::Header | Reason::StatusOther => {
            "compare the response with what you expect, and correct one of them"
        }
        Reason::Latency => "find out what slows it down, or raise the limit",
        Reason::WrongVersion => "check that the rollout is complete, and which version answers",
        Reason::ProcessExit => "fix the start command, or the error in its last log lines",
    }
}

#[cfg(test)]
mod tests;
