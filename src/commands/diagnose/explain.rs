//! A diagnosis as checks.

use std::collections::BTreeSet;
use std::time::Duration;

use super::STAGE;
use super::cases::{Entry, LONGEST, part};
use super::changes::Proposed;
use super::misspelt::Name;
use crate::model::diagnose::{Cause, Confidence, Diagnosis, Fix, NOT_GREEN};
use crate::model::text::{count, one_line};
use crate::model::waiver::NO_REASON;
use crate::model::workflow::patch::{At, Change, Refusal};
use crate::model::{Check, Ended, Fact, Finding};
use crate::world::World;
use crate::world::job_log::Source;

/// The fact that has the waiver which can be written.
pub const WAIVER: &str = "waive-with";
const LONGEST_TITLE: usize = 80;
/// The end of the waiver that is offered.
const WAIVED_DAYS: i64 = 14;

/// What failed the job. All entries have one cause, and the first speaks for them.
pub fn check(
    all: &[Entry],
    proposed: &[Proposed],
    (is_written, written): (bool, Vec<Finding>),
    world: &World,
) -> Option<Check> {
    let [entry, same @ ..] = all else { return None };
    let found = &entry.found;
    let step = world.secrets.shorten(&*entry.step_name, LONGEST_TITLE);
    let more = if same.is_empty() {
        String::new()
    } else {
        format!(" and {} more", same.len())
    };
    let title = match (&*step, &*entry.named.name) {
        ("", name) => format!("The job failed ({name}{more})"),
        (step, name) => format!("`{step}` failed ({name}{more})"),
    };
    let id = format!("diagnose:{}", found.fingerprint);
    let place = proposed.iter().find_map(|proposed| proposed.place.as_ref());
    let name = proposed.iter().find_map(|proposed| proposed.secret.as_ref());
    let mut findings = vec![main(entry, place, name, proposed, world)];
    findings.extend(patches(proposed, is_written, world));
    findings.extend(written);
    let mut add = |code: &'static str, text: &str| findings.push(note(code, text, world));
    // With the right name, it can run.
    let could_not_run = match name.and_then(Name::misspelt) {
        None => found.could_not_run.as_ref(),
        Some(_) => None,
    };
    let evidence = found.evidence.iter().filter(|text| Some(*text) != could_not_run);
    evidence.for_each(|text| add("evidence", text));
    if let Some(why) = could_not_run {
        add(
            "could-not-run",
            &format!("the job could not succeed in this run: {why}"),
        );
    }
    found
        .against
        .iter()
        .for_each(|text| add("against", &format!("against: {text}")));
    if let Some(Name::NotCompared(why)) = name {
        add("names-not-compared", why);
    }
    if let Some((entry, passed)) = all.iter().find_map(|entry| Some((entry, flaky(entry)?))) {
        add(
            "flaky",
            &format!("{} is flaky: the same commit passed in {passed}", entry.named.name),
        );
    }
    if let Some(origin) = &entry.named.origin {
        origin.notes.iter().for_each(|(code, text)| add(code, text));
        if let Some(green) = &origin.green {
            add(
                "compared",
                &format!("lines that are also in {}, which passed, were ignored", green.name),
            );
        }
    }
    let lost: BTreeSet<&String> = all
        .iter()
        .filter_map(|entry| entry.kept.as_ref()?.as_ref().err())
        .collect();
    for why in lost {
        add("log-not-kept", &not_kept(why));
    }
    if !same.is_empty() {
        let names: Vec<&str> = same.iter().map(|entry| &*entry.named.name).collect();
        let links: Vec<String> = same.iter().filter_map(Entry::link).collect();
        let message = format!("also the cause in {}", names.join(", "));
        findings.push(note("same-cause", &message, world).excerpt(links.join("\n")));
    }
    let mut check = Check::new(STAGE, &id, title, Ended::Looked(findings), Duration::ZERO);
    let mut links = all.iter().filter_map(Entry::link).map(|link| Fact::new("job", link));
    check.facts.extend(links.next());
    let until = world.clock.date_in(WAIVED_DAYS);
    let waiver = format!("waivers: [{{check: {id}, reason: {NO_REASON}, until: {until}}}]");
    check.facts.push(Fact::new(WAIVER, waiver));
    check.details = details(entry, &step, fix(found, proposed));
    check
        .details
        .extend((!same.is_empty()).then(|| Fact::new("jobs", all.len().to_string())));
    // The note has them.
    check.details.extend(links);
    let kept = all.iter().filter_map(|entry| entry.kept.as_ref()?.as_ref().ok());
    check.details.extend(kept.map(|kept| Fact::new("log", &**kept)));
    Some(check)
}

/// The kind of fix.
pub fn fix(found: &Diagnosis, proposed: &[Proposed]) -> Option<&'static str> {
    let names = proposed
        .iter()
        .filter_map(|proposed| proposed.secret.as_ref()?.misspelt());
    match names.count() {
        0 => found.fix.as_ref().map(Fix::id),
        _ => Some(Fix::SecretName.id()),
    }
}

pub fn not_kept(why: &str) -> String {
    format!("the log is not kept in the evidence: {why}")
}

/// Where the same commit was green, if it was. What is missing may have been set in between.
pub fn flaky(entry: &Entry) -> Option<&str> {
    if matches!(
        entry.found.cause,
        Cause::MissingSecret | Cause::MissingConfig | Cause::Permissions
    ) {
        return None;
    }
    entry.named.origin.as_ref()?.flaky.as_deref()
}

/// The changes as `git apply` takes them, each once; without any, why there is none. A workflow holds no value of a secret,
/// but what is masked there is masked here.
fn patches(proposed: &[Proposed], is_written: bool, world: &World) -> Vec<Finding> {
    let mut diffs: Vec<&str> = Vec::new();
    for diff in proposed
        .iter()
        .filter_map(|proposed| proposed.patch.as_ref()?.as_deref().ok())
    {
        if !diffs.contains(&diff) {
            diffs.push(diff);
        }
    }
    let refusal = proposed
        .iter()
        .find_map(|proposed| proposed.patch.as_ref()?.as_ref().err());
    if let (true, Some(refusal)) = (diffs.is_empty(), refusal) {
        return vec![note("no-patch", &refusal.to_string(), world)];
    }
    let patch = |diff: &&str| {
        let message = match diff.contains('\r') {
            _ if is_written => "the change as a patch",
            // What is shown and what is an output have no carriage returns.
            true => "this change would help; make it with --write: the file has CRLF, so git apply refuses the diff",
            false => "this change would help; apply it with git apply or --write",
        };
        Finding::note(Finding::PATCH, message).excerpt(world.secrets.redact(diff))
    };
    diffs.iter().map(patch).collect()
}

fn main(
    entry: &Entry,
    place: Option<&(String, u32)>,
    name: Option<&Name>,
    proposed: &[Proposed],
    world: &World,
) -> Finding {
    let found = &entry.found;
    let sentence = world.secrets.shorten(&*found.sentence, LONGEST);
    let message = match found.confidence {
        Confidence::Unknown => format!("the cause is not known; perhaps: {sentence}"),
        Confidence::Likely => format!("likely {}: {sentence}", found.cause),
        Confidence::Sure => format!("{}: {sentence}", found.cause),
    };
    let mut finding = Finding::error(found.cause.as_str(), message).excerpt(excerpt(found, world));
    finding.class = known_cause(found).class();
    finding = finding.help(match name {
        Some(Name::Misspelt { from, to, known }) => {
            one_line(&format!("write secrets.{to} instead of secrets.{from}: {known}"))
        }
        _ => help(found, proposed, world),
    });
    match (place, found.lines.first()) {
        (Some((file, line)), _) => finding.at(file, Some(*line)),
        (None, Some(best)) if matches!(entry.named.source, Source::File(_)) => {
            finding.at(&entry.named.name, u32::try_from(best.number).ok())
        }
        _ => finding,
    }
}

fn excerpt(found: &Diagnosis, world: &World) -> String {
    let mut lines = Vec::new();
    for line in &found.lines {
        lines.push(format!(
            "{:>6}  {}",
            line.number,
            world.secrets.shorten(part(&line.text), LONGEST)
        ));
    }
    if let (false, Some(best)) = (found.around.is_empty(), found.lines.first()) {
        lines.push(format!("lines around line {}:", best.number));
    }
    for (number, text) in &found.around {
        lines.push(format!("{number:>6}  {}", world.secrets.shorten(part(text), LONGEST)));
    }
    lines.join("\n")
}

fn help(found: &Diagnosis, proposed: &[Proposed], world: &World) -> String {
    let at_line = |what: &str| match found.lines.first() {
        Some(line) => format!("{what} (line {} of the log)", line.number),
        None => what.to_owned(),
    };
    let refusals = proposed
        .iter()
        .filter_map(|proposed| proposed.patch.as_ref()?.as_ref().err());
    if refusals.clone().count() == proposed.len() && refusals.clone().any(Refusal::is_there) {
        return "start a new run: the workflow has this change already, and a re-run uses the old workflow".to_owned();
    }
    let change = proposed.iter().find_map(|proposed| proposed.change.as_ref());
    match (&found.fix, change) {
        (Some(Fix::SkipGuard { names }), _) => return world.secrets.shorten(&*guard(names, found, proposed), LONGEST),
        (
            Some(_),
            Some(Change::Only {
                at: At { step, .. },
                condition,
            }),
        ) => {
            let what = if step.is_some() { "step" } else { "job" };
            return format!("run the {what} only if {}, as the patch does", condition.expression());
        }
        (Some(_), Some(Change::Trigger { from, to })) => {
            return one_line(&format!(
                "start the workflow on {to} instead of {from}, as the patch does"
            ));
        }
        (Some(Fix::Retry), _) if found.is_of_runner() => {
            return "run the job again; no retry of a step helps where the runner itself fails".to_owned();
        }
        (Some(fix), _) => return world.secrets.shorten(&*fix.to_string(), LONGEST),
        (None, _) => {}
    }
    let cause = known_cause(found);
    if let Some(advice) = found.advice.as_ref().filter(|_| cause == found.cause) {
        return world.secrets.shorten(&**advice, LONGEST);
    }
    match cause {
        Cause::FlakyInfra => "run the job again",
        Cause::Cancelled => "run the job again, unless somebody cancelled it on purpose",
        Cause::DerivedFailure => "diagnose the job that failed first",
        Cause::PolicyGate => "meet the rule that the line names, or change the rule",
        Cause::Permissions => "check what the token or the role may do",
        Cause::MissingSecret | Cause::MissingConfig => "set what is missing, or skip the job without it",
        Cause::HealthCheck => {
            "check that a deploy ran before this job (needs:, or on: workflow_run), or that an earlier step started the server, \
             and read the server's log"
        }
        Cause::ResourceLimit => "use less of what ran out, or a runner that has more",
        Cause::Unknown => "read the lines around it: --context 20",
        Cause::CompileError => return at_line("fix the code"),
        Cause::Lint => return at_line("fix what the tool reports, or change its rules"),
        Cause::TestFailure => return at_line("fix the test, or the code that it tests"),
        Cause::Dependency => return at_line("fix the versions or the installation"),
        Cause::ScriptBug => return at_line("fix the script"),
        Cause::WrongTrigger | Cause::WorkflowConfig => return at_line("fix the workflow"),
    }
    .to_owned()
}

/// Which secret to set, if this run can have one, and what the patch does.
fn guard(names: &[String], found: &Diagnosis, proposed: &[Proposed]) -> String {
    let held = proposed
        .iter()
        .map(|proposed| &proposed.held)
        .find(|held| !held.is_empty());
    let required = proposed.iter().map(|proposed| &*proposed.required);
    let mut required = required.filter(|required| !required.is_empty());
    let required = required.next().unwrap_or_default();
    let what = match held {
        Some(held) if held.len() == 1 => format!("the secret {}", held[0]),
        Some(held) => format!("the secrets {}", held.join(" and ")),
        None if names.is_empty() => "the secret".to_owned(),
        None if required.iter().any(|one| !one.starts_with("var:")) || required.is_empty() => names.join(" and "),
        None if names.len() == 1 => format!("the variable {}", names[0]),
        None => format!("the variables {}", names.join(" and ")),
    };
    let is_skipped = |proposed: &Proposed| matches!(proposed.change, Some(Change::Only { .. }));
    let skip = if proposed.iter().any(is_skipped) {
        "skip the step in runs without secrets, as the patch does".to_owned()
    } else {
        // The input of an action is no variable.
        let is_variable = |name: &&String| {
            let mut bytes = name.bytes();
            bytes.all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        };
        let mut required = required.to_vec();
        if required.is_empty() {
            required.extend(names.iter().filter(is_variable).map(|name| format!("env:{name}")));
        }
        if required.is_empty() {
            required.push("env:NAME".to_owned());
        }
        let each: String = required.iter().map(|one| format!(" --require {one}")).collect();
        let it = if names.len() > 1 { "them" } else { "it" };
        format!("skip the job without {it}: stageproof skip-guard{each}")
    };
    match found.context.secret_source.as_deref() {
        Some("None") => skip,
        Some("Dependabot") => format!("set {what} as a Dependabot secret, or {skip}"),
        _ => format!("set {what}, or {skip}"),
    }
}

fn note(code: &'static str, text: &str, world: &World) -> Finding {
    Finding::note(code, world.secrets.shorten(text, LONGEST))
}

/// A guess is not shown as a class.
fn known_cause(found: &Diagnosis) -> Cause {
    match found.confidence {
        Confidence::Unknown => Cause::Unknown,
        _ => found.cause,
    }
}

/// What the findings say already, for machines, and what explains little.
fn details(entry: &Entry, step: &str, fix: Option<&str>) -> Vec<Fact> {
    let (found, cause) = (&entry.found, known_cause(&entry.found));
    let mut facts = Vec::new();
    let mut add = |name: &str, value: Option<String>| facts.extend(value.map(|value| Fact::new(name, value)));
    add("class", (cause != Cause::Unknown).then(|| cause.to_string()));
    add("confidence", Some(found.confidence.as_str().to_owned()));
    add("step", (!step.is_empty()).then(|| step.to_owned()));
    add("exit-code", found.exit.map(|code| code.to_string()));
    add("whose", cause.class().map(|class| class.to_string()));
    add("fix", fix.map(str::to_owned));
    add("secret-source", found.context.secret_source.clone());
    add("runner-image", found.context.image.clone());
    // The rule and the step are told as evidence.
    let why = found.lines.first().map(|line| line.why.clone());
    add("chosen-by", why.filter(|why| why.ends_with(NOT_GREEN)));
    add(
        "lines-left-out",
        (found.left_out > 0).then(|| count(found.left_out, "line")),
    );
    if let Some(origin) = &entry.named.origin {
        let run = &origin.of.run;
        let mut add =
            |name: &str, value: Option<&str>| facts.extend(value.map(|value| Fact::new(name, one_line(value))));
        add("workflow", run.file());
        add("event", run.event.as_deref());
        add("branch", run.head_branch.as_deref());
        add("commit", run.head_sha.as_deref());
        add(
            "attempt",
            origin.job.run_attempt.map(|attempt| attempt.to_string()).as_deref(),
        );
        add("step-at-github", entry.step.as_deref());
    }
    facts
}
