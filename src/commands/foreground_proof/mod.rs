//! Does the log prove that the long steps ran to their end? The gate for what must carry the log of `heartbeat`.
//!
//! The log is evidence and no seal: whoever can write a file can write a good one. What is looked up is that it is whole,
//! consistent with itself and of now, and that it came with the change it is to prove.

mod base;
mod committed;
mod label;
mod labels;
mod pull_request;
mod read;
mod visible;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::commands::{Keep, Running, Subcommand};
use crate::engine;
use crate::model::heartbeat::LONGEST;
use crate::model::text::{count, one_line};
use crate::model::{Check, Ended, Fact, Finding, Outcome, Output};
use crate::world::hash::Hashed;
use crate::world::lines::Lines;
use crate::world::secrets::Redactor;
use crate::world::walk::Kind;
use crate::world::workspace;
use crate::world::{World, paths};
pub use read::{Looked, look};
pub use visible::visible;

const STAGE: &str = "foreground-proof";
const READABLE: &str = "The log can be read";

#[derive(Clone, Debug)]
pub struct Plan {
    pub log: PathBuf,
    /// Labels that must be in it. None of them: all that are in it.
    pub labels: Vec<String>,
    /// Between two records of a wrapped command.
    pub max_gap: Duration,
    /// Since the last record of each label.
    pub max_age: Duration,
    /// A branch, tag or commit: the log's last change must be behind it.
    pub committed_since: Option<String>,
    pub in_pr_body: bool,
}

/// What records are judged by.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The log, as it is called in findings: relative to the workspace.
    pub place: String,
    pub labels: Vec<String>,
    pub max_gap: Duration,
    pub max_age: Duration,
    pub now: Timestamp,
    pub secrets: Arc<Redactor>,
}

impl Rules {
    /// A finding with its place, which is also in its words: not everything that shows findings shows places.
    fn at(&self, line: u64, code: &'static str, message: &str) -> Finding {
        let finding = Finding::error(code, format!("{}:{line}: {message}", self.place));
        finding.at(self.place.clone(), u32::try_from(line).ok())
    }

    fn of_file(&self, code: &'static str, message: &str) -> Finding {
        Finding::error(code, format!("{}: {message}", self.place)).at(self.place.clone(), None)
    }
}

impl Subcommand for Plan {
    fn run<'a>(&'a self, world: &'a World, _: Keep<'a>) -> Running<'a> {
        Box::pin(run(self, world))
    }
}

pub async fn run(plan: &Plan, world: &World) -> Outcome {
    let (plan, world) = (plan.clone(), world.clone());
    engine::blocking((STAGE, "foreground-proof:log", READABLE), move || judge(&plan, &world)).await
}

fn judge(plan: &Plan, world: &World) -> Outcome {
    let rules = Rules {
        place: relative(&plan.log, &world.workspace),
        labels: plan.labels.clone(),
        max_gap: plan.max_gap,
        max_age: plan.max_age,
        now: world.clock.now(),
        secrets: Arc::clone(&world.secrets),
    };
    let started = Instant::now();
    let looked = found(&plan.log, &world.workspace, &rules).and_then(|real| {
        let stop = || world.interrupt.received().is_some();
        let mut lines = Lines::open(&real, LONGEST).map_err(|error| unreadable(&error, &rules))?;
        let looked = look(&mut lines, &rules, &stop).map_err(|error| unreadable(&error, &rules))?;
        Ok((looked, lines.hashed(), real))
    });
    let title = format!("The log {} exists and is complete", rules.place);
    let (mut outcome, log) = match looked {
        Ok((looked, hashed, real)) => {
            let Looked {
                log,
                stories,
                records,
                labels,
            } = looked;
            let mut first = check("log", title, Ended::Looked(log), started);
            first.facts = facts(records, labels, &hashed);
            let mut outcome = Outcome::default();
            outcome.checks.push(first);
            outcome.checks.extend(stories);
            (outcome, Some((real, hashed)))
        }
        Err(ended) => {
            let outcome = Outcome {
                checks: vec![check("log", title, ended, started)],
                ..Outcome::default()
            };
            (outcome, None)
        }
    };
    if let Some((_, hashed)) = &log {
        let sha256 = hex::encode(hashed.sha256);
        outcome.outputs.insert("log-sha256".to_owned(), Output::exact(sha256));
    }
    let no_log = || Ended::Skipped {
        reason: "there is no log".to_owned(),
    };
    if let Some(base) = &plan.committed_since {
        let started = Instant::now();
        let ended = match &log {
            Some((real, _)) => committed::look(real, base, &rules, world),
            None => no_log(),
        };
        let title = format!("It is committed, and was changed since {}", one_line(base));
        outcome.checks.push(check("committed", title, ended, started));
    }
    if plan.in_pr_body {
        let started = Instant::now();
        let ended = match &log {
            Some((_, hashed)) => pull_request::look(&world.runner, &rules, &hex::encode(hashed.sha256)),
            None => no_log(),
        };
        let title = "The pull request's text names it";
        outcome.checks.push(check("pull-request", title, ended, started));
    }
    outcome
}

/// The log's own path, links followed, if it is a file in the workspace.
fn found(log: &Path, workspace: &Path, rules: &Rules) -> Result<PathBuf, Ended> {
    let no = |finding: Finding| Err(Ended::Looked(vec![finding]));
    match paths::kind(log) {
        Ok(Some(Kind::File)) => {}
        Ok(None) => {
            return no(rules.of_file("missing-log", "there is no such file").help(
                "run the step as `stageproof heartbeat -- COMMAND`, which writes it, and check that it is in this \
                 checkout: folders such as `artifacts` are often in .gitignore (`git add -f`)",
            ));
        }
        Ok(Some(kind)) => {
            let what = match kind {
                Kind::Folder => "it is a folder",
                Kind::Symlink => "it is a link, which proves nothing about its target",
                Kind::File | Kind::Other => "it is neither a file nor a folder",
            };
            return no(rules
                .of_file("not-a-file", what)
                .help("name the file heartbeat.log itself"));
        }
        Err(error) => return Err(unreadable(&error, rules)),
    }
    let real = |path: &Path| paths::real(path).map_err(|error| unreadable(&error, rules));
    let (inner, outer) = (real(log)?, real(workspace)?);
    if inner.starts_with(outer) {
        Ok(inner)
    } else {
        no(rules
            .of_file(
                "outside-workspace",
                &format!("it is outside the workspace, at {}", inner.display()),
            )
            .help("name a log that is part of the checkout"))
    }
}

fn unreadable(error: &io::Error, rules: &Rules) -> Ended {
    Ended::with_help(
        format!("{} cannot be read: {error}", rules.place),
        "check its permissions, and run it again",
    )
}

fn relative(path: &Path, workspace: &Path) -> String {
    // `./x` and `x` are one path, and annotations and links know the second.
    let path: PathBuf = path.components().collect();
    workspace::shown(&path, workspace)
}

fn check(id: &str, title: impl Into<String>, ended: Ended, started: Instant) -> Check {
    Check::new(STAGE, format!("{STAGE}:{id}"), title, ended, started.elapsed())
}

fn facts(records: u64, labels: usize, hashed: &Hashed) -> Vec<Fact> {
    vec![
        Fact::new("records", records.to_string()),
        Fact::new("wrapped commands", count(labels, "label")),
        Fact::new("size", format!("{} bytes", hashed.size)),
        Fact::new("SHA-256", hex::encode(hashed.sha256)),
    ]
}

#[cfg(test)]
mod tests;
