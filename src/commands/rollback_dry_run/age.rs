//! How old a release is.

use std::time::Duration;

use jiff::Timestamp;

use crate::engine::Observation;
use crate::model::text::{count, one_line};
use crate::model::{Finding, TimeSpan};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// Up to this, days are easier to read than months.
const DAYS: Duration = Duration::from_secs(60 * 24 * 60 * 60);
/// Of the Gregorian calendar, on average.
const MONTH: u64 = 2_629_746;
const MONTHS_OF_YEAR: u64 = 12;
/// Up to this, months are easier to read than years.
const MONTHS: u64 = 24;

/// The fact when a release was made (RFC 3339), and how long ago. One that is older than a year gets a warning.
#[must_use]
pub fn tell(observed: Observation, fact: &str, at: &str, now: Timestamp) -> Observation {
    let at = one_line(at);
    let age = at
        .parse::<Timestamp>()
        .ok()
        .and_then(|at| Duration::try_from(now.duration_since(at)).ok());
    let Some(age) = age else {
        return observed.fact(fact, at);
    };
    let ago = in_words(age);
    let mut observed = observed.fact(fact, format!("{at}, {ago} ago"));
    if age > YEAR {
        let day = at.get(..10).unwrap_or(&at);
        observed = observed.with(
            Finding::warning("old-release", format!("that release is from {day}, {ago} ago")).help(
                "check that its database, services and certificates are still what it expects; deploy more often",
            ),
        );
    }
    observed
}

fn in_words(age: Duration) -> String {
    let months = age.as_secs() / MONTH;
    let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    if age < DAY {
        TimeSpan(Duration::from_secs(age.as_secs() / 60 * 60)).to_string()
    } else if age < DAYS {
        count(number(age.as_secs() / DAY.as_secs()), "day")
    } else if months < MONTHS {
        count(number(months), "month")
    } else {
        count(number(months / MONTHS_OF_YEAR), "year")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(at: &str) -> (String, Vec<String>) {
        let observed = tell(
            Observation::nothing_wrong(),
            "deployed",
            at,
            "2026-11-30T12:00:00Z".parse().unwrap(),
        );
        let findings = observed.findings.into_iter().map(|finding| finding.message).collect();
        (observed.facts[0].value.clone(), findings)
    }

    #[test]
    fn an_age_is_told_in_the_unit_that_is_read_at_once() {
        for (at, fact) in [
            ("2026-11-30T09:29:30Z", "2026-11-30T09:29:30Z, 2h30m ago"),
            ("2026-11-29T11:00:00Z", "2026-11-29T11:00:00Z, 1 day ago"),
            ("2026-11-29T13:00:00+01:00", "2026-11-29T13:00:00+01:00, 1 day ago"),
            ("2026-10-10T12:00:00Z", "2026-10-10T12:00:00Z, 51 days ago"),
            ("2026-08-01T12:00:00Z", "2026-08-01T12:00:00Z, 3 months ago"),
            // A clock that is ahead, and no time at all.
            ("2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("yesterday", "yesterday"),
        ] {
            assert_eq!(told(at), (fact.to_owned(), Vec::new()));
        }
    }

    #[test]
    fn a_release_older_than_a_year_has_a_sentence_of_its_own() {
        assert_eq!(told("2025-12-01T12:00:00Z").1, Vec::<String>::new());
        assert_eq!(
            told("2025-09-29T12:00:00Z").1,
            ["that release is from 2025-09-29, 14 months ago"]
        );
        assert_eq!(
            told("2021-09-30T12:00:00Z").1,
            ["that release is from 2021-09-30, 5 years ago"]
        );
    }
}
