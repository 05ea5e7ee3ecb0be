//! Could we go back right now? Proved read-only.
//!
//! A platform is a file (or folder) in `platforms` that implements [`Prove`]. It makes its claims one after the other through
//! [`Claims`] and answers with what they prove. What several platforms need lies beside `platforms`.

mod age;
mod asking;
mod blocking;
mod claims;
mod deployments;
mod distance;
mod hosted;
mod images;
mod migrations;
mod no_previous;
mod platforms;
mod pods;
mod proof;
mod rehearsal;
mod releases;
mod template;

use std::time::Duration;

use crate::commands::{Keep, ReportHome, Running, Subcommand};
use crate::model::{Check, Ended, Outcome, Output};
use crate::world::calls::Call;
use crate::world::{World, registry};
use asking::{not_there, token};
use blocking::blocking;
use claims::{Claim, Claims, LIMIT, Seen};
pub use deployments::Deployments;
use hosted::{History, Hosted, MOST_PAGES, is_gone, still_there};
use images::{KEEP_IMAGES, Pulled, Wanted, all_present, commit_of, not_checked, one_registry, present};
pub use migrations::Migrations;
use no_previous::Words;
pub use platforms::cloud_run::CloudRunPlan;
pub use platforms::cloudflare::CloudflarePlan;
pub use platforms::command::CommandPlan;
pub use platforms::compose::{self, ComposePlan};
pub use platforms::ecs::EcsPlan;
pub use platforms::fly::FlyPlan;
pub use platforms::git::{GitPlan, version};
pub use platforms::helm::{self, HelmPlan};
pub use platforms::heroku::HerokuPlan;
pub use platforms::image::{ImagePlan, NamedImage};
pub use platforms::kubernetes::{self, KubernetesPlan};
pub use platforms::vercel::VercelPlan;
use pods::Puller;
pub use proof::Prove;
use proof::{Checkout, NOT_RUN, Proof, Proving};
pub use rehearsal::Rehearsal;
use releases::{NoPrevious, Release};
use template::is_plain;
pub use template::{Placeholder, Template, TemplateError};

const STAGE: &str = "rollback";

pub struct Plan {
    pub what: What,
    /// Files that tell of a change to the database.
    pub migrations: Vec<Migrations>,
    /// How the previous version is tried, if it is.
    pub rehearsal: Option<Rehearsal>,
}

pub enum What {
    /// That one can go back on this platform.
    Prove(Box<dyn Prove>),
    /// Nothing is proved; what would be sent is listed.
    ListCalls(Calls),
}

/// Requests, by the server that they are sent to.
pub type Calls = Vec<(&'static str, &'static [Call])>;

/// All that is ever sent to find the deployment before this one.
pub fn deployment_calls() -> Calls {
    vec![("api.github.com", &deployments::CALLS)]
}

/// All that is ever sent for the platform `image`.
pub fn image_calls() -> Calls {
    vec![("the image's registry", &registry::CALLS)]
}

/// All that is ever sent for the platform `fly`.
pub fn fly_calls() -> Calls {
    platforms::fly::CALLS.into_iter().chain(image_calls()).collect()
}

/// All that is ever sent for the platform `kubernetes`.
pub fn kubernetes_calls() -> Calls {
    kubernetes::CALLS.into_iter().chain(image_calls()).collect()
}

/// No rollback of code brings these back: the first on no platform, the others on most.
const NEVER_COVERED: [&str; 3] = [
    "the database: its content and schema stay as they are, migrations are not undone",
    "secrets: they keep their current values",
    "configuration outside the release",
];

impl Subcommand for Plan {
    /// A list proves nothing, and must not be found where proofs are.
    fn report_home(&self) -> ReportHome {
        match self.what {
            What::ListCalls(_) => ReportHome::None,
            What::Prove(_) => ReportHome::Inside,
        }
    }

    fn run<'a>(&'a self, world: &'a World, _: Keep<'a>) -> Running<'a> {
        Box::pin(run(self, world))
    }
}

pub async fn run(plan: &Plan, world: &World) -> Outcome {
    let mut claims = Claims::new(world.interrupt.clone());
    let platform = match &plan.what {
        What::Prove(platform) => platform,
        What::ListCalls(calls) => return listed(calls),
    };
    let mut proof = Proof::default();
    platform.prove(world, &mut claims, &mut proof).await;
    claims.skip_rest(platform.claims());
    let holds = claims.all_hold();
    if platform.has_commits() {
        distance::measure(&plan.migrations, world, &mut claims, &mut proof).await;
    }
    if let Some(rehearsal) = &plan.rehearsal {
        rehearsal.run(world, &mut claims, holds, &mut proof).await;
    }
    let proved = claims.all_hold();
    let mut outcome = Outcome {
        checks: claims.into_checks(),
        ..Outcome::default()
    };
    // A step that runs `command` must find nothing there as long as it is not proved.
    let output = |value: &Option<String>| Output::exact(value.clone().filter(|_| proved).unwrap_or_default());
    outcome.outputs.insert("target".to_owned(), output(&proof.target));
    outcome.outputs.insert("command".to_owned(), output(&proof.command));
    outcome.notes = notes(&proof, proved);
    outcome
}

fn listed(calls: &Calls) -> Outcome {
    let call = |call: &Call| format!("{} {}: {}", call.method(), call.path(), call.purpose());
    let server = |(server, calls): &(&str, &[Call])| list(server, &calls.iter().map(call).collect::<Vec<_>>());
    let notes: Vec<String> = calls.iter().map(server).collect();
    let title = match notes.len() {
        0 => "This platform sends no requests",
        _ => "This platform sends only the requests listed below; none of them changes anything",
    };
    let seen = Ended::Looked(Vec::new());
    Outcome {
        checks: vec![Check::new(STAGE, "rollback:calls", title, seen, Duration::ZERO)],
        notes,
        ..Outcome::default()
    }
}

fn notes(proof: &Proof, proved: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(command) = &proof.command {
        let heading = if proved {
            "Rollback command"
        } else {
            "Rollback command, NOT proved"
        };
        notes.push(format!("{heading}:\n  {command}"));
    }
    if proved {
        notes.push(list("Proved", &proof.proved));
    }
    let never = &NEVER_COVERED[..if proof.with_configuration {
        1
    } else {
        NEVER_COVERED.len()
    }];
    let never = never.iter().map(|line| (*line).to_owned());
    let open: Vec<String> = proof.not_covered.iter().cloned().chain(never).collect();
    // Without a way back there is nothing that it could cover.
    if proved || proof.command.is_some() {
        notes.push(list("Not covered", &open));
    }
    notes
}

fn list(heading: &str, lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| format!("\n  - {line}")).collect();
    format!("{heading}:{}", lines.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_is_not_proved_says_so_and_proves_nothing() {
        let proof = Proof {
            command: Some("git checkout x".to_owned()),
            proved: vec!["it works".to_owned()],
            ..Proof::default()
        };
        let text = notes(&proof, false).join("\n");
        assert!(text.contains("NOT proved:\n  git checkout x"), "{text}");
        assert!(!text.contains("it works"), "{text}");
        assert!(text.contains("the database"), "{text}");
        assert!(notes(&proof, true).join("\n").contains("Proved:\n  - it works"));
        assert!(notes(&Proof::default(), false).is_empty());
    }
}
