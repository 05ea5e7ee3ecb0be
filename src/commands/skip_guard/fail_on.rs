//! In which runs a missing prerequisite is a failure.

use std::str::FromStr;

use super::ref_pattern::Pattern;
use super::requirement::{Requirement, RequirementError};
use crate::model::text;
use crate::world::Runner;

/// A run in which what should exist and does not is a failure instead of a skip.
#[derive(Clone, Debug)]
pub enum FailOn {
    Event(Vec<String>),
    Ref(Pattern),
    Never,
}

impl FailOn {
    pub fn matches(&self, runner: &Runner) -> bool {
        match self {
            Self::Event(events) => runner.event_name.as_ref().is_some_and(|name| events.contains(name)),
            Self::Ref(pattern) => runner.git_ref.as_deref().is_some_and(|full| pattern.matches(full)),
            Self::Never => false,
        }
    }
}

impl FromStr for FailOn {
    type Err = RequirementError;

    fn from_str(text: &str) -> Result<Self, RequirementError> {
        if text.trim() == "never" {
            return Ok(Self::Never);
        }
        match text.parse() {
            Ok(Requirement::Event(events)) => Ok(Self::Event(events)),
            Ok(Requirement::Ref(pattern)) => Ok(Self::Ref(pattern)),
            Err(error @ RequirementError::UnknownEvent(..)) => Err(error),
            _ => Err(RequirementError::FailOn(text.trim().to_owned())),
        }
    }
}

text::read_from_text!(FailOn {
    "description": "event:LIST, ref:GLOB or never.",
    "pattern": "^(never|(event|ref):.+)$",
});
