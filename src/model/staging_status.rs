//! The verdict as a Markdown file with YAML front matter, for gates that read one word.
//!
//! Reading is fail-closed: a file that is missing, broken, says something unknown or says it twice is FAILED.

use super::text::one_line;
use super::verdict::Verdict;

/// The key that is read.
pub const KEY: &str = "staging_status";

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

    /// Reads the file's front matter. The only way to SUCCESS is a well-formed block that says so exactly once.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
        let mut lines = text.lines();
        if lines.next() != Some("---") {
            return Err("it does not begin with front matter (a line `---`)".to_owned());
        }
        let mut keys: Vec<&str> = Vec::new();
        let mut status = None;
        let mut verdict = None;
        let mut bad = None;
        loop {
            let line = lines.next().ok_or("its front matter has no end (a line `---`)")?;
            if line == "---" {
                break;
            }
            let (key, value) = line
                .split_once(": ")
                .filter(|(key, _)| !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
                .ok_or_else(|| {
                    format!(
                        "its front matter has a line that is not `key: value`: {}",
                        one_line(line)
                    )
                })?;
            if keys.contains(&key) {
                return Err(format!("it says `{key}` twice"));
            }
            keys.push(key);
            if key == "verdict" {
                verdict = Some(value.trim_matches('"').to_owned());
            }
            if matches!(key, "failed" | "errored") && value != "0" {
                bad.get_or_insert_with(|| format!("{key}: {}", one_line(value)));
            }
            if key == KEY {
                status = Some(match value {
                    "SUCCESS" => Self::Success,
                    "FAILED" => Self::Failed,
                    other => return Err(format!("`{KEY}` is `{}`, neither SUCCESS nor FAILED", one_line(other))),
                });
            }
        }
        let status = status.ok_or_else(|| format!("its front matter does not say `{KEY}`"))?;
        // A second block: two files were joined, or somebody added to this one.
        if lines.any(|line| line.trim_start().starts_with(KEY)) {
            return Err(format!("it says `{KEY}` again behind its front matter"));
        }
        let contradicts = verdict
            .filter(|verdict| !matches!(verdict.as_str(), "pass" | "pass-weak"))
            .map(|verdict| format!("verdict: {}", one_line(&verdict)))
            .or(bad);
        match contradicts {
            Some(other) if status == Self::Success => Err(format!("it says SUCCESS and also `{other}`")),
            _ => Ok(status),
        }
    }
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

    proptest! {
        #[test]
        fn never_panics(bytes in any::<Vec<u8>>()) {
            let _ = StagingStatus::read(&bytes);
        }
    }
}
