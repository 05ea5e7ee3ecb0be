//! Evidence that other jobs and runs uploaded, for the subcommands that read it.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::engine::{self, CheckResult, NotChecked, Observation, Task};
use crate::model::{Check, Ended, Finding, Outcome};
use crate::world::World;
use crate::world::artifacts::{self, Fetched, NotFetched, Wanted};

/// For all of them; each download ends by itself if nothing comes any more.
const DEADLINE: Duration = Duration::from_secs(3 * 3600);

/// Gets all artifacts that are wanted, or none.
pub async fn fetch(stage: &'static str, wanted: &Wanted, world: &World) -> (Check, Option<Fetched>) {
    let fetched = Arc::new(Mutex::new(None));
    let id = format!("{stage}:artifacts");
    let look = look(wanted.clone(), world.clone(), Arc::clone(&fetched));
    let task = Task::new(stage, id.clone(), TITLE, DEADLINE, look);
    let check = engine::run(vec![task], 1, &world.interrupt).await.pop();
    let fetched = fetched.lock().unwrap_or_else(PoisonError::into_inner).take();
    let check = check.unwrap_or_else(|| Check::skipped(stage, &id, TITLE, "it was not begun"));
    (check, fetched)
}

const TITLE: &str = "The artifacts can be downloaded";

async fn look(wanted: Wanted, world: World, to: Arc<Mutex<Option<Fetched>>>) -> CheckResult {
    let fetched = match artifacts::fetch(&wanted, &world).await {
        Ok(fetched) => fetched,
        Err(error) => return judge(&error),
    };
    let mut observed = Observation::nothing_wrong();
    for bundle in &fetched.bundles {
        let compared = match bundle.compared {
            true => "as GitHub recorded it",
            false => "GitHub recorded none",
        };
        let fact = format!(
            "{}, {} bytes, sha256 {} ({compared})",
            bundle.name, bundle.bytes, bundle.sha256
        );
        observed = observed.fact("artifact", fact);
    }
    *to.lock().unwrap_or_else(PoisonError::into_inner) = Some(fetched);
    Ok(observed)
}

fn judge(error: &NotFetched) -> CheckResult {
    match error.code() {
        Some(code) => Ok(Observation::found(
            Finding::error(code, error.to_string()).help(error.help()),
        )),
        None => Err(NotChecked::with_help(error.to_string(), error.help())),
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
