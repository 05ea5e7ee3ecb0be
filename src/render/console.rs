//! The report for people who read a terminal or a step's log: what passed in a line each, and last, once, what did not.

use std::fmt::Write as _;
use std::time::Duration;

use super::skip;
use crate::model::check::ASSERTED;
use crate::model::text::{one_line, printable};
use crate::model::{Check, Class, Ended, Finding, Report, Severity, Status, TimeSpan, Verbosity, Verdict};

/// Lines of an excerpt that are shown; the report holds the rest.
const EXCERPT_LINES: usize = 20;
/// Findings of one check that are shown; the report has all.
const FINDINGS: usize = 10;

/// How the report is shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Look {
    pub color: bool,
    pub verbosity: Verbosity,
    /// It is about a command whose output was just shown.
    pub wrapped: bool,
}

pub fn render(report: &Report, look: Look) -> String {
    if look.wrapped && report.verdict == Verdict::Pass && look.verbosity < Verbosity::Verbose {
        return one_command(report, look);
    }
    let page = Page {
        look,
        reason: skip::reason(report),
        several_stages: report.stages().len() > 1,
    };
    let mut out = String::new();
    let (mut wrong, fine): (Vec<_>, Vec<_>) = report.checks.iter().partition(|check| is_wrong(check));
    // Those that decide come last.
    wrong.sort_by_key(|check| matches!(check.status(), Status::Failed | Status::Errored));
    if look.verbosity > Verbosity::Quiet {
        let _ = writeln!(out, "{}", look.bold(&heading(report)));
    }
    let shown = |check: &&Check| look.verbosity > Verbosity::Quiet || check.status() != Status::Passed;
    for stage in report.stages() {
        let mut checks = fine
            .iter()
            .filter(|c| c.stage == stage)
            .copied()
            .filter(shown)
            .peekable();
        if checks.peek().is_some() {
            let _ = writeln!(out, "\n{}", look.bold(stage));
        }
        checks.for_each(|check| page.check(&mut out, "  ", check));
    }
    for note in report.notes.iter().filter(|_| look.verbosity > Verbosity::Quiet) {
        let _ = writeln!(out, "\n{}", printable(note));
    }
    for check in wrong {
        out.push('\n');
        page.check(&mut out, "", check);
    }
    let _ = writeln!(out, "\n{}", verdict(report, look));
    for (name, output) in [("Report", "report"), ("Bundle", "bundle")] {
        if let Some(path) = report.outputs.get(output).filter(|_| look.verbosity > Verbosity::Quiet) {
            let sha256 = report.outputs.get(&format!("{output}-sha256"));
            let sha256 = sha256.map_or_else(String::new, |sha256| format!(" (SHA-256 {})", one_line(sha256)));
            let _ = writeln!(out, "{name}: {}{sha256}", one_line(path));
        }
    }
    out.trim_start_matches('\n').to_owned()
}

/// All there is to say about a command that went well.
fn one_command(report: &Report, look: Look) -> String {
    let output = |name| {
        report
            .outputs
            .get(name)
            .map_or_else(String::new, |value| one_line(value))
    };
    let name = format!("heartbeat {}:", report.label.as_deref().unwrap_or_default());
    let notes = report.notes.iter().map(|note| format!("{}\n", printable(note)));
    format!(
        "{}{} exit code {} after {}, log {}\n",
        notes.collect::<String>(),
        look.dim(&format!("{} {}", report.finished_at, one_line(&name))),
        output("exit-code"),
        took(report.checks.iter().map(|check| check.took_ms).sum()),
        output("log"),
    )
}

/// Whether it is to be read, and not only to be counted.
fn is_wrong(check: &Check) -> bool {
    match check.status() {
        Status::Passed => check.findings().iter().any(|f| f.severity == Severity::Warning),
        Status::Skipped => false,
        Status::Failed | Status::Waived | Status::Errored => true,
    }
}

fn heading(report: &Report) -> String {
    let subject = &report.subject;
    let mut parts = vec![format!("stageproof {}", report.command)];
    parts.extend(report.label.clone());
    parts.push(subject.environment.clone());
    if let Some(repository) = &subject.repository {
        let sha = subject.sha.as_deref().unwrap_or_default();
        let short = sha.get(..7).unwrap_or(sha);
        parts.push(if short.is_empty() {
            repository.clone()
        } else {
            format!("{repository}@{short}")
        });
    }
    one_line(&parts.join(" · "))
}

/// What failed is told above, so that only a skip has its reason here.
fn verdict(report: &Report, look: Look) -> String {
    let why = match report.verdict {
        Verdict::Skip | Verdict::NothingChecked => one_line(skip::reason(report)),
        _ => format!("{} in {}", report.counts, took(report.took_ms)),
    };
    format!("Verdict: {}. {why}", look.verdict(report.verdict))
}

fn took(ms: u64) -> TimeSpan {
    TimeSpan::measured(Duration::from_millis(ms))
}

/// What every check is shown with.
struct Page<'a> {
    look: Look,
    /// The verdict's, which is not repeated.
    reason: &'a str,
    several_stages: bool,
}

impl Page<'_> {
    fn check(&self, out: &mut String, indent: &str, check: &Check) {
        let look = self.look;
        let wrong = is_wrong(check);
        let has_facts = (wrong && check.status() != Status::Passed) || look.verbosity == Verbosity::Verbose;
        let stage = match wrong && self.several_stages {
            true => format!("{}: ", check.stage),
            false => String::new(),
        };
        let took = match check.took_ms {
            0..100 => String::new(),
            ms => format!(" ({})", took(ms)),
        };
        let title = one_line(&format!("{stage}{}", check.title));
        let mut asserted = check.facts.iter().filter(|fact| fact.name == ASSERTED);
        let asserted = match (asserted.next(), asserted.next()) {
            // With everything else about it below.
            _ if has_facts => String::new(),
            (Some(fact), None) => look.dim(&format!("  {ASSERTED}: {}", one_line(&fact.value))),
            _ => String::new(),
        };
        let _ = writeln!(out, "{indent}{} {title}{took}{asserted}", look.status(check.status()));
        let mut lines = Vec::new();
        match &check.ended {
            Ended::Looked(findings) => self.findings(&mut lines, findings),
            Ended::Skipped { reason } if reason.split(". ").all(|part| self.reason.contains(part)) => {}
            Ended::Skipped { reason } => lines.push(format!("skipped: {}", one_line(reason))),
            Ended::Errored { cause, help } => {
                lines.push(format!("could not check: {}", one_line(cause)));
                lines.extend(next(help.as_deref()));
            }
        }
        if has_facts {
            let fact =
                |name: &str, value: &str| format!("{} {}", look.dim(&format!("{}:", one_line(name))), one_line(value));
            let details = match look.verbosity {
                Verbosity::Verbose => &*check.details,
                Verbosity::Normal | Verbosity::Quiet => &[],
            };
            let facts = check.facts.iter().chain(details);
            lines.extend(facts.map(|f| fact(&f.name, &f.value)));
        }
        for line in lines {
            let _ = writeln!(out, "{indent}    {line}");
        }
    }

    fn findings(&self, lines: &mut Vec<String>, findings: &[Finding]) {
        let shown = match self.look.verbosity {
            Verbosity::Verbose => findings.len(),
            Verbosity::Normal | Verbosity::Quiet => FINDINGS,
        };
        findings
            .iter()
            .take(shown)
            .for_each(|finding| self.finding(lines, finding));
        match findings.len().saturating_sub(shown) {
            0 => {}
            more => lines.push(format!("… {more} more in the report, or with --verbose")),
        }
    }

    fn finding(&self, lines: &mut Vec<String>, finding: &Finding) {
        let look = self.look;
        let kind = match (finding.severity, &finding.waived) {
            (Severity::Error, Some(_)) if finding.class == Some(Class::Infra) => "INFRA-WAIVED",
            (Severity::Error, Some(_)) => "WAIVED",
            (Severity::Error, None) => "error",
            (Severity::Warning, _) => "warning",
            (Severity::Note, _) => "note",
        };
        let kind = look.severity(finding, &format!("{kind}:"));
        let class = match (finding.class, finding.reason) {
            (Some(class), Some(reason)) => format!(" [{class}: {reason}]"),
            _ => String::new(),
        };
        lines.push(format!("{kind}{class} {}", one_line(&placed(finding))));
        if let Some(waived) = &finding.waived {
            let (until, reason) = (one_line(&waived.until), one_line(&waived.reason));
            lines.push(format!("waived until {until}: {reason}"));
        }
        lines.extend(next(finding.help.as_deref()));
        if let Some(excerpt) = finding.excerpt.as_ref().filter(|_| !look.wrapped) {
            let text = printable(excerpt);
            let bar = look.dim("|");
            let most = match &*finding.code {
                Finding::PATCH => usize::MAX,
                _ => EXCERPT_LINES,
            };
            lines.extend(text.lines().take(most).map(|line| format!("{bar} {line}")));
            match text.lines().count().saturating_sub(most) {
                0 => {}
                more => lines.push(format!("{bar} … {more} more lines in the report")),
            }
        }
    }
}

/// The message, after the line that it is about if it does not begin with that itself.
fn placed(finding: &Finding) -> String {
    let place = finding
        .location
        .as_ref()
        .and_then(|place| Some(format!("{}:{}: ", place.file, place.line?)));
    match place {
        Some(place) if !finding.message.starts_with(&place) => place + &finding.message,
        _ => finding.message.clone(),
    }
}

fn next(help: Option<&str>) -> Option<String> {
    help.map(|help| format!("next: {}", one_line(help)))
}

impl Look {
    fn with(self, code: &str, text: &str) -> String {
        if self.color {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    fn status(self, status: Status) -> String {
        let (code, mark) = match status {
            Status::Passed => ("32", "✓"),
            Status::Failed => ("31", "✗"),
            Status::Waived => ("33", "~"),
            Status::Skipped => ("36", "-"),
            Status::Errored => ("31", "?"),
        };
        self.with(code, mark)
    }

    fn severity(self, finding: &Finding, text: &str) -> String {
        match finding.severity {
            Severity::Error if finding.waived.is_none() => self.with("31", text),
            Severity::Error | Severity::Warning => self.with("33", text),
            Severity::Note => self.with("36", text),
        }
    }

    fn verdict(self, verdict: Verdict) -> String {
        let code = match verdict {
            Verdict::Pass => "1;32",
            Verdict::PassWeak | Verdict::Skip => "1;33",
            Verdict::NothingChecked | Verdict::Inconclusive | Verdict::Fail => "1;31",
        };
        self.with(code, verdict.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::report::Frame;
    use crate::model::{Fact, Outcome, Subject};

    fn shown(ended: Ended, verbosity: Verbosity) -> String {
        let mut check = Check::new("smoke", "smoke:one", "It answers", ended, Duration::ZERO);
        check.facts = vec![Fact::new(ASSERTED, "status 200"), Fact::new("address", "::1")];
        check.details = vec![Fact::new("attempts", "1")];
        let frame = Frame {
            command: "smoke".to_owned(),
            label: None,
            subject: Subject::default(),
            started_at: String::new(),
            finished_at: String::new(),
            took_ms: 2_345,
        };
        let outcome = Outcome {
            checks: vec![check],
            ..Outcome::default()
        };
        let look = Look {
            verbosity,
            ..Look::default()
        };
        let text = render(&Report::judge(frame, outcome), look);
        text.replace("stageproof smoke · \n\nsmoke\n", "")
    }

    #[test]
    fn a_pass_is_a_line_that_says_what_it_asserted() {
        let passed = || Ended::Looked(Vec::new());
        insta::assert_snapshot!(shown(passed(), Verbosity::Normal), @r"
          ✓ It answers  asserted: status 200

        Verdict: pass. 1 passed in 2.3s
        ");
        insta::assert_snapshot!(shown(passed(), Verbosity::Verbose), @r"
          ✓ It answers
              asserted: status 200
              address: ::1
              attempts: 1

        Verdict: pass. 1 passed in 2.3s
        ");
        insta::assert_snapshot!(shown(passed(), Verbosity::Quiet), @"Verdict: pass. 1 passed in 2.3s");
    }

    /// Half of a patch is of no use.
    #[test]
    fn a_long_patch_is_shown_whole_and_another_long_text_is_not() {
        let text: String = (1..=40).map(|n| format!("+ line {n}\n")).collect();
        let text = |code| {
            shown(
                Ended::Looked(vec![Finding::error(code, "x").excerpt(&*text)]),
                Verbosity::Normal,
            )
        };
        let count = |text: &str| text.matches("| + line ").count();
        let (patch, other) = (text(Finding::PATCH), text("log"));
        assert_eq!((count(&patch), count(&other)), (40, EXCERPT_LINES), "{patch}{other}");
        assert!(!patch.contains("more lines") && other.contains("… 20 more lines in the report"));
    }
}
