//! Folding many reports into one outcome: a check per report.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Fold, STAGE};
use crate::model::capped::Capped;
use crate::model::check::ASSERTED;
use crate::model::waiver::Match;
use crate::model::{Check, Ended, Fact, Finding, Outcome, Output, Report, Skip, Status, Verdict, text, waiver};
use crate::world::files::{self, Links};
use crate::world::workspace;
use crate::world::{World, hash, paths, reports};

/// More names than this do not help.
const MOST_NOTES: usize = 5;
const MOST_ASSERTED: usize = 20;

/// What one report came to.
struct Folded {
    name: String,
    place: String,
    check: Check,
    /// Set if the report is a skip.
    skip: Option<Skip>,
    /// The rollback command that a good report proved.
    command: Option<Output>,
    /// The ids of its checks.
    ids: Vec<String>,
}

pub fn run(fold: &Fold, world: &World) -> Outcome {
    let mut checks = Vec::new();
    let mut notes = Vec::new();
    let mut folded: Vec<Folded> = found(fold, &mut checks, &mut notes)
        .iter()
        .map(|path| one(path, fold, world))
        .collect();
    folded.sort_by(|a, b| (&a.name, &a.place).cmp(&(&b.name, &b.place)));
    if folded.is_empty() && checks.is_empty() {
        let folders: Vec<String> = fold.folders.iter().map(|folder| shown(folder, fold)).collect();
        let folders = folders.join(", ");
        notes.push(format!(
            "There are no reports in {folders}. Run the steps that write them, or name their folder."
        ));
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for report in &folded {
        *counts.entry(&report.name).or_default() += 1;
    }
    checks.extend(missing(fold, &counts));
    let ids = folded.iter().flat_map(|report| report.ids.iter().map(String::as_str));
    // Those of `diagnose` are about failures that may come again.
    let mut waivers = fold.waivers.clone();
    waivers.retain(|waiver| !matches!(&waiver.matches, Match::Check(id) if id.starts_with("diagnose:")));
    notes.extend(waiver::unmatched(&waivers, ids));
    // Check ids are unique in a report.
    let several: Vec<bool> = folded.iter().map(|report| counts[report.name.as_str()] > 1).collect();
    let legs = legs(&folded);
    for ((report, several), leg) in folded.iter_mut().zip(several).zip(legs) {
        if several {
            report.check.id = format!("{}:{}", report.check.id, report.place);
            let named = format!("The report {}", report.name);
            report.check.title = report.check.title.replacen(&named, &format!("{named} of {leg}"), 1);
        }
    }
    // Only when everything was skipped is the whole a skip; one that is skipped beside others is a warning.
    let skips: Vec<&Skip> = folded.iter().filter_map(|report| report.skip.as_ref()).collect();
    let all = !folded.is_empty() && skips.len() == folded.len() && checks.is_empty();
    let skip = skips.first().filter(|_| all).map(|skip| (*skip).clone());
    if skip.is_none() {
        for report in &mut folded {
            if let Ended::Skipped { reason } = &report.check.ended {
                let message = format!("{} was skipped: {reason}", report.name);
                report.check.ended = Ended::Looked(vec![Finding::warning("skipped-report", message)]);
            }
        }
        // What is not as it seems comes first, those that were asked for before the others.
        folded.sort_by_key(|report| (report.skip.is_none(), !fold.require.contains(&report.name)));
    }
    let mut outcome = Outcome {
        skip,
        notes,
        ..Outcome::default()
    };
    // Two ways back are none: somebody would have to know which of them is meant.
    let mut commands = folded.iter_mut().filter_map(|report| report.command.take());
    if let (Some(command), None) = (commands.next(), commands.next()) {
        outcome.outputs.insert("command".to_owned(), command);
    }
    checks.extend(folded.into_iter().map(|report| report.check));
    outcome.checks = checks;
    outcome
}

/// What tells each report from those of the same name: the part of its place that they do not share.
fn legs(folded: &[Folded]) -> Vec<String> {
    let parts = |report: &Folded| report.place.split('/').map(str::to_owned).collect::<Vec<_>>();
    let leg = |report: &Folded| {
        let own = parts(report);
        let same = folded.iter().filter(|other| other.name == report.name).map(parts);
        let (mut ahead, mut behind) = (own.len(), own.len());
        for other in same.filter(|other| *other != own) {
            let shared = |own: &mut dyn Iterator<Item = &String>, other: &mut dyn Iterator<Item = &String>| {
                own.zip(other).take_while(|(own, other)| own == other).count()
            };
            ahead = ahead.min(shared(&mut own.iter(), &mut other.iter()));
            behind = behind.min(shared(&mut own.iter().rev(), &mut other.iter().rev()));
        }
        own.get(ahead..own.len() - behind.min(own.len()))
            .filter(|leg| !leg.is_empty())
            .map_or_else(|| report.place.clone(), |leg| leg.join("/"))
    };
    folded.iter().map(leg).collect()
}

/// The reports in all folders. What is in the way of finding them goes to `checks`.
fn found(fold: &Fold, checks: &mut Vec<Check>, notes: &mut Vec<String>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    // A folder that is named twice, or inside of another, brings its reports once.
    let mut seen = BTreeSet::new();
    // A copy is not a second report, so that no leg of a matrix can stand in for another.
    let mut contents: BTreeMap<[u8; 32], PathBuf> = BTreeMap::new();
    let own = paths::real(&fold.own_report).ok();
    let mut unread = Capped::default();
    for folder in &fold.folders {
        let below = match reports::below(folder) {
            Ok(below) => below,
            Err(error) => {
                let place = shown(folder, fold);
                checks.push(check(
                    format!("{STAGE}:{place}"),
                    format!("The folder {place} can be read"),
                    Ended::with_help(
                        format!("{error:#}"),
                        "name the folder that holds `reports/`, with --evidence-dir or as an argument",
                    ),
                ));
                continue;
            }
        };
        for path in below.reports {
            let real = paths::real(&path).unwrap_or_else(|_| path.clone());
            if Some(&real) == own.as_ref() || !seen.insert(real) {
                continue;
            }
            // One that cannot be read is told of when it is folded.
            let sha256 = hash::hash_file(&path, &|| false).map(|hashed| hashed.sha256);
            match sha256.ok().and_then(|sha256| contents.insert(sha256, path.clone())) {
                Some(original) => notes.push(format!(
                    "{} is a copy of {} and counts once.",
                    shown(&path, fold),
                    shown(&original, fold)
                )),
                None => found.push(path),
            }
        }
        for (path, why) in below.unread.into_iter().filter(|(path, _)| seen.insert(path.clone())) {
            let message = format!("{} may be a report, but was not read: {why}", shown(&path, fold));
            unread.add(Finding::error("unread-report", message).help("replace it with the report itself"));
        }
        for path in below.foreign.into_iter().filter(|path| seen.insert(path.clone())) {
            notes.push(format!("{} is not a report and was not read.", shown(&path, fold)));
        }
    }
    if unread.fails() {
        let title = "Every file that may be a report can be read";
        checks.push(check(
            format!("{STAGE}:unread"),
            title.to_owned(),
            Ended::Looked(unread.into_vec()),
        ));
    }
    let more = notes.len().saturating_sub(MOST_NOTES);
    if more > 0 {
        notes.truncate(MOST_NOTES);
        notes.push(format!("There are {more} more notes about files beside reports."));
    }
    found
}

/// What must be there and is not, or not as often as it must.
fn missing(fold: &Fold, counts: &BTreeMap<&str, usize>) -> Vec<Check> {
    let mut checks = Vec::new();
    for name in &fold.require {
        if !counts.contains_key(name.as_str()) {
            let finding = Finding::error("missing-report", format!("the required report {name} is missing"));
            let finding = match text::nearest(name, counts.keys().copied()) {
                Some(there) => finding.help(format!("did you mean `{there}`?")),
                None => finding.help(
                    "check that the step that writes it ran, and name the artifact with its evidence (--artifact) or the \
                     folder",
                ),
            };
            checks.push(check(
                format!("{STAGE}:{name}"),
                format!("The report {name} is there"),
                Ended::Looked(vec![finding]),
            ));
        }
    }
    let known = |name: &str| counts.get(name).copied().unwrap_or(0);
    for expect in &fold.expect {
        let of: Vec<(String, usize)> = match &expect.name {
            Some(name) => vec![(format!("of {name}"), known(name))],
            None if fold.require.is_empty() => vec![("in all".to_owned(), counts.values().sum())],
            None => fold
                .require
                .iter()
                .map(|name| (format!("of {name}"), known(name)))
                .collect(),
        };
        for (of, count) in of {
            let expected = expect.count.get();
            if usize::try_from(expected) != Ok(count) {
                let message = format!(
                    "found {} {of}, but --expect says {expected}",
                    text::count(count, "report")
                );
                let finding = Finding::error("unexpected-count", message)
                    .help("check that each leg of the matrix ran, and name its artifact (--artifact) or the folder");
                checks.push(check(
                    format!("{STAGE}:expect:{of}"),
                    format!("{expected} reports {of} are there"),
                    Ended::Looked(vec![finding]),
                ));
            }
        }
    }
    checks
}

fn one(path: &Path, fold: &Fold, world: &World) -> Folded {
    let place = shown(path, fold);
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let report = files::read_text(path, reports::LARGEST, Links::Refuse)
        .map_err(|error| format!("{error:#}"))
        .and_then(|text| Report::parse(text.as_bytes()).map_err(|error| format!("{place}: {error}")));
    let run = match (&fold.status_file, &fold.origin.subject.run_id) {
        (None, Some(run)) => format!("run {run}"),
        _ => "this run".to_owned(),
    };
    let folded = |name: String, ended: Ended, place: String| Folded {
        check: check(
            format!("{STAGE}:{name}"),
            format!("The report {name} is of {run}, recent and good"),
            ended,
        ),
        name,
        place,
        skip: None,
        command: None,
        ids: Vec::new(),
    };
    let mut report = match report {
        Ok(report) => report,
        Err(why) => {
            let finding = Finding::error("unreadable-report", why).help("run the step that writes it again");
            return folded(stem, Ended::Looked(vec![finding]), place);
        }
    };
    let mut findings = fold.origin.of_another(&place, &report.subject);
    findings.extend(fold.origin.not_recent(&place, &report.finished_at, world.clock.now()));
    findings.extend(misnamed(&report, path, &place));
    if fold.strict {
        forget_waivers(&mut report);
    } else {
        let today = world.clock.date();
        waiver::expire(&today, &mut report.checks);
        waiver::apply(&fold.waivers, &today, &mut report.checks);
    }
    let mut blind = None;
    for inner in &report.checks {
        match (&inner.ended, inner.status()) {
            (Ended::Looked(inner_findings), Status::Failed | Status::Waived) => {
                findings.extend(
                    inner_findings
                        .iter()
                        .filter(|f| f.severity == crate::model::Severity::Error || f.code == waiver::EXPIRED)
                        .map(|f| Finding {
                            message: format!("{}: {}", inner.title, f.message),
                            ..f.clone()
                        }),
                );
            }
            (Ended::Errored { cause, .. }, _) => {
                blind.get_or_insert_with(|| format!("{}: {cause}", inner.title));
            }
            _ => {}
        }
    }
    let skip = (report.verdict == Verdict::Skip).then(|| Skip {
        reason: report.reason.clone(),
        expected: report.skip_expected.unwrap_or(false),
    });
    let ended = if findings.iter().any(Finding::fails) {
        Ended::Looked(findings)
    } else if let Some(cause) = blind {
        Ended::errored(cause)
    } else if report.verdict == Verdict::NothingChecked {
        Ended::with_help(
            "nothing was checked",
            "a report that checked nothing proves nothing; check its step",
        )
    } else if let Some(skip) = &skip {
        Ended::Skipped {
            reason: skip.reason.clone(),
        }
    } else {
        findings.extend(warnings(&report));
        Ended::Looked(findings)
    };
    let mut folded = folded(report.name(), ended, place.clone());
    folded.check.facts = vec![
        Fact::new("report", place),
        Fact::new("verdict", report.verdict.to_string()),
        Fact::new("finished", report.finished_at.clone()),
    ];
    folded.check.facts.extend(asserted(&report));
    folded.ids = report.checks.iter().map(|inner| inner.id.clone()).collect();
    let proved = matches!(folded.check.status(), Status::Passed | Status::Waived);
    folded.command = report
        .outputs
        .remove("command")
        .filter(|command| proved && !command.is_empty());
    folded.skip = skip.filter(|_| matches!(folded.check.ended, Ended::Skipped { .. }));
    folded
}

/// Readers look for a report by its file name, so that must agree with its content. A report beside the evidence
/// directory has that folder's name in front.
fn misnamed(report: &Report, path: &Path, place: &str) -> Option<Finding> {
    let own = report.name();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = ["json", "JSON"]
        .iter()
        .find_map(|ending| name.strip_suffix(&format!(".{ending}")));
    let right = stem.is_some_and(|stem| stem == own || stem.ends_with(&format!(".{own}")));
    (!right).then(|| {
        let message = format!("{place} is named {}, but is a report of {own}", stem.unwrap_or(&name));
        Finding::error("misnamed-report", message).help("keep the original file names of reports")
    })
}

fn forget_waivers(report: &mut Report) {
    for check in &mut report.checks {
        if let Ended::Looked(findings) = &mut check.ended {
            for finding in findings {
                finding.waived = None;
            }
        }
    }
}

/// What its checks asserted, for those who read the verdict only.
fn asserted(report: &Report) -> Vec<Fact> {
    let passed = report.checks.iter().filter(|check| check.status() == Status::Passed);
    let all = passed.flat_map(|check| {
        let asserted = check.facts.iter().filter(|fact| fact.name == ASSERTED);
        asserted.map(|fact| Fact::new(ASSERTED, format!("{}: {}", check.title, fact.value)))
    });
    let mut all: Vec<Fact> = all.collect();
    let more = all.len().saturating_sub(MOST_ASSERTED);
    all.truncate(MOST_ASSERTED);
    all.extend((more > 0).then(|| Fact::new(ASSERTED, format!("{more} more, in the report"))));
    all
}

fn warnings(report: &Report) -> Vec<Finding> {
    let warnings = report.checks.iter().flat_map(|inner| {
        inner
            .findings()
            .iter()
            .filter(|f| f.severity == crate::model::Severity::Warning)
            .map(|f| Finding {
                message: format!("{}: {}", inner.title, f.message),
                ..f.clone()
            })
    });
    warnings.collect()
}

fn check(id: String, title: String, ended: Ended) -> Check {
    Check::new(STAGE, id, title, ended, Duration::ZERO)
}

fn shown(path: &Path, fold: &Fold) -> String {
    workspace::shown(path, &fold.workspace)
}

#[cfg(test)]
mod tests;
