//! The report as Markdown for the job summary: one screen of a phone, and everything else folded.
//!
//! Open are the verdict and why, a line per stage, what did not pass with its evidence and next step, the way back, and
//! the digest of the evidence. The runner drops a step's summary whole when it is over 1 MiB, so it is cut below that.

use std::fmt::Write as _;
use std::time::Duration;

use super::{latency, skip, timeline};
use crate::model::markdown::{code, fenced, folds, inline};
use crate::model::{Check, Counts, Ended, Finding, Report, Severity, TimeSpan, Verdict};

/// The runner's limit is 1,048,576 bytes; some room is left for what earlier commands of the step wrote.
const LIMIT: usize = 1_000_000;
const CUT_NOTE: &str = "\n\n_The rest is in the report: a job summary is limited to 1 MiB._\n";
/// Checks that are open, and findings of each.
const OPEN: usize = 3;
/// Checks that have a line each; more share one.
const LINES: usize = 6;
const EXCERPT_LINES: usize = 15;

pub fn render(report: &Report) -> String {
    let mut out = String::new();
    heading(&mut out, report);
    let open = open(report);
    // What is said before the folds is not said again in them.
    let mut said = vec![skip::reason(report)];
    let output = |name: &str| {
        report
            .outputs
            .get(name)
            .map(|value| &**value)
            .filter(|value| !value.is_empty())
    };
    let (command, bundle) = (output("command"), output("bundle"));
    let digest = output("bundle-sha256").or_else(|| output("manifest-sha256"));
    said.extend([command, bundle, digest].into_iter().flatten());
    let several_stages = report.stages().len() > 1;
    if several_stages {
        lines(&mut out, report, &open, &said);
    }
    for check in &open {
        let _ = writeln!(out, "{} **{}**<br>", mark_of(check), inline(&check.title));
        let found = ended(check, &[]);
        let (first, more) = found.split_at(found.len().min(OPEN));
        let _ = writeln!(out, "{}\n", first.join("<br>\n"));
        let failing = check.findings().iter().filter(|finding| finding.fails()).take(OPEN);
        for excerpt in failing.filter_map(|finding| finding.excerpt.as_deref()) {
            let _ = writeln!(out, "{}\n", fenced(&beginning(excerpt), "text"));
        }
        for patch in check.findings().iter().filter(|finding| finding.code == Finding::PATCH) {
            let diff = fenced(patch.excerpt.as_deref().unwrap_or_default(), "diff");
            out.push_str(&folds(&[("The change".to_owned(), diff)]));
        }
        if !more.is_empty() {
            out.push_str(&folds(&[(format!("and {} more", more.len()), list(more))]));
        }
    }
    if let Some(command) = command {
        let _ = writeln!(out, "**Rollback command**\n\n{}\n", fenced(command, "sh"));
    }
    if let Some(digest) = digest {
        let what = bundle.map_or_else(
            || match output("bundle-sha256") {
                Some(_) => "**Zip**".to_owned(),
                None => "**Manifest**".to_owned(),
            },
            |bundle| format!("**Evidence** {}", code(bundle)),
        );
        let _ = writeln!(out, "{what}<br>\nSHA-256 {}\n", code(digest));
    }
    if !several_stages {
        lines(&mut out, report, &open, &said);
    }
    let notes = report
        .notes
        .iter()
        .filter(|note| command.is_none_or(|command| !note.contains(command)));
    for text in notes {
        note(&mut out, text);
    }
    out.push_str(&latency::render(&report.checks));
    out.push_str(&timeline::render(report));
    limited(out.trim_end().to_owned() + "\n")
}

fn heading(out: &mut String, report: &Report) {
    let subject = &report.subject;
    let name = [Some(report.command.as_str()), report.label.as_deref()];
    let name: Vec<String> = name.into_iter().flatten().map(inline).collect();
    let _ = writeln!(
        out,
        "#### {} stageproof {}: {}\n",
        mark(report.verdict),
        name.join(" "),
        report.verdict
    );
    let commit: String = subject.sha.iter().flat_map(|sha| sha.chars().take(7)).collect();
    let parts = [
        report.counts.to_string(),
        inline(&subject.environment),
        if commit.is_empty() { commit } else { code(&commit) },
        TimeSpan::measured(Duration::from_millis(report.took_ms)).to_string(),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let _ = writeln!(out, "{}\n", parts.join(" · "));
    // Any other reason is that of the first open check.
    if matches!(report.verdict, Verdict::Skip | Verdict::NothingChecked) {
        let _ = writeln!(out, "Reason: {}\n", inline(skip::reason(report)));
    }
}

fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✅",
        Verdict::PassWeak => "⚠️",
        Verdict::Skip => "⏭️",
        Verdict::NothingChecked | Verdict::Inconclusive => "❓",
        Verdict::Fail => "❌",
    }
}

fn verdict_on(counts: &Counts) -> Verdict {
    Verdict::of(counts, counts.passed + counts.waived == 0)
}

fn mark_of(check: &Check) -> &'static str {
    mark(verdict_on(&Counts::of([check])))
}

/// What made the verdict what it is, the worst first.
fn open(report: &Report) -> Vec<&Check> {
    let rank = |check: &&Check| match verdict_on(&Counts::of([*check])) {
        Verdict::Fail => 0,
        Verdict::Inconclusive => 1,
        Verdict::PassWeak if report.verdict == Verdict::PassWeak => 2,
        _ => 3,
    };
    let mut open: Vec<&Check> = report.checks.iter().filter(|check| rank(check) < 3).collect();
    open.sort_by_key(rank);
    open.truncate(OPEN);
    open
}

/// A line per stage, which unfolds to the checks that are not open; in a report of one stage, a line per check.
fn lines(out: &mut String, report: &Report, open: &[&Check], said: &[&str]) {
    let is_open = |check: &Check| open.iter().any(|open| std::ptr::eq(*open, check));
    let folded: Vec<&Check> = report.checks.iter().filter(|check| !is_open(check)).collect();
    let item = |check: &&Check| {
        let title = format!("{} {}", mark_of(check), inline(&check.title));
        [vec![title], found(check, said)].concat().join("<br>\n")
    };
    let items = |checks: &[&Check]| list(&checks.iter().map(item).collect::<Vec<_>>());
    let stages = report.stages();
    let of_stage = |stage: &&str| {
        let counts = Counts::of(report.checks.iter().filter(|check| check.stage == *stage));
        let checks: Vec<&Check> = folded.iter().copied().filter(|check| check.stage == *stage).collect();
        // What was skipped made the verdict a skip, whatever passed beside it.
        let verdict = match verdict_on(&counts) {
            Verdict::Pass if counts.skipped > 0 && report.verdict == Verdict::Skip => Verdict::Skip,
            verdict => verdict,
        };
        (format!("{} {stage}: {}", mark(verdict), &counts), items(&checks))
    };
    let of_check = |check: &&Check| {
        let label = format!("{} {}", mark_of(check), check.title);
        (label, found(check, said).join("<br>\n"))
    };
    let lines: Vec<(String, String)> = match stages.len() {
        2.. => stages.iter().map(of_stage).collect(),
        _ if folded.len() <= LINES => folded.iter().map(of_check).collect(),
        _ => {
            let all = mark(verdict_on(&Counts::of(folded.iter().copied())));
            let other = if open.is_empty() { "" } else { " other" };
            vec![(format!("{all} {}{other} checks", folded.len()), items(&folded))]
        }
    };
    out.push_str(&folds(&lines));
}

/// What was found and what is known besides, a line each, without what is already `said`.
fn found(check: &Check, said: &[&str]) -> Vec<String> {
    let mut lines = ended(check, said);
    let facts = check.facts.iter().chain(&check.details);
    let facts = facts.filter(|fact| !said.contains(&fact.value.as_str()));
    let facts: Vec<String> = facts
        .map(|fact| inline(&format!("{}: {}", fact.name, fact.value)))
        .collect();
    lines.extend((!facts.is_empty()).then(|| facts.join(" · ")));
    lines
}

fn ended(check: &Check, said: &[&str]) -> Vec<String> {
    let is_said = |text: &str| {
        said.iter()
            .any(|said| text.split(". ").all(|part| said.contains(part.trim_end_matches('.'))))
    };
    match &check.ended {
        Ended::Skipped { reason } if is_said(reason) => vec![],
        Ended::Skipped { reason } => vec![inline(reason)],
        Ended::Errored { cause, help } => {
            let lines = [Some(inline(cause)), next(help.as_deref())];
            vec![lines.into_iter().flatten().collect::<Vec<_>>().join("<br>\n")]
        }
        Ended::Looked(findings) => findings
            .iter()
            .map(|finding| one_finding(finding, &check.title))
            .collect(),
    }
}

fn one_finding(finding: &Finding, title: &str) -> String {
    let mut text = match finding.severity {
        Severity::Warning => "warning: ".to_owned(),
        Severity::Note => "note: ".to_owned(),
        Severity::Error => String::new(),
    };
    if let (Some(class), Some(reason)) = (finding.class, finding.reason) {
        let _ = write!(text, "`{class}: {reason}` ");
    }
    text.push_str(&inline(&without_repeats(&finding.message, title)));
    if let Some(place) = &finding.location {
        let line = place.line.map(|line| format!(":{line}")).unwrap_or_default();
        let _ = write!(text, " ({})", code(&format!("{}{line}", place.file)));
    }
    let waived = finding.waived.as_ref();
    let waived = waived.map(|waived| inline(&format!("waived until {}: {}", waived.until, waived.reason)));
    let lines = [Some(text), waived, next(finding.help.as_deref())];
    lines.into_iter().flatten().collect::<Vec<_>>().join("<br>\n")
}

/// A message without what its title has said: `GET https://h/: answered 502` under `GET https://h/ answers 200`.
fn without_repeats(message: &str, title: &str) -> String {
    let mut before = title;
    let mut kept = Vec::new();
    for part in message.split(": ") {
        let rest = before.strip_prefix(part);
        if rest.is_none_or(|rest| rest.starts_with(char::is_alphanumeric)) {
            kept.push(part);
            before = part;
        }
    }
    match kept.is_empty() {
        true => message.to_owned(),
        false => kept.join(": "),
    }
}

fn next(help: Option<&str>) -> Option<String> {
    help.map(|help| format!("Next: {}", inline(help)))
}

fn beginning(excerpt: &str) -> String {
    let mut lines: Vec<&str> = excerpt.lines().take(EXCERPT_LINES).collect();
    if excerpt.lines().count() > EXCERPT_LINES {
        lines.push("…");
    }
    lines.join("\n")
}

fn list(items: &[String]) -> String {
    let items = items.iter().map(|item| format!("- {}", item.replace('\n', "\n  ")));
    items.collect::<Vec<_>>().join("\n")
}

/// A sentence is open; a list is folded under its first line.
fn note(out: &mut String, text: &str) {
    let Some((heading, rest)) = text.split_once('\n') else {
        let _ = writeln!(out, "{}\n", inline(&format!("Note: {text}")));
        return;
    };
    let items = rest
        .lines()
        .map(|line| Some(inline(line.trim_start().strip_prefix("- ")?)));
    let body = match items.collect::<Option<Vec<String>>>() {
        Some(items) => list(&items),
        None => fenced(rest, "text"),
    };
    out.push_str(&folds(&[(heading.trim_end_matches(':').to_owned(), body)]));
}

fn limited(mut out: String) -> String {
    if out.len() > LIMIT {
        // At a line's end, so that nothing is torn.
        let end = out
            .char_indices()
            .take_while(|(at, _)| *at < LIMIT - CUT_NOTE.len() - 20)
            .filter(|(_, c)| *c == '\n')
            .last()
            .map_or(0, |(at, _)| at);
        out.truncate(end);
        // In a block of code or a fold nobody would see it.
        if let Some(fence) = open_fence(&out) {
            let fence = fence.to_owned();
            out.push_str(&format!("\n{fence}"));
        }
        if out.matches("\n<details>").count() > out.matches("\n</details>").count() {
            out.push_str("\n\n</details>");
        }
        out.push_str(CUT_NOTE);
    }
    out
}

/// The backticks that would end a block of code which has no end.
fn open_fence(text: &str) -> Option<&str> {
    text.lines().fold(None, |open, line| match open {
        None => line.starts_with("```").then(|| line.trim_end_matches(|c| c != '`')),
        Some(fence) => (line != fence).then_some(fence),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_title_says_is_not_repeated() {
        for (message, shown) in [
            ("GET https://h/: answered 502", "answered 502"),
            (
                "GET https://h/ answers 200: GET https://h/: answered: 502",
                "answered: 502",
            ),
            ("it exited with code 3", "it exited with code 3"),
        ] {
            assert_eq!(without_repeats(message, "GET https://h/ answers 200"), shown);
        }
    }

    #[test]
    fn a_summary_that_is_cut_in_a_block_of_code_ends_the_block() {
        let long = format!("text\n````text\n{}````\n", "```\n".repeat(400_000));
        let cut = limited(long);
        assert!(
            cut.contains(&format!("\n````{CUT_NOTE}")),
            "{}",
            &cut[cut.len() - 200..]
        );
        assert_eq!(open_fence("```sh\nx\n```\ny"), None);
    }

    #[test]
    fn a_long_summary_is_cut_below_the_limit_with_a_note() {
        let long = "| row |\n".repeat(200_000);
        let cut = limited(long);
        assert!(cut.len() <= LIMIT, "{}", cut.len());
        assert!(cut.ends_with(CUT_NOTE));
        assert!(cut.trim_end_matches(CUT_NOTE).ends_with("| row |"));
        let fold = format!("x\n<details><summary>y</summary>\n\n{}", "- row\n".repeat(200_000));
        let cut = limited(fold);
        assert!(cut.len() <= LIMIT && cut.ends_with(&format!("\n\n</details>{CUT_NOTE}")));
    }
}
