//! From what was typed to what it means. clap stops here.
//!
//! Every option is defined once, in a struct that clap, serde and the JSON Schema all read, so a flag, an action input
//! and a configuration key cannot differ in name, meaning or help. What was typed (`*Options`) is merged over what
//! the configuration says and then turned into a subcommand's `Plan`.

mod common;
mod config;
mod error;
mod evidence_bundle;
mod foreground_proof;
mod heartbeat;
mod inputs;
mod install;
mod paths;
mod rehearse;
mod rollback_dry_run;
mod skip_guard;
mod smoke;
mod status_file;
mod values;
mod verdict;
mod verify;
mod waivers;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;

pub use common::{CommonOptions, Format};
pub use config::{Config, DEFAULT as CONFIG};
pub use error::UsageError;
pub use inputs::{host, input_name, is_input};
pub use status_file::of_unread as status_file_of_unread;

use crate::commands::Plan;
use crate::model::{Report, Subject, Verbosity};
use crate::world::World;

/// Gates staging deploys and leaves proof.
///
/// Skips with a reason what cannot run here, probes what was deployed, rehearses the rollback without touching
/// anything, and seals the evidence.
///
/// Every option can be given as a flag, as an action input of the same name, or as a key of
/// .github/stageproof.yml; a flag beats an input, an input beats the file.
///
/// The workspace is the nearest folder with that file, from the current one upwards; without the file GITHUB_WORKSPACE,
/// or the top of the git repository. Paths in the file and defaults are relative to it, paths on the command line to the
/// current folder.
#[derive(Debug, Parser)]
#[command(name = "stageproof", version, max_term_width = 100, propagate_version = true)]
#[command(
    after_help = "Exit codes: 0 pass, pass-weak or skip; 1 fail or internal error; 2 usage or configuration; \
                        3 nothing was checked; 4 inconclusive. heartbeat passes its command's on; 124 a limit, \
                        125 a failure of its own, 126 and 127 a command that cannot be run, 128+n a signal."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: CommonOptions,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// May this job run here at all? Ready, or skipped with the reason.
    SkipGuard(skip_guard::SkipGuardOptions),
    /// Does what was deployed answer? Probes a URL, or a server it starts itself.
    Smoke(Box<smoke::SmokeOptions>),
    /// Could we go back right now? Proves it without changing anything.
    RollbackDryRun(rollback_dry_run::RollbackDryRunOptions),
    /// Is the long step alive? Wraps a command: live output, a log of heartbeats, limits, its own exit code.
    Heartbeat(heartbeat::HeartbeatOptions),
    /// Does the log prove that the long steps ran to their end? The gate for what carries a heartbeat log.
    ForegroundProof(foreground_proof::ForegroundProofOptions),
    /// Seals the evidence directory: hashes, index, deterministic zip.
    EvidenceBundle(evidence_bundle::EvidenceBundleOptions),
    /// Checks a sealed directory or zip, offline.
    Verify(verify::VerifyOptions),
    /// What do all reports together amount to? Folds those of several steps and jobs.
    Verdict(verdict::VerdictOptions),
    /// The whole flow from one configuration: guard, smoke, rollback rehearsal, evidence.
    Rehearse(rehearse::RehearseOptions),
    /// Puts this binary onto the PATH of the job's later steps, for heartbeat and smoke --start on the runner.
    Install(install::InstallOptions),
    /// Prints a JSON Schema.
    Schema {
        /// Which one.
        #[arg(value_enum)]
        of: SchemaOf,
    },
    /// Starts a server and ends it, with all its descendants, when standard input closes.
    #[command(hide = true)]
    Supervise(SuperviseOptions),
    /// Takes the terminal it has for its own and becomes a command.
    #[command(hide = true)]
    OnTerminal {
        /// The program's file, its name, its arguments.
        #[arg(required = true, trailing_var_arg = true)]
        words: Vec<OsString>,
    },
}

impl Command {
    fn name(&self) -> &'static str {
        match self {
            Self::SkipGuard(_) => "skip-guard",
            Self::Smoke(_) => "smoke",
            Self::RollbackDryRun(_) => "rollback-dry-run",
            Self::Heartbeat(_) => "heartbeat",
            Self::ForegroundProof(_) => "foreground-proof",
            Self::EvidenceBundle(_) => "evidence-bundle",
            Self::Verify(_) => "verify",
            Self::Verdict(_) => "verdict",
            Self::Rehearse(_) => "rehearse",
            Self::Install(_) => "install",
            Self::Schema { .. } => "schema",
            Self::Supervise(_) => "supervise",
            Self::OnTerminal { .. } => "on-terminal",
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SchemaOf {
    /// Of the report that every subcommand writes.
    Report,
    /// Of evidence.json, the index of sealed evidence.
    Evidence,
    /// Of .github/stageproof.yml.
    Config,
}

/// What smoke's helper process is told. Not for people.
#[derive(Debug, clap::Args)]
pub struct SuperviseOptions {
    /// How long the server may take to end after SIGTERM.
    #[arg(long)]
    pub grace: crate::model::TimeSpan,
    /// The server's command.
    #[arg(required = true, trailing_var_arg = true)]
    pub command: Vec<OsString>,
}

/// What the command line, the inputs and the configuration amount to.
pub enum Invocation {
    Print(String),
    Supervise(SuperviseOptions),
    OnTerminal(Vec<OsString>),
    Run(Box<Run>),
}

/// One subcommand, ready to run.
pub struct Run {
    /// The subcommand's name.
    pub command: &'static str,
    pub label: Option<String>,
    pub format: Format,
    pub color: Option<bool>,
    pub verbosity: Verbosity,
    pub subject: Subject,
    pub evidence_dir: PathBuf,
    pub plan: Plan,
    /// Variables the configuration names as secrets.
    pub secret_names: Vec<String>,
}

/// Why there is nothing to run.
pub enum Stop {
    /// `--help` or `--version`: text for standard output, and success.
    Help(String),
    Usage(UsageError),
}

impl From<UsageError> for Stop {
    fn from(error: UsageError) -> Self {
        Self::Usage(error)
    }
}

/// Reads the command line, then the inputs, then the configuration file.
pub fn parse(argv: Vec<OsString>, world: &World) -> Result<Invocation, Stop> {
    // A wrapped command should begin at once, and what it wraps takes no inputs.
    let wrapped = argv.get(1).is_some_and(|word| word == inputs::WRAPPER);
    let argv = if wrapped {
        argv
    } else {
        inputs::complete(command_tree(), argv, world)?
    };
    // Not built whole: only what is on the command line is needed.
    let tree = match world.folder.strip_prefix(&world.workspace) {
        Ok(below) if below.as_os_str().is_empty() => Cli::command(),
        Ok(below) => paths::typed_in(Cli::command(), below),
        Err(_) => paths::typed_in(Cli::command(), &world.folder),
    };
    let matches = tree.try_get_matches_from(argv).map_err(stop)?;
    let cli = Cli::from_arg_matches(&matches).map_err(stop)?;
    match cli.command {
        Command::Schema { of } => Ok(Invocation::Print(schema(of))),
        Command::Supervise(options) => Ok(Invocation::Supervise(options)),
        Command::OnTerminal { words } => Ok(Invocation::OnTerminal(words)),
        command => Ok(Invocation::Run(Box::new(plan(command, cli.common, world)?))),
    }
}

fn plan(command: Command, flags: CommonOptions, world: &World) -> Result<Run, UsageError> {
    let config = Config::load(flags.config.as_deref(), &world.workspace)?;
    let common = flags.or(config.common);
    let mut setting = common.resolve(world)?;
    let name = command.name();
    if let Command::EvidenceBundle(_) = command {
        setting.evidence_dir = setting.newest();
    }
    if let Command::SkipGuard(_) | Command::Smoke(_) = command {
        // Their logs are numbered with their reports.
        setting.label = setting.free_label(name);
    }
    let evidence_dir = setting.evidence_dir.clone();
    let waivers_off = waivers::switched_off(&world.env)?;
    let mut secret_names = config
        .skip_guard
        .as_ref()
        .map(skip_guard::secret_names)
        .unwrap_or_default();
    let plan = match command {
        Command::SkipGuard(options) => {
            secret_names.extend(skip_guard::secret_names(&options));
            let plan = options.or(config.skip_guard.unwrap_or_default()).plan(&setting)?;
            Plan::SkipGuard(plan)
        }
        Command::Smoke(options) => {
            let typed = options.start.is_some();
            let options = options.or(config.smoke.unwrap_or_default());
            secret_names.extend(smoke::secret_names(&options));
            let waivers = waivers::in_force(&config.waivers, waivers_off || options.strict());
            let mut plan = options.plan(&setting, world, waivers)?;
            // A command that was typed runs where it was typed, one of the configuration in the workspace.
            for server in plan.servers.iter_mut().filter(|_| typed) {
                server.folder.clone_from(&world.folder);
            }
            Plan::Smoke(plan)
        }
        Command::RollbackDryRun(options) => {
            let folder = match options.check {
                Some(_) => &world.folder,
                None => &world.workspace,
            };
            let plan = options.or(config.rollback_dry_run.unwrap_or_default()).plan(folder)?;
            Plan::RollbackDryRun(plan)
        }
        Command::Heartbeat(options) => {
            let mut plan = options.plan(&setting, world)?;
            // A step that went well must not replace the report and log of another one that did not.
            setting.label = Some(plan.label.clone());
            setting.label = setting.free_label(name);
            plan.log = setting.label.clone().unwrap_or_default();
            Plan::Heartbeat(plan)
        }
        Command::ForegroundProof(options) => {
            let options = options.or(config.foreground_proof.unwrap_or_default());
            let plan = options.plan(setting.label.as_deref(), world)?;
            Plan::ForegroundProof(plan)
        }
        Command::EvidenceBundle(options) => {
            let plan = options
                .or(config.evidence_bundle.unwrap_or_default())
                .plan(&setting, world)?;
            Plan::EvidenceBundle(Box::new(plan))
        }
        Command::Verdict(options) => {
            let options = options.or(config.verdict.unwrap_or_default());
            let strict = waivers_off || options.strict();
            let waivers = waivers::in_force(&config.waivers, strict);
            let plan = options.plan(&setting, waivers, strict, world)?;
            Plan::Verdict(plan)
        }
        Command::Install(options) => Plan::Install(options.plan()),
        Command::Verify(options) => Plan::Verify(options.plan(&world.workspace)?),
        Command::Rehearse(options) => {
            let waivers = waivers::in_force(&config.waivers, waivers_off || options.strict());
            secret_names.extend(config.smoke.iter().flat_map(smoke::secret_names));
            let config = rehearse::Parts {
                waivers,
                skip_guard: config.skip_guard,
                smoke: config.smoke,
                rollback_dry_run: config.rollback_dry_run,
                evidence_bundle: config.evidence_bundle,
            };
            Plan::Rehearse(options.plan(config, setting.clone(), world)?)
        }
        Command::Schema { .. } | Command::Supervise(_) | Command::OnTerminal { .. } => {
            return Err(UsageError::new("this subcommand has no plan"));
        }
    };
    for (what, path) in plan.written(&evidence_dir) {
        common::refuse_what_is_not_kept(what, &path, world)?;
    }
    // What judges or packs all the others is made anew, and its report with it.
    if !matches!(plan, Plan::Verdict(_) | Plan::EvidenceBundle(_)) {
        setting.label = setting.free_label(name);
    }
    Ok(Run {
        command: name,
        label: setting.label,
        format: setting.format,
        color: setting.color,
        verbosity: setting.verbosity,
        subject: setting.subject,
        evidence_dir,
        plan,
        secret_names,
    })
}

/// The whole clap tree, built, with global options in every subcommand. Tests compare documents with it.
pub fn command_tree() -> clap::Command {
    let mut tree = Cli::command();
    tree.build();
    tree
}

fn stop(error: clap::Error) -> Stop {
    use clap::error::ErrorKind;
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Stop::Help(error.render().to_string()),
        _ => Stop::Usage(UsageError::from_clap(&error)),
    }
}

fn schema(of: SchemaOf) -> String {
    let generator = SchemaSettings::default()
        .with_transform(RecursiveTransform(without_own_formats))
        .into_generator();
    let (name, mut schema) = match of {
        SchemaOf::Report => ("report", generator.into_root_schema_for::<Report>()),
        SchemaOf::Evidence => (
            "evidence",
            generator.into_root_schema_for::<crate::model::evidence::Index>(),
        ),
        SchemaOf::Config => ("config", generator.into_root_schema_for::<Config>()),
    };
    // Where the file of this version is published: editors and validators load it from there.
    let id = format!("https://raw.githubusercontent.com/stageproof/stageproof/main/schemas/{name}-v1.json");
    schema.insert("$id".to_owned(), id.into());
    // A schema is plain JSON and always serialises.
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}

/// Strict validators refuse a format that JSON Schema does not have, such as schemars' `uint32`; the limits of such numbers
/// are written down beside it.
fn without_own_formats(schema: &mut Schema) {
    let format = schema.get("format").and_then(|format| format.as_str());
    if format.is_some_and(|format| format.starts_with("int") || format.starts_with("uint") || format == "double") {
        schema.remove("format");
    }
}

/// What a flag gave wins over what the configuration says; a list that was given replaces the other whole.
trait Or {
    fn or(self, other: Self) -> Self;
}

impl<T> Or for Vec<T> {
    fn or(self, other: Self) -> Self {
        if self.is_empty() { other } else { self }
    }
}

/// `self.field.or(other.field)` for every field of a struct. Naming all fields is checked by the compiler.
macro_rules! merge {
    ($over:expr, $under:expr, $type:ident { $($field:ident),+ $(,)? }) => {{
        let under = $under;
        let $type { $($field),+ } = $over;
        $type { $($field: $field.or(under.$field)),+ }
    }};
}
use merge;
