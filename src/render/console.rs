//! The report for people who read a terminal or a step's log.

use std::fmt::Write as _;
use std::time::Duration;

use crate::model::text::{one_line, printable};
use crate::model::{Check, Class, Counts, Ended, Finding, Report, Severity, Status, TimeSpan, Verdict};

/// Lines of an excerpt that are shown; the report holds the rest.
const EXCERPT_LINES: usize = 20;

/// `colour` is for terminals only.
pub fn render(report: &Report, colour: bool) -> String {
    let paint = Paint { colour };
    let mut out = String::new();
    let _ = writeln!(out, "{}", paint.bold(&heading(report)));
    for stage in report.stages() {
        let _ = writeln!(out, "\n{}", paint.bold(stage));
        for check in report.checks.iter().filter(|c| c.stage == stage) {
            one_check(&mut out, check, &paint);
        }
    }
    if !report.notes.is_empty() {
        out.push('\n');
        for note in &report.notes {
            let _ = writeln!(out, "{}", printable(note));
        }
    }
    let _ = writeln!(out, "\n{}", paint.bold("Results by stage"));
    let width = report.stages().iter().map(|s| s.len()).max().unwrap_or(0);
    for stage in report.stages() {
        let counts = Counts::of(report.checks.iter().filter(|c| c.stage == stage));
        let _ = writeln!(out, "  {stage:<width$}  {}", tally(&counts));
    }
    let _ = writeln!(out, "Total: {} in {}", tally(&report.counts), took(report.took_ms));
    let verdict = paint.verdict(report.verdict);
    let _ = writeln!(out, "Verdict: {verdict}. {}", one_line(&report.reason));
    if let Some(path) = report.outputs.get("report") {
        let _ = writeln!(out, "Report: {}", one_line(path));
    }
    if let Some(path) = report.outputs.get("bundle") {
        let _ = writeln!(out, "Bundle: {}", one_line(path));
    }
    out
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

fn one_check(out: &mut String, check: &Check, paint: &Paint) {
    let mark = paint.status(check.status());
    let took = if check.took_ms >= 100 {
        format!(" ({})", took(check.took_ms))
    } else {
        String::new()
    };
    let _ = writeln!(out, "  {mark} {}{took}", one_line(&check.title));
    match &check.ended {
        Ended::Looked(findings) => {
            for finding in findings {
                one_finding(out, finding, paint);
            }
        }
        Ended::Skipped { reason } => {
            let _ = writeln!(out, "      skipped: {}", one_line(reason));
        }
        Ended::Errored { cause, help } => {
            let _ = writeln!(out, "      could not look: {}", one_line(cause));
            next(out, help.as_deref());
        }
    }
    for fact in &check.facts {
        let _ = writeln!(
            out,
            "      {} {}",
            paint.dim(&format!("{}:", one_line(&fact.name))),
            one_line(&fact.value)
        );
    }
}

fn one_finding(out: &mut String, finding: &Finding, paint: &Paint) {
    let kind = match (finding.severity, &finding.waived) {
        (Severity::Error, Some(_)) if finding.class == Some(Class::Infra) => "INFRA-WAIVED",
        (Severity::Error, Some(_)) => "WAIVED",
        (Severity::Error, None) => "error",
        (Severity::Warning, _) => "warning",
        (Severity::Note, _) => "note",
    };
    let class = match (finding.class, finding.reason) {
        (Some(class), Some(reason)) => format!(" [{class}: {reason}]"),
        _ => String::new(),
    };
    let _ = writeln!(
        out,
        "      {}{class} {}",
        paint.severity(finding, &format!("{kind}:")),
        one_line(&finding.message)
    );
    if let Some(waived) = &finding.waived {
        let _ = writeln!(
            out,
            "      waived until {}: {}",
            one_line(&waived.until),
            one_line(&waived.reason)
        );
    }
    next(out, finding.help.as_deref());
    if let Some(excerpt) = &finding.excerpt {
        let text = printable(excerpt);
        let lines: Vec<&str> = text.lines().collect();
        for line in lines.iter().take(EXCERPT_LINES) {
            let _ = writeln!(out, "      {} {line}", paint.dim("|"));
        }
        if lines.len() > EXCERPT_LINES {
            let more = lines.len() - EXCERPT_LINES;
            let _ = writeln!(out, "      {} … {more} more lines in the report", paint.dim("|"));
        }
    }
}

fn next(out: &mut String, help: Option<&str>) {
    if let Some(help) = help {
        let _ = writeln!(out, "      next: {}", one_line(help));
    }
}

fn tally(counts: &Counts) -> String {
    let mut text = format!(
        "{} passed, {} waived, {} failed, {} skipped",
        counts.passed, counts.waived, counts.failed, counts.skipped
    );
    if counts.errored > 0 {
        let _ = write!(text, ", {} errored", counts.errored);
    }
    if counts.warnings > 0 {
        let _ = write!(
            text,
            ", {}",
            crate::model::text::count(counts.warnings as usize, "warning")
        );
    }
    text
}

fn took(ms: u64) -> TimeSpan {
    TimeSpan::measured(Duration::from_millis(ms))
}

/// Terminal colours, or none.
struct Paint {
    colour: bool,
}

impl Paint {
    fn with(&self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    fn bold(&self, text: &str) -> String {
        self.with("1", text)
    }

    fn dim(&self, text: &str) -> String {
        self.with("2", text)
    }

    fn status(&self, status: Status) -> String {
        let (code, mark) = match status {
            Status::Passed => ("32", "✓"),
            Status::Failed => ("31", "✗"),
            Status::Waived => ("33", "~"),
            Status::Skipped => ("36", "-"),
            Status::Errored => ("31", "?"),
        };
        self.with(code, mark)
    }

    fn severity(&self, finding: &Finding, text: &str) -> String {
        match finding.severity {
            Severity::Error if finding.waived.is_none() => self.with("31", text),
            Severity::Error | Severity::Warning => self.with("33", text),
            Severity::Note => self.with("36", text),
        }
    }

    fn verdict(&self, verdict: Verdict) -> String {
        let code = match verdict {
            Verdict::Pass => "1;32",
            Verdict::PassWeak | Verdict::Skip => "1;33",
            Verdict::NothingChecked | Verdict::Inconclusive | Verdict::Fail => "1;31",
        };
        self.with(code, verdict.as_str())
    }
}
