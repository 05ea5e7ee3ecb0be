//! Where the bundle is kept for longer.

use jiff::SignedDuration;

use super::EvidenceBundleOptions;
use crate::cli::common::{Setting, filled};
use crate::cli::error::UsageError;
use crate::commands::evidence_bundle::Storing;
use crate::world::World;
use crate::world::s3::{Lock, LockMode, Place, address_of};

/// A hundred years.
const MOST_DAYS: u32 = 36_500;

impl EvidenceBundleOptions {
    pub(super) fn storing(&self, setting: &Setting, world: &World) -> Result<Option<Storing>, UsageError> {
        let Some(template) = &self.store else {
            let given = [
                ("--store-endpoint", self.store_endpoint.is_some()),
                ("--store-lock", self.store_lock.is_some()),
            ];
            return match given.iter().find(|(_, given)| *given) {
                Some((name, _)) => Err(UsageError::new(format!("{name} has no effect without --store"))
                    .help("add --store s3://BUCKET/FOLDER, or leave it out")),
                None => Ok(None),
            };
        };
        let text = filled("--store", template, &setting.subject, &world.clock.date())?;
        let place: Place = text.parse().map_err(|why| {
            UsageError::new(format!("--store `{text}` {why}")).help("write it like s3://BUCKET/FOLDER")
        })?;
        check_endpoint(self.store_endpoint.as_deref(), world)?;
        Ok(Some(Storing {
            place,
            endpoint: self.store_endpoint.clone(),
            lock: self.store_lock.as_deref().map(|text| lock(text, world)).transpose()?,
        }))
    }
}

/// Before anything is done that a wrong address would make useless.
pub fn check_endpoint(given: Option<&str>, world: &World) -> Result<(), UsageError> {
    // An address that the region makes is a good one.
    address_of(given, "us-east-1", &world.env)
        .map(drop)
        .map_err(|error| UsageError::new(error.unknown.why).help(error.unknown.help))
}

fn lock(text: &str, world: &World) -> Result<Lock, UsageError> {
    let (mode, days) = text.split_once(':').unwrap_or_default();
    let mode = match mode {
        "governance" => Some(LockMode::Governance),
        "compliance" => Some(LockMode::Compliance),
        _ => None,
    };
    let days = days.parse().ok().filter(|days| (1..=MOST_DAYS).contains(days));
    let until = days.and_then(|days: u32| {
        let span = SignedDuration::from_hours(24 * i64::from(days));
        world.clock.now().checked_add(span).ok()
    });
    match (mode, until) {
        (Some(mode), Some(until)) => Ok(Lock { mode, until }),
        _ => Err(
            UsageError::new(format!("--store-lock `{text}` is not a mode and a number of days")).help(format!(
                "write governance:DAYS, or compliance:DAYS; at most {MOST_DAYS} days"
            )),
        ),
    }
}
