//! Values that must never be shown.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use anyhow::Context as _;

use super::{Env, files};

/// Shorter values are left alone: masking `true` or `1` everywhere would destroy the report and hide nothing.
const SHORTEST: usize = 8;
/// Of values that somebody named as secrets, only those are left alone that would be found by chance.
const SHORTEST_NAMED: usize = 4;

/// Words in a variable's name that say its value is a secret.
const TELLING: [&str; 10] = [
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "API_KEY",
    "APIKEY",
    "PRIVATE_KEY",
    "CREDENTIAL",
    "PASSPHRASE",
    "_PASS",
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
pub struct Redactor {
    /// The longest first, so that a secret that holds another one is replaced whole.
    values: Vec<Secret>,
    named: Vec<Secret>,
}

impl Redactor {
    /// Knows the values of all variables whose name tells, of those in `named`, and passwords inside of URLs.
    pub fn new<'a>(env: &Env, named: impl IntoIterator<Item = &'a str>) -> Self {
        let names: Vec<&str> = named.into_iter().collect();
        let mut values = Vec::new();
        let mut named = Vec::new();
        for (name, value) in env.iter() {
            let upper = name.to_ascii_uppercase();
            if names.contains(&name) {
                named.extend(lines(value, SHORTEST_NAMED));
            } else if TELLING.iter().any(|word| upper.contains(word)) {
                values.extend(lines(value, SHORTEST));
            }
            if let Ok(url) = url::Url::parse(value)
                && let Some(password) = url.password()
                && password.len() >= SHORTEST_NAMED
            {
                values.push(password.to_owned());
            }
        }
        named.sort();
        named.dedup();
        values.extend(named.iter().cloned());
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values.dedup();
        let secrets = |values: Vec<String>| values.into_iter().map(Secret).collect();
        Self {
            values: secrets(values),
            named: secrets(named),
        }
    }

    /// The values that somebody named as secrets, for the runner to mask.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        self.named.iter().map(Secret::reveal)
    }

    pub fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.values {
            if text.contains(secret.reveal()) {
                text = text.replace(secret.reveal(), "***");
            }
        }
        text
    }

    /// Takes the values out of a file, in place and whole: a reader sees the old file or the new one. Memory does not
    /// grow with its size. A file without any is left as it is.
    pub fn redact_file(&self, path: &Path) -> anyhow::Result<()> {
        let Some(longest) = self.values.first().map(|value| value.reveal().len()) else {
            return Ok(());
        };
        let wrong = || format!("cannot take secrets out of {}", path.display());
        if std::fs::metadata(path).with_context(wrong)?.len() == 0 {
            return Ok(());
        }
        let pattern: Vec<String> = self.values.iter().map(|v| regex::escape(v.reveal())).collect();
        let pattern = regex::bytes::RegexBuilder::new(&pattern.join("|"))
            .unicode(false)
            .build()
            .context("the secrets cannot be searched for")?;
        let mut found = false;
        sift(
            &pattern,
            longest,
            File::open(path).with_context(wrong)?,
            &mut |_, hit| {
                found |= hit;
                Ok(())
            },
        )
        .with_context(wrong)?;
        if !found {
            return Ok(());
        }
        let input = File::open(path).with_context(wrong)?;
        files::replace_with(path, |file| {
            let mut out = io::BufWriter::new(file);
            sift(&pattern, longest, input, &mut |bytes, hit| {
                out.write_all(if hit { b"***" } else { bytes })
            })?;
            out.flush()
        })
    }
}

/// The runner masks a secret of several lines line by line; so do we.
fn lines(value: &str, shortest: usize) -> Vec<String> {
    std::iter::once(value.trim())
        .chain(value.lines().map(str::trim))
        .filter(|line| line.len() >= shortest)
        .map(str::to_owned)
        .collect()
}

/// Hands a stream on in pieces, telling which of them match. A match across two reads is found: so many bytes as it
/// could still need are kept back.
fn sift(
    pattern: &regex::bytes::Regex,
    longest: usize,
    mut input: File,
    take: &mut dyn FnMut(&[u8], bool) -> io::Result<()>,
) -> io::Result<()> {
    const READ: usize = 1 << 20;
    let mut window: Vec<u8> = Vec::with_capacity(READ + longest);
    loop {
        let kept = window.len();
        window.resize(kept + READ, 0);
        let read = input.read(&mut window[kept..])?;
        window.truncate(kept + read);
        // A match that begins before this cannot grow any more.
        let safe = if read == 0 {
            window.len()
        } else {
            window.len().saturating_sub(longest - 1)
        };
        let mut done = 0;
        for hit in pattern.find_iter(&window) {
            if hit.start() >= safe {
                break;
            }
            take(&window[done..hit.start()], false)?;
            take(hit.as_bytes(), true)?;
            done = hit.end();
        }
        if done < safe {
            take(&window[done..safe], false)?;
            done = safe;
        }
        window.drain(..done);
        if read == 0 {
            return Ok(());
        }
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
            ("DATABASE_URL", "postgres://app:hunter2@db/shop"),
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

    #[test]
    fn passwords_inside_of_urls_are_secrets() {
        let env: Env = [("DATABASE_URL", "postgres://app:hunter2@db/shop")]
            .into_iter()
            .collect();
        let redactor = Redactor::new(&env, []);
        assert_eq!(
            redactor.redact("cannot log in with hunter2 at db"),
            "cannot log in with *** at db"
        );
    }

    fn in_file(secret: &str, text: &[u8]) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, text).unwrap();
        let env: Env = [("MY_SECRET", secret)].into_iter().collect();
        Redactor::new(&env, ["MY_SECRET"]).redact_file(&path).unwrap();
        std::fs::read(&path).unwrap()
    }

    #[test]
    fn a_secret_across_two_reads_of_a_file_is_found() {
        let secret = "sixteen-letters!";
        for place in [(1 << 20) - 16, (1 << 20) - 8, (1 << 20) - 1, 1 << 20, 0] {
            let mut text = vec![b'x'; (1 << 20) + 100];
            text.splice(place..place + 16, secret.bytes());
            let clean = in_file(secret, &text);
            assert!(!clean.windows(16).any(|w| w == secret.as_bytes()), "{place}");
            assert_eq!(clean.len(), text.len() - 16 + 3, "{place}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_file_is_redacted_as_a_text_is(parts in proptest::collection::vec("[a-c]{0,9}|secret-1", 0..8)) {
            let text = parts.concat();
            proptest::prop_assert_eq!(
                String::from_utf8(in_file("secret-1", text.as_bytes())).unwrap(),
                text.replace("secret-1", "***")
            );
        }
    }
}
