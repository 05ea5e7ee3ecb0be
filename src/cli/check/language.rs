//! The command line as a judge of what workflows pass to it: the same inputs become the same arguments and the same plan
//! as in a run, only that nothing is run.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use clap::error::{ContextKind, ErrorKind};
use clap::{Arg, ArgMatches, CommandFactory as _, FromArgMatches as _};
use serde_json::Value;

use super::super::common::CommonOptions;
use super::super::config::Config;
use super::super::error::UsageError;
use super::super::inputs::{self, input_name};
use super::super::paths::PathIn;
use super::super::{Cli, Command, Given, Or as _, Runnable, SchemaOf, Stop, schema};
use super::needs::{limit, need, needs};
use crate::commands::check::{About, Input, Language, Meaning, Needed, Place, Refusal};
use crate::model::text::one_line;
use crate::model::workflow::expression::is_dynamic;
use crate::model::workflow::script::Word;
use crate::world::{Env, Host, Interrupt, Progress, Runner, World};

/// Flags whose file is read for the plan; it may be made by an earlier step.
pub(super) const READ_FROM_FILES: [&str; 4] = ["body-file", "ca-file", "client-cert", "client-key"];
/// Lines of one input that are judged, and needs of one command. No list of prerequisites is longer.
const MOST_LINES: usize = 500;
/// Values for inputs that only the run knows, where one is as good as another.
const SAMPLES: [(&str, &str); 8] = [
    ("url", "https://staging.example.com/"),
    ("control", "https://example.com/"),
    ("environment", "staging"),
    ("expect-version", "1.0.0"),
    ("ref", "v1.0.0"),
    ("committed-since", "main"),
    ("rollback-command", "deploy previous"),
    ("skipped-job", "deploy"),
];

pub struct CommandLine {
    tree: clap::Command,
    pub(super) world: World,
}

impl CommandLine {
    /// For a repository whose top is `top`.
    pub fn new(world: &World, top: &Path) -> Self {
        Self {
            tree: super::super::command_tree(),
            world: World {
                workspace: top.to_owned(),
                folder: top.to_owned(),
                // A run of the workflow has its own.
                env: Arc::default(),
                runner: Arc::new(Runner::from_env(&[("GITHUB_ACTIONS", "true")].into_iter().collect())),
                host: Arc::new(Host::default()),
                progress: Progress::silent(),
                interrupt: Interrupt::never(),
                ..world.clone()
            },
        }
    }

    fn world_with(&self, variables: impl IntoIterator<Item = (String, String)>) -> World {
        World {
            env: Arc::new(variables.into_iter().collect::<Env>()),
            ..self.world.clone()
        }
    }

    /// The arguments that inputs become.
    fn arguments(&self, command: &str, inputs: &[(String, String)]) -> Result<Vec<OsString>, UsageError> {
        let variables = inputs
            .iter()
            .map(|(name, value)| (inputs::variable(name), value.clone()));
        let command = (inputs::COMMAND.to_owned(), command.to_owned());
        let world = self.world_with(variables.chain([command]));
        inputs::complete(self.tree.clone(), vec!["stageproof".into()], &world).map_err(usage)
    }

    pub(super) fn parse(arguments: &[OsString]) -> Result<(Cli, ArgMatches), clap::Error> {
        let matches = Cli::command().try_get_matches_from(arguments)?;
        let cli = Cli::from_arg_matches(&matches)?;
        Ok((cli, matches))
    }

    /// What is wrong with one value alone.
    fn value(&self, command: &str, name: &str, value: &str) -> Option<UsageError> {
        match self.arguments(command, &[(name.to_owned(), value.to_owned())]) {
            Err(error) => Some(error),
            Ok(arguments) => match Self::parse(&arguments) {
                Err(error) if is_about_a_value(error.kind()) => Some(in_one_line(&error)),
                _ => None,
            },
        }
    }

    /// Makes the plan, as if every secret that is named was there.
    pub(super) fn plan(
        &self,
        options: Runnable,
        common: CommonOptions,
        mut config: Config,
        secrets: Vec<String>,
    ) -> Result<(), UsageError> {
        let variables = secrets.into_iter().map(|name| (name, "user:password".to_owned()));
        let world = self.world_with(variables);
        let setting = common.or(std::mem::take(&mut config.common)).resolve(&world)?;
        let (command, options) = options.named();
        let mut given = Given {
            command,
            config,
            environment: None,
            config_file: None,
            world: &world,
            secret_names: Vec::new(),
            // What it holds is known in a run only; each of its variables is required.
            unpacked: setting.env_from.iter().map(|_| "UNPACKED".to_owned()).collect(),
            setting,
            waivers_off: false,
        };
        options.into_plan(&mut given).map(|_| ())
    }

    /// What the whole asks for, and what is wrong with it. `is_whole` says that nothing in it is unknown.
    fn meaning(&self, cli: Cli, matches: &ArgMatches, is_whole: bool, place: Place) -> Meaning {
        let Command::Runnable(options) = cli.command else {
            return Meaning::default();
        };
        let mut meaning = Meaning {
            command: matches.subcommand_name().map(str::to_owned),
            limit: limit(matches),
            ..Meaning::default()
        };
        let named = cli.common.config.clone();
        if named.is_some() {
            need(&mut meaning, Needed::Checkout, "config");
        }
        if let Some(holder) = &cli.common.env_from {
            need(&mut meaning, Needed::Variable(holder.clone()), "env-from");
        }
        let load = || match place {
            Place::Top => Config::load(named.as_deref(), &self.world.workspace),
            Place::Elsewhere => Ok(Config::default()),
        };
        // What is wrong with the configuration is told about the configuration.
        let Ok(config) = load() else { return meaning };
        let secrets = needs(&options, config, &mut meaning);
        meaning.needs.truncate(MOST_LINES);
        if is_whole && place == Place::Top {
            let planned = load().and_then(|config| self.plan(options, cli.common, config, secrets));
            if let Err(error) = planned {
                meaning.refusals.push(refusal(About::Whole, "bad-value", error));
            }
        }
        meaning
    }
}

impl Language for CommandLine {
    fn command(&self, name: &str) -> Option<Refusal> {
        match inputs::command(&self.tree, Some(name).filter(|name| !name.is_empty())) {
            Ok(_) => None,
            Err(error) => {
                let about = About::Input("command".to_owned());
                Some(refusal(about, "unknown-command", error))
            }
        }
    }

    fn inputs(&self, command: &str, given: &[Input<'_>], place: Place) -> Meaning {
        let Some(subcommand) = self.tree.find_subcommand(command) else {
            return Meaning::default();
        };
        let mut refusals = Vec::new();
        let mut known: Vec<(String, String)> = Vec::new();
        let mut is_whole = true;
        for input in given {
            let name = input.name.to_lowercase();
            if let Some(error) = inputs::stranger(&self.tree, subcommand, &name, input.value) {
                refusals.push(refusal(About::Input(name), "unknown-input", error));
                continue;
            }
            let Some(argument) = subcommand.get_arguments().find(|argument| input_name(argument) == name) else {
                continue;
            };
            let lines: Vec<(usize, &str)> = match inputs::is_list(argument) {
                true => input.value.lines().enumerate().collect(),
                false => vec![(0, input.value)],
            };
            let mut values = Vec::new();
            is_whole &= lines.len() <= MOST_LINES;
            for (index, line) in lines.into_iter().take(MOST_LINES) {
                if is_dynamic(line) {
                    match sample(&name, argument) {
                        Some(sample) => values.push(sample),
                        None => is_whole = false,
                    }
                } else if let Some(error) = self.value(command, &name, line) {
                    refusals.push(refusal(About::Value(name.clone(), index), "bad-value", error));
                } else {
                    values.push(line);
                }
            }
            is_whole &= !READ_FROM_FILES.contains(&&*name);
            known.push((name, values.join("\n")));
        }
        is_whole &= refusals.is_empty();
        let read = self
            .arguments(command, &known)
            .and_then(|arguments| Self::parse(&arguments).map_err(|error| in_one_line(&error)));
        let mut meaning = match read {
            Ok((cli, matches)) => self.meaning(cli, &matches, is_whole, place),
            Err(error) if is_whole => Meaning {
                refusals: vec![refusal(About::Whole, "bad-value", error)],
                ..Meaning::default()
            },
            Err(_) => Meaning::default(),
        };
        meaning.command = Some(command.to_owned());
        refusals.append(&mut meaning.refusals);
        meaning.refusals = refusals;
        meaning
    }

    fn words(&self, words: &[Word], place: Place) -> Meaning {
        let (arguments, is_whole) = self.known(words);
        match Self::parse(&arguments) {
            Ok((cli, matches)) => {
                let mut meaning = self.meaning(cli, &matches, is_whole, place);
                meaning
                    .refusals
                    .iter_mut()
                    .for_each(|refusal| refusal.code = "bad-call");
                meaning
            }
            Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
                Meaning::default()
            }
            Err(error) if !is_whole && !is_about_a_value(error.kind()) => Meaning::default(),
            Err(error) => Meaning {
                refusals: vec![refusal(About::Whole, "bad-call", in_one_line(&error))],
                ..Meaning::default()
            },
        }
    }

    fn config_keys(&self) -> Vec<String> {
        // As it is published: the types that make a schema are not carried in the binary.
        let schema = schema(SchemaOf::Config).unwrap_or_default();
        let schema: Value = serde_json::from_str(&schema).unwrap_or_default();
        let properties = schema.get("properties").and_then(Value::as_object);
        properties.into_iter().flat_map(|all| all.keys().cloned()).collect()
    }

    fn config(&self, text: &str, name: &str) -> Vec<Refusal> {
        self.configuration(text, name)
    }
}

impl CommandLine {
    /// The words as arguments, without those that only the run knows, and whether there were none.
    fn known(&self, words: &[Word]) -> (Vec<OsString>, bool) {
        let mut arguments: Vec<OsString> = vec!["stageproof".into()];
        let subcommand = words.first().and_then(|word| self.tree.find_subcommand(&word.text));
        let takes_value = |word: &str| {
            let name = word.strip_prefix("--")?;
            let argument = subcommand?
                .get_arguments()
                .find(|argument| argument.get_long() == Some(name))?;
            Some(argument.get_action().takes_values() && !argument.is_require_equals_set())
        };
        let mut is_whole = true;
        let mut is_wrapped = false;
        for word in words {
            is_wrapped |= word.text == "--";
            if word.is_literal {
                arguments.push(OsString::from(&word.text));
            } else if is_wrapped {
                // The command of somebody: any word will do.
                arguments.push("x".into());
            } else {
                is_whole = false;
                let before = arguments.last().and_then(|word| word.to_str());
                if before.and_then(takes_value) == Some(true) {
                    arguments.pop();
                }
            }
        }
        (arguments, is_whole)
    }
}

/// What is wrong with a flag or its value by itself, and not with what is missing beside it.
fn is_about_a_value(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::InvalidValue
            | ErrorKind::UnknownArgument
            | ErrorKind::InvalidSubcommand
            | ErrorKind::NoEquals
            | ErrorKind::ValueValidation
            | ErrorKind::TooManyValues
            | ErrorKind::WrongNumberOfValues
    )
}

fn sample(name: &str, argument: &Arg) -> Option<&'static str> {
    let fixed = SAMPLES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, value)| *value);
    fixed.or_else(|| matches!(PathIn::of(argument), Some(PathIn::Path | PathIn::Text)).then_some("sample"))
}

fn usage(stop: Stop) -> UsageError {
    match stop {
        Stop::Usage(error) => error,
        Stop::Help(text) => UsageError::new(text),
    }
}

pub(super) fn refusal(about: About, code: &'static str, error: UsageError) -> Refusal {
    Refusal {
        about,
        code,
        message: one_line(error.message.lines().next().unwrap_or_default()),
        help: error.help,
    }
}

/// clap's error without its usage, which belongs to a terminal.
fn in_one_line(error: &clap::Error) -> UsageError {
    let whole = UsageError::from_clap(error).message;
    let message: Vec<&str> = whole
        .split("\n\n")
        .next()
        .unwrap_or(&whole)
        .lines()
        .map(str::trim)
        .collect();
    let tip = match error
        .get(ContextKind::SuggestedArg)
        .or(error.get(ContextKind::SuggestedSubcommand))
    {
        Some(near) => Some(format!("did you mean `{near}`?")),
        None => whole
            .lines()
            .filter_map(|line| line.trim().strip_prefix("tip: "))
            // An unknown flag is hardly meant as a value.
            .find(|tip| !tip.starts_with("to pass "))
            .map(str::to_owned),
    };
    let error = UsageError::new(message.join(" "));
    match tip {
        Some(tip) => error.help(tip),
        None => error,
    }
}
