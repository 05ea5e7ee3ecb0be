//! Values that must never be shown.

mod edge;
mod finder;
mod forms;
mod leaves;
mod part;
mod view;

use std::fmt;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::OnceLock;

use anyhow::Context as _;

use super::Env;
use super::files::{self, Links};
use super::runner::CREDENTIALS;
pub(super) use finder::Finder;
pub use part::Part;

/// Shorter values are not masked: masking `true` or `1` everywhere would destroy the report and hide nothing.
const SHORTEST: usize = 8;
/// Of values that were named as secrets, only those that would be found by chance are not masked.
pub const SHORTEST_NAMED: usize = 4;

/// Values that hide nothing, and that reports and outputs are made of. The runner drops a job's output that has a masked
/// value in it, so masking `true` would turn `ready` off.
const COMMON: [&str; 16] = [
    "true",
    "false",
    "null",
    "none",
    "undefined",
    "enabled",
    "disabled",
    "pass",
    "pass-weak",
    "skip",
    "fail",
    "staging",
    "production",
    "development",
    "testing",
    "main",
];

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

/// Whether what is called so is a secret. `INPUT_PLATFORM-TOKEN-ENV` only names the variable that holds one.
fn tells(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let is_input = upper.starts_with("INPUT_") && upper.ends_with("-ENV");
    !is_input && TELLING.iter().any(|word| upper.contains(word))
}

/// What stands in the place of a value.
const HIDDEN: &str = "***";

/// A text that prints as `***`.
#[derive(Clone, PartialEq, Eq, Hash)]
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
        f.write_str(HIDDEN)
    }
}

/// Takes known secret values out of texts, as they are and in the encoded forms they turn up in.
#[derive(Default)]
pub struct Redactor {
    values: Vec<Secret>,
    named: Vec<Secret>,
    is_of_step: bool,
    /// Made when it is first needed. `None` if there are no values; an error is why they cannot be looked for.
    finder: OnceLock<Result<Option<Finder>, String>>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What finds the values holds them in a form of its own.
        f.debug_struct("Redactor")
            .field("values", &self.values)
            .finish_non_exhaustive()
    }
}

impl Redactor {
    /// Knows the values of all variables whose name tells, of those in `named` with the
    /// passwords of `user:password` among them, and passwords inside of URLs.
    pub fn new<'a>(env: &Env, named: impl IntoIterator<Item = &'a str>) -> Self {
        let names: Vec<&str> = named.into_iter().collect();
        let mut values = Vec::new();
        let mut named = Vec::new();
        let mut is_of_step = false;
        for (name, value) in env.iter() {
            let before = values.len() + named.len();
            if names.contains(&name) {
                named.extend(lines(value, SHORTEST_NAMED));
                named.extend(leaves::of(value).flat_map(|leaf| lines(&leaf, SHORTEST)));
                named.extend(password(value));
            } else if tells(name) {
                values.extend(lines(value, SHORTEST));
                values.extend(leaves::of(value).flat_map(|leaf| lines(&leaf, SHORTEST)));
            }
            if let Ok(url) = url::Url::parse(value)
                && let Some(password) = url.password()
                && password.len() >= SHORTEST_NAMED
            {
                values.push(password.to_owned());
            }
            is_of_step |= values.len() + named.len() > before && !CREDENTIALS.contains(&name);
        }
        named.sort();
        named.dedup();
        values.extend(named.iter().cloned());
        values.sort();
        values.dedup();
        let secrets = |values: Vec<String>| values.into_iter().map(Secret).collect();
        Self {
            values: secrets(values),
            named: secrets(named),
            is_of_step,
            finder: OnceLock::new(),
        }
    }

    /// Whether there is a value that is not just a token that the runner gives to each step.
    pub fn is_of_step(&self) -> bool {
        self.is_of_step
    }

    /// The values that somebody named as secrets, for the runner to mask.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        self.named.iter().map(Secret::reveal)
    }

    /// The value with this number.
    pub(super) fn value(&self, number: usize) -> Option<&str> {
        self.values.get(number).map(Secret::reveal)
    }

    pub(super) fn finder(&self) -> Result<Option<&Finder>, &str> {
        let made = self.finder.get_or_init(|| {
            if self.values.is_empty() {
                return Ok(None);
            }
            let values = self.values.iter().map(Secret::reveal);
            let finder = Finder::new(values.map(|value| (value.len(), forms::of(value))));
            finder.map(Some).map_err(|error| error.to_string())
        });
        made.as_ref().map(Option::as_ref).map_err(String::as_str)
    }

    pub fn redact(&self, text: &str) -> String {
        self.redact_part(Part::from(text))
    }

    /// The same for a part of something longer, where a value may have been cut. What is not UTF-8 is replaced.
    pub fn redact_part(&self, part: Part<'_>) -> String {
        let finder = match self.finder() {
            Ok(Some(finder)) => finder,
            Ok(None) => return String::from_utf8_lossy(part.bytes).into_owned(),
            // What cannot be searched may hold anything.
            Err(_) => return HIDDEN.to_owned(),
        };
        let mut out = String::with_capacity(part.bytes.len());
        let mut done = 0;
        for place in finder.places(part) {
            out.push_str(&String::from_utf8_lossy(&part.bytes[done..place.start]));
            out.push_str(HIDDEN);
            done = place.end;
        }
        out.push_str(&String::from_utf8_lossy(&part.bytes[done..]));
        out
    }

    /// Takes the values out of a file, in place and whole: a reader sees the old file or the new one. Memory does not
    /// grow with its size. A file without any is left as it is.
    pub fn redact_file(&self, path: &Path) -> anyhow::Result<()> {
        let finder = match self.finder() {
            Ok(Some(finder)) => finder,
            Ok(None) => return Ok(()),
            Err(why) => anyhow::bail!("the secrets cannot be searched for: {why}"),
        };
        let wrong = || format!("cannot take secrets out of {}", path.display());
        let input = files::open(path, Links::Refuse).with_context(wrong)?;
        if !finder.is_in(&input).with_context(wrong)? {
            return Ok(());
        }
        files::replace_with(path, |file| {
            let mut out = io::BufWriter::new(file);
            finder.sift(input, &mut |bytes, hit| {
                out.write_all(if hit { HIDDEN.as_bytes() } else { bytes })
            })?;
            out.flush()
        })
    }
}

/// The second half of `user:password`, which a server may repeat alone. What is only digits may as well be a port.
fn password(value: &str) -> Option<String> {
    let (user, password) = value.trim().split_once(':')?;
    let is_port = password.bytes().all(|byte| byte.is_ascii_digit());
    let is_line = !value.trim().contains(['\n', '\r']);
    (is_line && !is_port && !user.is_empty() && password.len() >= SHORTEST_NAMED).then(|| password.to_owned())
}

/// The runner masks a secret of several lines line by line; so do we.
fn lines(value: &str, shortest: usize) -> Vec<String> {
    std::iter::once(value.trim())
        .chain(value.lines().map(str::trim))
        .filter(|line| line.len() >= shortest)
        .filter(|line| !COMMON.iter().any(|word| line.eq_ignore_ascii_case(word)))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests;
