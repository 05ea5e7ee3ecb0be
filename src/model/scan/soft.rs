//! Text in which escapes are what they stand for, or blanks. A rule knows nothing of them: in `\nghp_…`, `%3Dghp_…` and a
//! line with colors, the token would be a part of a longer word, and in `\"auth\"` there are no quotes.

use std::ops::Range;

use super::escape::{self, Marks};

/// The text with blanks in the place of escapes that a word follows, and quotes in that of escaped ones, byte for byte; and
/// where they are. `None` if there are none.
pub fn of(text: &[u8]) -> Option<(Vec<u8>, Vec<usize>)> {
    let (mut soft, mut places) = (Vec::new(), Vec::new());
    let (mut marks, mut at) = (Marks::of(text), 0);
    while let Some(found) = marks.next(at) {
        at = found;
        if let Some(length) = quote(&text[at..]) {
            if soft.is_empty() {
                soft = text.to_vec();
            }
            soft[at..at + length].fill(b' ');
            // The blanks are outside of the quotes.
            let is_closing = !text.get(at + length).is_some_and(|byte| is_word(*byte));
            soft[if is_closing { at } else { at + length - 1 }] = b'"';
            places.push(at);
            at += length;
            continue;
        }
        let is_separator = |(_, code): &(usize, u32)| !u8::try_from(*code).is_ok_and(is_word);
        let length = escape::read(&text[at..])
            .filter(is_separator)
            .map_or(0, |(length, _)| length);
        if length > 0 && text.get(at + length).is_some_and(|byte| is_word(*byte)) {
            if soft.is_empty() {
                soft = text.to_vec();
            }
            soft[at..at + length].fill(b' ');
            places.push(at);
        }
        at += length.max(1);
    }
    (!places.is_empty()).then_some((soft, places))
}

/// Whether any of the places, which are in order, is in a range.
pub fn is_in(places: &[usize], range: &Range<usize>) -> bool {
    let first = places.partition_point(|place| *place < range.start);
    places.get(first).is_some_and(|place| *place < range.end)
}

/// The length of an escaped quote at the beginning.
fn quote(text: &[u8]) -> Option<usize> {
    const QUOTES: [&[u8]; 4] = [b"\\\"", b"&quot;", b"&#34;", b"\\u0022"];
    QUOTES
        .iter()
        .find(|quote| text.starts_with(quote))
        .map(|quote| quote.len())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_bytes_keep_their_length(text in "[\\\\%&\x1bu0n\\[;\"m3a quot]{0,24}") {
            if let Some((soft, places)) = of(text.as_bytes()) {
                proptest::prop_assert_eq!(soft.len(), text.len());
                proptest::prop_assert!(places.is_sorted());
            }
        }
    }

    #[test]
    fn escapes_before_a_word_are_blanks() {
        for (text, expected) in [
            (r"a\nb", "a  b"),
            (r"\u0026sig \u0041b \x3dc", r"      sig \u0041b     c"),
            ("%3Da %41b %0a %zz", "   a %41b %0a %zz"),
            ("\x1b[36;1mghp_ \x1b[0m", "       ghp_ \x1b[0m"),
            (r"\u001b[3\nghp_", r"\u001b[3  ghp_"),
            (r"\u001b[32mx \033[0mx \e[mx", "          x        x     x"),
            (r#"\"auth\": \"x\"=&quot;y&quot;"#, r#" "auth" :  "x" =     "y"     "#),
        ] {
            let soft = of(text.as_bytes()).unwrap().0;
            assert_eq!(String::from_utf8(soft).unwrap(), expected, "{text:?}");
        }
        // They are cut at the end.
        for text in ["\x1b[36", "\\x1b[1;", "\\u001b["] {
            assert_eq!(of(text.as_bytes()), None, "{text:?}");
        }
        for text in ["plain", r"a\n", "100%", r"\\", "%", "\\u12", "\x1b"] {
            assert_eq!(of(text.as_bytes()), None, "{text:?}");
        }
    }
}
