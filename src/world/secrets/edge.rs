//! Values that were cut where a text begins or ends.

/// Shorter parts are left: a word would be taken for one by chance.
pub const SHORTEST_PART: usize = 4;
/// Bytes of an escape or a character that a cut may have left in front of or behind the part.
/// The longest is that of a surrogate pair, `\ud83d\ude00`, without its first byte.
const TORN: usize = 11;

/// Bytes at the beginning of `text` that are the end of one of `values`.
pub fn at_start<'a>(text: &[u8], values: impl Iterator<Item = &'a [u8]> + Clone) -> usize {
    longest(text.len(), |torn| {
        let (torn, text) = text.split_at(torn);
        if torn.iter().any(u8::is_ascii_whitespace) {
            return None;
        }
        values.clone().map(|value| part_of(value, overlap(value, text))).max()
    })
}

/// Bytes at the end of `text` that are the beginning of one of `values`.
pub fn at_end<'a>(text: &[u8], values: impl Iterator<Item = &'a [u8]> + Clone) -> usize {
    longest(text.len(), |torn| {
        let (text, torn) = text.split_at(text.len() - torn);
        if torn
            .first()
            .is_some_and(|first| first.is_ascii() && !b"%\\&".contains(first))
        {
            return None;
        }
        values.clone().map(|value| part_of(value, overlap(text, value))).max()
    })
}

/// What is there whole is found without this.
fn part_of(value: &[u8], bytes: usize) -> usize {
    if bytes < value.len() { bytes } else { 0 }
}

fn longest(length: usize, part: impl Fn(usize) -> Option<usize>) -> usize {
    (0..=TORN.min(length))
        .filter_map(|torn| Some((part(torn).filter(|bytes| *bytes >= SHORTEST_PART)?, torn)))
        .max()
        .map_or(0, |(bytes, torn)| bytes + torn)
}

/// Bytes of the longest end of `one` that `other` begins with (Knuth, Morris and Pratt: a value may repeat itself).
pub fn overlap(one: &[u8], other: &[u8]) -> usize {
    let one = &one[one.len().saturating_sub(other.len())..];
    let other = &other[..other.len().min(one.len())];
    // How much of `other` its first bytes end with again.
    let mut again = Vec::with_capacity(other.len());
    let step = |again: &[usize], mut matched: usize, byte: u8| {
        while matched > 0 && other.get(matched) != Some(&byte) {
            matched = again[matched - 1];
        }
        matched + usize::from(other.get(matched) == Some(&byte))
    };
    for (at, byte) in other.iter().enumerate() {
        let matched = if at == 0 { 0 } else { step(&again, again[at - 1], *byte) };
        again.push(matched);
    }
    one.iter().fold(0, |matched, byte| step(&again, matched, *byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parts_at_an_edge_are_found_from_four_bytes_on() {
        let values = [b"0123456789".as_slice(), b"abcdefgh"];
        let start = |text: &str| at_start(text.as_bytes(), values.into_iter());
        let end = |text: &str| at_end(text.as_bytes(), values.into_iter());
        assert_eq!(start("6789 and more"), 4);
        assert_eq!(start("789 and more"), 0, "three bytes may be anything");
        assert_eq!(start("bcdefgh"), 7);
        assert_eq!(start(" and more 6789"), 0);
        assert_eq!(end("more of 0123"), 4);
        assert_eq!(end("more of 012"), 0);
        assert_eq!(end("more of abcdefg"), 7);
        assert_eq!(end("0123 more"), 0);
        assert_eq!((start(""), end("")), (0, 0));
        assert_eq!(end("abcdefgh"), 0, "that is no part");
    }

    #[test]
    fn a_torn_escape_is_a_part_too() {
        let values = [b"0123456789".as_slice()];
        assert_eq!(at_start(b"2F456789&x", values.into_iter()), 8);
        assert_eq!(at_start(b"u{1f511}456789&x", values.into_iter()), 14);
        assert_eq!(at_start(b"ud83d\\ude00456789&x", values.into_iter()), 17);
        assert_eq!(at_end(b"x=012345%2", values.into_iter()), 8);
        assert_eq!(at_end(b"x=012345\\u00e", values.into_iter()), 11);
        assert_eq!(at_end(b"x=012345 and so", values.into_iter()), 0);
    }

    proptest! {
        #[test]
        fn the_overlap_is_the_longest(one in "[ab]{0,12}", other in "[ab]{0,12}") {
            let longest = (0..=one.len().min(other.len())).rev().find(|n| one.ends_with(&other[..*n])).unwrap();
            prop_assert_eq!(overlap(one.as_bytes(), other.as_bytes()), longest);
        }
    }
}
