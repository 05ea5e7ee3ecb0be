//! Text in which escapes are what they stand for, or blanks. A rule knows nothing of them: in `\nghp_…`, `%3Dghp_…` and a
//! line with colours, the token would be a part of a longer word, and in `\"auth\"` there are no quotes.

use std::ops::Range;

/// The text with blanks in the place of escapes that a word follows, and quotes in that of escaped ones, byte for byte; and
/// where they are. `None` if there are none.
pub fn of(text: &[u8]) -> Option<(Vec<u8>, Vec<usize>)> {
    let (mut soft, mut places) = (Vec::new(), Vec::new());
    let mut at = 0;
    let mut entity = memchr::memchr(b'&', text);
    while let Some(rest) = text.get(at..) {
        if entity.is_some_and(|entity| entity < at) {
            entity = memchr::memchr(b'&', rest).map(|found| at + found);
        }
        let before = &rest[..entity.map_or(rest.len(), |entity| entity - at)];
        match memchr::memchr3(b'\\', b'%', 0x1b, before)
            .map(|found| at + found)
            .or(entity)
        {
            Some(found) => at = found,
            None => break,
        }
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
        let length = escape(&text[at..]);
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

/// The length of the escape at the beginning; 0 for none.
fn escape(text: &[u8]) -> usize {
    let digits = |from: usize, count: usize| {
        let digits = text
            .get(from..from + count)
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let (length, code) = match text {
        [b'%', ..] => (3, digits(1, 2)),
        [b'\\', b'u', ..] => (6, digits(2, 4)),
        [b'\\', b'x', ..] => (4, digits(2, 2)),
        [b'\\', b'0', b'3', b'3', ..] => (4, Some(0x1b)),
        [b'\\', b'e', ..] => (2, Some(0x1b)),
        [b'\\', b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v', ..] => (2, Some(u32::from(b' '))),
        [0x1b, ..] => (1, Some(0x1b)),
        _ => return 0,
    };
    match code {
        Some(0x1b) if text.get(length) == Some(&b'[') => {
            let told = text[length + 1..].iter().take(32);
            let told = told.take_while(|byte| byte.is_ascii_digit() || **byte == b';').count();
            let is_whole = text.get(length + 1 + told).is_some_and(u8::is_ascii_alphabetic);
            length + if is_whole { told + 2 } else { 0 }
        }
        Some(code) if !u8::try_from(code).is_ok_and(is_word) => length,
        _ => 0,
    }
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
