//! Platforms that keep what they deployed themselves, so that no registry is asked. Their claims are the same.

use futures_util::future::{join, ready};
use jiff::Timestamp;

use super::age;
use super::claims::{Claim, Claims, Seen};
use super::no_previous::Words;
use super::releases::{self, NoPrevious, Release};
use crate::engine::{NotChecked, Observation};
use crate::model::Finding;
use crate::model::text::{count, one_line};
use crate::world::World;
use crate::world::api::ApiError;

/// Of a list of releases.
pub const MOST_PAGES: usize = 10;

/// What the platform says of what it deployed.
#[derive(Clone, Debug)]
pub struct History {
    /// The artifact that runs.
    pub current: String,
    /// Newest first.
    pub releases: Vec<Release>,
}

impl History {
    pub fn is_current(&self, release: &Release) -> bool {
        release.artifact.as_deref() == Some(&self.current)
    }

    pub fn previous(&self, named: Option<&str>) -> Result<&Release, NoPrevious> {
        releases::previous(&self.releases, |release| self.is_current(release), named)
    }

    /// The claim that there is a release to go back to.
    pub fn judge(&self, words: &Words, named: Option<&str>, now: Timestamp) -> (Option<Release>, Observation) {
        let observed = Observation::nothing_wrong();
        let release = match self.previous(named) {
            Ok(release) => release,
            Err(none) => return (None, Observation::found(words.no_previous(named, none))),
        };
        let place = |found: &dyn Fn(&Release) -> bool| self.releases.iter().position(found).unwrap_or_default();
        let target = place(&|other| other == release);
        let distance = match target.checked_sub(place(&|other| self.is_current(other))) {
            Some(back) => count(back, words.release) + " back",
            None => "newer than the current one".to_owned(),
        };
        let mut observed = observed
            .fact(
                "release",
                format!("{} ({})", one_line(&release.name), one_line(&release.state)),
            )
            .fact("distance", distance);
        observed = age::tell(observed, "deployed", &release.at, now);
        for undone in releases::undone(&self.releases, |release| self.is_current(release)) {
            observed = observed.fact("gone back from", one_line(&undone.name));
        }
        (Some(release.clone()), observed)
    }
}

/// How a platform fills in the claims.
pub struct Hosted<'a> {
    words: &'a Words,
    /// What runs, what came before it, whether that is kept.
    claims: [Claim<'static>; 3],
    /// The release that was asked for.
    named: Option<&'a str>,
    now: Timestamp,
}

impl<'a> Hosted<'a> {
    pub fn new(words: &'a Words, claims: [Claim<'static>; 3], named: Option<&'a str>, world: &World) -> Self {
        let now = world.clock.now();
        Self {
            words,
            claims,
            named,
            now,
        }
    }

    /// Looks the claims up. `kept` is asked about the release that was found, with what `current` brought.
    pub async fn prove<S, K, F>(
        &self,
        claims: &mut Claims,
        current: impl Future<Output = Seen<(S, History)>> + Send + 'static,
        kept: impl FnOnce(S, History, Release) -> F,
    ) -> Option<(Release, K)>
    where
        S: Send + 'static,
        K: Send + 'static,
        F: Future<Output = Seen<K>> + Send + 'static,
    {
        let [is_current, is_previous, is_kept] = self.claims;
        let (asked, history) = claims.ask(is_current, current).await?;
        let judged = history.judge(self.words, self.named, self.now);
        let release = claims.ask(is_previous, ready(Ok(judged))).await?;
        let kept = claims.ask(is_kept, kept(asked, history, release.clone())).await?;
        Some((release, kept))
    }
}

/// The claim that the artifact of `release` is kept. What runs now is asked about with it: it is there, so if it is not found
/// either, it is the question that is wrong. `judge` says what is wrong with what was found; `sent` counts requests. Brings back both, as far as they are known.
pub async fn still_there<T>(
    words: &Words,
    release: &Release,
    sent: impl Fn() -> usize,
    (target, running): (
        impl Future<Output = Result<T, ApiError>>,
        impl Future<Output = Result<T, ApiError>>,
    ),
    judge: impl FnOnce(&T) -> Option<Finding>,
) -> Seen<(T, Option<T>)> {
    let gone = |error: &ApiError| matches!(error.status, Some(404 | 410));
    let Words { platform, kept, .. } = words;
    let before = sent();
    let (found, wrong) = match join(target, running).await {
        (Ok(found), running) => {
            let wrong = judge(&found);
            (Some((found, running.ok())), wrong)
        }
        (Err(error), Err(running)) if gone(&error) && gone(&running) => {
            let why = format!(
                "{platform} finds neither the {kept} {} nor the one that runs now",
                one_line(&release.name)
            );
            return Err(NotChecked::with_help(why, "check what the token may read"));
        }
        (Err(error), Err(running)) if gone(&error) => return Err(running.into()),
        (Err(error), Ok(_)) if gone(&error) => (None, Some(is_gone(words, release))),
        (Err(error), _) => return Err(error.into()),
    };
    let observed = Observation {
        findings: wrong.into_iter().collect(),
        ..Observation::nothing_wrong()
    };
    let requests = (sent() - before).to_string();
    Ok((found, observed.fact("requests", requests)))
}

/// The artifact of the release was deleted.
pub fn is_gone(words: &Words, release: &Release) -> Finding {
    let Words {
        platform,
        kept,
        release: kind,
        ..
    } = words;
    Finding::error(
        "artifact-gone",
        format!("{platform} no longer has the {kept} {}", one_line(&release.name)),
    )
    .help(format!("name a {kind} that is kept with --to-release"))
}
