//! The bundle and its statements in an S3-compatible store, where they may stay longer than an artifact.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::{Plan, STAGE};
use crate::engine::{self, CheckResult, NotChecked, Observation, Task};
use crate::model::attest::{ENVELOPE_FILE, STATEMENT_FILE, beside};
use crate::model::{Check, Fact, Finding, Outcome, Output};
use crate::world::World;
use crate::world::bundles::DIGITS;
use crate::world::hash::{self, Hashed};
use crate::world::s3::{Failed, Lock, LockState, NotStored, Object, Place, Store, Stored};

const ID: &str = "evidence-stored";
const TITLE: &str = "The bundle is in the store";
const DEADLINE: Duration = Duration::from_secs(3 * 3600);
/// To remove the parts of an upload that was interrupted.
const GRACE: Duration = Duration::from_secs(4);

#[derive(Clone, Debug)]
pub struct Storing {
    /// The zip, or a folder for it.
    pub place: Place,
    /// If it is not the address that the tools of AWS take.
    pub endpoint: Option<String>,
    pub lock: Option<Lock>,
}

/// Stores what was packed, if something was.
pub async fn store(plan: &Plan, storing: &Storing, world: &World, outcome: &mut Outcome) {
    let Some(sha256) = outcome.outputs.get("bundle-sha256").map(|sha256| (**sha256).to_owned()) else {
        let reason = "there is no bundle to store";
        outcome.checks.push(Check::skipped(STAGE, ID, TITLE, reason));
        return;
    };
    let place = storing.place.clone().or_below(&name(plan, &sha256));
    let mut files = vec![(place.clone(), plan.output.clone())];
    for (output, file) in [("statement", STATEMENT_FILE), ("signature", ENVELOPE_FILE)] {
        if outcome.outputs.contains_key(output) {
            let key = beside(place.key.as_ref(), file).display().to_string();
            let place = Place { key, ..place.clone() };
            files.push((place, beside(&plan.output, file)));
        }
    }
    let stored = Arc::new(OnceLock::new());
    let look = send(files, sha256, storing.clone(), world.clone(), Arc::clone(&stored));
    let task = Task::new(STAGE, ID, TITLE, DEADLINE, look).with_grace(GRACE);
    outcome
        .checks
        .extend(engine::run(vec![task], 1, &world.interrupt).await);
    if let Some(Stored { etag, version, .. }) = stored.get() {
        let outputs = [
            ("store-uri", Some(place.to_string())),
            ("store-version", version.clone()),
            ("store-etag", etag.clone()),
        ];
        let outputs = outputs
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), Output::exact(value?))));
        outcome.outputs.extend(outputs);
    }
}

/// A name that no other bundle has, and that says where it is from.
fn name(plan: &Plan, sha256: &str) -> String {
    let stem = plan.output.file_stem().unwrap_or_default().to_string_lossy();
    let subject = &plan.subject;
    let parts = [&subject.run_id, &subject.run_attempt, &subject.job];
    let parts = parts.into_iter().flatten().map(String::as_str);
    let parts: Vec<&str> = [&*stem].into_iter().chain(parts).chain(sha256.get(..DIGITS)).collect();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    format!("{}.zip", parts.join("-").replace(|c| !is_plain(c), "-"))
}

async fn send(
    files: Vec<(Place, PathBuf)>,
    sha256: String,
    storing: Storing,
    world: World,
    stored: Arc<OnceLock<Stored>>,
) -> CheckResult {
    let store = match Store::connect(storing.endpoint.as_deref(), &world) {
        Ok(store) => store,
        Err(error) => return judge(error.into(), &files[0].1),
    };
    let mut observed = Observation::nothing_wrong();
    for (number, (place, file)) in files.into_iter().enumerate() {
        let is_zip = number == 0;
        let hashed = match is_zip {
            true => Ok(sha256.clone()),
            false => hash::hash_file(&file, &|| false).map(|Hashed { sha256, .. }| hex::encode(sha256)),
        };
        let hashed = match hashed {
            Ok(hashed) => hashed,
            Err(error) => return judge(error.into(), &file),
        };
        let object = Object {
            place: place.clone(),
            file: &file,
            sha256: &hashed,
            media_type: if is_zip { "application/zip" } else { "application/json" },
            lock: storing.lock,
        };
        let there = match store.put(&object, &world.interrupt).await {
            Ok(there) => there,
            Err(error) => return judge(error, &file),
        };
        observed
            .findings
            .extend(lock_finding(&place, &there.lock, storing.lock.is_some()));
        if !is_zip {
            observed = observed.fact("and", place.to_string());
            continue;
        }
        let facts = [
            ("uri", Some(place.to_string())),
            ("version", there.version.clone()),
            ("bytes", Some(there.bytes.to_string())),
            ("sha256", Some(sha256.clone())),
            ("locked", there.lock.is_locked().map(str::to_owned)),
        ];
        let facts = facts
            .into_iter()
            .filter_map(|(name, value)| Some(Fact::new(name, value?)));
        observed.facts.extend(facts);
        let _ = stored.set(there);
    }
    Ok(observed)
}

fn lock_finding(place: &Place, lock: &LockState, wanted: bool) -> Option<Finding> {
    let finding = match lock {
        LockState::NotLocked => Finding::error(
            "not-locked",
            format!("{place} is stored, but the store did not lock it as asked"),
        )
        .help("use a bucket with object lock, on a store that supports it"),
        LockState::Unknown => {
            Finding::warning("lock-unknown", format!("whether {place} is locked cannot be read back"))
                .help("allow s3:GetObjectRetention")
        }
        LockState::Locked(_) => return None,
    };
    Some(finding).filter(|_| wanted)
}

/// The bundle stays where it is, whatever happens.
fn judge(error: NotStored, file: &Path) -> CheckResult {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let found = |code, why: String, help: String| Ok(Observation::found(Finding::error(code, why).help(help)));
    let again = "run it again; the local zip is complete";
    match error {
        NotStored::Taken(why) => found("already-stored", why.why, why.help),
        NotStored::Failed(Failed::Refused(why)) => found("store-refused", why.why, why.help),
        NotStored::Changed => found(
            "changed-while-storing",
            format!("{name} changed while it was stored"),
            "wait for its writer to finish, and run it again".to_owned(),
        ),
        NotStored::Failed(Failed::Unknown(why)) => Err(NotChecked::with_help(why.why, why.help)),
        NotStored::Unreadable(error) => Err(NotChecked::with_help(format!("{name} cannot be read: {error}"), again)),
        NotStored::Stopped(signal) => Err(NotChecked::with_help(
            format!("interrupted by {signal} before it ended"),
            again,
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_that_cannot_be_stored_is_named() {
        let file = Path::new("a/evidence.statement.json");
        let changed = judge(NotStored::Changed, file).unwrap();
        assert_eq!(
            changed.findings[0].message,
            "evidence.statement.json changed while it was stored"
        );
        let unread = judge(NotStored::Unreadable(std::io::Error::other("gone")), file).unwrap_err();
        let ended = format!("{:?}", crate::model::Ended::from(unread));
        assert!(
            ended.contains("evidence.statement.json cannot be read: gone"),
            "{ended}"
        );
    }
}
