//! Workflows, changes of them, and the file of snapshots each belongs to.

mod conditions;
mod layouts;
mod settings;
mod steps;
mod triggers;

use stageproof::model::workflow::Access;
use stageproof::model::workflow::patch::{At, Change, Condition, Pin};

pub struct Case {
    /// The snapshot it is in.
    pub kind: &'static str,
    pub name: &'static str,
    pub text: String,
    pub change: Change,
}

/// A job `deploy` on push, with these lines in place of `steps`, if any.
fn job(lines: &str) -> String {
    let steps = "    steps:\n      - run: ./deploy.sh\n";
    let steps = if lines.contains("steps:") || lines.contains("uses: ./") {
        ""
    } else {
        steps
    };
    format!("on: [push, pull_request]\njobs:\n  deploy:\n{lines}{steps}")
}

fn linux(steps: &str) -> String {
    job(&format!("    runs-on: ubuntu-latest\n    steps:\n{steps}"))
}

pub fn pin() -> Option<Pin> {
    Some(Pin {
        at: "35d11706fcb8ae6d5ff89ceac81732c64c2223ee".to_owned(),
        note: Some("0.1.0".to_owned()),
    })
}

fn only(at: At, condition: Condition) -> Change {
    Change::Only { at, condition }
}

fn guard(index: usize, names: &[&str]) -> Change {
    Change::SkipGuard {
        at: At::step("deploy", index),
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        pin: pin(),
    }
}

fn grant(scope: &str, access: Access) -> Change {
    Change::Permission {
        job: "deploy".to_owned(),
        scope: scope.to_owned(),
        access,
        granted: None,
    }
}

fn case(kind: &'static str, name: &'static str, text: impl Into<String>, change: Change) -> Case {
    Case {
        kind,
        name,
        text: text.into(),
        change,
    }
}

pub fn all() -> Vec<Case> {
    let kinds = [
        conditions::conditions(),
        steps::guards(),
        triggers::triggers(),
        settings::permissions(),
        settings::values(),
        settings::names(),
        steps::retries(),
        layouts::layouts(),
    ];
    kinds.into_iter().flatten().collect()
}
