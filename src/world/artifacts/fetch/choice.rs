//! Which of the artifacts are wanted.

use super::super::not_in_a_name;
use super::source::{Offer, Source};
use super::{LARGEST, MOST, NotFetched, Wanted};

/// Those that are wanted, once each: of one name the newest.
pub fn choose(mut offers: Vec<Offer>, wanted: &Wanted, source: &Source) -> Result<Vec<Offer>, NotFetched> {
    offers.sort_by(|a, b| (&a.name, b.id).cmp(&(&b.name, a.id)));
    offers.dedup_by(|later, first| later.name == first.name);
    let mut is_wanted = vec![false; offers.len()];
    for name in &wanted.names {
        let mut is_there = false;
        for (offer, is_wanted) in offers.iter().zip(&mut is_wanted) {
            if is_match(name, &offer.name) {
                (*is_wanted, is_there) = (true, true);
            }
        }
        if !is_there {
            return Err(NotFetched::NotFound {
                run: source.run(),
                name: name.clone(),
                there: offers.into_iter().map(|offer| offer.name).collect(),
            });
        }
    }
    let mut wanted = is_wanted.into_iter();
    offers.retain(|_| wanted.next() == Some(true));
    if offers.len() > MOST {
        return Err(NotFetched::TooMany(offers.len()));
    }
    for offer in &offers {
        let is_odd = |c: char| c.is_control() || not_in_a_name(&String::from(c)).is_some();
        if matches!(offer.name.as_str(), "" | "." | "..") || offer.name.contains(is_odd) {
            return Err(NotFetched::OddName(offer.name.clone()));
        }
        if offer.is_expired {
            return Err(NotFetched::Expired(offer.name.clone()));
        }
        if offer.bytes > LARGEST {
            return Err(NotFetched::TooLarge(offer.name.clone()));
        }
    }
    Ok(offers)
}

/// Names have no `*`, which is the only sign of a pattern here.
fn is_match(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => name.strip_prefix(before).is_some_and(|left| {
            let mut ends = (0..=left.len()).filter_map(|at| left.get(at..));
            ends.any(|end| is_match(after, end))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_star_is_the_only_sign_in_a_name() {
        for (name, there, matches) in [
            ("proof", "proof", true),
            ("proof", "proof-2", false),
            ("proof-*", "proof-", true),
            ("*-eu-*", "proof-eu-1", true),
            ("*", "anything {a,b} [x]", true),
            ("a{b,c}", "ab", false),
            ("a[bc]", "ab", false),
            ("a[bc]*", "a[bc]-1", true),
            ("a!b", "a!b", true),
        ] {
            assert_eq!(is_match(name, there), matches, "{name} {there}");
        }
    }

    proptest! {
        #[test]
        fn a_name_matches_itself_and_so_does_its_beginning_with_a_star(name in "[^/*\\\\:\"<>|?\r\n]{1,20}") {
            prop_assert!(is_match(&name, &name));
            let (pattern, longer) = (format!("{name}*"), format!("{name} and more"));
            prop_assert!(is_match(&pattern, &longer) && !is_match(&name, &longer));
        }
    }
}
