//! Folding many reports into one outcome: a check per report.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Fold, STAGE};
use crate::model::{Check, Ended, Fact, Finding, Outcome, Report, Skip, Status, TimeSpan, Verdict, waiver};
use crate::world::files::{self, Links};
use crate::world::{World, paths, reports};

/// Clocks of two runners differ by less.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What one report came to.
struct Folded {
    check: Check,
    /// Set if the report is a skip.
    skip: Option<Skip>,
}

pub fn run(fold: &Fold, world: &World) -> Outcome {
    let mut checks = Vec::new();
    let mut found: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    // A folder that is named twice, or inside of another, brings its reports once.
    let mut seen = BTreeSet::new();
    for folder in &fold.folders {
        match reports::below(folder) {
            Ok(paths) => {
                for path in paths {
                    if !seen.insert(paths::real(&path).unwrap_or_else(|_| path.clone())) {
                        continue;
                    }
                    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                    // The verdict's own report of an earlier try is not evidence for the next.
                    if name != STAGE && !name.starts_with("verdict-") {
                        found.entry(name).or_default().push(path);
                    }
                }
            }
            Err(error) => checks.push(check(
                format!("{STAGE}:{}", shown(folder, fold)),
                format!("The folder {} can be read", shown(folder, fold)),
                Ended::Errored {
                    cause: format!("{error:#}"),
                    help: Some(
                        "name the folder that holds `reports/`, with --evidence-dir or as an argument".to_owned(),
                    ),
                },
            )),
        }
    }
    for name in &fold.require {
        if !found.contains_key(name) {
            checks.push(check(
                format!("{STAGE}:{name}"),
                format!("The report {name} is there"),
                Ended::Looked(vec![
                    Finding::error("missing-report", format!("the required report {name} is missing")).help(
                        "see whether the step that writes it ran, and whether its evidence was brought here \
                         (actions/download-artifact)",
                    ),
                ]),
            ));
        }
    }
    let mut skips = Vec::new();
    let mut counted = 0;
    for (name, paths) in &found {
        for path in paths {
            let folded = one(name, path, fold, world, paths.len() > 1);
            counted += 1;
            skips.extend(folded.skip);
            checks.push(folded.check);
        }
    }
    // Only when everything was skipped is the whole a skip; one that is skipped beside others is a warning.
    let skip = (counted > 0 && skips.len() == counted && checks.len() == counted).then(|| skips[0].clone());
    if skip.is_none() {
        for check in &mut checks {
            if let Ended::Skipped { reason } = &check.ended {
                check.ended = Ended::Looked(vec![Finding::warning(
                    "skipped-report",
                    format!("it was skipped: {reason}"),
                )]);
            }
        }
    }
    Outcome {
        checks,
        skip,
        ..Outcome::default()
    }
}

fn one(name: &str, path: &Path, fold: &Fold, world: &World, several: bool) -> Folded {
    let place = shown(path, fold);
    let id = if several {
        format!("{STAGE}:{name}:{place}")
    } else {
        format!("{STAGE}:{name}")
    };
    let title = format!("The report {name} is of this run, recent and good");
    let plain = |ended: Ended| Folded {
        check: check(id.clone(), title.clone(), ended),
        skip: None,
    };
    let report = files::read_text(path, reports::LARGEST, Links::Refuse)
        .map_err(|error| format!("{error:#}"))
        .and_then(|text| Report::parse(text.as_bytes()).map_err(|error| format!("{place}: {error}")));
    let mut report = match report {
        Ok(report) => report,
        Err(why) => {
            return plain(Ended::Looked(vec![
                Finding::error("unreadable-report", why).help("run the step that writes it again"),
            ]));
        }
    };
    let mut findings = strangers(&report, &place, fold, world);
    findings.extend(misnamed(&report, name, &place));
    if fold.strict {
        forget_waivers(&mut report);
    } else {
        waiver::apply(&fold.waivers, &world.clock.date(), &mut report.checks);
    }
    let mut blind = None;
    for inner in &report.checks {
        match (&inner.ended, inner.status()) {
            (Ended::Looked(inner_findings), Status::Failed | Status::Waived) => {
                findings.extend(
                    inner_findings
                        .iter()
                        .filter(|f| f.severity == crate::model::Severity::Error)
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
        Ended::Errored { cause, help: None }
    } else if report.verdict == Verdict::NothingChecked {
        Ended::Errored {
            cause: "nothing was checked".to_owned(),
            help: Some("a report that checked nothing proves nothing; see its step".to_owned()),
        }
    } else if let Some(skip) = &skip {
        Ended::Skipped {
            reason: skip.reason.clone(),
        }
    } else {
        findings.extend(warnings(&report));
        Ended::Looked(findings)
    };
    let mut folded = plain(ended);
    folded.check.facts = vec![
        Fact::new("report", place),
        Fact::new("verdict", report.verdict.to_string()),
        Fact::new("finished", report.finished_at.clone()),
    ];
    folded.skip = skip.filter(|_| matches!(folded.check.ended, Ended::Skipped { .. }));
    folded
}

/// What a report is called is for who looks for it; what it is stands in it.
fn misnamed(report: &Report, name: &str, place: &str) -> Option<Finding> {
    let own = match &report.label {
        Some(label) => format!("{}-{label}", report.command),
        None => report.command.clone(),
    };
    (own != name).then(|| {
        Finding::error(
            "misnamed-report",
            format!("{place} is called {name}, and it is a report of {own}"),
        )
        .help("leave reports under the names they were written with")
    })
}

/// Whether a report is of another run or commit, too old, or from the future.
fn strangers(report: &Report, place: &str, fold: &Fold, world: &World) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut differs = |what: &str, code: &'static str, mine: &Option<String>, its: &Option<String>| {
        if let Some(mine) = mine
            && its.as_ref() != Some(mine)
        {
            let its = its.as_deref().unwrap_or("none");
            findings.push(
                Finding::error(code, format!("{place} is of another {what}: {its}, and this is {mine}"))
                    .help("leave old evidence out, or give each run a folder of its own with --evidence-dir"),
            );
        }
    };
    differs(
        "repository",
        "wrong-repository",
        &fold.subject.repository,
        &report.subject.repository,
    );
    differs("run", "wrong-run", &fold.subject.run_id, &report.subject.run_id);
    differs("commit", "wrong-commit", &fold.subject.sha, &report.subject.sha);
    differs(
        "environment",
        "wrong-environment",
        &Some(fold.subject.environment.clone()),
        &Some(report.subject.environment.clone()),
    );
    let age = report
        .finished_at
        .parse::<Timestamp>()
        .map(|finished| world.clock.now().duration_since(finished));
    let max_age = SignedDuration::try_from(fold.max_age).unwrap_or(SignedDuration::MAX);
    match age {
        Ok(age) if age > max_age => findings.push(
            Finding::error(
                "too-old",
                format!(
                    "{place} is older than {}: it ended at {}",
                    TimeSpan(fold.max_age),
                    report.finished_at
                ),
            )
            .help("run the step again, or allow more with --max-age"),
        ),
        Ok(age) if age < -CLOCK_SKEW => findings.push(
            Finding::error(
                "from-the-future",
                format!("{place} ended in the future, at {}", report.finished_at),
            )
            .help("set the clocks of the machines right"),
        ),
        Ok(_) => {}
        Err(_) => findings.push(Finding::error(
            "no-time",
            format!("{place} does not say when it ended: `{}`", report.finished_at),
        )),
    }
    findings
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
    path.strip_prefix(&fold.workspace).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests;
