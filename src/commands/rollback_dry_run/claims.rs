//! Claims that build on each other: one after the other, and none after one that does not hold.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::STAGE;
use crate::engine::{self, NotChecked, Observation, Task};
use crate::model::{Check, Status};
use crate::world::Interrupt;

/// How long work that was interrupted may take to tidy up (end a process, remove a folder), within the 7 seconds that
/// the runner leaves before it kills.
const TIDYING: Duration = Duration::from_secs(6);

/// For all requests of one claim, and what the engine waits beyond it.
pub const LIMIT: Duration = Duration::from_secs(30);
const MARGIN: Duration = Duration::from_secs(5);

/// The id and the sentence of a claim.
pub type Claim<'a> = (&'a str, &'a str);

/// What looking a claim up brought back: a value for the next claim, if it holds.
pub type Seen<T> = Result<(Option<T>, Observation), NotChecked>;

pub struct Claims {
    checks: Vec<Check>,
    interrupt: Interrupt,
    /// The first claim that does not hold, and how it ended.
    broken: Option<String>,
}

impl Claims {
    pub fn new(interrupt: Interrupt) -> Self {
        Self {
            checks: Vec::new(),
            interrupt,
            broken: None,
        }
    }

    /// Looks up a claim whose `work` ends within [`LIMIT`].
    pub async fn ask<T: Send + 'static>(
        &mut self,
        claim: Claim<'_>,
        work: impl Future<Output = Seen<T>> + Send + 'static,
    ) -> Option<T> {
        self.look(claim, LIMIT + MARGIN, work).await
    }

    /// Looks a claim up and answers with its value if it holds. `work` must notice an interrupt by itself: it is not
    /// cut off in the middle but waited for, so that what it made is removed again. `deadline` is the last resort.
    pub async fn look<T: Send + 'static>(
        &mut self,
        (id, title): Claim<'_>,
        deadline: Duration,
        work: impl Future<Output = Seen<T>> + Send + 'static,
    ) -> Option<T> {
        if self.broken.is_some() {
            self.skip((id, title));
            return None;
        }
        let value = Arc::new(Mutex::new(None));
        let kept = Arc::clone(&value);
        let look = async move {
            let (seen, observed) = work.await?;
            *kept.lock().unwrap_or_else(PoisonError::into_inner) = seen;
            Ok(observed)
        };
        let task = Task::new(STAGE, id, title, deadline, look).with_grace(TIDYING);
        self.checks.extend(engine::run(vec![task], 1, &self.interrupt).await);
        let held = self
            .checks
            .last()
            .is_some_and(|check| matches!(check.status(), Status::Passed | Status::Waived));
        if !held {
            self.broken = self.checks.last().map(does_not_hold);
            return None;
        }
        value.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// A claim that was looked up elsewhere.
    pub fn add(&mut self, check: Check) {
        if !matches!(check.status(), Status::Passed | Status::Waived) && self.broken.is_none() {
            self.broken = Some(does_not_hold(&check));
        }
        self.checks.push(check);
    }

    /// Writes down that this is not looked up, and why.
    pub fn skip(&mut self, (id, title): Claim<'_>) {
        let before = self
            .broken
            .get_or_insert_with(|| "an earlier check was not made".to_owned());
        let reason = before.clone();
        self.checks.push(Check::skipped(STAGE, id, title, reason));
    }

    /// Skips those of `claims` that nobody has looked up.
    pub fn skip_rest(&mut self, claims: &[Claim<'_>]) {
        for claim in claims {
            if !self.checks.iter().any(|check| check.id == claim.0) {
                self.skip(*claim);
            }
        }
    }

    /// Whether there was a claim and every one holds.
    pub fn all_hold(&self) -> bool {
        self.broken.is_none() && !self.checks.is_empty()
    }

    pub fn into_checks(self) -> Vec<Check> {
        self.checks
    }
}

/// Why what builds on it is skipped.
fn does_not_hold(check: &Check) -> String {
    match check.status() {
        Status::Errored => format!("this could not be checked: {}", check.title),
        _ => format!("an earlier check failed: {}", check.title),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Ended, Finding};

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn what_comes_after_a_broken_claim_is_never_green() {
        let mut claims = Claims::new(Interrupt::never());
        let first = claims
            .look(("a", "A"), MINUTE, async {
                Ok((Some(1), Observation::nothing_wrong()))
            })
            .await;
        assert_eq!(first, Some(1));
        assert!(claims.all_hold());
        let found = Observation::found(Finding::error("no", "no"));
        let second = claims.look(("b", "B"), MINUTE, async { Ok((Some(2), found)) }).await;
        assert_eq!(second, None);
        let third = claims
            .look(("c", "C"), MINUTE, async {
                Ok((Some(3), Observation::nothing_wrong()))
            })
            .await;
        assert_eq!(third, None);
        assert!(!claims.all_hold());
        let checks = claims.into_checks();
        let status: Vec<Status> = checks.iter().map(Check::status).collect();
        assert_eq!(status, [Status::Passed, Status::Failed, Status::Skipped]);
        assert!(matches!(&checks[2].ended, Ended::Skipped { reason } if reason.contains('B')));
    }

    #[tokio::test]
    async fn a_panic_is_an_errored_claim() {
        let mut claims = Claims::new(Interrupt::never());
        let none: Option<u8> = claims.look(("a", "A"), MINUTE, async { panic!("boom") }).await;
        assert_eq!(none, None);
        assert!(!claims.all_hold());
        assert_eq!(claims.into_checks()[0].status(), Status::Errored);
    }

    #[tokio::test]
    async fn after_an_interrupt_nothing_is_begun() {
        let begun = Arc::new(Mutex::new(false));
        let shared = Arc::clone(&begun);
        let mut claims = Claims::new(Interrupt::by("SIGTERM"));
        let none = claims
            .look(("a", "A"), MINUTE, async move {
                *shared.lock().unwrap() = true;
                Ok((Some(1), Observation::nothing_wrong()))
            })
            .await;
        assert_eq!(none, None);
        assert!(!*begun.lock().unwrap(), "the work was begun");
        let checks = claims.into_checks();
        assert!(matches!(&checks[0].ended, Ended::Errored { cause, .. } if cause.contains("SIGTERM")));
    }

    #[test]
    fn no_claim_proves_nothing() {
        assert!(!Claims::new(Interrupt::never()).all_hold());
    }
}
