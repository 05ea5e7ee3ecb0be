//! A freeze: somebody said that nothing is to be deployed, why, and until when.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::model::text::one_line;
use crate::world::secrets::Redactor;

/// A freeze as it is written, in a file or a variable: `{reason: …, by: …, until: 2026-12-31}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    reason: String,
    by: Option<String>,
    until: Option<String>,
}

/// What a freeze says at a moment.
#[derive(Debug, PartialEq, Eq)]
pub enum Freeze {
    /// It is over, and ended then.
    Over(String),
    /// It holds; the sentence says why, by whom and until when.
    Holds(String),
    /// It holds, since somebody meant to stop something; the sentence says why it cannot be read.
    Unreadable(String),
}

/// Reads a freeze.
pub fn read(text: &str, now: Timestamp, secrets: &Redactor) -> Freeze {
    let written: Written = match serde_yaml::from_str_with_options(text, serde_yaml::options! { with_snippet: false }) {
        Ok(written) => written,
        Err(error) => {
            let why = error.to_string();
            let why = secrets.shorten(why.lines().next().unwrap_or_default(), 200);
            return Freeze::Unreadable(why);
        }
    };
    let mut says = format!("deploys are frozen: {}", secrets.shorten(written.reason.trim(), 300));
    if let Some(by) = &written.by {
        says.push_str(&format!(", says {}", secrets.shorten(by.as_str(), 100)));
    }
    match written.until {
        None => Freeze::Holds(says),
        Some(until) => match end(&until) {
            Some(end) if end <= now => Freeze::Over(until),
            Some(_) => Freeze::Holds(format!("{says}, until {}", one_line(&until))),
            None => Freeze::Holds(format!(
                "{says}, until `{}`, which is not a time",
                secrets.shorten(until.as_str(), 50)
            )),
        },
    }
}

/// A day counts to its end, in UTC, as does a time without a zone.
fn end(until: &str) -> Option<Timestamp> {
    let until = until.trim();
    if let Ok(moment) = until.parse::<Timestamp>() {
        return Some(moment);
    }
    // A date parses as a date-time as well, at its midnight; so the date comes first.
    let in_utc = if until.len() == "2026-12-31".len() {
        until
            .parse::<Date>()
            .ok()?
            .tomorrow()
            .ok()?
            .to_datetime(jiff::civil::Time::midnight())
    } else {
        until.parse::<DateTime>().ok()?
    };
    in_utc.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(now: &str, text: &str) -> Freeze {
        read(text, now.parse().unwrap(), &Redactor::default())
    }

    #[test]
    fn a_freeze_holds_to_the_end_of_its_day() {
        let text = "reason: release 4.2\nby: ops\nuntil: 2026-12-31\n";
        let holds = at("2026-12-31T23:59:59Z", text);
        assert_eq!(
            holds,
            Freeze::Holds("deploys are frozen: release 4.2, says ops, until 2026-12-31".into())
        );
        assert_eq!(at("2027-01-01T00:00:00Z", text), Freeze::Over("2026-12-31".into()));
    }

    #[test]
    fn times_and_zones_are_understood() {
        let until = |until: &str| {
            matches!(
                at("2026-06-01T10:00:00Z", &format!("{{reason: x, until: '{until}'}}")),
                Freeze::Holds(_)
            )
        };
        assert!(until("2026-06-01T12:00:01+02:00"));
        assert!(!until("2026-06-01T11:59:59+02:00"));
        assert!(until("2026-06-01T10:00:01"));
        assert!(until("2026-06-01 10:00:01"));
    }

    #[test]
    fn what_cannot_be_read_holds() {
        for text in [
            "",
            "yes",
            "{}",
            "by: me",
            "reason: x\nuntil: soon",
            "reason: [",
            "reason: x\nuntill: 2020-01-01",
            "\u{0}",
        ] {
            let freeze = at("2026-01-01T00:00:00Z", text);
            assert!(!matches!(freeze, Freeze::Over(_)), "{text:?}");
        }
    }
}
