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
        details,
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
    for Fact { name, value } in facts.iter_mut().chain(details) {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::model::report::Frame;
    use crate::model::timeline::SpanState;
    use crate::model::{Class, Outcome, Output, Reason, Severity, Skip};

    const SECRET: &str = "hunter2";

    fn secret() -> String {
        SECRET.to_owned()
    }

    /// A report that holds the secret in every text which others may have written.
    fn report() -> Report {
        let subject = Subject {
            environment: secret(),
            repository: Some(secret()),
            sha: Some(secret()),
            git_ref: Some(secret()),
            workflow: Some(secret()),
            job: Some(secret()),
            run_id: Some(secret()),
            run_attempt: Some(secret()),
            event: Some(secret()),
            actor: Some(secret()),
            runner: Some(secret()),
        };
        let finding = Finding {
            code: secret().into(),
            severity: Severity::Error,
            message: secret(),
            help: Some(secret()),
            class: Some(Class::App),
            reason: Some(Reason::Body),
            excerpt: Some(secret()),
            location: Some(Location {
                file: secret(),
                line: Some(1),
            }),
            waived: Some(Waived {
                reason: secret(),
                until: secret(),
            }),
        };
        let check = |ended| Check {
            facts: vec![Fact::new(SECRET, SECRET)],
            details: vec![Fact::new(SECRET, SECRET)],
            ..Check::new(SECRET, SECRET, SECRET, ended, Duration::ZERO)
        };
        let outcome = Outcome {
            checks: vec![
                check(Ended::Looked(vec![finding])),
                check(Ended::Skipped { reason: secret() }),
                check(Ended::with_help(secret(), secret())),
            ],
            skip: Some(Skip {
                reason: secret(),
                expected: true,
            }),
            outputs: BTreeMap::from([
                ("target".to_owned(), Output::words(SECRET)),
                ("command".to_owned(), Output::exact(SECRET)),
            ]),
            notes: vec![secret()],
            timeline: vec![Span {
                name: secret(),
                from_ms: 0,
                to_ms: 1,
                state: SpanState::Done,
            }],
            exit: None,
        };
        let frame = Frame {
            command: "smoke".to_owned(),
            label: Some(secret()),
            subject,
            started_at: "2026-01-01T00:00:00Z".to_owned(),
            finished_at: "2026-01-01T00:00:01Z".to_owned(),
            took_ms: 1_000,
        };
        Report::judge(frame, outcome)
    }

    #[test]
    fn a_secret_is_taken_out_of_every_text_and_all_else_stays() {
        let mut redacted = report();
        redacted.redact(&|text| text.replace(SECRET, "***"));
        let text = serde_json::to_string_pretty(&redacted).unwrap();
        assert!(!text.contains(SECRET), "{text}");
        let note = "The output `command` is left empty because it would contain the value of a secret.";
        assert_eq!(redacted.notes, ["***", note]);
        assert_eq!(&*redacted.outputs["command"], "");
        // But for that output and its note, nothing differs from what was there.
        let mut expected = report();
        expected.outputs.insert("command".to_owned(), Output::exact(""));
        let expected = serde_json::to_string_pretty(&expected).unwrap().replace(SECRET, "***");
        redacted.notes.pop();
        assert_eq!(serde_json::to_string_pretty(&redacted).unwrap(), expected);
    }
}
