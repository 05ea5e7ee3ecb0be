//! What looking a prerequisite up can say.

use super::situation::Situation;
use crate::engine::Observation;

/// What looking a prerequisite up says. Not being able to look is an error of its own.
pub enum Answer {
    Met(Observation),
    Missing(Missing),
    /// The question makes no sense on this machine.
    DoesNotApply(String),
}

/// Something that is not there.
#[derive(Clone, Debug)]
pub struct Missing {
    pub situation: Situation,
    /// Half a sentence: "FLY_API_TOKEN is not set or is empty".
    pub message: String,
    /// What to do, as a sentence.
    pub help: String,
}

pub fn met(name: &str, value: &str) -> Answer {
    Answer::Met(Observation::nothing_wrong().fact(name, value))
}

/// It should be there.
pub fn should(message: impl Into<String>, help: impl Into<String>) -> Answer {
    Answer::Missing(Missing {
        situation: Situation::ShouldExist,
        message: message.into(),
        help: help.into(),
    })
}

/// It cannot be there in this run.
pub fn cannot(message: impl Into<String>) -> Answer {
    Answer::Missing(Missing {
        situation: Situation::CannotExist,
        message: message.into(),
        help: "Nothing to do.".to_owned(),
    })
}
