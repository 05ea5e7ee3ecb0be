//! Telling what was looked at, so that nobody has to look again.

use super::version;
use crate::model::text::count;
use crate::world::git::{RefName, Tag};

/// Names listed of each kind in a message.
const NAMES: usize = 4;
/// How alike a name must be to be suggested, from 0 to 1.
const ALIKE: f64 = 0.75;

/// Tags that were looked at and passed over, and why.
#[derive(Default)]
pub struct Passed<'a> {
    pub heads: Vec<&'a RefName>,
    pub elsewhere: Vec<&'a RefName>,
    pub no_commits: Vec<&'a RefName>,
    pub pre_releases: Vec<&'a RefName>,
}

impl Passed<'_> {
    /// What was looked at: how many tags, which pattern, and what became of those that match.
    pub fn told(&self, all: &[Tag], matching: usize, pattern: &str) -> String {
        if all.is_empty() {
            return format!("it has no tags; releases are tags that match `{pattern}`");
        }
        if matching == 0 {
            let names: Vec<&RefName> = all.iter().map(|tag| &tag.name).collect();
            return format!(
                "{}, none matches `{pattern}` ({})",
                count(all.len(), "tag"),
                named(&names)
            );
        }
        let mut parts = vec![format!(
            "{}, of which {matching} {} `{pattern}`",
            count(all.len(), "tag"),
            if matching == 1 { "matches" } else { "match" }
        )];
        for (names, one, several) in [
            (&self.heads, "is HEAD itself", "are HEAD itself"),
            (
                &self.elsewhere,
                "is not in the history of HEAD",
                "are not in the history of HEAD",
            ),
            (&self.no_commits, "is not a commit", "are not commits"),
            (&self.pre_releases, "is a pre-release", "are pre-releases"),
        ] {
            if !names.is_empty() {
                let what = if names.len() == 1 { one } else { several };
                parts.push(format!("{} {what} ({})", names.len(), named(names)));
            }
        }
        parts.join("; ")
    }
}

fn named(names: &[&RefName]) -> String {
    let mut names: Vec<&RefName> = names.to_vec();
    names.sort_by(|a, b| version::compare(b.short(), a.short()));
    let first: Vec<String> = names.iter().take(NAMES).map(ToString::to_string).collect();
    let more = if names.len() > NAMES { ", …" } else { "" };
    format!("{}{more}", first.join(", "))
}

/// The name that was probably meant.
pub fn suggestion<'a>(given: &str, names: &'a [String]) -> Option<&'a String> {
    let likeness = |name: &str| {
        // `main` for `origin/main`: a checkout in CI has no local branches but one.
        if name.rsplit('/').next() == Some(given) {
            1.0
        } else {
            strsim::jaro_winkler(&given.to_lowercase(), &name.to_lowercase())
        }
    };
    names
        .iter()
        .filter(|name| likeness(name) >= ALIKE)
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
}

/// RFC 3339, UTC; commits can claim times that no calendar has.
pub fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| format!("{seconds} s after 1970"), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_was_meant() {
        let names: Vec<String> = ["v1.2.0", "main", "origin/release"].map(str::to_owned).into();
        assert_eq!(suggestion("v1.2.O", &names).map(String::as_str), Some("v1.2.0"));
        assert_eq!(
            suggestion("release", &names).map(String::as_str),
            Some("origin/release")
        );
        assert_eq!(suggestion("zzz", &names), None);
    }

    #[test]
    fn impossible_times_are_told_as_they_are() {
        assert_eq!(time(0), "1970-01-01T00:00:00Z");
        assert!(time(i64::MAX).contains("after 1970"));
    }
}
