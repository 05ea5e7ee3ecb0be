//! The verdict as a Markdown file with YAML front matter, for gates that read one word.
//!
//! Reading is fail-closed: a file that is missing, broken, says something unknown or says it twice is FAILED.

use std::collections::BTreeMap;

use super::subject::Subject;
use super::text::one_line;
use super::verdict::Verdict;

/// The key that is read.
pub const KEY: &str = "staging_status";
/// Bytes that a status file may have: its text is a job summary, which has less.
pub const LARGEST: u64 = 1 << 20;

/// What a gate acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StagingStatus {
    Success,
    Failed,
}

impl StagingStatus {
    /// A skip is no success: nothing was deployed, so nothing may be promoted.
    pub fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass | Verdict::PassWeak => Self::Success,
            Verdict::Skip | Verdict::NothingChecked | Verdict::Inconclusive | Verdict::Fail => Self::Failed,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Failed => "FAILED",
        }
    }

    /// Reads what the file says, and nothing about what it says it of.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        StatusFile::read(bytes).map(|file| file.status)
    }
}

/// What a status file says, and of what. What it does not say is absent; its environment is empty then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusFile {
    pub status: StagingStatus,
    /// Why, in a sentence.
    pub reason: Option<String>,
    pub subject: Subject,
    /// RFC 3339.
    pub finished_at: Option<String>,
}

impl StatusFile {
    /// Reads the file's front matter. The only way to SUCCESS is a well-formed block that says so exactly once.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
        let mut lines = text.lines();
        if lines.next() != Some("---") {
            return Err("it does not begin with front matter (a line `---`)".to_owned());
        }
        let mut values = BTreeMap::new();
        loop {
            let line = lines.next().ok_or("its front matter has no end (a line `---`)")?;
            if line == "---" {
                break;
            }
            let (key, value) = key_and_value(line).ok_or_else(|| {
                let line = one_line(line);
                format!("its front matter has a line that is not `key: value`: {line}")
            })?;
            if values.insert(key, value).is_some() {
                return Err(format!("duplicate key `{key}`"));
            }
        }
        let status = match values.get(KEY).map(String::as_str) {
            Some("SUCCESS") => StagingStatus::Success,
            Some("FAILED") => StagingStatus::Failed,
            Some(other) => return Err(format!("`{KEY}` is `{}`, neither SUCCESS nor FAILED", one_line(other))),
            None => return Err(format!("its front matter does not say `{KEY}`")),
        };
        // A second block: two files were joined, or somebody added to this one.
        if lines.any(|line| line.trim_start().starts_with(KEY)) {
            return Err(format!("it says `{KEY}` again after its front matter"));
        }
        let contradicts = values.iter().find(|(key, value)| match **key {
            "verdict" => !matches!(value.as_str(), "pass" | "pass-weak"),
            "failed" | "errored" => *value != "0",
            _ => false,
        });
        if let Some((key, value)) = contradicts
            && status == StagingStatus::Success
        {
            return Err(format!("it says SUCCESS and also `{key}: {}`", one_line(value)));
        }
        let mut take = |key| values.remove(key);
        Ok(Self {
            status,
            reason: take("reason").filter(|reason| !reason.is_empty()),
            subject: Subject {
                environment: take("environment").unwrap_or_default(),
                repository: take("repository"),
                sha: take("sha"),
                run_id: take("run_id"),
                run_attempt: take("run_attempt"),
                ..Subject::default()
            },
            finished_at: take("finished_at"),
        })
    }
}

/// A line of the front matter. Texts are quoted as in JSON; words and numbers stand as they are.
fn key_and_value(line: &str) -> Option<(&str, String)> {
    let (key, value) = line.split_once(": ")?;
    let is_key = !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let value = match value.starts_with('"') && key != KEY {
        true => serde_json::from_str(value).ok()?,
        false => value.to_owned(),
    };
    is_key.then_some((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn whatever_is_not_exactly_success_is_an_error_or_failed() {
        for text in [
            "",
            "---\n",
            "---\n---\n",
            "staging_status: SUCCESS\n",
            "---\nstaging_status: SUCCESS\n",
            "---\nstaging_status: SUCCESS\nstaging_status: SUCCESS\n---\n",
            "---\nstaging_status: SUCCESS\nstaging_status: FAILED\n---\n",
            "---\nstaging_status: success\n---\n",
            "---\nstaging_status: SUCCESS \n---\n",
            "---\nstaging_status:\n---\n",
            "---\n staging_status: SUCCESS\n---\n",
            "---\nother: x\n---\nstaging_status: SUCCESS\n",
            "\u{feff}---\nstaging_status: SUCCESS\n---\n",
        ] {
            assert!(StagingStatus::read(text.as_bytes()).is_err(), "{text:?}");
        }
        assert!(StagingStatus::read(b"---\nstaging_status: SUCCESS\xff\n---\n").is_err());
        assert_eq!(
            StagingStatus::read(b"---\nstaging_status: FAILED\n---\n"),
            Ok(StagingStatus::Failed)
        );
    }

    #[test]
    fn only_a_pass_is_a_success() {
        for (verdict, said) in [
            (Verdict::Pass, "SUCCESS"),
            (Verdict::PassWeak, "SUCCESS"),
            (Verdict::Skip, "FAILED"),
            (Verdict::NothingChecked, "FAILED"),
            (Verdict::Inconclusive, "FAILED"),
            (Verdict::Fail, "FAILED"),
        ] {
            assert_eq!(StagingStatus::of(verdict).as_str(), said, "{verdict}");
        }
    }

    #[test]
    fn what_it_is_of_is_read_too() {
        let text = "---\nstaging_status: SUCCESS\nverdict: \"pass\"\nenvironment: \"a \\\"b\\\"\"\nrepository: \
        \"o/r\"\n\
                    sha: \"f00\"\nrun_id: \"7\"\nrun_attempt: \"2\"\nfinished_at: \"t\"\nfailed: 0\n---\n\ntext\n";
        let some = |text: &str| Some(text.to_owned());
        let subject = Subject {
            environment: "a \"b\"".into(),
            repository: some("o/r"),
            sha: some("f00"),
            run_id: some("7"),
            run_attempt: some("2"),
            ..Subject::default()
        };
        let expected = StatusFile {
            status: StagingStatus::Success,
            reason: None,
            subject,
            finished_at: some("t"),
        };
        assert_eq!(StatusFile::read(text.as_bytes()), Ok(expected));
        for wrong in [
            text.replace("\"pass\"", "\"pass"),
            text.replace("\"pass\"", "\"pass\" x"),
            text.replace("\"pass\"", "\"fail\""),
            text.replace("\"pass\"", "fail"),
            text.replace("SUCCESS", "\"SUCCESS\""),
            text.replace("failed: 0", "failed: 1"),
            text.replace("failed: 0", "errored: 1"),
            text.replace("failed: 0", "failed: \"1\""),
            text.replace("failed: 0", ": 0"),
            text.replace("failed: 0", "Failed: 0"),
            text.replace("\ntext", "\n staging_status: FAILED"),
        ] {
            assert!(StatusFile::read(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    /// Reading takes a time in proportion to the file.
    #[test]
    fn a_great_many_keys_are_read_at_once() {
        let letters = |mut number: u32| {
            std::iter::from_fn(|| {
                let letter = char::from(b'a' + (number % 26) as u8);
                number /= 26;
                Some(letter)
            })
            .take(5)
            .collect::<String>()
        };
        let keys: String = (0..100_000).map(|number| format!("{}: 1\n", letters(number))).collect();
        let started = std::time::Instant::now();
        let text = format!("---\n{keys}staging_status: SUCCESS\n---\n");
        assert_eq!(StagingStatus::read(text.as_bytes()), Ok(StagingStatus::Success));
        assert!(
            started.elapsed() < std::time::Duration::from_secs(20),
            "{:?}",
            started.elapsed()
        );
    }

    proptest! {
        #[test]
        fn never_panics(bytes in any::<Vec<u8>>()) {
            let _ = StagingStatus::read(&bytes);
        }
    }
}
