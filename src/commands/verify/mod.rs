//! Is this evidence whole and unchanged? Checked against nothing but itself, offline if it is here already; who keeps the
//! hash of the manifest or of the zip elsewhere can compare that too.

mod attested;
mod judge;
mod rescan;
mod sealed;

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::commands::artifacts::{self, Wanted};
use crate::commands::{Keep, ReportHome, Running, Subcommand};
use crate::engine;
use crate::model::capped::Capped;
use crate::model::scan::Unscannable;
use crate::model::{Check, Ended, Fact, Finding, Outcome, Output};
use crate::world::hash::{Hashed, Stop};
use crate::world::{World, panics};
use sealed::{OpenError, Sealed};

const STAGE: &str = "verify";

#[derive(Clone)]
pub struct Plan {
    pub target: Target,
    /// What the hashes must be, as somebody kept them elsewhere: 64 lower-case hexadecimal digits.
    pub manifest_sha256: Option<String>,
    pub bundle_sha256: Option<String>,
    /// Whether the files are searched for secrets.
    pub rescan: bool,
    /// Of those that cannot be searched.
    pub unscannable: Unscannable,
    /// Who must have signed it.
    pub signer: Option<Signer>,
    /// Where the report goes.
    pub report: Option<PathBuf>,
}

#[derive(Clone)]
pub enum Target {
    /// A sealed directory or a zip of one.
    Path(PathBuf),
    Fetched(Wanted),
}

/// Whose signature is required, and where it is.
#[derive(Clone)]
pub struct Signer {
    pub public_key: PathBuf,
    /// `None`: stored as the last of what is fetched.
    pub envelope: Option<PathBuf>,
}

impl Plan {
    /// Whether it is compared with more than itself.
    fn is_pinned(&self) -> bool {
        self.manifest_sha256.is_some() || self.bundle_sha256.is_some() || self.signer.is_some()
    }
}

const NOT_PINNED: &str = "The evidence was compared with its own manifest only. Whoever can change all of it can seal \
it again. Compare it with the SHA-256 that evidence-bundle printed (--manifest-sha256 or --bundle-sha256), or check \
its signature (--public-key).";

impl Subcommand for Plan {
    fn report_home(&self) -> ReportHome {
        ReportHome::None
    }

    fn report_file(&self) -> Option<&Path> {
        self.report.as_deref()
    }

    fn run<'a>(&'a self, world: &'a World, _: Keep<'a>) -> Running<'a> {
        Box::pin(run(self, world))
    }
}

pub async fn run(plan: &Plan, world: &World) -> Outcome {
    match &plan.target {
        Target::Path(path) => one(plan, path, world).await,
        Target::Fetched(wanted) => fetched(plan.clone(), wanted, world).await,
    }
}

async fn one(plan: &Plan, target: &Path, world: &World) -> Outcome {
    let (plan, target, world) = (plan.clone(), target.to_owned(), world.clone());
    engine::blocking((STAGE, "verify:bundle", READABLE), move || {
        verify(&plan, &target, &world)
    })
    .await
}

async fn fetched(mut plan: Plan, wanted: &Wanted, world: &World) -> Outcome {
    let (check, fetched) = artifacts::fetch(STAGE, wanted, world).await;
    let mut outcome = Outcome {
        checks: vec![check],
        ..Outcome::default()
    };
    let Some(mut fetched) = fetched else {
        return outcome;
    };
    if let Some(signer) = plan.signer.as_mut().filter(|signer| signer.envelope.is_none()) {
        signer.envelope = fetched.bundles.pop().map(|envelope| envelope.zip);
    }
    let count = fetched.bundles.len();
    if count > 1 && plan.is_pinned() {
        let message = format!("the names match {count} artifacts, but a pinned hash or a signature is of one");
        let finding = wrong("several-artifacts", message).help("give the name of that one");
        outcome.checks[0].ended = Ended::Looked(vec![finding]);
        return outcome;
    }
    for bundle in &fetched.bundles {
        let mut of_one = one(&plan, &bundle.zip, world).await;
        if count > 1 {
            for check in &mut of_one.checks {
                check.id = format!("{}:{}", check.id, bundle.name);
                check.title = format!("{}: {}", bundle.name, check.title);
            }
            // One name cannot stand for several values.
            of_one.outputs.clear();
        }
        outcome.append(of_one);
    }
    outcome.notes.dedup();
    artifacts::without_folder(&mut outcome, fetched.folder());
    outcome
}

const READABLE: &str = "The bundle can be read";

fn verify(plan: &Plan, target: &Path, world: &World) -> Outcome {
    let stop = || world.interrupt.received().is_some();
    let started = Instant::now();
    let mut outcome = Outcome::default();
    match Sealed::open(target) {
        Ok(sealed) => {
            look(&sealed, plan.is_pinned(), &stop, &mut outcome);
            whole(&sealed, target, &stop, &mut outcome);
            expected(plan, &mut outcome);
            if plan.rescan {
                outcome
                    .checks
                    .push(rescan::look(&sealed, target, plan.unscannable, world, &stop));
            }
            if let Some(signer) = &plan.signer {
                attested::look(signer, target, &mut outcome);
            }
            if !plan.is_pinned() {
                outcome.notes.push(NOT_PINNED.to_owned());
            }
        }
        Err(OpenError::Wrong(finding)) => {
            let ended = Ended::Looked(vec![*finding]);
            outcome.checks.push(check("verify:bundle", READABLE, ended, started));
        }
        Err(OpenError::Io(cause)) => {
            outcome.checks.push(errored("verify:bundle", READABLE, cause, started));
        }
    }
    if let Some(signal) = world.interrupt.received() {
        // What was not looked at any more looks missing; nothing of it can be told from what is.
        let cause = format!("interrupted by {signal} before it ended");
        return Outcome {
            checks: vec![errored("verify:bundle", READABLE, cause, started)],
            ..Outcome::default()
        };
    }
    outcome
}

fn look(sealed: &Sealed, is_pinned: bool, stop: Stop<'_>, outcome: &mut Outcome) {
    let started = Instant::now();
    let listing = sealed.list(stop);
    let (manifest, findings) = judge::manifest(sealed, &listing);
    let mut manifest_check = check("verify:manifest", "The manifest can be read", looked(findings), started);
    if let Some(manifest) = &manifest {
        let sha256 = hex::encode(Hashed::of(&manifest.bytes).sha256);
        manifest_check.facts = vec![
            Fact::new("files", manifest.lines.len().to_string()),
            Fact::new("sha256", &sha256),
        ];
        outcome
            .outputs
            .insert("manifest-sha256".to_owned(), Output::exact(sha256));
    }
    outcome.checks.push(manifest_check);
    let Some(manifest) = manifest else { return };

    let started = Instant::now();
    let findings = judge::presence(&manifest, &listing);
    let title = "All files are listed, and all listed files exist";
    outcome
        .checks
        .push(check("verify:listing", title, looked(findings), started));

    let started = Instant::now();
    // Reading a long index takes a good part of the time that hashing does, so the two go on side by side.
    let (hashed, index) = std::thread::scope(|scope| {
        let index = scope.spawn(|| judge::read_index(sealed, &manifest, &listing));
        let hashed = judge::hash(sealed, &manifest, &listing, stop);
        let index = index
            .join()
            .unwrap_or_else(|panic| Err(Box::new(wrong("index-unreadable", panics::internal_error(&*panic)))));
        (hashed, index)
    });
    let title = match is_pinned {
        true => "Every file matches the manifest",
        false => "Every file matches the manifest, which is not pinned",
    };
    let mut hash_check = check("verify:hashes", title, looked(hashed.findings), started);
    hash_check.facts = vec![
        Fact::new("files", hashed.sizes.iter().flatten().count().to_string()),
        Fact::new("bytes", hashed.sizes.iter().flatten().sum::<u64>().to_string()),
    ];
    outcome.checks.push(hash_check);

    let started = Instant::now();
    let (findings, facts) = judge::index(index, sealed, &manifest, &hashed.sizes);
    let mut index_check = check(
        "verify:index",
        "The index agrees with the manifest",
        looked(findings),
        started,
    );
    index_check.facts = facts;
    outcome.checks.push(index_check);
}

/// Hashes the zip that was judged, and none that took its path meanwhile; and looks whether what was judged is still
/// there as it was.
fn whole(sealed: &Sealed, target: &Path, stop: Stop<'_>, outcome: &mut Outcome) {
    let started = Instant::now();
    let hashed = sealed.zip().map(|zip| zip.hash_whole(stop)).transpose();
    let read = hashed.and_then(|hashed| Ok((hashed, sealed.has_changed()?)));
    let target = target.display();
    let cause = match read {
        Ok((hashed, false)) => {
            let sha256 = hashed.map(|hashed| ("bundle-sha256".to_owned(), Output::exact(hex::encode(hashed.sha256))));
            outcome.outputs.extend(sha256);
            return;
        }
        Ok((_, true)) => format!("{target} was changed or replaced while it was verified"),
        Err(error) => format!("cannot read {target}: {error}"),
    };
    outcome.checks.push(errored("verify:bundle", READABLE, cause, started));
}

/// Evidence agrees with itself also after somebody changed all of it. A hash that was kept elsewhere tells.
fn expected(plan: &Plan, outcome: &mut Outcome) {
    let hashes = [
        ("manifest-sha256", "manifest", &plan.manifest_sha256),
        ("bundle-sha256", "zip", &plan.bundle_sha256),
    ];
    for (name, what, expected) in hashes {
        let Some(expected) = expected else { continue };
        let message = match outcome.outputs.get(name) {
            Some(found) if **found == **expected => None,
            Some(found) => Some(format!(
                "the {what}'s SHA-256 is {}, but the pinned one is {expected}",
                &**found
            )),
            None => Some(format!(
                "there is no {what} to compare with the pinned SHA-256, {expected}"
            )),
        };
        let other = outcome.outputs.iter().find(|(_, found)| ***found == **expected);
        let help = match other {
            Some((other, _)) => format!("it is pinned with --{other}"),
            None if what == "zip" && !outcome.outputs.contains_key(name) => {
                "verify the zip itself, or pin the manifest with --manifest-sha256".to_owned()
            }
            None => "this is not the evidence that was pinned".to_owned(),
        };
        let findings = message.map(|message| Finding::error("unexpected-hash", message).help(help));
        let ended = Ended::Looked(findings.into_iter().collect());
        let title = format!("The {what} matches the pinned hash");
        outcome
            .checks
            .push(check(&format!("verify:{name}"), &title, ended, Instant::now()));
    }
}

fn looked(findings: Capped) -> Ended {
    Ended::Looked(findings.into_vec())
}

fn errored(id: &str, title: &str, cause: String, started: Instant) -> Check {
    let ended = Ended::Errored {
        cause,
        help: Some("give the sealed directory or the zip by a path this user may read".to_owned()),
    };
    check(id, title, ended, started)
}

fn check(id: &str, title: &str, ended: Ended, started: Instant) -> Check {
    Check::new(STAGE, id, title, ended, started.elapsed())
}

/// A failing finding that says where.
fn wrong(code: &'static str, message: impl Into<String>) -> Finding {
    Finding::error(code, message)
}
