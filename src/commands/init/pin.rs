//! Which commit the release is that this binary belongs to. A binary cannot know that: the commit names its hash.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::Plan;
use super::STAGE;
use crate::engine::{self, NotChecked, Observation, Task};
use crate::model::Check;
use crate::model::workflow::reference::STAGEPROOF;
use crate::world::World;
use crate::world::github::GitHub;

pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// One or two small answers; without a network it shows at once.
const LIMIT: Duration = Duration::from_secs(8);

/// How stageproof is named in a workflow.
#[derive(Clone, Debug)]
pub enum Pin {
    /// By the commit of its release.
    Commit(String),
    /// By the tag of its release, which does not hold it to its content.
    Tag,
}

impl Pin {
    /// What comes behind the name: `@COMMIT # VERSION`.
    pub fn suffix(&self) -> String {
        match self {
            Self::Commit(commit) => format!("@{commit} # {VERSION}"),
            Self::Tag => format!("@v{VERSION} # CHANGE: the commit of v{VERSION}, from {STAGEPROOF}/releases"),
        }
    }
}

/// The commit, as it was given or as GitHub says. If nobody knows it, a check says why.
pub async fn find(plan: &Plan, world: &World) -> (Pin, Vec<Check>) {
    let found = Arc::new(OnceLock::new());
    let (given, asked, told) = (plan.pin.clone(), world.clone(), Arc::clone(&found));
    let look = async move {
        let (commit, whence) = match given {
            Some(commit) => (commit, "as --pin says".to_owned()),
            None => match of_release(&asked).await {
                Ok(commit) => (commit, format!("as GitHub says of {STAGEPROOF}")),
                Err(why) => return Err(unknown(&why)),
            },
        };
        let observation = Observation::nothing_wrong().fact("commit", format!("{commit}, {whence}"));
        let _ = told.set(commit);
        Ok(observation)
    };
    let title = format!("The commit of stageproof {VERSION} is known");
    let task = Task::new(STAGE, "init:pin", title, LIMIT * 2, look);
    let checks = engine::run(vec![task], 1, &world.interrupt).await;
    let pin = found
        .get()
        .map_or(Pin::Tag, |commit: &String| Pin::Commit(commit.clone()));
    (pin, checks)
}

async fn of_release(world: &World) -> Result<String, String> {
    let (clock, progress) = (world.clock, world.progress.clone());
    let github = GitHub::public(&world.env, clock, progress, STAGEPROOF).map_err(|error| error.to_string())?;
    let tag = format!("v{VERSION}");
    match github.within(LIMIT).tagged_commit(&tag).await {
        Ok(Some(commit)) => Ok(commit),
        Ok(None) => Err(format!("{STAGEPROOF} has no tag {tag}")),
        Err(error) => Err(error.to_string()),
    }
}

fn unknown(why: &str) -> NotChecked {
    NotChecked::Skipped {
        reason: format!("the workflow names the tag v{VERSION} instead: {why}"),
    }
}
