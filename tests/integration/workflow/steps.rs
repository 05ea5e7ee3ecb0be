//! The steps of a job or of a composite action.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use serde_json::{Value, json};

use super::definition::{Callee, Step, Texts, read};
use super::ended::{Ended, Names};
use super::expression::{Scope, Status};
use super::host::said;
use super::runner::Runner;
use crate::artifacts::Artifacts;
use crate::container::step::Step as Place;

const ACTION: &str = "stageproof/stageproof";
const PROVE: &str = "stageproof/stageproof/prove";
const CHECKOUT: &str = "actions/checkout";

/// What a job, or a composite action in it, knows while it runs.
pub struct Running {
    pub scope: Scope,
    pub status: Status,
    /// Of the composite action's own step, which those in it have too.
    pub env: Names,
    /// What is before the names of its steps.
    pub path: String,
}

impl Runner {
    /// What the steps are afterwards: the context `steps`.
    pub fn steps(&self, steps: &[Step], running: &mut Running, place: &mut Option<Place>, ended: &mut Ended) -> Value {
        // An id that is not there yet is one with nothing in it.
        let known = |step: &Step| Some((step.id.clone()?, json!({"outputs": self.declared(step), "outcome": ""})));
        let mut results: BTreeMap<String, Value> = steps.iter().filter_map(known).collect();
        for step in steps {
            let scope = running.scope.clone().with("steps", json!(results));
            let asked = Scope {
                status: Some(running.status),
                ..scope.clone()
            };
            let asked = asked.only(&["github", "needs", "vars", "inputs", "steps"]);
            let path = format!("{}{}", running.path, step.name());
            if !asked.holds(step.condition.as_deref()) {
                ended.steps.push((path, "skipped"));
                self.keep(step, "skipped", Names::new(), &mut results);
                continue;
            }
            let at = ended.steps.len();
            ended.steps.push((path.clone(), "running"));
            let mut env = running.env.clone();
            env.extend(self.filled(&step.env, &scope));
            let with = || self.filled(&step.with, &scope);
            let (outcome, outputs) = match step.uses.as_deref().map(|uses| uses.split('@').next().unwrap()) {
                None => self.on_the_host(step, &env, &scope, place, ended),
                Some(ACTION) => self.action(&with(), &env, place, ended),
                Some(PROVE) => {
                    let inner = Running {
                        scope: scope.clone().only(&["github"]),
                        // What failed before it is not its failure.
                        status: Status {
                            failed: false,
                            ..running.status
                        },
                        env,
                        path: format!("{path}/"),
                    };
                    self.composite(&with(), inner, place, ended)
                }
                Some(CHECKOUT) => self.check_out(&with(), place),
                Some(other) => panic!("{other} is not known"),
            };
            running.status.failed |= outcome == "failure";
            running.status.cancelled |= outcome == "cancelled";
            ended.steps[at].1 = outcome;
            self.belongs_to_the_runner(place, &path);
            self.keep(step, outcome, outputs, &mut results);
        }
        json!(results)
    }

    fn keep(&self, step: &Step, outcome: &str, outputs: Names, results: &mut BTreeMap<String, Value>) {
        let Some(id) = &step.id else { return };
        let mut all = self.declared(step);
        for (name, value) in outputs {
            // What a `run:` step writes is declared nowhere.
            assert!(
                step.run.is_some() || all.contains_key(&name),
                "{id} has no output `{name}`"
            );
            all.insert(name, value);
        }
        results.insert(id.clone(), json!({"outputs": all, "outcome": outcome}));
    }

    /// Every output that the step may have, empty.
    fn declared(&self, step: &Step) -> Names {
        let uses = step.uses.as_deref().unwrap_or_default();
        let callee: Option<Callee> = match uses.split('@').next() {
            Some(ACTION) => Some(read("action.yml")),
            Some(PROVE) => Some(read("prove/action.yml")),
            _ => None,
        };
        let names = callee.into_iter().flat_map(|callee| callee.outputs.into_keys());
        names.map(|name| (name, String::new())).collect()
    }

    pub fn filled(&self, texts: &Texts, scope: &Scope) -> Names {
        let one = |(name, value): (&String, &Value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let filled = scope.fill(&text);
            let mut changed = filled;
            for (before, after) in &self.instead {
                changed = changed.replace(before, after);
            }
            (name.clone(), changed)
        };
        texts.iter().map(one).collect()
    }

    /// The container action: every declared input is there, one that is not given has its default or is empty.
    fn action(&self, with: &Names, env: &Names, place: &mut Option<Place>, ended: &mut Ended) -> (&'static str, Names) {
        let declared: Callee = read("action.yml");
        let given = declared.take(with, ACTION);
        let mut next = place.take().unwrap().then(&given["command"]);
        for name in with.keys() {
            let other = self
                .inputs
                .iter()
                .find(|(input, _)| input == name && !given[name].is_empty());
            next = next.input(name, other.map_or(&given[name], |(_, value)| value));
        }
        next = next
            .input("host-matrix", "null")
            .env("GITHUB_EVENT_NAME", self.event)
            .env("GITHUB_ACTOR", self.actor);
        for (name, value) in ended.service.iter().flat_map(Artifacts::env) {
            next = next.env(name, &value);
        }
        for (name, value) in env {
            next = next.env(name, value);
        }
        fs::write(next.path("file_commands/output"), "").unwrap();
        let output = match self.image {
            Some(_) => next.run().output(),
            None => next.run_bare(),
        };
        ended.said += &said(&output);
        let code = output.status.code().unwrap_or(-1);
        assert!(code != 2, "a usage error of {with:#?}\n{}", said(&output));
        let outputs = next.outputs();
        *place = Some(next);
        (if code == 0 { "success" } else { "failure" }, outputs)
    }

    fn composite(
        &self,
        with: &Names,
        mut running: Running,
        place: &mut Option<Place>,
        ended: &mut Ended,
    ) -> (&'static str, Names) {
        let callee: Callee = read("prove/action.yml");
        running.scope = running.scope.with("inputs", json!(callee.take(with, PROVE)));
        let steps = self.steps(&callee.runs.unwrap().steps, &mut running, place, ended);
        let scope = running.scope.with("steps", steps);
        let output = |(name, output): (&String, &super::definition::Output)| {
            (name.clone(), scope.fill(output.value.as_deref().unwrap()))
        };
        let outcome = if running.status.failed { "failure" } else { "success" };
        (outcome, callee.outputs.iter().map(output).collect())
    }

    fn check_out(&self, with: &Names, place: &mut Option<Place>) -> (&'static str, Names) {
        let known = ["fetch-depth", "persist-credentials"];
        assert!(with.keys().all(|name| known.contains(&&**name)), "{with:?}");
        let place = place.as_ref().unwrap();
        let copied = Command::new("cp")
            .arg("-a")
            .arg(self.repository.join("."))
            .arg(place.folder("workspace"))
            .status();
        assert!(copied.unwrap().success());
        if let Some(user) = self.user {
            place.give_to(user);
        }
        ("success", Names::new())
    }

    /// The container is root, and the steps on the host go on in the folders that it worked in.
    fn belongs_to_the_runner(&self, place: &Option<Place>, after: &str) {
        let Some(user) = self.user else { return };
        for folder in ["workspace", "temp"] {
            for entry in walkdir::WalkDir::new(place.as_ref().unwrap().folder(folder)) {
                let entry = entry.unwrap();
                let meta = entry.metadata().unwrap();
                assert_eq!(
                    (meta.uid(), meta.gid()),
                    (user, user),
                    "{} after {after}",
                    entry.path().display()
                );
            }
        }
    }
}
