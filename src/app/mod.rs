//! The whole flow, once, for every subcommand: plan, outcome, report, renderings, exit code.

mod console;
mod earlier;
mod targets;

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::FutureExt as _;

use crate::cli::{Format, Run};
use crate::commands::advice;
use crate::model::report::Frame;
use crate::model::rule::Rules;
use crate::model::staging_status::{self, StagingStatus};
use crate::model::{Check, Ended, Outcome, Output, Report};
use crate::render;
use crate::render::console::Look;
use crate::world::files::{self, Links};
use crate::world::output::Stream;
use crate::world::scan::Hide;
use crate::world::{World, panics, random, workspace};
use console::{Console, Streams};
use targets::Targets;

/// GitHub takes 10 MB of it, packed.
const LARGEST_SARIF: u64 = 64 << 20;

/// The result could not be delivered, which is never green.
pub struct Undelivered {
    pub error: anyhow::Error,
    pub exit: u8,
}

/// Runs one subcommand to the end and answers with its exit code.
pub async fn run(run: Run, world: &World) -> Result<u8, Undelivered> {
    let mut exit = run.plan.failure_code();
    let delivered = deliver(run, world, &mut exit).await;
    delivered.map_err(|error| Undelivered { error, exit })
}

/// `failed` becomes what a failed delivery means as an exit code: that of a command that failed, if one was run.
async fn deliver(run: Run, world: &World, failed: &mut u8) -> anyhow::Result<u8> {
    let targets = Targets::new(&run);
    let (wrapper, shows_logs) = (run.plan.is_wrapper(), run.plan.shows_logs());
    let streams = match run.format {
        _ if wrapper => Streams::Wrapped,
        Format::Json => Streams::Json,
        Format::Console => Streams::Plain,
    };
    let started_at = world.clock.rfc3339();
    let started = Instant::now();
    let judge = |mut outcome: Outcome, path: Option<&Path>| {
        if let Some(path) = path {
            let report = Output::path(path.display().to_string());
            outcome.outputs.insert("report".to_owned(), report);
        }
        for output in outcome.outputs.values_mut() {
            output.rename_path(|path| {
                workspace::told(&world.workspace.join(path), world)
                    .display()
                    .to_string()
            });
        }
        let frame = Frame {
            command: run.command.to_owned(),
            label: run.label.clone(),
            subject: run.subject.clone(),
            started_at: started_at.clone(),
            finished_at: world.clock.rfc3339(),
            took_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        let mut report = Report::judge(frame, outcome);
        report.redact(&|text| world.secrets.redact(text));
        if shows_logs {
            let hide = Hide::builtin();
            report.redact(&|text| hide.text(text));
        }
        report
    };
    if let Some(path) = run.plan.status_file() {
        refuse_other_than_status(path)?;
        // What other gates read must not say what an earlier verdict was while this one is not known.
        write_status(&judge(unfinished(run.command), None), path)?;
    }
    if let Some((path, _)) = run.plan.sarif() {
        refuse_other_than_sarif(path)?;
    }
    let console = Console::open(streams, world)?;
    let replaced = targets.inside.as_deref().filter(|_| run.may_replace);
    let replaced = replaced.and_then(earlier::not_passed);
    // Found out before the work instead of after it; and a run that dies leaves this, not the report of the last one.
    let begun = targets.begin(|path| judge(unfinished(run.command), Some(path)));
    let begun = begun.and_then(|()| run.new_home.as_deref().map_or(Ok(()), targets::hide_from_git));
    if !wrapper {
        begun?;
    }
    let keep = |outcome: &Outcome| {
        let target = targets.inside.as_deref().context("there is no evidence directory")?;
        targets::write(&judge(outcome.clone(), Some(target)), target)
    };
    let outcome = AssertUnwindSafe(run.plan.run(world, &keep)).catch_unwind().await;
    world.progress.end();
    let mut outcome = outcome.unwrap_or_else(|panic| Outcome {
        exit: wrapper.then_some(run.plan.failure_code()),
        ..crashed(run.command, &*panic)
    });
    outcome.notes.splice(0..0, run.notes);
    let told = replaced.map(|report| earlier::told(&report, &outcome));
    outcome.notes.extend(told);
    let exit = outcome.exit;
    *failed = exit.filter(|code| *code != 0).unwrap_or(*failed);
    let report = judge(outcome, targets.last.as_deref());
    let written = match &targets.last {
        Some(target) => targets::write(&report, target),
        None => Ok(()),
    };
    let status = match run.plan.status_file() {
        Some(path) => write_status(&report, path),
        None => Ok(()),
    };
    let sarif = match run.plan.sarif() {
        Some((path, rules)) => write_sarif(&report, rules, path),
        None => Ok(()),
    };
    // What was not kept must not be called a pass where others read it.
    let lost = [&written, &status, &sarif]
        .into_iter()
        .find_map(|kept| kept.as_ref().err());
    let report = match lost {
        Some(error) => judge(not_kept(&report, error), None),
        None => report,
    };
    let text = match run.format {
        Format::Console => {
            let look = Look {
                color: if wrapper { Stream::Err } else { Stream::Out }.has_color(run.color, &world.env),
                verbosity: run.verbosity,
                wrapped: wrapper,
            };
            render::console::render(&from_here(&report, world), look)
        }
        Format::Json => render::json::render(&report)?,
    };
    // Everything is tried before the first error is reported, so that one lost file does not lose the others.
    // Without it there is a warning: the report and the outputs hold everything that is in it.
    let no_summary = match &world.runner.summary {
        Some(path) => summary(&report, path).err().map(|error| format!("{error:#}")),
        None => None,
    };
    let said = console.close(&text, &render::annotations::render(&report), no_summary.as_deref());
    let outputs = match &world.runner.output {
        Some(path) => outputs(&report, path),
        None => Ok(()),
    };
    outputs?;
    said?;
    // It was said with the report why.
    if lost.is_some() {
        return Ok(*failed);
    }
    Ok(exit.unwrap_or_else(|| report.verdict.exit_code()))
}

/// After a usage error of `verdict`, the status file of an earlier run must no longer say SUCCESS.
pub fn revoke_status(path: &Path, world: &World) -> anyhow::Result<()> {
    let said = files::read_text(path, staging_status::LARGEST, Links::Follow).unwrap_or_default();
    if StagingStatus::read(said.as_bytes()) != Ok(StagingStatus::Success) {
        return Ok(());
    }
    let command = "verdict";
    let now = world.clock.rfc3339();
    let frame = Frame {
        command: command.to_owned(),
        label: None,
        subject: world.runner.subject("unknown"),
        started_at: now.clone(),
        finished_at: now,
        took_ms: 0,
    };
    let outcome = only(
        command,
        "the last call of `stageproof verdict` ended in a usage error",
        "see the step's log and `stageproof verdict --help`",
    );
    write_status(&Report::judge(frame, outcome), path)
}

/// What a report says until the run has ended.
fn unfinished(command: &str) -> Outcome {
    only(
        command,
        "the run did not finish: it was killed, or is still running",
        "see the step's log, and run it again",
    )
}

/// The report for people, whose paths are relative to the current folder as those that they type.
fn from_here(report: &Report, world: &World) -> Report {
    let mut report = report.clone();
    for name in ["report", "bundle"] {
        if let Some(output) = report.outputs.get_mut(name) {
            output.rename_path(|path| workspace::from_here(Path::new(path), world).display().to_string());
        }
    }
    report
}

/// The same, and that it could not be written down, unless a failure says so already.
fn not_kept(report: &Report, error: &anyhow::Error) -> Outcome {
    let cause = format!("{error:#}");
    let findings = report.checks.iter().flat_map(Check::findings);
    let is_told = findings
        .into_iter()
        .any(|finding| finding.fails() && finding.message == cause);
    let lost = (!is_told).then(|| {
        Check::new(
            &report.command,
            format!("{}:report", report.command),
            "The result is written",
            Ended::with_help(cause.clone(), advice(&cause)),
            Duration::ZERO,
        )
    });
    Outcome {
        checks: report.checks.iter().cloned().chain(lost).collect(),
        notes: report.notes.clone(),
        timeline: report.timeline.clone(),
        ..Outcome::default()
    }
}

fn crashed(command: &str, panic: &(dyn Any + Send)) -> Outcome {
    only(
        command,
        &panics::internal_error(panic),
        "this is a bug in stageproof: report it with the command and this line",
    )
}

/// The check of a run that did not come to its checks.
fn run_id(command: &str) -> String {
    format!("{command}:run")
}

fn only(command: &str, cause: &str, help: &str) -> Outcome {
    Outcome {
        checks: vec![Check::new(
            command,
            run_id(command),
            format!("{command} runs to its end"),
            Ended::with_help(cause, help),
            Duration::ZERO,
        )],
        ..Outcome::default()
    }
}

/// After a blank line, or the text could become part of a table or HTML that another program wrote.
fn summary(report: &Report, path: &Path) -> anyhow::Result<()> {
    let text = format!("\n{}", render::summary::render(report));
    files::append_lines(path, &text).context("the job summary cannot be written (GITHUB_STEP_SUMMARY)")
}

fn outputs(report: &Report, path: &Path) -> anyhow::Result<()> {
    let delimiter = format!("stageproof_{}", random::token()?);
    let text = render::outputs::render(report, &delimiter).map_err(anyhow::Error::msg)?;
    files::append_lines(path, &text).context("the step outputs cannot be written (GITHUB_OUTPUT)")
}

/// A mistyped `--status-file` must not cost a file that somebody needs.
fn refuse_other_than_status(path: &Path) -> anyhow::Result<()> {
    let there = files::read_if_there(path, staging_status::LARGEST, Links::Refuse)?.unwrap_or_default();
    let is_status = String::from_utf8_lossy(&there).contains(staging_status::KEY);
    anyhow::ensure!(
        there.is_empty() || is_status,
        "{} exists and is not a status file; name another file with --status-file, or remove it",
        path.display()
    );
    Ok(())
}

/// The same for `--sarif`.
fn refuse_other_than_sarif(path: &Path) -> anyhow::Result<()> {
    let there = files::read_if_there(path, LARGEST_SARIF, Links::Refuse)?.unwrap_or_default();
    anyhow::ensure!(
        there.is_empty() || render::sarif::is_ours(&there),
        "{} exists and was not written by stageproof; name another file with --sarif, or remove it",
        path.display()
    );
    Ok(())
}

fn write_sarif(report: &Report, rules: &Rules, path: &Path) -> anyhow::Result<()> {
    files::replace(path, render::sarif::render(report, rules)?.as_bytes())
}

/// Written, and read back before anybody trusts it.
fn write_status(report: &Report, path: &Path) -> anyhow::Result<()> {
    let text = render::staging_status::render(report);
    files::replace(path, text.as_bytes())?;
    let text = files::read_text(path, text.len() as u64, Links::Refuse)?;
    let read = StagingStatus::read(text.as_bytes()).map_err(anyhow::Error::msg);
    let expected = StagingStatus::of(report.verdict);
    match read {
        Ok(read) if read == expected => Ok(()),
        Ok(_) => anyhow::bail!("{} does not say what was written into it", path.display()),
        Err(error) => Err(error.context(format!("{} cannot be read back", path.display()))),
    }
}
