//! Whether what a variable holds is a value.

use std::ffi::OsStr;

/// What a variable holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    Value,
    /// It is not set, empty or blank, as a missing secret is.
    Nothing,
    /// What it holds instead of a value, in words.
    Instead(&'static str),
}

impl Held {
    pub fn in_variable(value: Option<&OsStr>) -> Self {
        // Bytes that are no text are nothing that a workflow writes by mistake.
        match value.map(OsStr::to_str) {
            None => Self::Nothing,
            Some(None) => Self::Value,
            Some(Some(text)) => Self::in_text(text),
        }
    }

    fn in_text(text: &str) -> Self {
        let seen = text.trim_matches(|c: char| c.is_whitespace() || c.is_control() || is_invisible(c));
        if text.trim().is_empty() {
            Self::Nothing
        } else if seen.is_empty() {
            Self::Instead("only invisible characters")
        } else if seen == "null" {
            // Not repeated: it would be masked as the secret's value.
            Self::Instead("an empty JSON value")
        } else if seen.len() >= 3 && seen.bytes().all(|byte| byte == b'*') {
            Self::Instead("asterisks, like a masked value")
        } else if text.split_once("${{").is_some_and(|(_, rest)| rest.contains("}}")) {
            Self::Instead("an unevaluated expression")
        } else {
            Self::Value
        }
    }

    pub fn is_value(self) -> bool {
        self == Self::Value
    }
}

/// Characters of no width, and fillers that look like a blank (Unicode's `Default_Ignorable_Code_Point`, and U+2800).
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_stands_there_instead_of_a_value_is_none() {
        for text in ["", " ", "\t\r\n", "\u{a0}", "\u{3000}"] {
            assert_eq!(Held::in_text(text), Held::Nothing, "{text:?}");
        }
        for text in [
            "\u{200b}",
            " \u{feff} \u{2060}",
            "\u{3164}",
            "\u{e0041}",
            "null",
            " null\n",
            "\u{200b}null",
            "***",
            "*****",
            "${{ secrets.T }}",
            "Bearer ${{secrets.T}}",
            "${{\n}}",
        ] {
            assert!(matches!(Held::in_text(text), Held::Instead(_)), "{text:?}");
        }
        for text in [
            "x",
            "0",
            "false",
            "nullable",
            "*",
            "a***b",
            "$ {{ x }}",
            "${{ x",
            "}} ${{",
            "é",
            "\u{200b}x",
        ] {
            assert_eq!(Held::in_text(text), Held::Value, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_token_is_a_value(token in "[A-Za-z0-9_+/=.-]{1,80}") {
            prop_assert!(token == "null" || Held::in_text(&token).is_value());
        }
    }
}
