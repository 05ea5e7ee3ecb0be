//! What is wrong with the command line, an input or the configuration.

use std::fmt;

use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::model::text::printable;
use crate::world::secrets::Redactor;

/// Names the thing and the place, and the next step. Ends with exit code 2; nothing was run.
#[derive(Debug)]
pub struct UsageError {
    pub message: String,
    pub help: Option<String>,
}

impl UsageError {
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: None,
        }
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Several, each with its next step.
    pub fn all(errors: Vec<Self>) -> Self {
        let mut errors = errors.into_iter().rev();
        let last = errors.next().unwrap_or_else(|| Self::new(""));
        errors.fold(last, |all, one| {
            let help = one.help.map_or_else(String::new, |help| format!("\nnext: {help}"));
            Self {
                message: format!("{}{help}\n{}", one.message, all.message),
                help: all.help,
            }
        })
    }

    #[must_use]
    pub fn redacted(self, secrets: &Redactor) -> Self {
        Self {
            message: secrets.redact(&self.message),
            help: self.help.map(|help| secrets.redact(&help)),
        }
    }

    /// clap words its errors well; only its frame is taken off.
    pub fn from_clap(error: &clap::Error) -> Self {
        let text = error.render().to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        let read = Self::new(text.trim_end());
        match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::String(word)) if is_positional(word) => {
                let name = word.trim_start_matches('-');
                Self::new(format!("unexpected argument '{word}' found")).help(format!(
                    "`{name}` is a key of the configuration and an input of the action; on the command line, write its \
                     values without a flag"
                ))
            }
            Some(ContextValue::String(word)) if !word.starts_with('-') && is_of(error, "diagnose") => {
                read.help(format!("name a log with --log: stageproof diagnose --log {word}"))
            }
            Some(ContextValue::String(word)) if matches!(word.as_str(), "true" | "false") => {
                read.help(format!("write a switch and its value as one word: --FLAG={word}"))
            }
            Some(ContextValue::Strings(missing)) if error.kind() == ErrorKind::MissingRequiredArgument => {
                match missing.iter().find_map(|name| values_of(name)) {
                    Some(values) => read.help(format!("write one of {values}")),
                    None => read,
                }
            }
            _ => read,
        }
    }
}

/// What can be written in place of a name such as `<SHELL>`.
fn values_of(name: &str) -> Option<String> {
    let tree = super::Cli::command();
    let mut arguments = tree.get_subcommands().flat_map(clap::Command::get_positionals);
    let argument = arguments.find(|argument| argument.to_string() == name)?;
    let values = argument.get_possible_values();
    let values: Vec<&str> = values.iter().map(clap::builder::PossibleValue::get_name).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

/// Whether it is about this subcommand.
fn is_of(error: &clap::Error, subcommand: &str) -> bool {
    matches!(error.get(ContextKind::Usage), Some(ContextValue::StyledStr(usage)) if usage.to_string().split(' ').any(|word| word == subcommand))
}

/// Whether a word that was taken for a flag is the name of values that have none.
fn is_positional(word: &str) -> bool {
    let is_it = |arg: &clap::Arg| word.strip_prefix("--").is_some_and(|name| arg.get_id() == name);
    let tree = super::Cli::command();
    tree.get_subcommands()
        .any(|command| command.get_positionals().any(is_it))
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", printable(&self.message))?;
        if let Some(help) = &self.help {
            write!(f, "\nnext: {}", printable(help))?;
        }
        Ok(())
    }
}

impl std::error::Error for UsageError {}
