//! Why there is no release to go back to, in the words of the platform.

use super::releases::NoPrevious;
use crate::model::Finding;
use crate::model::text::{count, one_line};

/// How a platform calls things.
#[derive(Clone, Debug)]
pub struct Words {
    /// "Fly.io".
    pub platform: &'static str,
    /// What is released: the name of the app.
    pub of: String,
    /// "release".
    pub release: &'static str,
    /// What a release is told apart by: "image".
    pub artifact: &'static str,
    /// What the platform keeps of one, before its name: "image of".
    pub kept: &'static str,
    /// The command that lists releases.
    pub list: &'static str,
    /// How one is written: "v12".
    pub like: &'static str,
    /// What to do if every earlier release has the artifact that runs now.
    pub all_the_same: &'static str,
}

impl Words {
    /// `named` is the release that was asked for.
    pub fn no_previous(&self, named: Option<&str>, none: NoPrevious) -> Finding {
        let Self {
            of, release, artifact, ..
        } = self;
        let same = if *artifact == "image" {
            "same-image"
        } else {
            "same-artifact"
        };
        let name_another = || format!("name another {release} with --to-release");
        let (code, message, help) = match none {
            NoPrevious::First => (
                "no-previous-release",
                format!("{of} has no {release} before the current one"),
                "deploy once more; until then there is nothing to go back to".to_owned(),
            ),
            NoPrevious::NoneGood(newest) => (
                "previous-not-good",
                format!(
                    "no earlier {release} of {of} was good; the newest of them, {}, ended as `{}`",
                    one_line(&newest.name),
                    one_line(&newest.state)
                ),
                format!("go forward with a fix; --to-release names a {release} only if it was good"),
            ),
            NoPrevious::CurrentUnknown => (
                "current-unknown",
                format!("no {release} of {of} has the {artifact} that runs now"),
                format!("somebody deployed by another way; name the {release} to go back to with --to-release"),
            ),
            NoPrevious::NamedIsCurrent => (
                same,
                format!("the {release} to go back to has the {artifact} that runs now in {of}"),
                name_another(),
            ),
            NoPrevious::AllTheSame(earlier) => (
                same,
                format!(
                    "{} before the current one of {of} {} the same {artifact}",
                    count(earlier, release),
                    if earlier == 1 { "has" } else { "have" }
                ),
                self.all_the_same.to_owned(),
            ),
            NoPrevious::NotThere(names) => (
                "no-such-release",
                format!(
                    "{of} has no {release} {} among its newest {}",
                    named.unwrap_or_default(),
                    names.len()
                ),
                format!("{} lists them; write it like {}", self.list, self.like),
            ),
            NoPrevious::NamedNotGood(named) => (
                "previous-not-good",
                format!(
                    "the {release} {} of {of} ended as `{}`",
                    one_line(&named.name),
                    one_line(&named.state)
                ),
                format!("name a {release} that was good with --to-release"),
            ),
        };
        Finding::error(code, message).help(help)
    }
}
