//! Making foreign text safe to show. What others wrote may hold terminal codes, line breaks or workflow commands.

/// Every control character spelled out; line breaks and tabs stay.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            '\r' => {}
            c if is_spelled_out(c) => {
                out.extend(c.escape_unicode());
            }
            c => out.push(c),
        }
    }
    out
}

/// Like [`printable`], on one line.
pub fn one_line(text: &str) -> String {
    printable(text).replace('\n', "\\n").replace('\t', " ")
}

/// The first `max` bytes at most, cut at a character, with a mark where something was cut. For what holds no secrets:
/// foreign text is shortened by `World.secrets`.
#[expect(clippy::disallowed_methods, reason = "this is the one place that cuts")]
pub fn cut(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let mut end = max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

/// The known name that a misspelled one is nearest to, if it is near at all.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let known = known
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(given, known), known));
    known
        .min()
        .filter(|(distance, known)| *distance <= (known.len() / 3).max(2))
        .map(|(_, known)| known)
}

/// `1 check`, `2 checks`, `2 processes`.
pub fn count(n: usize, noun: &str) -> String {
    let hisses = ["s", "x", "sh", "ch"].iter().any(|end| noun.ends_with(end));
    match (n, hisses) {
        (1, _) => format!("1 {noun}"),
        (_, true) => format!("{n} {noun}es"),
        (_, false) => format!("{n} {noun}s"),
    }
}

/// Letters, digits and what is `kept` stay; every other byte becomes `%` and two digits.
pub fn percent_encoded(text: impl AsRef<[u8]>, kept: &str) -> String {
    let mut out = String::new();
    for &byte in text.as_ref() {
        match byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte) {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// What [`percent_encoded`] keeps in any part of a URL (RFC 3986, "Unreserved Characters").
pub const UNRESERVED: &str = "-._~";

/// Whether it is a hash or an id of so many hexadecimal digits.
pub fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Reads a value from its text form, for types whose configuration key is written as their flag is.
pub fn deserialize<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

/// A type that is read from text (`FromStr`) in a configuration, too; the rest of its JSON Schema follows its name.
macro_rules! read_from_text {
    ($type:ident { $($schema:tt)+ }) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::model::text::deserialize(deserializer)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", $($schema)+ })
            }
        }
    };
}
pub(crate) use read_from_text;

/// Whether a character is shown by its number: it does something instead of being seen.
pub fn is_spelled_out(c: char) -> bool {
    c.is_control() || is_bidi_control(c)
}

/// Unicode's direction overrides can make a line read as something it is not.
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn terminal_codes_are_spelled_out() {
        assert_eq!(printable("a\u{1b}[31mb\r\nc"), "a\\u{1b}[31mb\nc");
        assert_eq!(one_line("a\nb"), "a\\nb");
    }

    #[test]
    fn what_turns_a_line_around_is_spelled_out_and_its_neighbours_are_text() {
        for c in "\u{200e}\u{200f}\u{202a}\u{202e}\u{2066}\u{2069}\u{7f}\u{85}".chars() {
            assert_eq!(printable(&format!("a{c}b")), format!("a{}b", c.escape_unicode()));
        }
        let text = "\u{200d}\u{2010}\u{2029}\u{202f}\u{2065}\u{206a}\u{e4}\u{1f511}\n\t";
        assert_eq!(printable(text), text);
    }

    #[test]
    fn a_cut_is_marked_and_falls_between_characters() {
        for (text, max, expected) in [
            ("abc", 4, "abc"),
            ("abc", 3, "abc"),
            ("abc", 2, "ab…"),
            ("abc", 0, "…"),
            ("a\u{1f511}b", 5, "a\u{1f511}…"),
            ("a\u{1f511}b", 4, "a…"),
            ("a\u{1f511}b", 2, "a…"),
            ("a\u{1f511}b", 1, "a…"),
        ] {
            assert_eq!(cut(text, max), expected, "{text} in {max} bytes");
        }
    }

    #[test]
    fn what_is_counted_has_a_plural() {
        let counted = [(1, "process"), (2, "process"), (0, "check"), (2, "match"), (2, "byte")];
        assert_eq!(
            counted.map(|(n, noun)| count(n, noun)),
            ["1 process", "2 processes", "0 checks", "2 matches", "2 bytes"]
        );
    }

    proptest! {
        #[test]
        fn one_line_is_one_line_without_control_characters(text in any::<String>()) {
            prop_assert!(!one_line(&text).chars().any(char::is_control));
        }

        #[test]
        fn cutting_keeps_a_prefix(text in any::<String>(), max in 0usize..40) {
            let short = cut(&text, max);
            let kept = short.strip_suffix('…').unwrap_or(&short);
            prop_assert!(text.starts_with(kept) || short == text);
            prop_assert!(kept.len() <= max.max(text.len().min(max)) || short == text);
        }
    }
}
