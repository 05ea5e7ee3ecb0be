//! Values that must never be shown.

use std::fmt;

use super::Env;

/// Shorter values are left alone: masking `true` or `1` everywhere would destroy the report and hide nothing.
const SHORTEST: usize = 8;

/// Words in a variable's name that say its value is a secret.
const TELLING: [&str; 8] = [
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "API_KEY",
    "APIKEY",
    "PRIVATE_KEY",
    "CREDENTIAL",
];

/// A text that prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Takes known secret values out of texts.
#[derive(Clone, Debug, Default)]
pub struct Redactor(Vec<Secret>);

impl Redactor {
    /// Knows the values of all variables whose name tells, and of those in `named`.
    pub fn new<'a>(env: &Env, named: impl IntoIterator<Item = &'a str>) -> Self {
        let named: Vec<&str> = named.into_iter().collect();
        let mut values: Vec<String> = env
            .iter()
            .filter(|(name, _)| {
                let upper = name.to_ascii_uppercase();
                named.contains(name) || TELLING.iter().any(|word| upper.contains(word))
            })
            .flat_map(|(_, value)| {
                // The runner masks a secret of several lines line by line; so do we.
                std::iter::once(value.trim()).chain(value.lines().map(str::trim))
            })
            .filter(|value| value.len() >= SHORTEST)
            .map(str::to_owned)
            .collect();
        // The longest first, so that a secret that holds another one is replaced whole.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values.dedup();
        Self(values.into_iter().map(Secret).collect())
    }

    pub fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.0 {
            if text.contains(secret.reveal()) {
                text = text.replace(secret.reveal(), "***");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telling_names_and_named_ones_are_redacted_line_by_line() {
        let env: Env = [
            ("FLY_API_TOKEN", "fo1_abcdefghij"),
            ("DEPLOY_KEY", "line-one-secret\nline-two-secret"),
            ("HOME", "/home/runner"),
            ("SHORT_TOKEN", "abc"),
        ]
        .into_iter()
        .collect();
        let redactor = Redactor::new(&env, ["DEPLOY_KEY"]);
        assert_eq!(
            redactor.redact("fo1_abcdefghij line-two-secret /home/runner abc"),
            "*** *** /home/runner abc"
        );
        assert!(!format!("{redactor:?}").contains("fo1_"));
    }
}
