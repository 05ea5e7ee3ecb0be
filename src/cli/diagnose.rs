//! Options of `diagnose`.

use std::path::{Path, PathBuf};

use clap::Args;
use url::Url;

use super::error::UsageError;
use super::skip_guard::is_variable;
use super::{Given, Options};
use crate::commands::Subcommand;
use crate::commands::diagnose::{self, MOST_RUNS, Named, Plan, RunRef, Search};
use crate::model::text::{is_hex, one_line};
use crate::model::waiver::Waiver;
use crate::model::workflow::event;
use crate::world::World;
use crate::world::files;
use crate::world::job_log::Source;
use crate::world::paths;

/// Where a project keeps rules of its own.
const RULES: &str = ".github/stageproof-rules.yml";
/// More lines are the log itself.
const MOST_CONTEXT: usize = 200;

#[derive(Clone, Debug, Default, Args)]
#[command(
    after_help = "Examples:\n  stageproof diagnose --log job.log\n  stageproof diagnose --log job.log --workflow-file .github/workflows/deploy-staging.yml --context 5"
)]
pub struct DiagnoseOptions {
    /// Log of a job that failed, as GitHub or `gh run view --log` gives it; `-` is standard input; repeatable.
    #[arg(long, value_name = "FILE")]
    pub log: Vec<PathBuf>,
    /// Run whose failed jobs are diagnosed: its id, or the address of the run, of one of its jobs or of an attempt;
    /// repeatable. Needs `actions: read`, and `contents: read` for its workflow. Without a log or a run, on a runner: the run
    /// of this job, or the run that started it (`workflow_run`).
    #[arg(long, value_name = "ID|URL")]
    pub run: Vec<String>,
    /// Diagnose the newest runs of this workflow that failed: its name, or its file.
    #[arg(long, value_name = "FILE|NAME")]
    pub workflow: Option<String>,
    /// Diagnose the newest runs on this branch that failed.
    #[arg(long, value_name = "BRANCH")]
    pub branch: Option<String>,
    /// Diagnose the runs of this commit that failed.
    #[arg(long, value_name = "COMMIT")]
    pub sha: Option<String>,
    /// Number of failed runs to diagnose, the newest first, at most 20 [default: 1; 20 with --sha].
    #[arg(long, value_name = "N")]
    pub last: Option<usize>,
    /// Environment variable that holds the token for GitHub's API [default: GITHUB_TOKEN]. Its value is masked.
    #[arg(long, value_name = "NAME")]
    pub github_token_env: Option<String>,
    /// Event that started the run of the logs, such as `push`: a change of `if` or `on` depends on it. Not needed
    /// with --run.
    #[arg(long, value_name = "EVENT")]
    pub event: Option<String>,
    /// Workflow that the job is in, to name the line of the step that failed, and to propose a change as a patch;
    /// repeatable [default: with --run, the one of the run].
    #[arg(long, value_name = "FILE")]
    pub workflow_file: Vec<PathBuf>,
    /// Make the proposed changes in the workflow files. Nothing is committed or pushed.
    #[arg(long)]
    pub write: bool,
    /// Write the text of a pull request for the proposed changes to this file, as Markdown.
    #[arg(long, value_name = "FILE")]
    pub pr_text: Option<PathBuf>,
    /// Log of a run of the same job that passed; lines that are also in it count as weak evidence [default: with --run, that
    /// of the newest such run].
    #[arg(long, value_name = "FILE")]
    pub green: Option<PathBuf>,
    /// File with more rules [default: .github/stageproof-rules.yml, if it exists].
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,
    /// Also show this many lines before and after the line that explains most [default: 0].
    #[arg(long, value_name = "LINES")]
    pub context: Option<usize>,
}

impl DiagnoseOptions {
    /// The option for which GitHub is asked, if it is; with nothing to read, that is the command itself.
    pub fn asks_github(&self) -> Option<&'static str> {
        let given = [
            ("run", !self.run.is_empty()),
            ("workflow", self.workflow.is_some()),
            ("branch", self.branch.is_some()),
            ("sha", self.sha.is_some()),
            ("last", self.last.is_some()),
            ("diagnose", self.log.is_empty()),
        ];
        given.into_iter().find(|(_, is_given)| *is_given).map(|(name, _)| name)
    }
}

impl Options for DiagnoseOptions {
    fn into_plan(self: Box<Self>, given: &mut Given<'_>) -> Result<Box<dyn Subcommand>, UsageError> {
        let world = given.world;
        let logs = filled(self.log);
        let runs = run_refs(&self.run, world)?;
        let search = search([self.workflow, self.branch, self.sha], self.last)?;
        let is_asked = !runs.is_empty() || search.is_some();
        let is_current = logs.is_empty() && !is_asked && world.runner.active;
        if logs.is_empty() && !is_asked && !is_current {
            return Err(UsageError::new("no log was given").help(
                "name the log of the job that failed, or a run at GitHub: --log job.log, --run ID, or --last 1 for the newest",
            ));
        }
        let workflow_files: Vec<PathBuf> = filled(self.workflow_file);
        if (self.write || self.pr_text.is_some()) && workflow_files.is_empty() && !is_asked && !is_current {
            return Err(UsageError::new("--write and --pr-text need a workflow")
                .help("name the workflow that the job is in: --workflow-file FILE"));
        }
        let event = self.event.filter(|event| !event.is_empty());
        if let Some((odd, help)) = event.as_ref().and_then(|name| Some((name, event::correction(name)?))) {
            return Err(UsageError::new(format!("--event `{}` is no event", one_line(odd))).help(help));
        }
        let github_token_env = self.github_token_env.unwrap_or_else(|| "GITHUB_TOKEN".to_owned());
        if !is_variable(&github_token_env) {
            return Err(
                UsageError::new("--github-token-env is not the name of an environment variable")
                    .help("give the name of the variable that holds the token, not the token"),
            );
        }
        given.secret_names.push(github_token_env.clone());
        let inputs = logs
            .iter()
            .filter(|log| log.file_name().is_some_and(|name| name == "-"))
            .count();
        if inputs > 1 {
            return Err(UsageError::new("--log - is given twice").help("standard input is one log"));
        }
        let context = self.context.unwrap_or(0);
        if context > MOST_CONTEXT {
            return Err(
                UsageError::new(format!("--context {context} is more than {MOST_CONTEXT}"))
                    .help("open the log itself; the lines have their numbers"),
            );
        }
        let own = world.workspace.join(RULES);
        let rules = match self.rules {
            Some(file) => Some(world.workspace.join(file)),
            None => files::exists(&own).then_some(own),
        };
        let pr_text = self.pr_text.map(|file| world.workspace.join(file));
        if let Some(text) = &pr_text {
            let inputs = logs.iter().chain(&workflow_files).chain(&self.green).chain(&rules);
            let inputs: Vec<PathBuf> = inputs.map(|input| world.workspace.join(input)).collect();
            refuse_to_overwrite(text, &inputs, world)?;
        }
        Ok(Box::new(Plan {
            runs,
            github_token_env,
            logs: logs.iter().map(|log| named(log, world)).collect(),
            search,
            is_current,
            event,
            workflow_files: workflow_files.iter().map(|file| named(file, world)).collect(),
            write: self.write,
            pr_text,
            green: self.green.map(|file| named(&file, world)),
            rules,
            context,
            kept: given.setting.evidence_dir.join("logs/diagnose"),
            // One for a class is about servers that fail, not about causes that nobody has seen.
            waivers: given.waivers(false).into_iter().filter(Waiver::names_a_check).collect(),
        }))
    }
}

/// The text of a pull request replaces its file, which must be no input and no workflow that --run may find.
fn refuse_to_overwrite(text: &Path, inputs: &[PathBuf], world: &World) -> Result<(), UsageError> {
    let real = paths::real_as_far_as_it_exists;
    let text = real(text);
    let is_input = inputs.iter().any(|input| real(input) == text);
    if is_input || text.starts_with(real(&world.workspace.join(".github/workflows"))) {
        return Err(UsageError::new("--pr-text would overwrite an input").help("name a new file: --pr-text pr.md"));
    }
    Ok(())
}

/// An input that is not used is an empty one.
fn filled(paths: Vec<PathBuf>) -> Vec<PathBuf> {
    paths.into_iter().filter(|path| !path.as_os_str().is_empty()).collect()
}

/// The newest runs that failed, if they are asked for.
fn search(of: [Option<String>; 3], last: Option<usize>) -> Result<Option<Search>, UsageError> {
    let [workflow, branch, sha] = of.map(|value| {
        value
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    });
    if workflow.is_none() && branch.is_none() && sha.is_none() && last.is_none() {
        return Ok(None);
    }
    if let Some(sha) = sha.as_ref().filter(|sha| !is_hex(sha, 40)) {
        return Err(
            UsageError::new(format!("--sha `{}` is not the full hash of a commit", one_line(sha)))
                .help("give all 40 digits, as `git rev-parse HEAD` prints them"),
        );
    }
    let last = last.unwrap_or(if sha.is_some() { MOST_RUNS } else { 1 });
    if last == 0 || last > MOST_RUNS {
        return Err(
            UsageError::new(format!("--last {last} is not between 1 and {MOST_RUNS}"))
                .help("name a branch, a workflow or a commit to diagnose other runs: --branch main"),
        );
    }
    Ok(Some(Search {
        workflow,
        branch: branch.map(|branch| branch.trim_start_matches("refs/heads/").to_owned()),
        sha: sha.map(|sha| sha.to_ascii_lowercase()),
        last,
    }))
}

fn run_refs(given: &[String], world: &World) -> Result<Vec<RunRef>, UsageError> {
    let filled = given.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
    filled.map(|text| run_ref(text, world)).collect()
}

/// What --run names.
pub fn run_ref(text: &str, world: &World) -> Result<RunRef, UsageError> {
    let server = world.env.get("GITHUB_SERVER_URL").and_then(|url| Url::parse(url).ok());
    parse_run(text, server.as_ref()).ok_or_else(|| {
        let other = Url::parse(text).ok().filter(|url| parse_run(text, Some(url)).is_some());
        let text = one_line(text);
        match other.as_ref().and_then(Url::host_str) {
            Some(host) => {
                UsageError::new(format!("--run `{text}` is on another server")).help(diagnose::settings_for(host))
            }
            None => UsageError::new(format!("--run `{text}` is no run"))
                .help("give the id of a run, or its address: https://github.com/OWNER/NAME/actions/runs/123"),
        }
    })
}

/// `123`, or `https://github.com/OWNER/NAME/actions/runs/123`, with `/job/4` or `/attempts/2` behind it.
fn parse_run(text: &str, server: Option<&Url>) -> Option<RunRef> {
    if let Ok(id) = text.parse() {
        return Some(RunRef::of(id));
    }
    let url = Url::parse(text).ok()?;
    // A run of another server with the same name and number is another run.
    let is_here = match server {
        Some(server) => server.origin() == url.origin(),
        None => url.scheme() == "https" && url.host_str() == Some("github.com"),
    };
    if !is_here {
        return None;
    }
    let parts: Vec<&str> = url.path_segments()?.filter(|part| !part.is_empty()).collect();
    let [owner, name, "actions", "runs", id, rest @ ..] = parts.as_slice() else {
        return None;
    };
    let (attempt, job) = match rest {
        [] => (None, None),
        ["job" | "jobs", job] => (None, Some(job.parse().ok()?)),
        ["attempts", attempt] => (Some(attempt.parse().ok()?), None),
        _ => return None,
    };
    Some(RunRef {
        repository: Some(format!("{owner}/{name}")),
        id: id.parse().ok()?,
        job,
        attempt,
    })
}

fn named(path: &Path, world: &World) -> Named {
    // In a folder below the workspace, it has become a path.
    if path.file_name().is_some_and(|name| name == "-") {
        return Named::new(Source::StandardInput, "standard input");
    }
    let path = world.workspace.join(path);
    let shown = match path.strip_prefix(&world.workspace) {
        Ok(within) if within.as_os_str().is_empty() => Path::new("."),
        within => within.unwrap_or(&path),
    };
    let shown = shown.to_string_lossy().into_owned();
    Named::new(Source::File(path), shown)
}
