//! From what was typed to what it means. clap stops here.
//!
//! Every option is defined once, in a struct that clap, serde and the JSON Schema all read, so a flag, an action input
//! and a configuration key cannot differ in name, meaning or help. What was typed (`*Options`) is merged over what
//! the configuration says and then turned into a subcommand's `Plan`.

mod artifacts;
mod check;
mod common;
mod config;
mod diagnose;
mod env_from;
mod error;
mod evidence_bundle;
mod foreground_proof;
mod heartbeat;
mod init;
mod inputs;
mod install;
mod merge;
mod paths;
mod rehearse;
mod rollback_dry_run;
mod scan;
mod search;
mod skip_guard;
mod smoke;
mod status_file;
mod values;
mod verdict;
mod verify;
mod waivers;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use flate2::read::DeflateDecoder;
use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;

pub use check::CommandLine;
use common::Setting;
pub use common::{CommonOptions, Format};
pub use config::{Config, DEFAULT as CONFIG};
pub use error::UsageError;
pub use inputs::{host, input_name, is_input};
pub use status_file::of_unread as status_file_of_unread;

use crate::commands::{self, ReportHome};
use crate::model::waiver::Waiver;
use crate::model::{Report, Subject, Verbosity};
use crate::world::binary::VERSION;
use crate::world::secrets::Redactor;
use crate::world::{Env, World, files, workspace};

/// Gates staging deploys and seals the evidence.
///
/// Skips a job that cannot run, with the reason; probes the deployment; rehearses the rollback without changing
/// anything; and seals the evidence.
///
/// The most used flags are also inputs of the action, with the same names. Most flags of skip-guard, smoke,
/// rollback-dry-run, foreground-proof, evidence-bundle and verdict are also keys of .github/stageproof.yml. A flag overrides
/// an input, and an input overrides the file.
///
/// The workspace is the nearest folder with that file, from the current folder upwards. Without the file, it is
/// GITHUB_WORKSPACE, or the top of the git repository. Paths in the file and default paths are relative to the workspace.
/// Paths on the command line are relative to the current folder.
#[derive(Debug, Parser)]
#[command(name = "stageproof", version = VERSION, max_term_width = 100, propagate_version = true)]
#[command(
    after_help = "Exit codes: 0 pass, pass-weak or skip; 1 fail or internal error; 2 usage or configuration; 3 \
    nothing was checked; 4 inconclusive. \
    heartbeat returns its command's exit code, or 124 after a limit, 125 if stageproof itself failed, 126 or 127 if the \
    command cannot be run, 128+n after signal n."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    common: CommonOptions,
}

/// The subcommands that run, each with its name as it is typed and as its reports are called. A line here, a folder in
/// `commands`, a file of options in `cli`.
macro_rules! subcommands {
    ($($(#[$help:meta])* $variant:ident($options:ty) = $name:literal,)+) => {
        #[derive(Debug, Subcommand)]
        enum Runnable {
            $($(#[$help])* #[command(name = $name)] $variant(Box<$options>),)+
        }

        impl Runnable {
            fn named(self) -> (&'static str, Box<dyn Options>) {
                match self {
                    $(Self::$variant(options) => ($name, options),)+
                }
            }
        }
    };
}

subcommands! {
    /// Checks the prerequisites of a job: ready, or skipped with the reason.
    SkipGuard(skip_guard::SkipGuardOptions) = "skip-guard",
    /// Probes a deployed URL, or a server it starts.
    Smoke(smoke::SmokeOptions) = "smoke",
    /// Proves that a rollback is possible, without changing anything.
    RollbackDryRun(rollback_dry_run::RollbackDryRunOptions) = "rollback-dry-run",
    /// Runs a long command with live output, a heartbeat log and limits, and returns its exit code.
    Heartbeat(heartbeat::HeartbeatOptions) = "heartbeat",
    /// Checks in a heartbeat log that long steps ran to their end.
    ForegroundProof(foreground_proof::ForegroundProofOptions) = "foreground-proof",
    /// Masks secrets in the evidence, and seals it with hashes, an index and a deterministic zip.
    EvidenceBundle(evidence_bundle::EvidenceBundleOptions) = "evidence-bundle",
    /// Checks sealed evidence: a directory or a zip, offline, or an artifact of a run.
    Verify(verify::VerifyOptions) = "verify",
    /// Combines the reports of several steps and jobs into one verdict.
    Verdict(verdict::VerdictOptions) = "verdict",
    /// Puts the bundles of several jobs into one, with one verdict.
    Merge(merge::MergeOptions) = "merge",
    /// Runs the whole flow from one configuration: guard, smoke, rollback rehearsal and evidence.
    Rehearse(rehearse::RehearseOptions) = "rehearse",
    /// Checks the configuration and the workflows that use stageproof, offline.
    Check(check::CheckOptions) = "check",
    /// Finds secrets and personal data in files, offline.
    Scan(scan::ScanOptions) = "scan",
    /// Explains the log of a failed job: which lines tell why, what the cause is and what to do.
    Diagnose(diagnose::DiagnoseOptions) = "diagnose",
    /// Puts this binary on the PATH of later `run:` steps, for heartbeat and smoke --start.
    Install(install::InstallOptions) = "install",
    /// Writes a configuration and a workflow for this repository.
    Init(init::InitOptions) = "init",
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Runnable(Runnable),
    /// Prints a JSON Schema.
    #[command(
        after_help = "Examples:\n  stageproof schema config > stageproof.schema.json\n  stageproof schema report"
    )]
    Schema {
        /// Schema to print.
        #[arg(value_enum)]
        of: SchemaOf,
    },
    /// Prints completions for a shell.
    #[command(
        after_help = "Examples:\n  stageproof completions bash > stageproof.bash\n  stageproof completions fish | grep -c heartbeat"
    )]
    Completions {
        /// Shell to print completions for.
        #[arg(value_enum)]
        shell: Shell,
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

/// The options of a subcommand, and the way from them to its plan.
trait Options {
    /// Whether the configuration has a say in it.
    fn reads_config(&self) -> bool {
        true
    }

    /// Whether it requires what --env-from names.
    fn is_guard(&self) -> bool {
        false
    }

    fn into_plan(self: Box<Self>, given: &mut Given<'_>) -> Result<Box<dyn commands::Subcommand>, UsageError>;
}

/// What a subcommand is given besides its own options.
struct Given<'a> {
    /// The subcommand's name.
    command: &'static str,
    config: Config,
    /// The environment as it was typed.
    environment: Option<String>,
    /// The one that was named.
    config_file: Option<PathBuf>,
    setting: Setting,
    world: &'a World,
    /// Variables that hold secrets.
    secret_names: Vec<String>,
    /// Those of them that arrived in one variable (--env-from).
    unpacked: Vec<String>,
    waivers_off: bool,
}

impl Given<'_> {
    fn waivers(&self, strict: bool) -> Vec<Waiver> {
        waivers::in_force(&self.config.waivers, self.waivers_off || strict)
    }

    /// Its report replaces no other one of this run, nor do the logs that are called as it is.
    fn number_label(&mut self) {
        self.setting.label = self.setting.free_label(self.command);
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum SchemaOf {
    /// The report of a subcommand.
    Report,
    /// evidence.json, the index of sealed evidence.
    Evidence,
    /// The configuration, .github/stageproof.yml.
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
    /// What is to be said of it.
    pub notes: Vec<String>,
    /// Its report takes the place of an earlier one with its name, if there is one.
    pub may_replace: bool,
    /// The folder that holds all evidence, unless it is there or the user named another place.
    pub new_home: Option<PathBuf>,
    pub plan: Box<dyn commands::Subcommand>,
    /// Variables that hold secrets.
    pub secret_names: Vec<String>,
    /// The environment, with what --env-from unpacks.
    pub env: Arc<Env>,
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
        Command::Schema { of } => Ok(Invocation::Print(schema(of)?)),
        Command::Completions { shell } => Ok(Invocation::Print(completions(shell))),
        Command::Supervise(options) => Ok(Invocation::Supervise(options)),
        Command::OnTerminal { words } => Ok(Invocation::OnTerminal(words)),
        Command::Runnable(command) => Ok(Invocation::Run(Box::new(run(command, cli.common, world)?))),
    }
}

fn run(command: Runnable, flags: CommonOptions, world: &World) -> Result<Run, UsageError> {
    let (command, options) = command.named();
    let (env, unpacked) = match &flags.env_from {
        Some(holder) => env_from::unpack(holder, &world.env, options.is_guard())?,
        None => (Arc::clone(&world.env), Vec::new()),
    };
    let world = World {
        env: Arc::clone(&env),
        ..world.clone()
    };
    // Whoever shows the error knows the variables as they were packed.
    run_with(command, options, flags, &world, unpacked.clone())
        .map_err(|error| error.redacted(&Redactor::new(&env, unpacked.iter().map(String::as_str))))
}

/// In a world whose environment holds the variables that were unpacked.
fn run_with(
    command: &'static str,
    options: Box<dyn Options>,
    flags: CommonOptions,
    world: &World,
    unpacked: Vec<String>,
) -> Result<Run, UsageError> {
    let config_file = flags.config.clone();
    let mut config = match options.reads_config() {
        true => Config::load(config_file.as_deref(), &world.workspace)?,
        false => Config::default(),
    };
    let environment = flags.environment.clone();
    let setting = flags.or(std::mem::take(&mut config.common)).resolve(world)?;
    let configured = config.skip_guard.iter().flat_map(skip_guard::secret_names);
    let secret_names = configured.chain(unpacked.iter().cloned()).collect();
    let mut given = Given {
        command,
        config,
        environment,
        config_file,
        setting,
        world,
        secret_names,
        unpacked,
        waivers_off: waivers::switched_off(&world.env)?,
    };
    let plan = options.into_plan(&mut given)?;
    let evidence_dir = given.setting.evidence_dir.clone();
    let home = (plan.report_home() != ReportHome::None).then_some(("--evidence-dir", &*evidence_dir));
    let status = plan.status_file().map(|file| ("--status-file", file));
    let report = plan.report_file().map(|file| ("--report", file));
    let sarif = plan.sarif().map(|(file, _)| ("--sarif", file));
    let files = plan.writes().into_iter().chain(status).chain(report).chain(sarif);
    for (what, path) in home.into_iter().chain(files) {
        common::refuse_what_is_not_kept(what, path, world)?;
    }
    if !plan.replaces_its_report() {
        given.number_label();
    }
    let setting = given.setting;
    let is_inside = plan.report_home() == ReportHome::Inside;
    let is_new = is_inside && !files::exists(&setting.evidence_dir);
    let shown = |path: &Path| workspace::shown(path, &world.workspace);
    let sealed = setting.sealed.last().filter(|_| is_new);
    let note = |sealed: &PathBuf| {
        let new = shown(&setting.evidence_dir);
        format!("{} is sealed: new reports go to {new}.", shown(sealed))
    };
    // Of the jobs of others, each report is about another one.
    let may_replace = is_inside && !plan.replaces_its_report() && !plan.shows_logs();
    let home = world.workspace.join(common::EVIDENCE_HOME);
    let has_home = setting.is_named || files::exists(&home);
    Ok(Run {
        notes: sealed.map(note).into_iter().collect(),
        may_replace: may_replace && setting.subject.run_id.is_none(),
        new_home: (!has_home && plan.report_home() != ReportHome::None).then_some(home),
        command,
        label: setting.label,
        format: setting.format,
        color: setting.color,
        verbosity: setting.verbosity,
        subject: setting.subject,
        evidence_dir,
        plan,
        secret_names: given.secret_names,
        env: Arc::clone(&world.env),
    })
}

/// Subcommands that the action cannot be: they are for people, or for what runs beside the container.
pub const NOT_IN_THE_ACTION: [&str; 4] = ["completions", "heartbeat", "init", "schema"];

/// The whole clap tree, built, with global options in every subcommand. Tests compare documents with it.
pub fn command_tree() -> clap::Command {
    let mut tree = Cli::command();
    tree.build();
    tree
}

/// The tree without the helper processes that stageproof starts by itself: what completions and man pages show.
pub fn typed_tree() -> clap::Command {
    let tree = Cli::command();
    let typed: Vec<_> = tree.get_subcommands().filter(|c| !c.is_hide_set()).cloned().collect();
    clap::Command::new("stageproof")
        .version(VERSION)
        .propagate_version(true)
        .about(tree.get_about().cloned().unwrap_or_default())
        .long_about(tree.get_long_about().cloned().unwrap_or_default())
        .after_help(tree.get_after_help().cloned().unwrap_or_default())
        .args(tree.get_arguments())
        .subcommands(typed)
}

fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut typed_tree(), "stageproof", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

fn stop(error: clap::Error) -> Stop {
    use clap::error::ErrorKind;
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Stop::Help(error.render().to_string()),
        _ => Stop::Usage(UsageError::from_clap(&error)),
    }
}

/// The file in schemas/, as `build.rs` packs it.
fn schema(of: SchemaOf) -> Result<String, UsageError> {
    let packed: &[u8] = match of {
        SchemaOf::Report => include_bytes!(concat!(env!("OUT_DIR"), "/report.json.deflate")),
        SchemaOf::Evidence => include_bytes!(concat!(env!("OUT_DIR"), "/evidence.json.deflate")),
        SchemaOf::Config => include_bytes!(concat!(env!("OUT_DIR"), "/config.json.deflate")),
    };
    std::io::read_to_string(DeflateDecoder::new(packed))
        .map_err(|error| UsageError::new(format!("the schema cannot be unpacked: {error}")))
}

/// What the files in schemas/ are made of. A binary has the files: they are smaller than what makes them.
pub fn schema_of(of: SchemaOf) -> String {
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
    schema.insert("$id".to_owned(), schema_id(name).into());
    // A schema is plain JSON and always serialises.
    serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
}

/// Where the file of this version is published: editors and validators load it from there.
fn schema_id(name: &str) -> String {
    format!("https://raw.githubusercontent.com/stageproof/stageproof/main/schemas/{name}-v1.json")
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

impl<T> Or for Option<T> {
    fn or(self, other: Self) -> Self {
        self.or(other)
    }
}

/// Makes a struct of options, each of which wins over that of the configuration.
macro_rules! mergeable {
    ($(#[$of:meta])* pub struct $name:ident { $($(#[$on:meta])* pub $field:ident: $type:ty,)+ }) => {
        $(#[$of])*
        pub struct $name {
            $($(#[$on])* pub $field: $type,)+
        }

        impl $crate::cli::Or for $name {
            fn or(self, other: Self) -> Self {
                Self { $($field: $crate::cli::Or::or(self.$field, other.$field),)+ }
            }
        }
    };
}
use mergeable;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::reports;

    #[test]
    fn what_runs_is_known_by_its_reports() {
        let tree = Runnable::augment_subcommands(clap::Command::new("stageproof"));
        let mut names: Vec<&str> = tree.get_subcommands().map(clap::Command::get_name).collect();
        let mut known = reports::COMMANDS.to_vec();
        names.sort_unstable();
        known.sort_unstable();
        assert_eq!(names, known, "`COMMANDS` in src/world/reports.rs names them, too");
    }

    #[test]
    fn a_section_of_the_configuration_is_taken_by_its_subcommand_and_refuses_unknown_keys() {
        let world = World::of(Env::default());
        let tree = Runnable::augment_subcommands(clap::Command::new("stageproof"));
        for name in tree.get_subcommands().map(clap::Command::get_name) {
            let Ok(config) = Config::parse(&format!("{name}: {{}}\n"), "s.yml") else {
                continue;
            };
            assert!(
                Config::parse(&format!("{name}: {{no-such-key: 1}}\n"), "s.yml").is_err(),
                "{name}"
            );
            let words = match name {
                "foreground-proof" => vec!["stageproof", name, "--log=x"],
                _ => vec!["stageproof", name],
            };
            let matches = Cli::command().try_get_matches_from(words).unwrap();
            let cli = Cli::from_arg_matches(&matches).unwrap();
            let Command::Runnable(command) = cli.command else {
                panic!()
            };
            let (command, options) = command.named();
            let mut given = Given {
                command,
                config,
                environment: None,
                config_file: None,
                setting: cli.common.resolve(&world).unwrap(),
                world: &world,
                secret_names: Vec::new(),
                unpacked: Vec::new(),
                waivers_off: false,
            };
            let _ = options.into_plan(&mut given);
            let left = format!("{:?}", given.config);
            let left = left.contains(&format!("{}: Some(", name.replace('-', "_")));
            assert!(!left, "{name} does not read its section of the configuration");
        }
    }
}
