//! What the command line knows of itself. Its own parser judges what a workflow passes to stageproof, so the two cannot
//! disagree; `cli` lends it, for a plan does not know clap.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::model::workflow::script::Word;

/// Judges what is written for stageproof.
pub trait Language: Send + Sync {
    /// Of an input that is no command of the action: why not, and what is.
    fn command(&self, name: &str) -> Option<Refusal>;

    /// What the inputs of a step of the action say. The command is one that [`Language::command`] takes.
    fn inputs(&self, command: &str, inputs: &[Input<'_>], place: Place) -> Meaning;

    /// What the words behind `stageproof` say.
    fn words(&self, words: &[Word], place: Place) -> Meaning;

    /// The top-level keys of a configuration.
    fn config_keys(&self) -> Vec<String>;

    /// What is wrong with a configuration.
    fn config(&self, text: &str, name: &str) -> Vec<Refusal>;
}

/// Makes one for the repository whose top this is.
pub type LanguageOf = Arc<dyn Fn(&Path) -> Box<dyn Language> + Send + Sync>;

/// Where something runs, which decides about its configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At the top of the repository, as it is now.
    Top,
    /// In another folder, or with files that the job makes.
    Elsewhere,
}

/// An input of a step, with its value where that is known before the run.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    pub name: &'a str,
    pub value: &'a str,
}

/// What was passed amounts to.
#[derive(Clone, Debug, Default)]
pub struct Meaning {
    pub command: Option<String>,
    pub refusals: Vec<Refusal>,
    pub needs: Vec<Need>,
    /// How long the command may take by its own limits, and the flags that say so.
    pub limit: Option<(String, Duration)>,
}

/// Why something is not taken.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub about: About,
    /// The finding's code.
    pub code: &'static str,
    pub message: String,
    pub help: Option<String>,
}

/// Where the cause is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// All of it, or nothing in particular.
    Whole,
    /// An input's name.
    Input(String),
    /// A line of an input's value, counted from 0.
    Value(String, usize),
    /// A line of a file.
    Line(u32),
}

/// What a command needs of the job it runs in.
#[derive(Clone, Debug)]
pub struct Need {
    pub what: Needed,
    /// What asks for it, as it is written: `env:TOKEN`, `max-skips`.
    pub because: String,
}

#[derive(Clone, Debug)]
pub enum Needed {
    /// A variable in the environment of the step.
    Variable(String),
    /// A token for GitHub's API in this variable, with these permissions to read.
    Token { variable: String, scopes: Vec<String> },
    /// `id-token: write`
    IdToken,
    /// The files of the repository.
    Checkout,
    /// Its commits and tags.
    History,
    /// A program that the runner has, and the action's container has not.
    Host,
}
