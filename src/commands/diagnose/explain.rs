//! A diagnosis as checks.

use std::time::Duration;

use super::workflow_file::WorkflowFile;
use super::{Case, STAGE};
use crate::model::diagnose::{Cause, Confidence, Diagnosis};
use crate::model::text::count;
use crate::model::workflow::patch::{Patch, Refusal};
use crate::model::{Check, Ended, Fact, Finding};
use crate::world::World;
use crate::world::secrets::Part;

/// Bytes of a line that are shown.
pub const LONGEST: usize = 400;
/// Ends the id of the check whether the job could have succeeded.
pub const COULD_RUN: &str = ":could-run";
const LONGEST_TITLE: usize = 80;

/// The beginning of a line, which may have been cut.
pub fn part(text: &[u8]) -> Part<'_> {
    Part::beginning(text)
}

/// That the job succeeded, and that it could.
pub fn checks(
    case: &Case,
    same: &[String],
    workflow: Option<&WorkflowFile>,
    (patch, written): (Option<Result<&Patch, &Refusal>>, &[String]),
    world: &World,
) -> Vec<Check> {
    let found = &case.found;
    let step = world.secrets.shorten(&*found.step, LONGEST_TITLE);
    let title = match (&*step, &*case.name) {
        ("", name) => format!("The job of {name} succeeds"),
        (step, name) => format!("`{step}` succeeds ({name})"),
    };
    let id = format!("diagnose:{}", found.fingerprint);
    let mut findings = vec![main(case, workflow, world)];
    findings.extend(patch.map(|patch| patch_note(patch, world)));
    findings.extend(written.iter().map(|text| note("written", text, world)));
    findings.extend(found.evidence.iter().map(|text| note("evidence", text, world)));
    findings.extend(
        found
            .against
            .iter()
            .map(|text| note("against", &format!("but {text}"), world)),
    );
    if !same.is_empty() {
        findings.push(note(
            "same-cause",
            &format!("also the cause in {}", same.join(", ")),
            world,
        ));
    }
    let mut check = Check::new(STAGE, &id, title, Ended::Looked(findings), Duration::ZERO);
    check.facts = facts(found, &step);
    check
        .facts
        .extend(case.link.iter().map(|link| Fact::new("job", &**link)));
    let mut checks = vec![check];
    if let Some(why) = &found.could_not_run {
        let message = format!(
            "the job could not do anything here: {}",
            world.secrets.shorten(&**why, LONGEST)
        );
        let help = "skip the job in such a run, with the reason: stageproof skip-guard";
        let findings = vec![Finding::error("could-not-run", message).help(help)];
        let title = format!("The job could succeed in this run ({})", case.name);
        checks.push(Check::new(
            STAGE,
            format!("{id}{COULD_RUN}"),
            title,
            Ended::Looked(findings),
            Duration::ZERO,
        ));
    }
    checks
}

/// The change as `git apply` takes it. A workflow holds no value of a secret, but what is masked there is masked here.
fn patch_note(patch: Result<&Patch, &Refusal>, world: &World) -> Finding {
    match patch {
        Ok(patch) => Finding::note("patch", "this change of the workflow would help; git apply takes it")
            .excerpt(world.secrets.redact(&patch.diff)),
        Err(refusal) => note("no-patch", &refusal.to_string(), world),
    }
}

fn main(case: &Case, workflow: Option<&WorkflowFile>, world: &World) -> Finding {
    let found = &case.found;
    let sentence = world.secrets.shorten(&*found.sentence, LONGEST);
    let message = match found.confidence {
        Confidence::Unknown => format!("the cause is not known; perhaps: {sentence}"),
        Confidence::Likely => format!("likely {}: {sentence}", found.cause),
        Confidence::Sure => format!("{}: {sentence}", found.cause),
    };
    let mut finding = Finding::error(found.cause.as_str(), message).excerpt(excerpt(found, world));
    finding.class = found.cause.class();
    finding = finding.help(help(found, world));
    let line = workflow.and_then(|file| Some((file, file.place_of(found).ok()?.line)));
    match (line, found.lines.first()) {
        (Some((file, line)), _) => finding.at(&file.name, Some(line)),
        (None, Some(best)) if case.is_file => finding.at(&case.name, u32::try_from(best.number).ok()),
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
    if !found.around.is_empty() {
        lines.push("around the first of them:".to_owned());
    }
    for (number, text) in &found.around {
        lines.push(format!("{number:>6}  {}", world.secrets.shorten(part(text), LONGEST)));
    }
    lines.join("\n")
}

fn help(found: &Diagnosis, world: &World) -> String {
    if let Some(fix) = &found.fix {
        return world.secrets.shorten(&*fix.to_string(), LONGEST);
    }
    match found.cause {
        Cause::FlakyInfra => "run it again",
        Cause::Cancelled => "run it again, if nobody cancelled it on purpose",
        Cause::DerivedFailure => "diagnose the job that failed first",
        Cause::PolicyGate => "meet the rule that is named, or change it",
        Cause::Permissions => "check what the token or the role may do",
        Cause::MissingSecret | Cause::MissingConfig => "set what is missing, or skip the job without it",
        Cause::ResourceLimit => "give it more, or let it use less",
        Cause::Unknown => "read the lines around it: --context 20",
        _ => "correct what the first line names",
    }
    .to_owned()
}

fn note(code: &'static str, text: &str, world: &World) -> Finding {
    Finding::note(code, world.secrets.shorten(text, LONGEST))
}

fn facts(found: &Diagnosis, step: &str) -> Vec<Fact> {
    let mut facts = vec![
        Fact::new("class", found.cause.as_str()),
        Fact::new("confidence", found.confidence.as_str()),
        Fact::new("fingerprint", &*found.fingerprint),
    ];
    let mut add = |name: &str, value: Option<String>| facts.extend(value.map(|value| Fact::new(name, value)));
    add("step", (!step.is_empty()).then(|| step.to_owned()));
    add("exit-code", found.exit.map(|code| code.to_string()));
    add("whose", found.cause.class().map(|class| class.to_string()));
    add("fix", found.fix.as_ref().map(|fix| fix.id().to_owned()));
    add("secret-source", found.context.secret_source.clone());
    add("runner-image", found.context.image.clone());
    add("chosen-by", found.lines.first().map(|line| line.why.clone()));
    add(
        "lines-left-out",
        (found.left_out > 0).then(|| count(found.left_out, "line")),
    );
    facts
}
