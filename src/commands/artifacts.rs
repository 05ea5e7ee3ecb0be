//! Evidence that other jobs and runs uploaded or stored, for the subcommands that read it.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::engine::{self, CheckResult, NotChecked, Observation, Task};
use crate::model::{Check, Ended, Finding, Outcome};
use crate::world::World;
use crate::world::artifacts::{self, Fetched};
use crate::world::s3::{self, Failed};

/// Where it is downloaded from.
#[derive(Clone, Debug)]
pub enum Wanted {
    OfRun(artifacts::Wanted),
    Stored(s3::Wanted),
}

/// For all of them; each download ends by itself if nothing comes any more.
const DEADLINE: Duration = Duration::from_secs(3 * 3600);

/// Gets all artifacts that are wanted, or none.
pub async fn fetch(stage: &'static str, wanted: &Wanted, world: &World) -> (Check, Option<Fetched>) {
    let fetched = Arc::new(Mutex::new(None));
    let (id, title, recorder) = match wanted {
        Wanted::OfRun(_) => (
            format!("{stage}:artifacts"),
            "The artifacts can be downloaded".to_owned(),
            "GitHub",
        ),
        Wanted::Stored(stored) => (
            format!("{stage}:store:{}", stored.name),
            format!("{} can be downloaded", stored.zip),
            "the store",
        ),
    };
    let look = look(wanted.clone(), recorder, world.clone(), Arc::clone(&fetched));
    let task = Task::new(stage, id.clone(), title.clone(), DEADLINE, look);
    let check = engine::run(vec![task], 1, &world.interrupt).await.pop();
    let fetched = fetched.lock().unwrap_or_else(PoisonError::into_inner).take();
    let check = check.unwrap_or_else(|| Check::skipped(stage, &id, &title, "it was not begun"));
    (check, fetched)
}

async fn look(wanted: Wanted, recorder: &'static str, world: World, to: Arc<Mutex<Option<Fetched>>>) -> CheckResult {
    let fetched = match &wanted {
        Wanted::OfRun(wanted) => artifacts::fetch(wanted, &world)
            .await
            .map_err(|error| wrong(error.code(), error.to_string(), error.help())),
        Wanted::Stored(wanted) => s3::fetch(wanted, &world).await.map_err(|error| match error {
            Failed::Refused(why) => wrong(Some("not-fetched"), why.why, why.help),
            Failed::Unknown(why) => wrong(None, why.why, why.help),
        }),
    };
    let fetched = match fetched {
        Ok(fetched) => fetched,
        Err(result) => return result,
    };
    let mut observed = Observation::nothing_wrong();
    for bundle in &fetched.bundles {
        let compared = match bundle.compared {
            true => format!("as {recorder} recorded it"),
            false => format!("{recorder} recorded none"),
        };
        let fact = format!(
            "{}, {} bytes, sha256 {} ({compared})",
            bundle.name, bundle.bytes, bundle.sha256
        );
        observed = observed.fact("artifact", fact);
        if !bundle.compared {
            let message = format!("{recorder} recorded no SHA-256 of {}", bundle.name);
            let help = "record the SHA-256 when you seal, and give it to verify: --bundle-sha256";
            observed
                .findings
                .push(Finding::note("not-compared", message).help(help));
        }
    }
    *to.lock().unwrap_or_else(PoisonError::into_inner) = Some(fetched);
    Ok(observed)
}

/// Without a code it could not be found out.
fn wrong(code: Option<&'static str>, why: String, help: String) -> CheckResult {
    match code {
        Some(code) => Ok(Observation::found(Finding::error(code, why).help(help))),
        None => Err(NotChecked::with_help(why, help)),
    }
}

/// Takes the name of our own folder, which nobody will find again, from all texts.
pub fn without_folder(outcome: &mut Outcome, folder: &Path) {
    let folder = format!("{}/", folder.display());
    let clean = |text: &mut String| {
        if text.contains(&folder) {
            *text = text.replace(&folder, "");
        }
    };
    outcome.notes.iter_mut().for_each(clean);
    for check in &mut outcome.checks {
        clean(&mut check.id);
        clean(&mut check.title);
        check.facts.iter_mut().for_each(|fact| clean(&mut fact.value));
        match &mut check.ended {
            Ended::Looked(findings) => findings.iter_mut().for_each(|finding| clean(&mut finding.message)),
            Ended::Errored { cause, .. } => clean(cause),
            Ended::Skipped { .. } => {}
        }
    }
}
