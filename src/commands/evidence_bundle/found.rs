//! What was found on the way: findings, of which a report needs only so many, and everything left out, of which the
//! index needs all.

use std::io;

use crate::model::Finding;
use crate::model::capped::Capped;
use crate::model::evidence::{LeftOut, Why};

#[derive(Default)]
pub struct Found {
    pub findings: Capped,
    pub left_out: Vec<LeftOut>,
}

impl Found {
    /// Notes what a pattern found for the index and, unless it was meant, as a warning.
    pub fn left_out(&mut self, path: &str, reason: Why, detail: Option<String>) {
        let help = match reason {
            Why::Symlink | Why::NotARegularFile => {
                Some("name or copy the file itself if its content is evidence; exclude it if it is not")
            }
            Why::TooLarge => Some("raise --max-size, or exclude it"),
            _ => None,
        };
        if let Some(help) = help {
            let message = format!("{path} is left out: {}", because(reason, detail.as_deref()));
            self.findings.add(Finding::warning("left-out", message).help(help));
        }
        self.note(path, reason, detail);
    }

    /// What is in the evidence directory and cannot be sealed stays there, where no manifest can list it. A directory
    /// that does not verify is never green.
    pub fn in_the_way(&mut self, path: &str, reason: Why, detail: Option<String>) {
        let message = format!(
            "{path} is in the evidence directory and cannot be sealed: {}",
            because(reason, detail.as_deref())
        );
        self.findings.add(Finding::error("cannot-be-sealed", message).help(
            "remove it, or replace it with the file that is meant; a directory that contains it does not verify",
        ));
        self.note(path, reason, detail);
    }

    /// Evidence that is there and cannot be had is never green.
    pub fn unreadable(&mut self, path: &str, detail: &str, is_gone: bool) {
        let (what, help) = match is_gone {
            // It was there when it was looked for.
            true => (
                "was deleted while the evidence was sealed",
                "seal after the program that deletes it has ended, or exclude what is only temporary",
            ),
            false => (
                "cannot be read",
                "make it readable for the user of this step; if it is not evidence, exclude it, or remove it from the \
                 evidence directory",
            ),
        };
        let message = format!("{path} {what}: {detail}");
        self.findings.add(Finding::error("unreadable", message).help(help));
        self.note(path, Why::Unreadable, Some(detail.to_owned()));
    }

    /// The copy is what the file held up to the length it had at first.
    pub fn changed_while_copied(&mut self, path: &str, bytes: u64) {
        let message = format!("{path} was written to while it was copied; its first {bytes} bytes are sealed");
        self.findings.add(
            Finding::warning("changed-while-copied", message).help("wait for its writer to finish before sealing"),
        );
    }

    /// A copy that an earlier seal made was taken away since.
    pub fn gone(&mut self, path: &str) {
        let message = format!("{path} was sealed before and is gone, so it is not sealed again");
        self.findings.add(
            Finding::warning("gone-since-sealed", message)
                .help("name the file it was copied from to seal it again; exclude it if you no longer need it"),
        );
    }

    fn note(&mut self, path: &str, reason: Why, detail: Option<String>) {
        self.left_out.push(LeftOut {
            path: path.to_owned(),
            reason,
            detail,
        });
    }
}

/// Whether a file is not there any more.
pub fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

/// That is no fault of the file that was read.
pub fn is_full(error: &anyhow::Error) -> bool {
    let kind = error
        .chain()
        .find_map(|cause| Some(cause.downcast_ref::<io::Error>()?.kind()));
    matches!(kind, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
}

fn because(reason: Why, detail: Option<&str>) -> String {
    match detail {
        Some(detail) => format!("{} ({detail})", reason.explain()),
        None => reason.explain().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_deleted_meanwhile_is_not_to_be_made_readable() {
        let told = |kind: io::ErrorKind| {
            let error = io::Error::from(kind);
            let mut found = Found::default();
            found.unreadable("a.log", &error.to_string(), is_gone(&error));
            let finding = found.findings.into_vec().remove(0);
            (finding.message, finding.help.unwrap_or_default())
        };
        let (message, help) = told(io::ErrorKind::NotFound);
        assert!(
            message.starts_with("a.log was deleted while the evidence was sealed: "),
            "{message}"
        );
        assert!(help.starts_with("seal after the program that deletes it"), "{help}");
        let (message, help) = told(io::ErrorKind::PermissionDenied);
        assert!(message.starts_with("a.log cannot be read: "), "{message}");
        assert!(help.starts_with("make it readable"), "{help}");
    }
}
