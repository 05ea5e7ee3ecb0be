//! Which change of the workflow a diagnosis calls for: at most one, and none where another could be right as well.

mod event;

use super::Change;
use super::condition::{Condition, minds_failure};
use super::guard::Pin;
use super::target::At;
use super::trigger::events;
use super::with::LONGEST;
use crate::model::workflow::{Access, Job, Workflow};
use crate::model::yaml::Node;

/// What is known of a failed job.
#[derive(Clone, Debug, Default)]
pub struct Facts<'a> {
    pub lacks: Option<Lacks<'a>>,
    /// Nothing is proposed on a guess.
    pub is_sure: bool,
    /// The key of the job in the workflow.
    pub job: &'a str,
    /// The step that failed, counted from 0.
    pub step: Option<usize>,
    pub event: Option<&'a str>,
    pub is_fork: Option<bool>,
    pub is_dependabot: Option<bool>,
    /// What the token could do, by the log.
    pub granted: Option<&'a [(String, Access)]>,
    pub pin: Option<&'a Pin>,
}

impl Facts<'_> {
    /// Without one, a run has no fork to compare with.
    fn may_be_of_pull_request(&self) -> bool {
        self.event.is_none_or(|event| event.starts_with("pull_request"))
    }
}

/// What a change of the workflow could give to the job.
#[derive(Clone, Debug)]
pub enum Lacks<'a> {
    /// Values of these variables, inputs or secrets.
    Values(&'a [String]),
    /// It only works when one of these events starts it. Without any, the expressions of the step say which.
    Event(&'a [&'a str]),
    Permission {
        scope: &'a str,
        access: Access,
    },
    /// The commits or tags before the one that was checked out.
    History,
    /// More minutes than this limit; `None` is the one that is written.
    Time {
        minutes: Option<u32>,
    },
    /// A network, registry or runner that works the next time.
    Luck,
    /// The secret `from` does not exist, but `to` does.
    SecretName {
        from: &'a str,
        to: &'a str,
    },
}

/// A script is only run again if it does something of this kind,
const HARMLESS: [&str; 12] = [
    "install", "fetch", "pull", "restore", "download", "test", "build", "lint", "check", "npm ci", "pip", "apt-get",
];
/// and nothing that lasts: twice may be once too often.
const LASTING: [&str; 21] = [
    "deploy",
    "publish",
    "release",
    "push",
    "apply",
    "migrat",
    "upload",
    "promote",
    "rollback",
    "delete",
    "destroy",
    "create",
    "upgrade",
    "notify",
    "psql",
    "scp",
    "rsync",
    "--data",
    " -d ",
    "ssh ",
    "--request",
];
/// These are also parts of harmless words, such as `staging`, and count where a word begins.
const LASTING_STARTS: [&str; 4] = ["sync", "send", "post", "tag"];

pub fn propose(facts: &Facts<'_>, workflow: &Node) -> Option<Change> {
    let (lacks, whole) = (facts.lacks.as_ref().filter(|_| facts.is_sure)?, Workflow::of(workflow)?);
    let job = whole.jobs().find(|job| job.id == facts.job)?;
    let steps = job.node.get("steps").map(Node::items).unwrap_or_default();
    let index = facts.step.filter(|index| *index < steps.len());
    let step = || Some(At::step(facts.job, index?));
    match lacks {
        Lacks::Values(names) => values(facts, names, whole, step()?, steps.get(index? + 1..)?),
        Lacks::Event(wanted) => event::propose(facts, wanted, whole, steps, index?),
        Lacks::Permission { scope, access } => permission(facts, scope, *access),
        Lacks::History => Some(Change::FetchDepth(step()?)),
        Lacks::Time { minutes } => time(job, facts.job, steps, index, *minutes),
        Lacks::Luck => {
            let pin = facts.pin.cloned();
            let retry = Change::Retry {
                at: step()?,
                retries: 2,
                pin,
            };
            may_run_again(steps.get(index?)?).then_some(retry)
        }
        Lacks::SecretName { from, to } => Some(Change::SecretName {
            job: facts.job.to_owned(),
            from: (*from).to_owned(),
            to: (*to).to_owned(),
        }),
    }
}

fn may_run_again(step: &Node) -> bool {
    let script = step
        .get("run")
        .and_then(Node::text)
        .unwrap_or_default()
        .to_ascii_lowercase();
    let begins = |text: &str, word: &str| {
        text.match_indices(word)
            .any(|(at, _)| !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric()))
    };
    let lasts = |said: &str| {
        let text = said.to_ascii_lowercase();
        // `set -x` is harmless.
        said.contains("-X")
            || LASTING.iter().any(|word| text.contains(word))
            || LASTING_STARTS.iter().any(|word| begins(&text, word))
    };
    let mut said = step.scalars().into_iter().filter_map(Node::text);
    HARMLESS.iter().any(|word| begins(&script, word)) && !said.any(lasts)
}

/// Where secrets cannot exist, one step that nothing depends on is left out. In all other cases a guard says what is
/// missing, and fails where it should not be.
fn values(facts: &Facts<'_>, names: &[String], workflow: Workflow<'_>, at: At, behind: &[Node]) -> Option<Change> {
    let cannot_exist = match (facts.is_fork, facts.is_dependabot) {
        _ if !has_pull_requests(workflow) => None,
        (Some(true), _) if facts.may_be_of_pull_request() => Some(Condition::NotFork),
        (_, Some(true)) => Some(Condition::NotDependabot),
        _ => None,
    };
    match cannot_exist.filter(|_| behind.iter().all(minds_failure)) {
        Some(condition) => Some(Change::Only { at, condition }),
        None if names.is_empty() => None,
        None => Some(Change::SkipGuard {
            at,
            names: names.to_vec(),
            pin: facts.pin.cloned(),
        }),
    }
}

/// Without them, a run is neither from a fork nor from Dependabot, whatever a log says.
fn has_pull_requests(workflow: Workflow<'_>) -> bool {
    let events = workflow.node.get("on").map(events).unwrap_or_default();
    events
        .iter()
        .any(|event| ["pull_request", "pull_request_target"].contains(&event.as_str()))
}

/// Whatever the workflow says, the token of a pull request from a fork or of Dependabot only reads.
fn permission(facts: &Facts<'_>, scope: &str, access: Access) -> Option<Change> {
    let from_elsewhere = match facts.event {
        Some("pull_request") => facts.is_fork != Some(false),
        _ => facts.is_fork == Some(true),
    };
    let had = facts
        .granted
        .unwrap_or_default()
        .iter()
        .any(|(name, had)| name == scope && *had >= access);
    let may = !from_elsewhere && facts.is_dependabot != Some(true) && !had;
    may.then(|| Change::Permission {
        job: facts.job.to_owned(),
        scope: scope.to_owned(),
        access,
        granted: facts.granted.map(<[_]>::to_vec),
    })
}

/// Only a limit that somebody wrote can be raised: GitHub's own is the longest there is.
fn time(job: Job<'_>, id: &str, steps: &[Node], index: Option<usize>, minutes: Option<u32>) -> Option<Change> {
    let limit = |node: &Node| {
        let written: u32 = node.get("timeout-minutes")?.text()?.parse().ok()?;
        minutes.is_none_or(|minutes| minutes == written).then_some(written)
    };
    let of_step = index.and_then(|index| Some((At::step(id, index), limit(steps.get(index)?)?)));
    let (at, written) = of_step.or_else(|| Some((At::job(id), limit(job.node)?)))?;
    let more = written.saturating_mul(2).min(LONGEST);
    (more > written).then_some(Change::TimeLimit { at, minutes: more })
}
