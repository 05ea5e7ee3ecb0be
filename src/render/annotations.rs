//! The report as workflow commands that put annotations on the run's page.
//!
//! The runner keeps ten annotations of a kind per step and cuts a message at 4096 characters
//! (actions/runner, `ExecutionContext`).

use std::fmt::Write as _;

use super::skip;
use crate::model::text::{cut, printable};
use crate::model::{Ended, Finding, Report, Severity, Verdict};

const AT_MOST: usize = 10;
/// Below the runner's 4096, because escaping makes a text longer.
const MESSAGE_BYTES: usize = 3000;

pub fn render(report: &Report) -> String {
    let mut out = String::new();
    for (kind, mut list) in all(report) {
        if list.len() > AT_MOST {
            let more = list.len() - (AT_MOST - 1);
            list.truncate(AT_MOST - 1);
            list.push(command(
                kind,
                "More",
                None,
                None,
                &format!("{more} more of this kind; the job summary and the report list all of them"),
            ));
        }
        for line in list {
            let _ = writeln!(out, "{line}");
        }
    }
    out
}

fn all(report: &Report) -> [(&'static str, Vec<String>); 3] {
    let mut errors = Vec::new();
    let mut warnings = Vec::new();
    let mut notices = Vec::new();
    if report.verdict == Verdict::Skip {
        let (kind, list) = match report.skip_expected {
            Some(true) => ("notice", &mut notices),
            Some(false) | None => ("warning", &mut warnings),
        };
        // skip-guard reads the first line in later runs.
        let each = skip::each(report);
        let text = match each.len() {
            0 | 1 => report.reason.clone(),
            _ => format!("{}\n{}", skip::reason(report), each.join("\n")),
        };
        list.push(command(kind, "Skipped", None, None, &text));
    }
    for check in &report.checks {
        match &check.ended {
            Ended::Looked(findings) => {
                for finding in findings {
                    let (kind, list) = match finding.severity {
                        Severity::Error if finding.waived.is_none() => ("error", &mut errors),
                        Severity::Error | Severity::Warning => ("warning", &mut warnings),
                        Severity::Note => continue,
                    };
                    list.push(of_finding(kind, &check.title, finding));
                }
            }
            Ended::Errored { cause, help } => {
                let text = with_help(&format!("could not check: {cause}"), help.as_deref());
                errors.push(command("error", &check.title, None, None, &text));
            }
            Ended::Skipped { .. } => {}
        }
    }
    [("error", errors), ("warning", warnings), ("notice", notices)]
}

fn of_finding(kind: &str, title: &str, finding: &Finding) -> String {
    let text = with_help(&finding.message, finding.help.as_deref());
    let place = finding.location.as_ref();
    command(
        kind,
        title,
        place.map(|p| p.file.as_str()),
        place.and_then(|p| p.line),
        &text,
    )
}

/// An error that ended the run before there was a report.
pub fn error(message: &str, help: Option<&str>) -> String {
    command("error", "stageproof", None, None, &with_help(message, help)) + "\n"
}

/// What went wrong beside the result.
pub fn warning(message: &str) -> String {
    command("warning", "stageproof", None, None, message) + "\n"
}

/// Has the runner show `***` wherever this value appears from now on.
pub fn mask(value: &str) -> String {
    let value = value.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    format!("::add-mask::{value}\n")
}

fn with_help(message: &str, help: Option<&str>) -> String {
    match help {
        Some(help) => format!("{message}\nnext: {help}"),
        None => message.to_owned(),
    }
}

#[expect(clippy::disallowed_methods, reason = "a report holds no secrets")]
fn command(kind: &str, title: &str, file: Option<&str>, line: Option<u32>, text: &str) -> String {
    let mut properties = Vec::new();
    if let Some(file) = file {
        properties.push(format!("file={}", property(file)));
    }
    if let Some(line) = line {
        properties.push(format!("line={line}"));
    }
    properties.push(format!("title={}", property(&cut(title, 255))));
    format!("::{kind} {}::{}", properties.join(","), data(&cut(text, MESSAGE_BYTES)))
}

/// `%` first, or the escapes themselves would be escaped. `##[` starts the runner's legacy form of a command, which
/// it looks for anywhere in a line.
fn data(text: &str) -> String {
    printable(text)
        .replace("##[", "## [")
        .replace('%', "%25")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_command_is_escaped() {
        assert_eq!(
            command("error", "a,b::c", Some("x:y"), Some(3), "50%\n::set-output name=x::y"),
            "::error file=x%3Ay,line=3,title=a%2Cb%3A%3Ac::50%25%0A::set-output name=x::y"
        );
    }

    #[test]
    fn the_legacy_form_cannot_be_smuggled_in() {
        assert!(!data("x ##[add-mask]y").contains("##["));
    }
}
