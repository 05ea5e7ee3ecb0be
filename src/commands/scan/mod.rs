//! Is there a secret in these files? Reads them, and changes and sends nothing. A check for each file in which something was
//! found, and one for the rest.

mod archive;
mod files;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::commands::{Keep, ReportHome, Running, Subcommand};
use crate::engine;
use crate::model::capped::Capped;
use crate::model::cores;
use crate::model::rule::Rules;
use crate::model::scan::{self, PUBLISHED, RuleSet, Unscannable};
use crate::model::text::count;
use crate::model::{Check, Ended, Fact, Finding, Outcome, Severity};
use crate::world::scan::{Search, Wanted, look_through};
use crate::world::{World, files as disk};
use files::{File, Listed};

const STAGE: &str = "scan";
const FILES: &str = "The files are scanned";
/// Checks of files with findings; what comes after them is counted.
const MOST_FILES: usize = 200;

#[derive(Clone)]
pub struct Plan {
    /// Files and folders, absolute.
    pub paths: Vec<PathBuf>,
    pub wanted: Wanted,
    /// `None`: what was given up on is an error, as a secret may be behind it, and a format that is not opened a warning.
    pub unscannable: Option<Unscannable>,
    /// A file for code scanning.
    pub sarif: Option<PathBuf>,
}

impl Subcommand for Plan {
    fn report_home(&self) -> ReportHome {
        ReportHome::None
    }

    fn sarif(&self) -> Option<(&Path, &Rules)> {
        self.sarif.as_deref().map(|file| (file, &PUBLISHED))
    }

    fn run<'a>(&'a self, world: &'a World, _: Keep<'a>) -> Running<'a> {
        Box::pin(async move {
            let (own_plan, own_world) = (self.clone(), world.clone());
            engine::blocking((STAGE, "scan:files", FILES), move || look_at_all(&own_plan, &own_world)).await
        })
    }
}

fn look_at_all(plan: &Plan, world: &World) -> Outcome {
    let started = Instant::now();
    let rules = match plan.wanted.load() {
        Ok(rules) => rules,
        Err(error) => {
            let ended = Ended::Errored {
                cause: error.to_string(),
                help: Some(error.help.to_owned()),
            };
            return Outcome {
                checks: vec![Check::new(
                    STAGE,
                    "scan:rules",
                    "The rules can be used",
                    ended,
                    started.elapsed(),
                )],
                ..Outcome::default()
            };
        }
    };
    let listed = files::list(plan, world);
    let stop = || world.interrupt.received().is_some();
    let search = Search::new(&rules, Some(&world.secrets));
    let looked = cores::each(
        &listed.files,
        || (),
        |(), file| look(file, search.as_ref(), plan.unscannable, &stop),
    );
    if let Some(signal) = world.interrupt.received() {
        let ended = Ended::Errored {
            cause: format!("interrupted by {signal} before it ended"),
            help: None,
        };
        return Outcome {
            checks: vec![Check::new(STAGE, "scan:files", FILES, ended, started.elapsed())],
            ..Outcome::default()
        };
    }
    judged(&listed, looked, &rules, scan::nothing(&plan.wanted.personal), started)
}

/// What one file came to.
struct Seen {
    ended: Ended,
    bytes: u64,
    /// What was not looked at, unless that is an error.
    unread: Vec<Finding>,
}

fn look(
    file: &File,
    search: Result<&Search<'_>, &std::io::Error>,
    unscannable: Option<Unscannable>,
    stop: &dyn Fn() -> bool,
) -> Seen {
    let looked = search.map(|search| {
        archive::look(file, *search, unscannable, stop).and_then(|seen| match seen {
            Some(seen) => Ok(seen),
            None => look_at_text(file, *search, unscannable, stop),
        })
    });
    let mut seen = match looked {
        Ok(Ok(seen)) => seen,
        Ok(Err(error)) => not_read(file, &error),
        Err(error) => not_read(file, error),
    };
    // What is told of a file is told in one place.
    if let Ended::Looked(findings) = &mut seen.ended
        && (!findings.is_empty() || seen.unread.iter().any(|finding| finding.severity == Severity::Error))
    {
        findings.append(&mut seen.unread);
    }
    seen
}

fn not_read(file: &File, error: &std::io::Error) -> Seen {
    Seen {
        ended: Ended::Errored {
            cause: format!("{} cannot be read: {error}", file.shown),
            help: Some("run it as a user who may read it, or leave the path out".to_owned()),
        },
        bytes: 0,
        unread: Vec::new(),
    }
}

fn look_at_text(
    file: &File,
    search: Search<'_>,
    unscannable: Option<Unscannable>,
    stop: &dyn Fn() -> bool,
) -> std::io::Result<Seen> {
    let input = disk::open(&file.path, disk::Links::Refuse)?;
    let looked = look_through(search, &file.shown, input, stop)?;
    let mut findings: Vec<(u64, Finding)> = Vec::new();
    for rule in scan::Scan::new(search.rules, &file.shown).by_path() {
        findings.push((1, finding(&file.shown, 1, &rule.id, rule.described())));
    }
    let (more, unread) = (looked.found.more(), looked.unread());
    for found in looked.found.first {
        let what = format!("{}, in column {}", found.rule.described(), found.column);
        findings.push((found.line, finding(&file.shown, found.line, &found.rule.id, &what)));
    }
    findings.sort_by_key(|(line, _)| *line);
    Ok(Seen {
        ended: Ended::Looked(with_help(findings.into_iter().map(|(_, finding)| finding), more)),
        bytes: looked.bytes,
        unread: unread
            .map(|(why, is_cut)| unread_finding(unscannable, &file.shown, why, is_cut))
            .into_iter()
            .collect(),
    })
}

fn unread_finding(unscannable: Option<Unscannable>, path: &str, why: &str, is_cut: bool) -> Finding {
    let default = if is_cut { Unscannable::Fail } else { Unscannable::Keep };
    unscannable
        .unwrap_or(default)
        .searched(path, why, is_cut)
        .at(path, None)
}

/// The first one says what to do. `more` are those that are not among them.
fn with_help(findings: impl Iterator<Item = Finding>, more: usize) -> Vec<Finding> {
    let mut capped = Capped::default();
    for (index, finding) in findings.enumerate() {
        capped.add(if index == 0 && finding.help.is_none() {
            let next = scan::next_step(&finding.code);
            finding.help(next)
        } else {
            finding
        });
    }
    capped.more(Severity::Error, more);
    capped.into_vec()
}

/// It never repeats what was matched.
fn finding(path: &str, line: u64, rule: &str, what: &str) -> Finding {
    Finding::of_rule(rule.to_owned(), what).at(path, u32::try_from(line).ok())
}

/// `nothing` is what is claimed of each file.
fn judged(listed: &Listed, looked: Vec<Seen>, rules: &RuleSet, nothing: &str, started: Instant) -> Outcome {
    let mut outcome = Outcome::default();
    let (mut clean, mut bytes, mut unread, mut more) = (0_usize, 0_u64, Capped::default(), 0_usize);
    for (file, seen) in listed.files.iter().zip(looked) {
        bytes += seen.bytes;
        seen.unread.into_iter().for_each(|finding| unread.add(finding));
        let is_clean = matches!(&seen.ended, Ended::Looked(findings) if findings.is_empty());
        if is_clean {
            clean += 1;
        } else if outcome.checks.len() < MOST_FILES {
            let id = format!("scan:{}", file.shown);
            let title = format!("{nothing} in {}", file.shown);
            outcome
                .checks
                .push(Check::new(STAGE, id, title, seen.ended, Duration::ZERO));
        } else {
            more += 1;
        }
    }
    for trouble in &listed.troubles {
        let ended = Ended::Errored {
            cause: trouble.clone(),
            help: Some("check the path, and who may read it".to_owned()),
        };
        let id = format!("scan:trouble:{}", outcome.checks.len());
        outcome
            .checks
            .push(Check::new(STAGE, id, "Files can be found", ended, Duration::ZERO));
    }
    if more > 0 {
        let message = format!("{} more with findings, or not read", count(more, "file"));
        let ended = Ended::Looked(vec![
            Finding::error("more", message).help("scan the folders one by one"),
        ]);
        outcome
            .checks
            .push(Check::new(STAGE, "scan:more", FILES, ended, Duration::ZERO));
    }
    if clean > 0 {
        let title = format!("{nothing} in {}", count(clean, "file"));
        let mut check = Check::new(
            STAGE,
            "scan:files",
            title,
            Ended::Looked(unread.into_vec()),
            started.elapsed(),
        );
        check.facts = vec![
            Fact::new("files", listed.files.len().to_string()),
            Fact::new("bytes", bytes.to_string()),
            Fact::new("rules", rules.rules().len().to_string()),
        ];
        outcome.checks.push(check);
    }
    if listed.files.is_empty() && listed.troubles.is_empty() {
        outcome
            .notes
            .push("There is nothing to scan: no files were found.".to_owned());
    }
    outcome.notes.extend(listed.left_out());
    outcome
}
