//! The way back works, and does not only exist: the previous version is started here and asked what the deployment is asked.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::STAGE;
use super::claims::{Claim, Claims};
use super::proof::{Checkout, NOT_RUN, Proof};
use super::template::{Placeholder, Template};
use crate::commands::Trial;
use crate::engine::NotChecked;
use crate::model::{Check, Ended, Fact, Finding, Outcome, Reason, Status};
use crate::world::files::is_folder;
use crate::world::{World, paths};

const REHEARSED: Claim<'_> = ("rollback:rehearsed", "The previous version was started and answered");

/// Variables of the platforms, of GitHub and of the clouds, with which one could reach what is real. Some of them are no
/// secrets; --rehearse-env lets those through that are needed.
const WITHHELD_PREFIXES: [&str; 11] = [
    "ACTIONS_",
    "AWS_",
    "AZURE_",
    "CF_",
    "CLOUDFLARE_",
    "CLOUDSDK_",
    "FLY_",
    "GOOGLE_",
    "HEROKU_",
    "KUBE",
    "VERCEL_",
];
const WITHHELD: [&str; 5] = [
    "DOCKER_AUTH_CONFIG",
    "GH_ENTERPRISE_TOKEN",
    "GH_TOKEN",
    "GITHUB_ENTERPRISE_TOKEN",
    "GITHUB_TOKEN",
];

/// How the previous version is tried.
pub struct Rehearsal {
    /// Starts it; without a shell.
    pub command: Template,
    pub trial: Box<dyn Trial>,
    /// Where an image is started. A checkout is started in the folder of its own that is in this place.
    pub folder: PathBuf,
    /// Further variables that it must not have.
    pub secrets: Vec<String>,
    /// Variables that it may have all the same.
    pub allowed: Vec<String>,
    /// What it is not asked, though the deployment is.
    pub not_asked: Vec<String>,
}

impl Rehearsal {
    /// Tries what `proof` names and removes the checkout.
    pub async fn run(&self, world: &World, claims: &mut Claims, holds: bool, proof: &mut Proof) {
        let checkout = proof.checkout.take();
        if !holds {
            claims.skip(REHEARSED);
            return;
        }
        let began = Instant::now();
        let tried = self.tried(world, checkout.as_ref(), proof).await;
        let (mut ended, facts) = match tried {
            Ok(outcome) => {
                proof.not_covered.retain(|line| !line.ends_with(NOT_RUN));
                told(outcome)
            }
            Err(blind) => (blind.into(), Vec::new()),
        };
        if let (Some(left), Ended::Looked(findings)) = (checkout.and_then(Checkout::remove), &mut ended) {
            findings.push(left);
        }
        let (id, title) = REHEARSED;
        let mut check = Check::new(STAGE, id, title, ended, began.elapsed());
        check.facts = facts;
        if matches!(check.status(), Status::Passed | Status::Waived) {
            proof
                .proved
                .push("the previous version was started here and answered as smoke expects".to_owned());
            proof.not_covered.push(
                "how the previous version works with the credentials and data of staging: it was started without them"
                    .to_owned(),
            );
            proof.not_covered.extend(self.not_asked.iter().cloned());
        }
        claims.add(check);
    }

    async fn tried(&self, world: &World, checkout: Option<&Checkout>, proof: &Proof) -> Result<Outcome, NotChecked> {
        let folder = match checkout {
            Some(checkout) => self.in_checkout(checkout)?,
            None => self.folder.clone(),
        };
        let several = || {
            NotChecked::with_help(
                "the release to go back to is not one image, so --rehearse cannot start it",
                "rehearse it with a command of your own, and prove that with --platform command",
            )
        };
        if self.command.has(Placeholder::Image) && proof.image.is_none() {
            return Err(several());
        }
        let command = self.command.fill(|placeholder| {
            let value = match placeholder {
                Placeholder::Image => &proof.image,
                Placeholder::Ref | Placeholder::Release => &proof.target,
                Placeholder::Sha => &proof.previous_commit,
            };
            value.clone().unwrap_or_default()
        });
        let command = command.and_then(|line| shlex::split(&line)).ok_or_else(several)?;
        let kept = |name: &str| self.allowed.iter().any(|allowed| allowed == name) || !self.is_withheld(name);
        let world = World {
            env: Arc::new(world.env.only(kept)),
            ..world.clone()
        };
        Ok(self.trial.of(command, folder, &world).await)
    }

    fn is_withheld(&self, name: &str) -> bool {
        WITHHELD_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            || WITHHELD.contains(&name)
            || self.secrets.iter().any(|secret| secret == name)
    }

    /// The folder of the release in the place of the one where the command would run now.
    fn in_checkout(&self, checkout: &Checkout) -> Result<PathBuf, NotChecked> {
        let real = paths::real(&self.folder).unwrap_or_else(|_| self.folder.clone());
        let top = checkout.top.as_ref().and_then(|top| paths::real(top).ok());
        let below = top.and_then(|top| Some(real.strip_prefix(top).ok()?.to_owned()));
        let below = below.unwrap_or_default();
        let folder = checkout.folder.path().join(&below);
        if is_folder(&folder) {
            return Ok(folder);
        }
        Err(NotChecked::with_help(
            format!("the previous version has no folder `{}`", below.display()),
            "run stageproof in a folder that the previous version has, too",
        ))
    }
}

impl Checkout {
    /// What the build has written there goes with it.
    fn remove(self) -> Option<Finding> {
        let place = self.folder.path().display().to_string();
        let error = self.folder.close().err()?;
        let message = format!("the folder {place} of the previous version cannot be removed: {error}");
        Some(Finding::warning("left-over", message).help("remove it by hand"))
    }
}

/// The checks of a trial as the one claim that they make.
fn told(outcome: Outcome) -> (Ended, Vec<Fact>) {
    let (mut findings, mut facts, mut blind, mut answered) = (Vec::new(), Vec::new(), None, Vec::new());
    for check in outcome.checks {
        let passed = matches!(check.status(), Status::Passed | Status::Waived);
        match check.ended {
            Ended::Looked(found) => {
                // Each probe tells of the server's end, too.
                let ended = findings.iter().any(has_ended);
                findings.extend(found.into_iter().filter(|finding| !(ended && has_ended(finding))));
            }
            errored @ Ended::Errored { .. } => {
                blind.get_or_insert(errored);
            }
            // What kept it from being looked up is among the others.
            Ended::Skipped { .. } => {}
        }
        if check.latency.is_none() {
            facts.extend(
                check
                    .facts
                    .into_iter()
                    .filter(|fact| matches!(&*fact.name, "command" | "log")),
            );
        } else if passed {
            answered.push(check.title);
        }
    }
    if !answered.is_empty() {
        facts.push(Fact::new("answered", answered.join("; ")));
    }
    match blind {
        Some(blind) if !findings.iter().any(Finding::fails) => (blind, facts),
        None if answered.is_empty() && !findings.iter().any(Finding::fails) => {
            (NotChecked::errored("nothing was asked").into(), facts)
        }
        _ => (Ended::Looked(findings), facts),
    }
}

fn has_ended(finding: &Finding) -> bool {
    finding.reason == Some(Reason::ProcessExit)
}
