//! What commands need of their job: variables, tokens, permissions, the repository's files and history.

use super::Document;
use crate::commands::check::findings::Findings;
use crate::commands::check::language::{Need, Needed};
use crate::commands::check::scope::{How, Scope, Use};
use crate::model::text::one_line;
use crate::model::workflow::expression::{insides, is_dynamic};
use crate::model::workflow::{Access, Step};
use crate::model::yaml::Node;

/// Variables that the runner or the container sets.
const OF_THE_RUNNER: [&str; 5] = ["CI", "HOME", "PATH", "HOSTNAME", "LANG"];
const PREFIXES_OF_THE_RUNNER: [&str; 3] = ["GITHUB_", "RUNNER_", "ACTIONS_"];
/// Actions that set no variables of their own for later steps.
const QUIET: [&str; 5] = [
    "actions/checkout@",
    "actions/upload-artifact@",
    "actions/download-artifact@",
    "actions/cache@",
    "stageproof/stageproof@",
];

pub fn look(document: &Document<'_>, findings: &mut Findings<'_>) {
    for scope in &document.scopes {
        for used in &scope.uses {
            for need in &used.meaning.needs {
                // A composite action runs in the environment, and with the files, of a job that is not known here.
                if scope.job.is_some() || matches!(need.what, Needed::Host) {
                    one(need, used, scope, document, findings);
                }
            }
        }
    }
}

fn one(need: &Need, used: &Use<'_>, scope: &Scope<'_>, document: &Document<'_>, findings: &mut Findings<'_>) {
    let variable = match &need.what {
        Needed::Variable(name) => Some(name.as_str()),
        _ => None,
    };
    let line = used.line_of(&need.because, variable);
    let because = one_line(&need.because);
    match &need.what {
        Needed::Variable(name) => {
            let unpacked = need.because != "env-from" && unpacks(used);
            if !unpacked && is_given(name, used, scope) == Some(false) {
                let message = format!(
                    "`{because}` needs `{}`, which nothing maps into this step",
                    one_line(name)
                );
                findings.add("not-mapped", line, message, Some(how_to_map(name, used, document)));
            }
        }
        Needed::Token { variable, scopes } => match is_given(variable, used, scope) {
            Some(false) if !unpacks(used) => {
                let variable = one_line(variable);
                let message = format!("`{because}` asks GitHub's API, but `{variable}` is not mapped into this step");
                let help = format!("add `{variable}: ${{{{ github.token }}}}` to the step's `env`");
                findings.add("no-token", line, message, Some(help));
            }
            _ if is_own_token(variable, used, scope) => {
                for name in scopes {
                    permission(name, Access::Read, &because, line, scope, findings);
                }
            }
            _ => {}
        },
        Needed::IdToken => permission("id-token", Access::Write, &because, line, scope, findings),
        Needed::Checkout => {
            if checkout(used, scope).is_none() && !may_make_files(used, scope) {
                let message = format!("`{because}` needs the repository's files, but no earlier step checks them out");
                findings.add("no-checkout", line, message, None);
            }
        }
        Needed::Host => {
            if used.how == How::Action {
                let message = format!("`{because}` needs a program, and the action's container has none");
                findings.add("needs-host", line, message, None);
            }
        }
        Needed::History => {
            let Some(step) = checkout(used, scope) else { return };
            let depth = step.inputs().find(|(key, _)| key.text() == Some("fetch-depth"));
            let is_shallow = match depth.and_then(|(_, value)| value.text()) {
                None => true,
                Some(depth) => depth.trim() == "1",
            };
            if is_shallow && !fetches(used, scope) {
                let there = depth.map_or(step.node.place.line, |(key, _)| key.place.line);
                let message = format!(
                    "`{because}` in line {line} needs the history and tags, but this checkout fetches one commit"
                );
                findings.add("shallow-checkout", there, message, None);
            }
        }
    }
}

/// Whether a variable is there; `None` if that cannot be told.
fn is_given(name: &str, used: &Use<'_>, scope: &Scope<'_>) -> Option<bool> {
    let is_of_the_runner = OF_THE_RUNNER.contains(&name)
        || (name != "GITHUB_TOKEN" && PREFIXES_OF_THE_RUNNER.iter().any(|start| name.starts_with(start)));
    if is_of_the_runner || mapped(name, used, scope).is_some() {
        return Some(true);
    }
    // All of it may come from an expression.
    if envs(used, scope).any(|env| env.text().is_some_and(is_dynamic)) {
        return None;
    }
    if used.how == How::Call && used.step.text("run").is_some_and(|script| script.contains(name)) {
        // Set or exported by the script itself.
        let script = used.step.text("run").unwrap_or_default();
        if script.contains(&format!("{name}=")) {
            return Some(true);
        }
    }
    for step in scope.before(used.step) {
        let exports = step.text("run").is_some_and(|script| script.contains("GITHUB_ENV"));
        let uses = step.text("uses").unwrap_or_default();
        let is_quiet = uses.is_empty() || QUIET.iter().any(|quiet| uses.starts_with(quiet)) || is_ours(*step, scope);
        if exports || !is_quiet {
            return None;
        }
    }
    Some(false)
}

/// Whether variables may come out of one that holds others.
fn unpacks(used: &Use<'_>) -> bool {
    let script = used.step.text("run").unwrap_or_default();
    used.step.inputs().any(|(key, _)| key.text() == Some("env-from")) || script.contains("--env-from")
}

fn is_ours(step: Step<'_>, scope: &Scope<'_>) -> bool {
    scope.uses.iter().any(|used| used.step.index == step.index)
}

/// The `env` blocks that a step sees, its own first.
fn envs<'a>(used: &Use<'a>, scope: &Scope<'a>) -> impl Iterator<Item = &'a Node> {
    let of_job = scope.job.and_then(|job| job.node.get("env"));
    let of_workflow = scope.workflow.and_then(|workflow| workflow.node.get("env"));
    let of_container = scope.job.and_then(|job| job.node.get("container")?.get("env"));
    let of_container = of_container.filter(|_| used.how == How::Call);
    [used.step.node.get("env"), of_job, of_workflow, of_container]
        .into_iter()
        .flatten()
}

fn mapped<'a>(name: &str, used: &Use<'a>, scope: &Scope<'a>) -> Option<&'a Node> {
    envs(used, scope).find_map(|env| env.get(name))
}

/// Where the same file maps it already, or how it would be.
fn how_to_map(name: &str, used: &Use<'_>, document: &Document<'_>) -> String {
    let steps = document.scopes.iter().flat_map(|scope| &scope.steps);
    let elsewhere = steps.filter_map(|step| step.node.get("env")?.entry(name));
    let name = one_line(name);
    match elsewhere.into_iter().next() {
        Some((key, value)) if value.text().is_some_and(|text| !text.contains('\n')) => format!(
            "line {} maps it into another step only; add `{name}: {}` to the `env` of step {}, too",
            key.place.line,
            one_line(value.text().unwrap_or_default()),
            one_line(&used.step.name())
        ),
        _ => format!("add `{name}: ${{{{ secrets.{name} }}}}` to the step's `env`"),
    }
}

/// Whether it is the job's own token, which `permissions` limits.
fn is_own_token(variable: &str, used: &Use<'_>, scope: &Scope<'_>) -> bool {
    let value = mapped(variable, used, scope).and_then(Node::text).unwrap_or_default();
    let is_own = |inside: &str| {
        let inside = inside.trim();
        ["github.token", "secrets.GITHUB_TOKEN"]
            .iter()
            .any(|own| inside.eq_ignore_ascii_case(own))
    };
    matches!(insides(value).as_slice(), [inside] if is_own(inside))
}

fn permission(name: &str, access: Access, because: &str, line: u32, scope: &Scope<'_>, findings: &mut Findings<'_>) {
    let (Some(workflow), Some(job)) = (scope.workflow, scope.job) else {
        return;
    };
    if job.permissions(workflow).has(name, access) == Some(false) {
        let wanted = format!("{name}: {}", access.as_str());
        let message = format!(
            "`{because}` needs the permission `{wanted}`, which the job `{}` lacks",
            one_line(job.id)
        );
        findings.add(
            "permission",
            line,
            message,
            Some(format!("add `{wanted}` to the job's `permissions`")),
        );
    }
}

/// The last checkout before.
fn checkout<'a>(used: &Use<'a>, scope: &Scope<'a>) -> Option<Step<'a>> {
    let before = scope.before(used.step).iter().rev();
    before.copied().find(|step| {
        step.text("uses")
            .is_some_and(|uses| uses.to_ascii_lowercase().contains("checkout"))
    })
}

/// Whether files may be there without a checkout that we know.
fn may_make_files(used: &Use<'_>, scope: &Scope<'_>) -> bool {
    let uses = used.step.text("uses").unwrap_or_default();
    // An action of the repository itself could not be found without one.
    uses.starts_with('.')
        || scope.before(used.step).iter().any(|step| {
            let is_foreign = step.text("uses").is_some() && !is_ours(*step, scope);
            is_foreign
                || step
                    .text("run")
                    .is_some_and(|script| ["git", "gh ", "stageproof.y"].iter().any(|word| script.contains(word)))
        })
        || (used.how == How::Call && used.step.text("run").is_some_and(|script| script.contains("git ")))
}

fn fetches(used: &Use<'_>, scope: &Scope<'_>) -> bool {
    let fetches = |step: &Step<'_>| {
        step.text("run")
            .is_some_and(|script| script.contains("git fetch") || script.contains("git pull"))
    };
    scope.before(used.step).iter().any(fetches) || fetches(&used.step)
}
