//! Action inputs become the very same arguments.
//!
//! The runner passes an input as `INPUT_` and its name in upper case; spaces become `_`, hyphens stay
//! (`INPUT_DRY-RUN`). A declared input without a value arrives as an empty text, which is an absent flag, but for a few
//! ([`NEVER_EMPTY`]).

use std::ffi::{OsStr, OsString};

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches};
use serde_json::Value;

use super::error::UsageError;
use super::paths::PathIn;
use super::{NOT_IN_THE_ACTION, Stop, stop};
use crate::model::text::nearest;
use crate::world::hash::Hashed;
use crate::world::{Env, Host, World};

/// The input that names the subcommand.
pub const COMMAND: &str = "INPUT_COMMAND";
/// Inputs that must not be empty, and the default that they have in action.yml.
const NEVER_EMPTY: [&str; 1] = ["committed-since"];
const NOT_SET: &str = "-";
/// The subcommand that cannot be an action's: there is nothing to run in the container.
pub const WRAPPER: &str = "heartbeat";
/// Sets a repository up, before there is a job.
const AT_HOME: &str = "init";
/// Inputs the runner itself knows for container actions.
const OF_THE_RUNNER: [&str; 2] = ["INPUT_ENTRYPOINT", "INPUT_ARGS"];

/// What action.yml hands to every command as arguments. The variables of these inputs hold the container's names of what is
/// mounted, and an argument is left as it is.
const OF_THE_ACTION: [&str; 2] = ["host-temp", "host-workspace"];

/// What the runner fills in for the names of artifacts.
const MATRIX: &str = "host-matrix";

/// The values of the job's matrix, without their names; an empty text if it has none. `None`: only the action knows.
pub fn matrix(env: &Env) -> Option<String> {
    fn add(value: &Value, to: &mut Vec<String>) {
        match value {
            Value::Null => {}
            Value::Array(values) => values.iter().for_each(|value| add(value, to)),
            Value::Object(values) => values.values().for_each(|value| add(value, to)),
            Value::String(text) => to.push(text.clone()),
            other => to.push(other.to_string()),
        }
    }
    let mut values = Vec::new();
    add(&matrix_json(env)?, &mut values);
    Some(values.join("-"))
}

/// The same for all attempts of a job, and another for each job of a matrix.
pub fn matrix_sha256(env: &Env) -> Option<String> {
    let json = matrix_json(env)?.to_string();
    Some(hex::encode(Hashed::of(json.as_bytes()).sha256))
}

fn matrix_json(env: &Env) -> Option<Value> {
    serde_json::from_str(env.get(&variable(MATRIX))?).ok()
}

/// Takes the action's own arguments, if there are no others.
fn action_arguments(argv: &mut Vec<OsString>) -> Vec<OsString> {
    let is_ours = |word: &OsString| OF_THE_ACTION.iter().any(|name| value_of(word, name).is_some());
    match argv.get(1..) {
        Some(words) if words.iter().all(is_ours) => argv.split_off(1),
        _ => Vec::new(),
    }
}

/// `--NAME=VALUE`
fn value_of<'a>(word: &'a OsString, name: &str) -> Option<&'a str> {
    word.to_str()?.strip_prefix("--")?.strip_prefix(name)?.strip_prefix('=')
}

/// What the action's arguments say about the host, if this is its container.
pub fn host(argv: &[OsString], env: &Env) -> Host {
    let words = action_arguments(&mut argv.to_vec());
    let [temp, workspace] = OF_THE_ACTION.map(|name| words.iter().find_map(|word| value_of(word, name)));
    Host::new(env, temp, workspace)
}

/// Adds to `argv` what the inputs say and the command line does not.
pub fn complete(tree: clap::Command, mut argv: Vec<OsString>, world: &World) -> Result<Vec<OsString>, Stop> {
    let env = &*world.env;
    let of_the_action = action_arguments(&mut argv);
    let input = env.filled(COMMAND);
    if argv.len() <= 1
        && let Some(command) = input
    {
        self::command(&tree, Some(command))?;
        argv = vec!["stageproof".into(), command.into()];
    }
    if argv.len() <= 1 {
        if env.get(COMMAND).is_some() || !of_the_action.is_empty() {
            command(&tree, None)?;
        }
        let shown = tree.get_subcommands();
        let shown = shown.filter(|command| !command.is_hide_set() && command.get_name() != "help");
        let help = format!(
            "run `stageproof COMMAND`, with one of {}; `stageproof --help` says what each does",
            listed(shown)
        );
        return Err(UsageError::new("no subcommand was given").help(help).into());
    }
    let matches = tree.clone().try_get_matches_from(&argv).map_err(stop)?;
    let Some((name, given)) = matches.subcommand() else {
        return Ok(argv);
    };
    let Some(subcommand) = tree.find_subcommand(name) else {
        return Ok(argv);
    };
    // What a step around it was given is not meant for a command that it wraps.
    if subcommand.is_hide_set() || name == WRAPPER {
        return Ok(argv);
    }
    if input.is_some() {
        refuse_strangers(&tree, subcommand, env)?;
    }
    let mut positional = Vec::new();
    let mut flags = Vec::new();
    for arg in subcommand.get_arguments().filter(|arg| is_input(arg)) {
        if from_command_line(given, arg) {
            continue;
        }
        let name = input_name(arg);
        if env.raw(&variable(&name)).is_some_and(|value| value.to_str().is_none()) {
            return Err(UsageError::new(format!("the input `{name}` is not UTF-8 text")).into());
        }
        let raw = env.raw(&variable(&name)).and_then(OsStr::to_str).map(str::trim);
        let Some(value) = raw.filter(|value| is_given(&name, value)) else {
            continue;
        };
        let values: Vec<&str> = if is_list(arg) {
            value.lines().map(str::trim).filter(|l| !l.is_empty()).collect()
        } else if value.contains('\n') {
            return Err(UsageError::new(format!("the input `{name}` takes one value, but has several lines")).into());
        } else {
            vec![value]
        };
        for value in values {
            let value = &translated(value, arg, &world.host);
            if arg.is_positional() {
                positional.push(OsString::from(value));
            } else {
                // As the toolkit reads booleans: true, True or TRUE.
                let value = match value.as_str() {
                    "True" | "TRUE" if is_boolean(arg) => "true",
                    "False" | "FALSE" if is_boolean(arg) => "false",
                    other => other,
                };
                flags.push(OsString::from(format!("--{name}={value}")));
            }
        }
    }
    // Before a `--` on the command line, which would swallow them.
    let at = argv.iter().position(|word| word == "--").unwrap_or(argv.len());
    argv.splice(at..at, flags);
    if !positional.is_empty() {
        if !argv.iter().any(|word| word == "--") {
            argv.push("--".into());
        }
        argv.extend(positional);
    }
    Ok(argv)
}

/// Whether the action can be this command.
pub fn command(tree: &clap::Command, name: Option<&str>) -> Result<(), UsageError> {
    let known = listed(gates(tree));
    match name {
        None => {
            Err(UsageError::new("no subcommand was given").help(format!("set the input `command` to one of {known}")))
        }
        Some(WRAPPER) => Err(
            UsageError::new("`heartbeat` runs a command, but the action's container has none to run").help(
                "put stageproof on the runner with `command: install`, and call it in a `run:` step: stageproof \
            heartbeat -- make deploy",
            ),
        ),
        Some(AT_HOME) => Err(
            UsageError::new("`init` writes files to commit, which a job cannot keep")
                .help("run it on your machine: stageproof init"),
        ),
        Some(name) if gates(tree).any(|command| command.get_name() == name) => Ok(()),
        Some(name) => Err(UsageError::new(format!(
            "the input `command` is `{name}`, which is not a known subcommand"
        ))
        .help(match nearest(name, gates(tree).map(clap::Command::get_name)) {
            Some(near) => format!("did you mean `{near}`? It is one of {known}"),
            None => format!("set it to one of {known}"),
        })),
    }
}

fn listed<'a>(commands: impl Iterator<Item = &'a clap::Command>) -> String {
    commands.map(clap::Command::get_name).collect::<Vec<_>>().join(", ")
}

/// The runner translates the beginning of the first line only.
fn translated(value: &str, arg: &Arg, host: &Host) -> String {
    match (PathIn::of(arg), value.split_once(':')) {
        (Some(PathIn::Prerequisite), Some((kind, path))) => format!("{kind}:{}", host.inside(path.trim())),
        (Some(PathIn::Path | PathIn::Text | PathIn::Glob), _) => host.inside(value),
        _ => value.to_owned(),
    }
}

/// An empty input counts as not set, except where the value is often an expression that is empty by mistake: for
/// these action.yml has a default that says so.
fn is_given(name: &str, value: &str) -> bool {
    match NEVER_EMPTY.contains(&name) {
        true => value != NOT_SET,
        false => !value.is_empty(),
    }
}

/// A misspelt input, or one of another subcommand, would otherwise be ignored in silence.
fn refuse_strangers(tree: &clap::Command, subcommand: &clap::Command, env: &Env) -> Result<(), UsageError> {
    for (variable_name, value) in env.iter() {
        let Some(upper) = variable_name.strip_prefix("INPUT_") else {
            continue;
        };
        if let Some(error) = stranger(tree, subcommand, &upper.to_lowercase(), value) {
            return Err(error);
        }
    }
    Ok(())
}

/// Why a subcommand has no input of this name, with this value. `name` is in lower case.
pub fn stranger(tree: &clap::Command, subcommand: &clap::Command, name: &str, value: &str) -> Option<UsageError> {
    let own: Vec<String> = subcommand
        .get_arguments()
        .filter(|a| is_input(a))
        .map(input_name)
        .collect();
    let variable_name = variable(name);
    // That an empty one is an error is for its own subcommand to say.
    if value.trim().is_empty()
        || !is_given(name, value.trim())
        || variable_name == COMMAND
        || OF_THE_RUNNER.contains(&&*variable_name)
        || OF_THE_ACTION.contains(&name)
        || name == MATRIX
        || own.iter().any(|own| own == name)
    {
        return None;
    }
    let elsewhere: Vec<&str> = gates(tree)
        .filter(|c| c.get_arguments().any(|a| is_input(a) && input_name(a) == name))
        .map(clap::Command::get_name)
        .collect();
    let near = nearest(name, own.iter().map(AsRef::as_ref));
    let help = if !elsewhere.is_empty() {
        format!("it belongs to {}", elsewhere.join(", "))
    } else if let Some(known) = near {
        format!("did you mean `{known}`?")
    } else {
        format!("the inputs are {}", own.join(", "))
    };
    Some(UsageError::new(format!("{} has no input `{name}`", subcommand.get_name())).help(help))
}

/// The subcommands that check something, and that an action can be. An action that printed its help would be green without having looked.
pub fn gates(tree: &clap::Command) -> impl Iterator<Item = &clap::Command> {
    tree.get_subcommands()
        .filter(|c| !c.is_hide_set() && c.get_name() != "help" && !NOT_IN_THE_ACTION.contains(&c.get_name()))
}

/// `--help` and `--version` are for people.
pub fn is_input(arg: &Arg) -> bool {
    !matches!(arg.get_id().as_str(), "help" | "version") && !arg.is_hide_set()
}

/// The name of the flag, or of the value for an argument without one.
pub fn input_name(arg: &Arg) -> String {
    arg.get_long()
        .map_or_else(|| arg.get_id().as_str().replace('_', "-"), str::to_owned)
}

pub fn variable(name: &str) -> String {
    format!("INPUT_{}", name.to_uppercase())
}

fn is_boolean(arg: &Arg) -> bool {
    let values = arg.get_possible_values();
    values.len() == 2 && values.iter().all(|value| matches!(value.get_name(), "true" | "false"))
}

pub fn is_list(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append)
}

fn from_command_line(given: &ArgMatches, arg: &Arg) -> bool {
    given.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine)
}
