//! Failures that are known, written down, and do not count until a day.

use super::check::{Check, Ended};
use super::failure::Class;
use super::finding::{Finding, Severity, Waived};
use super::text;

/// The code of the note about a waiver that would have mattered.
pub const EXPIRED: &str = "waiver-expired";

/// What is waived, why, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    pub matches: Match,
    pub reason: String,
    /// The last day it holds, `YYYY-MM-DD` in UTC.
    pub until: String,
}

/// What stands for a reason until somebody writes one.
pub const NO_REASON: &str = "say why";

/// What a waiver is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// Every failure of this class.
    Class(Class),
    /// Every failure of this check.
    Check(String),
}

impl Waiver {
    pub fn names_a_check(&self) -> bool {
        matches!(self.matches, Match::Check(_))
    }

    fn covers(&self, check_id: &str, finding: &Finding) -> bool {
        match &self.matches {
            Match::Class(class) => finding.class == Some(*class),
            Match::Check(id) => id == check_id,
        }
    }
}

/// Whether a waiver with this last day still holds. A text that is no day is the last day of nothing.
fn holds(until: &str, today: &str) -> bool {
    let is_day = until.len() == 10
        && until.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
        && ("01"..="12").contains(&&until[5..7])
        && ("01"..="31").contains(&&until[8..]);
    is_day && until >= today
}

/// Takes away the waivers of a report whose day has passed since it was written.
pub fn expire(today: &str, checks: &mut [Check]) {
    for check in checks {
        let Ended::Looked(findings) = &mut check.ended else {
            continue;
        };
        let gone = findings
            .iter_mut()
            .filter_map(|finding| finding.waived.take_if(|waived| !holds(&waived.until, today)));
        let notes: Vec<Finding> = gone.map(|waived| expired(&waived.until, &waived.reason)).collect();
        add(findings, notes);
    }
}

/// The waivers for checks that are not there, in words: nobody sees that such a waiver is mistyped.
pub fn unmatched<'a>(waivers: &[Waiver], ids: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
    let note = |waiver: &Waiver| {
        let Match::Check(id) = &waiver.matches else { return None };
        if ids.clone().any(|known| known == id) {
            return None;
        }
        let near = text::nearest(id, ids.clone());
        let near = near.map_or_else(String::new, |near| format!(" Did you mean `{near}`?"));
        Some(format!(
            "The waiver for `{id}` ({}) matches no check.{near}",
            waiver.reason
        ))
    };
    waivers.iter().filter_map(note).collect()
}

/// Each note once: a report may be read that has it already.
fn add(findings: &mut Vec<Finding>, notes: Vec<Finding>) {
    for note in notes {
        if !findings.contains(&note) {
            findings.push(note);
        }
    }
}

fn expired(until: &str, reason: &str) -> Finding {
    Finding::note(EXPIRED, format!("a waiver for this expired on {until}: {reason}"))
}

/// Marks what is waived. A waiver whose day has passed waives nothing, and says so where it would have mattered.
/// What could not be looked at cannot be waived: nobody knows what it is.
pub fn apply(waivers: &[Waiver], today: &str, checks: &mut [Check]) {
    for check in checks {
        let id = check.id.clone();
        let Ended::Looked(findings) = &mut check.ended else {
            continue;
        };
        let mut notes: Vec<Finding> = Vec::new();
        for finding in findings.iter_mut().filter(|f| f.severity == Severity::Error) {
            let covering = waivers.iter().filter(|w| w.covers(&id, finding));
            // The one that holds longest decides, so that the order in the file does not matter.
            let Some(waiver) = covering.max_by(|a, b| a.until.cmp(&b.until)) else {
                continue;
            };
            if holds(&waiver.until, today) {
                finding.waived = Some(Waived {
                    reason: waiver.reason.clone(),
                    until: waiver.until.clone(),
                });
            } else {
                notes.push(expired(&waiver.until, &waiver.reason));
            }
        }
        add(findings, notes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Reason, Status};
    use proptest::prelude::*;

    fn failed(class: Class) -> Check {
        let finding = Finding::error("unhealthy", "down").because(class, Reason::Refused);
        let ended = Ended::Looked(vec![finding]);
        Check::new("smoke", "smoke:http://h/", "t", ended, std::time::Duration::ZERO)
    }

    fn waiver(matches: Match, until: &str) -> Waiver {
        Waiver {
            matches,
            reason: "known".into(),
            until: until.into(),
        }
    }

    fn status(waivers: &[Waiver], class: Class) -> Status {
        let mut checks = [failed(class)];
        apply(waivers, "2026-01-31", &mut checks);
        checks[0].status()
    }

    #[test]
    fn a_waiver_holds_to_the_end_of_its_day_and_not_longer() {
        for (until, expected) in [
            ("2026-01-30", Status::Failed),
            ("2026-01-31", Status::Waived),
            ("2026-02-01", Status::Waived),
        ] {
            let waivers = [waiver(Match::Class(Class::Infra), until)];
            assert_eq!(status(&waivers, Class::Infra), expected, "{until}");
            assert_eq!(status(&waivers, Class::App), Status::Failed, "another class");
        }
    }

    #[test]
    fn a_check_is_waived_by_its_whole_id() {
        let by_id = |id: &str| status(&[waiver(Match::Check(id.into()), "2099-01-01")], Class::App);
        assert_eq!(by_id("smoke:http://h/"), Status::Waived);
        assert_eq!(by_id("smoke:"), Status::Failed);
    }

    #[test]
    fn a_reports_own_waiver_holds_to_its_day_and_a_text_that_is_no_day_never() {
        for (until, expected) in [
            ("2020-01-01", Status::Failed),
            ("2026-01-30", Status::Failed),
            ("2026-01-31", Status::Waived),
            ("9999-12-31", Status::Waived),
            ("", Status::Failed),
            ("never", Status::Failed),
            ("9999-99-99", Status::Failed),
            ("9999-00-10", Status::Failed),
            ("9999-10-00", Status::Failed),
            ("9999-10-32", Status::Failed),
            ("9999/10/10", Status::Failed),
            ("9999-1-1", Status::Failed),
            ("999999-12-31", Status::Failed),
            ("\u{ff19}99-12-31", Status::Failed),
            ("zzzz-12-31", Status::Failed),
        ] {
            let mut checks = [failed(Class::Infra)];
            apply(
                &[waiver(Match::Class(Class::Infra), "9999-12-31")],
                "2026-01-31",
                &mut checks,
            );
            let Ended::Looked(findings) = &mut checks[0].ended else {
                unreachable!()
            };
            findings[0].waived.as_mut().unwrap().until = until.to_owned();
            expire("2026-01-31", &mut checks);
            assert_eq!(checks[0].status(), expected, "{until}");
            let says = checks[0].findings().iter().any(|f| f.message.contains("expired"));
            assert_eq!(says, expected == Status::Failed, "{until}");
        }
    }

    #[test]
    fn an_expired_waiver_says_so() {
        let mut checks = [failed(Class::Infra)];
        apply(
            &[waiver(Match::Class(Class::Infra), "2020-01-01")],
            "2026-01-31",
            &mut checks,
        );
        assert!(checks[0].findings()[1].message.contains("expired on 2020-01-01"));
    }

    proptest! {
        #[test]
        fn the_order_of_waivers_does_not_matter(mut days in proptest::collection::vec(1u32..28, 1..5)) {
            let make = |days: &[u32]| -> Vec<Waiver> {
                days.iter().map(|d| waiver(Match::Class(Class::Infra), &format!("2026-01-{d:02}"))).collect()
            };
            let forward = status(&make(&days), Class::Infra);
            days.reverse();
            prop_assert_eq!(forward, status(&make(&days), Class::Infra));
        }
    }
}
