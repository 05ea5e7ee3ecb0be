//! Taking secrets out of a report. Everything is taken apart by name, so that a field that is added later cannot be
//! forgotten: it does not compile without a decision.

use super::check::{Check, Ended, Fact};
use super::finding::{Finding, Location, Waived};
use super::report::Report;
use super::subject::Subject;
use super::timeline::Span;

type Redact<'a> = &'a dyn Fn(&str) -> String;

impl Report {
    /// Rewrites every text that is not of our own making. What must be exact becomes empty instead of wrong, with a note.
    pub fn redact(&mut self, redact: Redact<'_>) {
        let Self {
            // Our own words, numbers, and times from the clock.
            schema: _,
            tool: _,
            command: _,
            started_at: _,
            finished_at: _,
            took_ms: _,
            verdict: _,
            skip_expected: _,
            counts: _,
            label,
            subject,
            reason,
            checks,
            notes,
            timeline,
            outputs,
        } = self;
        option(label, redact);
        of_subject(subject, redact);
        text(reason, redact);
        checks.iter_mut().for_each(|check| of_check(check, redact));
        notes.iter_mut().for_each(|note| text(note, redact));
        for span in timeline {
            let Span {
                name,
                from_ms: _,
                to_ms: _,
                state: _,
            } = span;
            text(name, redact);
        }
        for (name, output) in outputs {
            if output.redact(redact) {
                notes.push(format!(
                    "The output `{name}` is left empty because it would contain the value of a secret."
                ));
            }
        }
    }
}

fn text(text: &mut String, redact: Redact<'_>) {
    *text = redact(text);
}

fn option(option: &mut Option<String>, redact: Redact<'_>) {
    if let Some(inner) = option {
        text(inner, redact);
    }
}

fn of_subject(subject: &mut Subject, redact: Redact<'_>) {
    let Subject {
        environment,
        repository,
        sha,
        git_ref,
        workflow,
        job,
        run_id,
        run_attempt,
        event,
        actor,
        runner,
    } = subject;
    text(environment, redact);
    for part in [
        repository,
        sha,
        git_ref,
        workflow,
        job,
        run_id,
        run_attempt,
        event,
        actor,
        runner,
    ] {
        option(part, redact);
    }
}

fn of_check(check: &mut Check, redact: Redact<'_>) {
    let Check {
        id,
        stage,
        title,
        ended,
        facts,
        latency: _,
        took_ms: _,
    } = check;
    for part in [id, stage, title] {
        text(part, redact);
    }
    match ended {
        Ended::Looked(findings) => findings.iter_mut().for_each(|finding| of_finding(finding, redact)),
        Ended::Skipped { reason } => text(reason, redact),
        Ended::Errored { cause, help } => {
            text(cause, redact);
            option(help, redact);
        }
    }
    for Fact { name, value } in facts {
        text(name, redact);
        text(value, redact);
    }
}

fn of_finding(finding: &mut Finding, redact: Redact<'_>) {
    let Finding {
        code,
        severity: _,
        message,
        help,
        class: _,
        reason: _,
        excerpt,
        location,
        waived,
    } = finding;
    // That of a report which was read back may be anything.
    if let std::borrow::Cow::Owned(code) = code {
        text(code, redact);
    }
    text(message, redact);
    option(help, redact);
    option(excerpt, redact);
    if let Some(Location { file, line: _ }) = location {
        text(file, redact);
    }
    if let Some(Waived { reason, until }) = waived {
        text(reason, redact);
        text(until, redact);
    }
}
