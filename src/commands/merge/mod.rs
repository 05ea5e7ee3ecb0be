//! The bundles of several jobs in one: each is verified and put into a folder of its own, their reports come to one verdict,
//! and the whole is sealed.

mod leg;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::commands::artifacts::{self, Wanted};
use crate::commands::{Keep, ReportHome, Running, Subcommand, advice, evidence_bundle, verdict};
use crate::model::evidence::SEALING;
use crate::model::text::nearest;
use crate::model::{Check, Ended, Finding, Outcome};
use crate::world::bundles::{self, Bundle};
use crate::world::{World, files, reports, workspace};

const STAGE: &str = "merge";
/// In the evidence directory.
pub const FOLDER: &str = "bundles";

pub struct Plan {
    /// Sealed directories and zips, with the names that they get.
    pub bundles: Vec<(String, PathBuf)>,
    pub wanted: Vec<Wanted>,
    /// Names that must be there.
    pub expect: Vec<String>,
    /// Over what is put into [`FOLDER`].
    pub verdict: verdict::Plan,
    pub evidence: evidence_bundle::Plan,
}

impl Subcommand for Plan {
    fn report_home(&self) -> ReportHome {
        ReportHome::InsideThenBeside
    }

    fn writes(&self) -> Option<(&'static str, &Path)> {
        Some(("--output", &self.evidence.output))
    }

    fn run<'a>(&'a self, world: &'a World, keep: Keep<'a>) -> Running<'a> {
        Box::pin(run(self, world, keep))
    }
}

/// Whatever is missing or damaged, the rest is merged and sealed: it is what there is to look at. Without a rest, a sealed
/// folder would only seem to be evidence.
async fn run(plan: &Plan, world: &World, keep: Keep<'_>) -> Outcome {
    let mut outcome = Outcome::default();
    if let Err(error) = gather(plan, world, &mut outcome).await {
        let help = advice(&format!("{error:#}"));
        outcome
            .checks
            .push(errored("merge:folder", "The bundles can be put together", &error, help));
        return outcome;
    }
    // Without a good bundle there is something wrong already.
    let has_bundles = files::exists(&plan.evidence.evidence_dir.join(FOLDER));
    if has_bundles {
        outcome.append(verdict::run(&plan.verdict, world).await);
    }
    if let Err(error) = keep(&outcome) {
        let help = advice(&format!("{error:#}"));
        outcome
            .checks
            .push(errored("merge:report", "The report so far is kept", &error, help));
    }
    if has_bundles {
        outcome.append(evidence_bundle::run(&plan.evidence, world).await);
    } else {
        let note = "nothing was sealed, because no bundle could be merged";
        outcome.notes.push(note.to_owned());
    }
    outcome
}

/// Verifies all bundles, and puts the good ones into the evidence directory.
async fn gather(plan: &Plan, world: &World, outcome: &mut Outcome) -> anyhow::Result<()> {
    let mut fetched = Vec::new();
    for wanted in &plan.wanted {
        let (check, got) = artifacts::fetch(STAGE, wanted, world).await;
        outcome.checks.push(check);
        fetched.extend(got);
    }
    let mut given = plan.bundles.clone();
    let downloaded = fetched.iter().flat_map(|fetched| &fetched.bundles);
    given.extend(downloaded.map(|bundle| (bundle.name.clone(), bundle.zip.clone())));
    let dir = &plan.evidence.evidence_dir;
    files::folders(dir)?;
    let temporary = files::temporary_folder(dir, SEALING, 0o755)?;
    let mut good: Vec<Bundle> = Vec::new();
    for (number, (name, path)) in given.iter().enumerate() {
        if given[..number].iter().any(|(other, _)| other == name) {
            let help = "leave out one of the two, or rename the file; a stored bundle can be downloaded and renamed";
            let finding = Finding::error("name-taken", format!("two bundles are called {name}")).help(help);
            let (id, title) = (
                format!("merge:{name}:name"),
                format!("Only one bundle is called {name}"),
            );
            let ended = Ended::Looked(vec![finding]);
            outcome.checks.push(Check::new(STAGE, id, title, ended, Duration::ZERO));
            continue;
        }
        let copy = temporary.path().join(number.to_string());
        let check = leg::verified(name, path, &copy, world).await;
        if leg::is_good(&check) {
            good.push(Bundle::of(copy, name));
        }
        outcome.checks.push(check);
    }
    // A file can be named with its `.zip`.
    let stem = |name: &String| match name.strip_suffix(".zip") {
        Some(stem) if given.iter().all(|(known, _)| known != name) => stem.to_owned(),
        _ => name.clone(),
    };
    let expect: Vec<String> = plan.expect.iter().map(stem).collect();
    let (newest, notes) = bundles::newest(good, &expect);
    outcome.notes.extend(notes);
    if !expect.is_empty() {
        let known = given
            .iter()
            .map(|(name, _)| name)
            .chain(newest.iter().map(|bundle| &bundle.leg));
        let known: Vec<&str> = known.map(String::as_str).collect();
        outcome.checks.push(expected(&expect, &known));
    }
    let mut silent = Vec::new();
    for (bundle, place) in newest.iter().zip(bundles::places(&newest)) {
        let to = dir.join(FOLDER).join(place);
        if files::exists(&to) {
            let error = anyhow::anyhow!("{} exists already", workspace::shown(&to, &plan.evidence.workspace));
            let (id, title) = (
                format!("merge:{place}:folder"),
                format!("{} is put in place", bundle.name),
            );
            let help = "remove it, name another folder with --evidence-dir, or give two bundles two names";
            outcome.checks.push(errored(&id, &title, &error, help));
            continue;
        }
        files::rename(&bundle.folder, &to)?;
        // What cannot be read is told by the verdict.
        if reports::below(&to).is_ok_and(|below| below.reports.is_empty() && below.unread.is_empty()) {
            let message = format!("the bundle {} has no reports", bundle.name);
            let help = "seal the evidence directory in which the commands of its job wrote their reports";
            silent.push(Finding::error("no-reports", message).help(help));
        }
    }
    if !silent.is_empty() {
        let title = "Each bundle has reports";
        let check = Check::new(STAGE, "merge:reports", title, Ended::Looked(silent), Duration::ZERO);
        outcome.checks.push(check);
    }
    for fetched in &fetched {
        artifacts::without_folder(outcome, fetched.folder());
    }
    artifacts::without_folder(outcome, temporary.path());
    Ok(())
}

fn expected(expect: &[String], known: &[&str]) -> Check {
    let missing = expect.iter().filter(|name| !known.contains(&name.as_str()));
    let findings = missing.map(|name| {
        let others = known
            .iter()
            .copied()
            .filter(|other| !expect.iter().any(|name| name == other));
        let help = match nearest(name, others) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "check that its job ran, and sealed and uploaded its evidence".to_owned(),
        };
        Finding::error("missing-bundle", format!("the bundle {name} is missing")).help(help)
    });
    let ended = Ended::Looked(findings.collect());
    Check::new(
        STAGE,
        "merge:expected",
        "Every expected bundle is there",
        ended,
        Duration::ZERO,
    )
}

fn errored(id: &str, title: &str, error: &anyhow::Error, help: &str) -> Check {
    let ended = Ended::Errored {
        cause: format!("{error:#}"),
        help: Some(help.to_owned()),
    };
    Check::new(STAGE, id, title, ended, Duration::ZERO)
}
