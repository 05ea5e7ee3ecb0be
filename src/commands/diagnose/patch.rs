//! The change of the workflow that a diagnosis calls for.

use super::place::Place;
use crate::model::diagnose::{Confidence, Diagnosis, Fix};
use crate::model::text::one_line;
use crate::model::workflow::patch::propose::{Facts, Lacks, propose};
use crate::model::workflow::patch::{self, Change, Patch, Pin, Refusal};
use crate::model::workflow::{Access, Workflow};
use crate::model::yaml::Node;

/// What is known of the run besides its log.
#[derive(Clone, Copy, Debug, Default)]
pub struct About<'a> {
    pub event: Option<&'a str>,
    pub is_fork: Option<bool>,
    pub is_dependabot: Option<bool>,
    /// The secret that is named, and the one that is meant.
    pub misspelt: Option<(&'a str, &'a str)>,
}

impl Place<'_> {
    /// The change that a diagnosis calls for, if there is exactly one, and the patch that makes it.
    pub fn patch(&self, found: &Diagnosis, about: About<'_>) -> Result<(Change, Patch), Refusal> {
        let Some(fix) = &found.fix else {
            return Err(Refusal::new("no change of the workflow is known to help"));
        };
        if found.confidence != Confidence::Sure {
            return Err(Refusal::new("the diagnosis is not sure"));
        }
        if let Some(repository) = self.file.foreign() {
            return Err(Refusal(format!(
                "the step is in a workflow of {}",
                one_line(repository)
            )));
        }
        // What is said if nothing is proposed.
        let (lacks, why_not) = match fix {
            _ if let Some((from, to)) = about.misspelt => (Lacks::SecretName { from, to }, ""),
            Fix::SkipGuard { names } => (Lacks::Values(names), "the log does not name what is missing"),
            Fix::EventGuard | Fix::Trigger if about.event.is_none() => (
                Lacks::Event(&[]),
                "a log does not name the event of its run: name it with --event, or the run with --run",
            ),
            Fix::EventGuard | Fix::Trigger if about.event.is_some_and(|event| !self.starts_on(event)) => {
                return Err(Refusal::new(
                    "the workflow does not start on this event; check --event, or on: of the workflow",
                ));
            }
            Fix::EventGuard | Fix::Trigger => (
                Lacks::Event(&[]),
                "it is not clear which event the step needs, or other steps of the job work on this event",
            ),
            Fix::Permission { scope, level } => {
                may_grant(found, self.node, scope)?;
                let why_not = "the token has this permission already, or the run is from a fork or from Dependabot";
                (Lacks::Permission { scope, access: *level }, why_not)
            }
            Fix::CheckoutDepth => (Lacks::History, "the step is not found in the workflow"),
            Fix::Timeout { pace: Some(pace), .. } if pace.hangs() => {
                return Err(Refusal(format!(
                    "the log does not show that more time would help: the step {pace}"
                )));
            }
            Fix::Timeout { limit, .. } => (
                Lacks::Time { minutes: *limit },
                match self.has_computed_limit() {
                    true => "timeout-minutes is an expression; raise the limit where its value is set",
                    false => "the workflow does not set the limit that was exceeded, or it is the longest there is",
                },
            ),
            Fix::Retry if found.is_of_runner() => {
                return Err(Refusal::new(
                    "no retry of a step helps where the runner itself fails; run the job again",
                ));
            }
            Fix::Retry => (Lacks::Luck, "running the step twice may not be harmless"),
            Fix::PinVersion => return Err(Refusal::new("the log does not say which version works")),
            Fix::Edit { .. } => return Err(Refusal::new("this change has to be made by hand")),
            Fix::SecretName => return Err(Refusal::new("the log does not say which secret is meant")),
        };
        let granted: Vec<(String, Access)> = found.context.granted().collect();
        let source = found.context.secret_source.as_deref();
        let pin = Pin {
            at: concat!("v", env!("CARGO_PKG_VERSION")).to_owned(),
            note: None,
        };
        let facts = Facts {
            lacks: Some(lacks),
            is_sure: true,
            job: self.job,
            step: Some(self.index),
            event: about.event,
            is_fork: about.is_fork.or(source.map(|source| source == "None")),
            is_dependabot: about.is_dependabot.or(source.map(|source| source == "Dependabot")),
            granted: (!granted.is_empty()).then_some(&*granted),
            pin: Some(&pin),
        };
        let change = propose(&facts, &self.file.root).ok_or_else(|| Refusal::new(why_not))?;
        let patch = patch::patch(self.file.text.as_bytes(), &self.file.name, &change)?;
        Ok((change, patch))
    }

    fn starts_on(&self, event: &str) -> bool {
        let events = self.file.root.get("on").map(patch::events).unwrap_or_default();
        // A called one starts on the events of its callers.
        events.iter().any(|it| it == event || it == "workflow_call")
    }

    fn has_computed_limit(&self) -> bool {
        let job = Workflow::of(&self.file.root).and_then(|workflow| workflow.job(self.job));
        let nodes = [Some(self.node), job.map(|job| job.node)].into_iter().flatten();
        let mut limits = nodes.filter_map(|node| node.get("timeout-minutes")?.text());
        limits.any(|limit| limit.contains("${{"))
    }
}

/// A log may say anything. It grants a right only if the runner listed the token's permissions, and if the failed step
/// of the workflow does what the right is for.
fn may_grant(found: &Diagnosis, step: &Node, scope: &str) -> Result<(), Refusal> {
    if found.context.permissions.is_empty() {
        return Err(Refusal::new("the log does not list the permissions of the token"));
    }
    let words: &[&str] = match scope {
        "contents" => &["git push"],
        "packages" => &["push", "publish"],
        "id-token" => &[
            "oidc", "id_token", "cosign", "publish", "attest", "aws", "gcloud", "az ",
        ],
        _ => &["gh ", "api."],
    };
    let script = step.get("run").and_then(Node::text);
    let does = script.is_none_or(|script| words.iter().any(|word| script.contains(word)));
    match does && found.is_own_line {
        true => Ok(()),
        false => Err(Refusal(format!(
            "the step that failed does not look as if it needs `{scope}`"
        ))),
    }
}
