//! Whether what was found is of this run, and recent.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::model::{Finding, Subject, TimeSpan};

/// Clocks of two runners differ by less.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What a report or a status file must be of.
#[derive(Clone)]
pub struct Origin {
    /// This run.
    pub subject: Subject,
    pub max_age: Duration,
    /// An earlier attempt of this run will do.
    pub any_attempt: bool,
}

/// What one side knows and the other should.
struct Pair<'a> {
    what: &'static str,
    code: &'static str,
    mine: Option<&'a str>,
    its: Option<&'a str>,
}

impl Origin {
    fn pairs<'a>(&'a self, its: &'a Subject) -> [Pair<'a>; 5] {
        let pair = |what, code, mine: &'a Option<String>, its: &'a Option<String>| Pair {
            what,
            code,
            mine: mine.as_deref(),
            its: its.as_deref(),
        };
        let mine = &self.subject;
        let same_run = mine.run_id == its.run_id;
        let attempt = pair("attempt", "wrong-attempt", &mine.run_attempt, &its.run_attempt);
        let environment = |subject: &'a Subject| Some(subject.environment.as_str()).filter(|text| !text.is_empty());
        [
            pair("repository", "wrong-repository", &mine.repository, &its.repository),
            pair("run", "wrong-run", &mine.run_id, &its.run_id),
            Pair {
                // Attempts of two runs have nothing to do with one another.
                mine: attempt.mine.filter(|_| same_run && !self.any_attempt),
                ..attempt
            },
            pair("commit", "wrong-commit", &mine.sha, &its.sha),
            Pair {
                what: "environment",
                code: "wrong-environment",
                mine: environment(mine),
                its: environment(its),
            },
        ]
    }

    /// How it differs from this run. A value that it lacks differs from ours.
    pub fn of_another(&self, place: &str, its: &Subject) -> Vec<Finding> {
        let pairs = self.pairs(its);
        pairs
            .iter()
            .filter_map(|pair| differs(place, pair.its.unwrap_or("none"), pair))
            .collect()
    }

    /// The same, of what both sides know; and the names of what was compared, and of what it alone does not say.
    pub fn as_far_as_known(&self, place: &str, its: &Subject) -> (Vec<Finding>, Vec<&'static str>, Vec<&'static str>) {
        let (mut findings, mut compared, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
        for pair in self.pairs(its).iter().filter(|pair| pair.mine.is_some()) {
            match pair.its {
                Some(its) => {
                    compared.push(pair.what);
                    findings.extend(differs(place, its, pair));
                }
                None => unknown.push(pair.what),
            }
        }
        (findings, compared, unknown)
    }

    /// Whether it ended too long ago, or has not ended yet.
    pub fn not_recent(&self, place: &str, finished_at: &str, now: Timestamp) -> Option<Finding> {
        let Ok(finished) = finished_at.parse::<Timestamp>() else {
            let message = format!("{place} does not say when it ended: `{finished_at}`");
            return Some(Finding::error("no-time", message));
        };
        let age = now.duration_since(finished);
        if age > SignedDuration::try_from(self.max_age).unwrap_or(SignedDuration::MAX) {
            let max_age = TimeSpan(self.max_age);
            let message = format!("{place} is older than {max_age}: it ended at {finished_at}");
            Some(Finding::error("too-old", message).help("run the step again, or allow more with --max-age"))
        } else if age < -CLOCK_SKEW {
            let message = format!("{place} ended in the future, at {finished_at}");
            Some(Finding::error("from-the-future", message).help("correct the machines' clocks"))
        } else {
            None
        }
    }
}

fn differs(place: &str, its: &str, pair: &Pair<'_>) -> Option<Finding> {
    let mine = pair.mine.filter(|mine| *mine != its)?;
    let message = format!("{place} is from another {}: {its}, but this is {mine}", pair.what);
    let help = match pair.code {
        "wrong-attempt" => "run its job again as well, or accept earlier attempts of this run with --any-attempt",
        _ => "remove old evidence, or give each run its own folder with --evidence-dir",
    };
    Some(Finding::error(pair.code, message).help(help))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject() -> Subject {
        let some = |text: &str| Some(text.to_owned());
        Subject {
            environment: "staging".into(),
            repository: some("acme/shop"),
            sha: some("f00"),
            run_id: some("7"),
            run_attempt: some("2"),
            ..Subject::default()
        }
    }

    fn origin(any_attempt: bool) -> Origin {
        Origin {
            subject: subject(),
            max_age: Duration::from_secs(60),
            any_attempt,
        }
    }

    fn codes(findings: &[Finding]) -> Vec<&str> {
        findings.iter().map(|finding| &*finding.code).collect()
    }

    #[test]
    fn each_difference_has_its_name_whether_it_is_said_or_not() {
        type Change = fn(&mut Subject, Option<String>);
        let changes: [(Change, &str, &str); 5] = [
            (|s, to| s.repository = to, "wrong-repository", "repository"),
            (|s, to| s.run_id = to, "wrong-run", "run"),
            (|s, to| s.run_attempt = to, "wrong-attempt", "attempt"),
            (|s, to| s.sha = to, "wrong-commit", "commit"),
            (
                |s, to| s.environment = to.unwrap_or_default(),
                "wrong-environment",
                "environment",
            ),
        ];
        let origin = origin(false);
        assert!(origin.of_another("p", &subject()).is_empty());
        let names = ["repository", "run", "attempt", "commit", "environment"];
        assert_eq!(
            origin.as_far_as_known("p", &subject()),
            (vec![], names.to_vec(), vec![])
        );
        for (change, code, name) in changes {
            let mut its = subject();
            change(&mut its, Some("x".into()));
            let findings = origin.of_another("p", &its);
            assert_eq!(codes(&findings), [code]);
            assert!(
                findings[0]
                    .message
                    .contains(&format!("p is from another {name}: x, but this is"))
            );
            let help = findings[0].help.as_deref().unwrap();
            assert_eq!(help.contains("--any-attempt"), code == "wrong-attempt");
            assert_eq!(codes(&origin.as_far_as_known("p", &its).0), [code]);
            change(&mut its, None);
            assert_eq!(codes(&origin.of_another("p", &its)), [code]);
            let (findings, compared, unknown) = origin.as_far_as_known("p", &its);
            assert_eq!((findings, unknown), (vec![], vec![name]));
            assert!(!compared.contains(&name));
        }
    }

    #[test]
    fn an_attempt_counts_in_its_own_run_and_where_it_is_asked_for() {
        let mut its = subject();
        its.run_attempt = Some("1".into());
        assert!(origin(true).of_another("p", &its).is_empty());
        its.run_id = Some("8".into());
        assert_eq!(codes(&origin(false).of_another("p", &its)), ["wrong-run"]);
        let laptop = Origin {
            subject: Subject {
                environment: "staging".into(),
                ..Subject::default()
            },
            ..origin(false)
        };
        assert!(laptop.of_another("p", &its).is_empty());
        assert_eq!(laptop.as_far_as_known("p", &its), (vec![], vec!["environment"], vec![]));
    }

    #[test]
    fn what_is_old_or_to_come_or_has_no_time_is_not_recent() {
        let now: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
        for (finished, code) in [
            ("2026-01-31T12:00:00Z", None),
            ("2026-01-31T11:59:00Z", None),
            ("2026-01-31T11:58:59.999Z", Some("too-old")),
            ("2026-01-31T12:05:00Z", None),
            ("2026-01-31T12:05:00.001Z", Some("from-the-future")),
            ("2026-01-31T12:00:00+02:00", Some("too-old")),
            ("2026-01-31", Some("no-time")),
            ("", Some("no-time")),
        ] {
            let finding = origin(false).not_recent("p", finished, now);
            assert_eq!(finding.as_ref().map(|finding| &*finding.code), code, "{finished}");
        }
        let for_ever = Origin {
            max_age: Duration::MAX,
            ..origin(false)
        };
        assert_eq!(for_ever.not_recent("p", "1970-01-01T00:00:00Z", now), None);
    }
}
