//! What must come before and after: the installation, the upload, conditions after failures, limits within limits.

use std::time::Duration;

use url::Url;

use super::Document;
use crate::commands::check::findings::Findings;
use crate::commands::check::scope::{How, Scope, Use};
use crate::model::TimeSpan;
use crate::model::text::one_line;
use crate::model::workflow::expression::{condition, insides, is_dynamic, minds_failure};
use crate::model::yaml::Node;
use crate::world::http::is_loopback;

/// What is worth most after something failed.
const AFTER_FAILURES: [&str; 3] = ["verdict", "evidence-bundle", "merge"];
/// What seals evidence.
const SEALS: [&str; 3] = ["evidence-bundle", "merge", "rehearse"];

pub fn look(document: &Document<'_>, findings: &mut Findings<'_>) {
    for scope in &document.scopes {
        for used in &scope.uses {
            localhost(used, findings);
            limits(used, scope, findings);
            after_failures(used, scope, findings);
            if scope.job.is_some() {
                uploaded(used, scope, findings);
            }
        }
        installed(scope, findings);
        on_linux(scope, findings);
    }
}

/// Where the action's container cannot run.
fn on_linux(scope: &Scope<'_>, findings: &mut Findings<'_>) {
    let (Some(job), Some(used)) = (scope.job, scope.uses.iter().find(|used| used.how != How::Call)) else {
        return;
    };
    let runs_on = job.node.get("runs-on");
    let is_plain = |runs_on: &&Node| runs_on.get("group").is_none();
    let labels = runs_on
        .and_then(|runs_on| runs_on.get("labels"))
        .or(runs_on.filter(is_plain));
    let is_other = |label: &&Node| {
        let label = label.text().unwrap_or_default().to_ascii_lowercase();
        !is_dynamic(&label)
            && ["macos", "windows"].iter().any(|other| {
                label
                    .strip_prefix(other)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
            })
    };
    if let Some(label) = labels.map(Node::scalars).unwrap_or_default().into_iter().find(is_other) {
        let message = format!(
            "the action in line {} runs in a container, which `{}` does not support",
            used.line,
            one_line(label.text().unwrap_or_default())
        );
        findings.add("needs-linux", label.place.line, message, None);
    }
}

/// A server on the runner is not at the container's localhost.
fn localhost(used: &Use<'_>, findings: &mut Findings<'_>) {
    let probes = used.how == How::Prove || (used.how == How::Action && used.is_command(&["smoke"]));
    if !probes {
        return;
    }
    for (key, value) in used.step.inputs() {
        let is_url = matches!(key.text(), Some("url" | "control" | "args"));
        let text = value.text().filter(|_| is_url).unwrap_or_default();
        // What only the run knows may be the port.
        let known = insides(text).into_iter().fold(text.to_owned(), |known, inside| {
            known.replace(&format!("${{{{{inside}}}}}"), "1")
        });
        let is_local = |word| Url::parse(word).is_ok_and(|url| is_loopback(&url));
        if known.split_whitespace().any(is_local) {
            let message = format!(
                "`{}` leads to the action's container, not to the runner",
                one_line(text.trim())
            );
            findings.add("localhost", value.place.line, message, None);
        }
    }
}

fn limits(used: &Use<'_>, scope: &Scope<'_>, findings: &mut Findings<'_>) {
    let Some((flags, limit)) = &used.meaning.limit else {
        return;
    };
    let of_job = scope.job.and_then(|job| Some(("job", job.minutes()?)));
    let of_step = used.step.minutes().map(|minutes| ("step", minutes));
    for (what, (node, minutes)) in of_job.into_iter().chain(of_step) {
        let Ok(whole) = Duration::try_from_secs_f64(minutes * 60.0) else {
            continue;
        };
        if whole <= *limit {
            let message = format!(
                "the {what} ends after {}, but {flags} in line {} allows {}",
                TimeSpan(whole),
                used.line,
                TimeSpan(*limit)
            );
            findings.add("job-timeout", node.place.line, message, None);
        }
    }
}

fn after_failures(used: &Use<'_>, scope: &Scope<'_>, findings: &mut Findings<'_>) {
    if !used.is_command(&AFTER_FAILURES) {
        return;
    }
    let minds = used.step.text("if").is_some_and(|text| minds_failure(condition(text)));
    let mut before = scope
        .uses
        .iter()
        .filter(|other| other.step.index < used.step.index && !other.step.may_fail());
    let fails = before.rfind(|other| !other.is_command(&["install", "check"]));
    if let Some(other) = fails.filter(|_| !minds) {
        let command = used.meaning.command.as_deref().unwrap_or_default();
        let message = format!("{command} is skipped if step {} fails", one_line(&other.step.name()));
        findings.add("skipped-on-failure", used.line, message, None);
    }
}

fn uploaded(used: &Use<'_>, scope: &Scope<'_>, findings: &mut Findings<'_>) {
    let with = used.step.node.get("with");
    let itself = with.and_then(|with| with.get("upload")).and_then(Node::text);
    if !used.is_command(&SEALS) || itself.is_some_and(|when| when != "never") {
        return;
    }
    let takes = |node: &Node| {
        let text = node.text().unwrap_or_default().to_ascii_lowercase();
        text.contains("upload") || text.contains("outputs.bundle") || text.contains("artifacts")
    };
    let is_taken = scope
        .after(used.step)
        .iter()
        .any(|step| step.node.scalars().into_iter().any(takes));
    if !is_taken {
        findings.add(
            "not-uploaded",
            used.line,
            "no later step of the job uploads the evidence",
            None,
        );
    }
}

/// Only where nothing else could have put it there.
fn installed(scope: &Scope<'_>, findings: &mut Findings<'_>) {
    let Some(job) = scope.job.filter(|job| job.node.get("container").is_none()) else {
        return;
    };
    let runs_on = job.node.get("runs-on").map(Node::scalars).unwrap_or_default();
    let is_hosted = |label: &&Node| {
        let label = label.text().unwrap_or_default();
        !is_dynamic(label)
            && ["ubuntu-", "windows-", "macos-"]
                .iter()
                .any(|start| label.starts_with(start))
    };
    if runs_on.is_empty() || !runs_on.iter().all(is_hosted) {
        return;
    }
    let Some(call) = scope.uses.iter().find(|used| used.how == How::Call) else {
        return;
    };
    let before = scope.before(call.step);
    let by_action = scope
        .uses
        .iter()
        .any(|used| used.how == How::Prove || (used.step.index < call.step.index && used.is_command(&["install"])));
    // A script or another action that names it, or adds to the PATH, may install it.
    let may = |node: &Node| {
        let text = node.text().unwrap_or_default();
        text.contains("stageproof") || text.contains("GITHUB_PATH")
    };
    let is_ours = |index: usize| scope.uses.iter().any(|used| used.step.index == index);
    let by_others = before
        .iter()
        .filter(|step| !is_ours(step.index))
        .any(|step| step.node.scalars().into_iter().any(may));
    // What its own script does before the call.
    let own = call.step.text("run").unwrap_or_default();
    let in_script = ["PATH", "install", "curl", "wget", "alias", "docker"]
        .iter()
        .any(|word| own.contains(word));
    let local = before
        .iter()
        .any(|step| step.text("uses").is_some_and(|uses| uses.starts_with("./")));
    if !by_action && !by_others && !in_script && !local {
        let message = "stageproof is called, and no earlier step of this job installs it";
        findings.add("not-installed", call.line, message, None);
    }
}
