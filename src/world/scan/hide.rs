//! Tokens in a text that is shown, such as a line of another job's log, whose secrets this job does not know.

use std::sync::LazyLock;

use super::{Search, look_at};
use crate::model::scan::RuleSet;

/// In place of what cannot be searched.
const NOT_SHOWN: &str = "[not shown: it cannot be searched for secrets]";

pub struct Hide(&'static LazyLock<Option<RuleSet>>);

/// Made once, when the first text is shown.
static RULES: LazyLock<Option<RuleSet>> = LazyLock::new(|| RuleSet::builtin().ok());

impl Hide {
    pub fn builtin() -> Self {
        Self(&RULES)
    }

    /// The text with `***` where the built-in rules find a secret, and in each line of a longer one.
    pub fn text(&self, text: &str) -> String {
        let Some(search) = self.0.as_ref().and_then(|rules| Search::new(rules, None).ok()) else {
            return NOT_SHOWN.to_owned();
        };
        without(search, text)
    }
}

/// The text with `***` in place of what is found in it.
pub(super) fn without(search: Search<'_>, text: &str) -> String {
    let (found, _) = look_at(search, text.as_bytes());
    let mut places = Vec::new();
    for found in found {
        let place = (usize::try_from(found.secret.start), usize::try_from(found.secret.end));
        if let (Ok(start), Ok(end)) = place {
            places.push(start..end);
        }
    }
    places.sort_by_key(|place| place.start);
    let (mut hidden, mut at) = (String::with_capacity(text.len()), 0);
    for place in places {
        if place.end <= at {
            continue;
        }
        hidden += text.get(at..place.start.max(at)).unwrap_or_default();
        let secret = text.get(place.start.max(at)..place.end).unwrap_or_default();
        hidden += "***";
        hidden += &"\n***".repeat(secret.trim_end().matches('\n').count());
        hidden += &secret[secret.trim_end().len()..];
        at = place.end;
    }
    hidden += text.get(at..).unwrap_or_default();
    hidden
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "MIIEowIBAAKCAQEAuV4JO8Xm0qPz4LbT7vWc2RnYk5HsD1gFa3eUiB9kQ0xZt6yM\n";

    #[test]
    fn a_token_that_nobody_named_is_hidden_and_the_rest_stays() {
        let hide = Hide::builtin();
        let token = format!("ghp_{}", "JO8Xm0qPz4LbT7vWc2RnYk5HsD1gFa3eUiB9");
        for (text, expected) in [
            (
                format!("é login with {token} failed: {token}."),
                "é login with *** failed: ***.",
            ),
            ("nothing here".to_owned(), "nothing here"),
            (String::new(), ""),
            (
                format!(
                    "a\n-----BEGIN RSA PRIVATE KEY-----\n{}-----END RSA PRIVATE KEY-----\nb\n",
                    KEY.repeat(3)
                ),
                "a\n***\n***\n***\n***\n***\nb\n",
            ),
        ] {
            assert_eq!(hide.text(&text), expected);
        }
    }
}
