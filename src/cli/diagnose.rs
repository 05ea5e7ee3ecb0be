//! Options of `diagnose`.

use std::path::{Path, PathBuf};

use clap::Args;
use url::Url;

use super::error::UsageError;
use super::skip_guard::is_variable;
use super::{Given, Options};
use crate::commands::Subcommand;
use crate::commands::diagnose::{Named, Plan, RunRef};
use crate::model::text::one_line;
use crate::world::World;
use crate::world::files;
use crate::world::job_log::Source;

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
    /// Run whose failed jobs are diagnosed: its id, or its address at GitHub, also of one job or attempt; repeatable. Needs
    /// `actions: read`.
    #[arg(long, value_name = "ID|URL")]
    pub run: Vec<String>,
    /// Environment variable that holds the token for GitHub's API [default: GITHUB_TOKEN]. Its value is masked.
    #[arg(long, value_name = "NAME")]
    pub github_token_env: Option<String>,
    /// Workflow that the job is in, to name the line of the step that failed, and to propose a change as a patch.
    #[arg(long, value_name = "FILE")]
    pub workflow_file: Option<PathBuf>,
    /// Make the proposed change in the workflow file. Nothing is committed or pushed.
    #[arg(long, requires = "workflow_file")]
    pub write: bool,
    /// Write the text of a pull request for the proposed change to this file, as Markdown.
    #[arg(long, value_name = "FILE", requires = "workflow_file")]
    pub pr_text: Option<PathBuf>,
    /// Log of a run of the same job that passed; lines that it has, too, explain nothing.
    #[arg(long, value_name = "FILE")]
    pub green: Option<PathBuf>,
    /// File with more rules [default: .github/stageproof-rules.yml, if it exists].
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,
    /// Also show this many lines before and after the line that explains most [default: 0].
    #[arg(long, value_name = "LINES")]
    pub context: Option<usize>,
}

impl Options for DiagnoseOptions {
    fn name(&self) -> &'static str {
        "diagnose"
    }

    fn into_plan(self: Box<Self>, given: &mut Given<'_>) -> Result<Box<dyn Subcommand>, UsageError> {
        let world = given.world;
        let logs: Vec<PathBuf> = self.log.into_iter().filter(|log| !log.as_os_str().is_empty()).collect();
        let runs = run_refs(&self.run, world)?;
        if logs.is_empty() && runs.is_empty() {
            return Err(UsageError::new("no log was given")
                .help("name the log of the job that failed, or the run at GitHub: --log job.log, or --run ID"));
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
        Ok(Box::new(Plan {
            runs,
            github_token_env,
            logs: logs.iter().map(|log| named(log, world)).collect(),
            workflow_file: self.workflow_file.map(|file| named(&file, world)),
            write: self.write,
            pr_text: self.pr_text.map(|file| world.workspace.join(file)),
            green: self.green.map(|file| named(&file, world)),
            rules: match self.rules {
                Some(file) => Some(world.workspace.join(file)),
                None => files::exists(&own).then_some(own),
            },
            context,
            waivers: given.waivers(false),
        }))
    }
}

fn run_refs(given: &[String], world: &World) -> Result<Vec<RunRef>, UsageError> {
    let filled = given.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
    filled.map(|text| run_ref(text, world)).collect()
}

/// What --run names.
pub fn run_ref(text: &str, world: &World) -> Result<RunRef, UsageError> {
    let server = world.env.get("GITHUB_SERVER_URL").and_then(|url| Url::parse(url).ok());
    parse_run(text, server.as_ref()).ok_or_else(|| {
        UsageError::new(format!("--run `{}` is no run", one_line(text)))
            .help("give the id of a run, or its address: https://github.com/OWNER/NAME/actions/runs/123")
    })
}

/// `123`, or `https://github.com/OWNER/NAME/actions/runs/123`, with `/job/4` or `/attempts/2` behind it.
fn parse_run(text: &str, server: Option<&Url>) -> Option<RunRef> {
    if let Ok(id) = text.parse() {
        return Some(RunRef {
            repository: None,
            id,
            job: None,
            attempt: None,
        });
    }
    let url = Url::parse(text).ok()?;
    let is_github = url.scheme() == "https" && url.host_str() == Some("github.com");
    if !is_github && server.is_none_or(|server| server.origin() != url.origin()) {
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
        return Named {
            source: Source::StandardInput,
            name: "standard input".to_owned(),
            link: None,
        };
    }
    let path = world.workspace.join(path);
    let shown = path.strip_prefix(&world.workspace).unwrap_or(&path);
    Named {
        name: shown.to_string_lossy().into_owned(),
        source: Source::File(path),
        link: None,
    }
}
