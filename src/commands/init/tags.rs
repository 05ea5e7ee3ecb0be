//! Which tags mark releases, as one pattern.

use std::collections::BTreeMap;

/// The pattern of the most tags that end in a version, and how many there are. With several apps in one repository those
/// with the app's name in front come first.
pub fn pattern<'a>(tags: impl Iterator<Item = &'a str>, app: &str) -> Option<(String, usize)> {
    let mut prefixes: BTreeMap<&str, usize> = BTreeMap::new();
    for prefix in tags.filter_map(prefix) {
        *prefixes.entry(prefix).or_default() += 1;
    }
    let name = app.rsplit('/').next().unwrap_or(app);
    let is_of_app = |prefix: &str| !name.is_empty() && prefix.trim_end_matches(['@', '-', '/', 'v', '_']) == name;
    // Of those that are as many, the shortest.
    let best = prefixes
        .into_iter()
        .max_by_key(|(prefix, count)| (is_of_app(prefix), *count, usize::MAX - prefix.len()))?;
    let pattern = match best.0 {
        "" => "[0-9]*".to_owned(),
        prefix => format!("{prefix}*"),
    };
    Some((pattern, best.1))
}

/// `v` of `v1.2.0`: what comes before the version, if that is one.
fn prefix(tag: &str) -> Option<&str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '@' | '+');
    if tag.len() > 200 || !tag.chars().all(plain) {
        return None;
    }
    let core = tag.split(['+']).next().unwrap_or(tag);
    // A version begins with the first number that nothing but numbers and a pre-release follow.
    let starts = core.char_indices().filter(|(at, c)| {
        let before = core[..*at].chars().next_back();
        c.is_ascii_digit() && !before.is_some_and(|before| before.is_ascii_digit() || before == '.')
    });
    let start = starts.map(|(at, _)| at).find(|at| is_version(&core[*at..]))?;
    let prefix = &core[..start];
    let is_joint = prefix.is_empty() || prefix.ends_with(['v', 'V', '-', '_', '/', '@']) || prefix == "release";
    is_joint.then_some(prefix)
}

/// `1`, `1.2`, `1.2.3`, `2026-01-31`, each with a pre-release or not.
fn is_version(text: &str) -> bool {
    let numbers = text.split_once('-').map_or(text, |(numbers, _)| numbers);
    numbers
        .split('.')
        .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_is_that_of_the_most_releases() {
        for (tags, app, expected) in [
            (&["v1.0.0", "v1.1.0-rc.1", "latest"][..], "", Some(("v*", 2))),
            (&["1.0", "1.1", "v0"], "", Some(("[0-9]*", 2))),
            (&["release-1.2", "release-1.3"], "", Some(("release-*", 2))),
            (&["2026-01-31", "2026-02-01"], "", Some(("[0-9]*", 2))),
            (&["web@1.0.0", "api@1.0.0", "api@1.1.0"], "", Some(("api@*", 2))),
            (&["web@1.0.0", "api@1.0.0", "api@1.1.0"], "apps/web", Some(("web@*", 1))),
            (&["web-v1.0.0", "web-v2.0.0"], "web", Some(("web-v*", 2))),
            (&["deploy/2026.01.31+3", "x"], "", Some(("deploy/*", 1))),
            (&["latest", "nightly", "v", "sprint23x"], "", None),
            (&["v1 $(x)", "v1'", "größe-1"], "", None),
            (&[], "", None),
        ] {
            let found = pattern(tags.iter().copied(), app);
            let found = found.as_ref().map(|(pattern, count)| (pattern.as_str(), *count));
            assert_eq!(found, expected, "{tags:?}");
        }
    }
}
