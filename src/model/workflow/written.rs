//! Text as YAML, as a person would write it: without quotes where none are needed.

/// A value of a block mapping, on one line.
pub fn scalar(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { quoted(text) }
}

/// An item of a list in brackets.
pub fn item(text: &str) -> String {
    if is_plain(text) && !text.contains([',', '[', ']', '{', '}']) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// `[one, two]`.
pub fn list<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    let items: Vec<String> = items.into_iter().map(item).collect();
    format!("[{}]", items.join(", "))
}

/// In double quotes, for line breaks on one line.
pub fn with_escapes(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", text.replace('\n', "\\n"))
}

/// In single quotes.
pub fn quoted(text: &str) -> String {
    // Names and commands are on one line, of printable characters: `names` sees to that.
    debug_assert!(!text.chars().any(char::is_control), "{text:?}");
    format!("'{}'", text.replace('\'', "''"))
}

fn is_plain(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '.' | '/' | '_' | '$'));
    let is_word_of_yaml = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word));
    // `.5` and `.inf` are numbers.
    let is_number = text.starts_with('.') && !text.starts_with("./");
    starts
        && !is_word_of_yaml
        && !is_number
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with([':', ' '])
        && text.chars().all(|c| !c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quotes_are_where_they_are_needed() {
        for (text, expected) in [
            ("v*", "v*"),
            ("[0-9]*", "'[0-9]*'"),
            ("npm run deploy", "npm run deploy"),
            ("echo a: b", "'echo a: b'"),
            ("it's # x", "'it''s # x'"),
            ("on", "'on'"),
            ("12", "'12'"),
        ] {
            assert_eq!(scalar(text), expected);
        }
        assert_eq!(list(["a", "b, c", "k8s/**"]), "[a, 'b, c', k8s/**]");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(text in "[ -~]{0,40}") {
            let read = |yaml: &str| serde_yaml::from_str::<serde_json::Value>(yaml).unwrap();
            prop_assert_eq!(&read(&format!("a: {}\n", scalar(&text)))["a"], &text);
            prop_assert_eq!(&read(&format!("a: {}\n", list([text.as_str(), "x"])))["a"][0], &text);
            let lines = text.replace('~', "\n");
            prop_assert_eq!(&read(&format!("a: {}\n", with_escapes(&lines)))["a"], &lines);
        }
    }
}
