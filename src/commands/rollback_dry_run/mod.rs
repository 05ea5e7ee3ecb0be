//! Could we go back right now? Proved read-only.
//!
//! A platform is a file (or folder) here that implements [`Prove`], and a variant of [`Platform`]. It makes its claims
//! one after the other through [`Claims`] and answers with what they prove.

mod claims;
mod command;
mod deployments;
mod fly;
mod git;
mod image;
mod releases;
mod template;

use std::path::PathBuf;
use std::time::Duration;

use crate::commands::{Keep, ReportHome, Running, Subcommand};
use crate::model::{Check, Ended, Outcome, Output};
use crate::world::calls::Call;
use crate::world::{World, registry};
use claims::Claims;
pub use command::CommandPlan;
pub use deployments::Deployments;
pub use fly::FlyPlan;
pub use git::GitPlan;
pub use git::version;
pub use image::{ImagePlan, NamedImage};
pub use template::{Placeholder, Template, TemplateError};

const STAGE: &str = "rollback";

pub struct Plan {
    /// Where the command runs. git is asked about the current folder.
    pub folder: PathBuf,
    pub platform: Platform,
}

/// What is rolled back, and so how to prove that it can be.
pub enum Platform {
    Git(GitPlan),
    Command(CommandPlan),
    Image(ImagePlan),
    Fly(FlyPlan),
    /// Nothing is proved; what would be sent is listed.
    Calls(Calls),
}

/// Requests, by the server that they are sent to.
pub type Calls = Vec<(&'static str, &'static [Call])>;

/// All that is ever sent for the platform `image`.
pub fn image_calls() -> Calls {
    vec![("the image's registry", &registry::CALLS)]
}

/// All that is ever sent for the platform `fly`.
pub fn fly_calls() -> Calls {
    fly::CALLS.into_iter().chain(image_calls()).collect()
}

/// What a platform has to be able to do.
trait Prove {
    /// Makes its claims, in order, and says what they amount to. It must change nothing.
    async fn prove(&self, folder: &std::path::Path, world: &World, claims: &mut Claims) -> Proof;
}

/// What the claims amount to, for people and for the next step.
#[derive(Debug, Default)]
struct Proof {
    /// What would be gone back to, where the platform knows.
    target: Option<String>,
    /// The exact command that would do it, ready for a shell.
    command: Option<String>,
    /// Sentences that hold if every claim passed.
    proved: Vec<String>,
    /// What could still go wrong.
    not_covered: Vec<String>,
}

/// No rollback of code brings these back, on any platform.
const NEVER_COVERED: [&str; 3] = [
    "the database: its content and schema stay as they are, migrations are not undone",
    "secrets: they keep their current values",
    "configuration outside the release",
];

impl Subcommand for Plan {
    /// A list proves nothing, and must not be found where proofs are.
    fn report_home(&self) -> ReportHome {
        match self.platform {
            Platform::Calls(_) => ReportHome::None,
            _ => ReportHome::Inside,
        }
    }

    fn run<'a>(&'a self, world: &'a World, _: Keep<'a>) -> Running<'a> {
        Box::pin(run(self, world))
    }
}

pub async fn run(plan: &Plan, world: &World) -> Outcome {
    let mut claims = Claims::new(world.interrupt.clone());
    let proof = match &plan.platform {
        Platform::Git(git) => git.prove(&world.folder, world, &mut claims).await,
        Platform::Command(command) => command.prove(&plan.folder, world, &mut claims).await,
        Platform::Fly(fly) => fly.prove(&plan.folder, world, &mut claims).await,
        Platform::Image(image) => image.prove(&plan.folder, world, &mut claims).await,
        Platform::Calls(calls) => return listed(calls),
    };
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
    let never = NEVER_COVERED.iter().map(|line| (*line).to_owned());
    let open: Vec<String> = proof.not_covered.iter().cloned().chain(never).collect();
    notes.push(list("Not covered", &open));
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
    }
}
