//! The whole flow, once, for every subcommand: plan, outcome, report, renderings, exit code.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;

use crate::cli::{Format, Run};
use crate::commands::{self, ReportHome};
use crate::model::report::Frame;
use crate::model::staging_status::StagingStatus;
use crate::model::{Outcome, Report};
use crate::render;
use crate::world::secrets::Redactor;
use crate::world::{World, files, random};

/// Runs one subcommand to the end and answers with its exit code. An error here means that the result could not be
/// delivered, which is never green.
pub async fn run(run: Run, world: &World) -> anyhow::Result<u8> {
    let names = run.secret_names.iter().map(String::as_str);
    let redactor = Redactor::new(&world.env, names);
    let home = run.plan.report_home(&run.evidence_dir);
    let targets = Targets::new(&home, &run);
    // Found out before the work instead of after it.
    targets.prepare()?;
    let fence = Fence::open(world)?;
    let started_at = world.clock.rfc3339();
    let started = Instant::now();
    let judge = |mut outcome: Outcome, path: Option<&Path>| {
        if let Some(path) = path {
            let shown = path.strip_prefix(&world.workspace).unwrap_or(path);
            outcome.outputs.insert("report".to_owned(), shown.display().to_string());
        }
        let mut report = Report::judge(
            Frame {
                command: run.command.to_owned(),
                label: run.label.clone(),
                subject: run.subject.clone(),
                started_at: started_at.clone(),
                finished_at: world.clock.rfc3339(),
                took_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            },
            outcome,
        );
        report.map_texts(&|text| redactor.redact(text));
        report
    };
    let keep = |outcome: &Outcome| {
        let target = targets.inside.as_deref().context("there is no evidence directory")?;
        write(&judge(outcome.clone(), Some(target)), target)
    };
    let outcome = commands::run(&run.plan, world, &keep).await;
    let report = judge(outcome, targets.last.as_deref());
    let written = match &targets.last {
        Some(target) => write(&report, target),
        None => Ok(()),
    };
    let status = match run.plan.status_file() {
        Some(path) => write_status(&report, path),
        None => Ok(()),
    };
    let mut out = io::stdout().lock();
    let text = match run.format {
        Format::Console => render::console::render(&report, colour(run.colour, world)),
        Format::Json => render::json::render(&report)?,
    };
    // A closed pipe is no reason to lose the outputs below.
    let _ = out.write_all(text.as_bytes());
    fence.close(&mut out);
    if world.runner.active {
        let _ = out.write_all(render::annotations::render(&report).as_bytes());
    }
    let _ = out.flush();
    drop(out);
    // Everything is tried before the first error is reported, so that one lost file does not lose the others.
    let summary = match &world.runner.summary {
        Some(path) => files::append_to_existing(path, &render::summary::render(&report))
            .context("the job summary cannot be written (GITHUB_STEP_SUMMARY)"),
        None => Ok(()),
    };
    let outputs = match &world.runner.output {
        Some(path) => outputs(&report, path),
        None => Ok(()),
    };
    written?;
    status?;
    outputs?;
    summary?;
    Ok(report.verdict.exit_code())
}

fn outputs(report: &Report, path: &Path) -> anyhow::Result<()> {
    let delimiter = format!("stageproof_{}", random::token()?);
    let text = render::outputs::render(report, &delimiter).map_err(anyhow::Error::msg)?;
    files::append_to_existing(path, &text).context("the step outputs cannot be written (GITHUB_OUTPUT)")
}

/// Written, and read back before anybody trusts it.
fn write_status(report: &Report, path: &Path) -> anyhow::Result<()> {
    files::replace(path, render::staging_status::render(report).as_bytes())?;
    let text = files::read_text(path, u64::MAX)?;
    let read = StagingStatus::read(text.as_bytes()).map_err(anyhow::Error::msg);
    let expected = StagingStatus::of(report.verdict);
    match read {
        Ok(read) if read == expected => Ok(()),
        Ok(_) => anyhow::bail!("{} does not say what was written into it", path.display()),
        Err(error) => Err(error.context(format!("{} cannot be read back", path.display()))),
    }
}

/// The JSON report and, beside it, the same as JUnit XML.
fn write(report: &Report, path: &Path) -> anyhow::Result<()> {
    files::replace(path, render::json::render(report)?.as_bytes())?;
    files::replace(
        &path.with_extension("junit.xml"),
        render::junit::render(report).as_bytes(),
    )
}

/// Where the report goes: into the evidence directory, and, for what seals it, beside it in the end.
struct Targets {
    inside: Option<PathBuf>,
    last: Option<PathBuf>,
}

impl Targets {
    fn new(home: &ReportHome, run: &Run) -> Self {
        let mut name = run.command.to_owned();
        if let Some(label) = &run.label {
            name = format!("{name}-{label}");
        }
        let inside = |dir: &Path| dir.join("reports").join(format!("{name}.json"));
        let beside = |dir: &Path| {
            let mut path = dir.as_os_str().to_owned();
            path.push(format!(".{name}.json"));
            PathBuf::from(path)
        };
        let (inside, last) = match home {
            ReportHome::Inside(dir) => (Some(inside(dir)), Some(inside(dir))),
            ReportHome::Beside(dir) => (None, Some(beside(dir))),
            ReportHome::InsideThenBeside(dir) => (Some(inside(dir)), Some(beside(dir))),
            ReportHome::None => (None, None),
        };
        Self { inside, last }
    }

    fn prepare(&self) -> anyhow::Result<()> {
        for target in self.inside.iter().chain(&self.last) {
            files::try_writing_beside(target)
                .context("the report has no place; name a folder that can be written with --evidence-dir")?;
        }
        Ok(())
    }
}

/// The runner executes what it prints. Between these two lines it does not, so foreign text can do no harm.
struct Fence(Option<String>);

impl Fence {
    fn open(world: &World) -> anyhow::Result<Self> {
        if !world.runner.active {
            return Ok(Self(None));
        }
        let token = random::token()?;
        let mut out = io::stdout().lock();
        let _ = writeln!(out, "::stop-commands::{token}");
        let _ = out.flush();
        Ok(Self(Some(token)))
    }

    fn close(self, out: &mut impl io::Write) {
        if let Some(token) = self.0 {
            let _ = writeln!(out, "::{token}::");
        }
    }
}

fn colour(asked: Option<bool>, world: &World) -> bool {
    asked.unwrap_or_else(|| {
        io::stdout().is_terminal() && world.env.get("NO_COLOR").is_none() && world.env.get("TERM") != Some("dumb")
    })
}
