//! Options of `diagnose`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::error::UsageError;
use super::{Given, Options};
use crate::commands::Subcommand;
use crate::commands::diagnose::{Named, Plan};
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
    /// Workflow that the job is in, to name the line of the step that failed.
    #[arg(long, value_name = "FILE")]
    pub workflow_file: Option<PathBuf>,
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
        if logs.is_empty() {
            return Err(UsageError::new("no log was given")
                .help("download the log of the job that failed, and name it: --log job.log"));
        }
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
            logs: logs.iter().map(|log| named(log, world)).collect(),
            workflow_file: self.workflow_file.map(|file| named(&file, world)),
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

fn named(path: &Path, world: &World) -> Named {
    // In a folder below the workspace, it has become a path.
    if path.file_name().is_some_and(|name| name == "-") {
        return Named {
            source: Source::StandardInput,
            name: "standard input".to_owned(),
        };
    }
    let path = world.workspace.join(path);
    let shown = path.strip_prefix(&world.workspace).unwrap_or(&path);
    Named {
        name: shown.to_string_lossy().into_owned(),
        source: Source::File(path),
    }
}
