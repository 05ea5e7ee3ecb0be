//! Runs a workflow as GitHub does: jobs by what they need, each in a folder of its own; steps by their `if`; actions with
//! every declared input; called workflows and composite actions in scopes of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::definition::{Callee, Job, Output, Workflow, read};
use super::ended::{Ended, Names};
use super::expression::{Scope, Status};
use super::steps::Running;
use crate::artifacts::Artifacts;
use crate::container::step::Step as Place;

const STAGING: &str = "stageproof/stageproof/.github/workflows/staging.yml";

/// A repository's run on GitHub, and the machine that runs it.
pub struct Runner {
    pub event: &'static str,
    pub payload: &'static str,
    pub actor: &'static str,
    pub secrets: Names,
    pub vars: Names,
    /// Of the environment `staging`.
    pub environment_secrets: Names,
    pub environment_vars: Names,
    /// What a checkout brings.
    pub repository: PathBuf,
    /// What is installed on the machine, besides the system.
    pub tools: PathBuf,
    /// Texts in the workflow that are others in this test.
    pub instead: Vec<(&'static str, String)>,
    /// Inputs of actions that have another value in this test, if they have one.
    pub inputs: Vec<(&'static str, &'static str)>,
    /// The run is cancelled in the step of this name, once there is this file in the workspace.
    pub cancel: Option<(&'static str, &'static str)>,
    /// The job of this name leaves nothing: its review was rejected, or its machine was lost.
    pub lost: Option<&'static str>,
    /// The action's image; without it the binary runs as it is, in the same folders.
    pub image: Option<&'static str>,
    /// Whom the runner's folders belong to.
    pub user: Option<u32>,
}

impl Runner {
    pub fn run(&self, workflow: &Workflow) -> Ended {
        let scope = Scope {
            open: BTreeSet::from(["secrets", "vars"]),
            ..Scope::default()
        };
        let github =
            json!({"run_id": "77", "run_attempt": "1", "token": "ghs_0123456789abcdefghij", "event_name": self.event});
        let scope = scope
            .with("github", github)
            .with("secrets", json!(self.secrets))
            .with("vars", json!(self.vars));
        let mut ended = Ended {
            service: Some(Artifacts::start(false, |_, _| None)),
            ..Ended::default()
        };
        self.jobs(workflow, &scope, "", &mut ended);
        ended
    }

    fn jobs(&self, workflow: &Workflow, scope: &Scope, path: &str, ended: &mut Ended) -> BTreeMap<String, Value> {
        let mut done: BTreeMap<String, Value> = BTreeMap::new();
        while done.len() < workflow.jobs.len() {
            let is_next = |(name, job): &(&String, &Job)| {
                !done.contains_key(*name) && job.needs.iter().all(|needed| done.contains_key(needed))
            };
            let (name, job) = workflow.jobs.iter().find(is_next).expect("jobs need one another");
            let needs: BTreeMap<&String, &Value> = job.needs.iter().map(|needed| (needed, &done[needed])).collect();
            let results: Vec<&Value> = needs.values().map(|needed| &needed["result"]).collect();
            let status = Status {
                failed: results.iter().any(|result| **result != "success"),
                cancelled: results.iter().any(|result| **result == "cancelled"),
            };
            let scope = scope.clone().with("needs", json!(needs));
            let here = format!("{path}{name}");
            let asked = Scope {
                status: Some(status),
                ..scope.clone().only(&["github", "needs", "vars", "inputs"])
            };
            let nothing = || job.outputs.keys().map(|name| (name.clone(), String::new())).collect();
            let (result, outputs) = match asked.holds(job.condition.as_deref()) {
                false => ("skipped", nothing()),
                true if self.lost == Some(&here) => ("failure", nothing()),
                true if job.uses.is_some() => self.called(job, &scope, &here, ended),
                true => self.job(job, scope, &here, ended),
            };
            ended.jobs.insert(here, result);
            done.insert(name.clone(), json!({"result": result, "outputs": outputs}));
        }
        done
    }

    fn called(&self, job: &Job, scope: &Scope, path: &str, ended: &mut Ended) -> (&'static str, Names) {
        let uses = job.uses.as_deref().unwrap();
        assert_eq!(uses.split('@').next(), Some(STAGING), "{uses}");
        let workflow: Workflow = read(".github/workflows/staging.yml");
        let callee: Callee = serde_json::from_value(workflow.on["workflow_call"].clone()).unwrap();
        let known = scope.clone().only(&["github", "needs", "vars", "inputs"]);
        let inputs = callee.take(&self.filled(&job.with, &known), uses);
        let mut secrets: Names = callee
            .secrets
            .keys()
            .map(|name| (name.clone(), String::new()))
            .collect();
        for (name, value) in &job.secrets {
            assert!(secrets.contains_key(name), "{uses} has no secret `{name}`");
            secrets.insert(name.clone(), scope.fill(value));
        }
        let inner = Scope {
            open: BTreeSet::from(["vars"]),
            ..scope.clone().only(&["github", "vars"])
        };
        let inner = inner.with("inputs", json!(inputs)).with("secrets", json!(secrets));
        let done = self.jobs(&workflow, &inner, &format!("{path}/"), ended);
        let scope = Scope::default().with("jobs", json!(done));
        let output = |(name, output): (&String, &Output)| (name.clone(), scope.fill(output.value.as_deref().unwrap()));
        let outputs: Names = callee.outputs.iter().map(output).collect();
        ended.outputs.insert(path.to_owned(), outputs.clone());
        let has = |result: &str| done.values().any(|job| job["result"] == result);
        let result = ["failure", "cancelled", "success"]
            .into_iter()
            .find(|result| has(result));
        (result.unwrap_or("skipped"), outputs)
    }

    fn job(&self, job: &Job, mut scope: Scope, path: &str, ended: &mut Ended) -> (&'static str, Names) {
        if let Some(environment) = &job.environment {
            let name = environment.as_str().or(environment["name"].as_str()).unwrap();
            ended.deployments.push(scope.fill(name));
            // A called workflow sees of them what has the name of a secret that was passed.
            for (context, more) in [("secrets", &self.environment_secrets), ("vars", &self.environment_vars)] {
                let is_open = scope.open.contains(context);
                let known = scope.contexts.get_mut(context).unwrap().as_object_mut().unwrap();
                for (name, value) in more {
                    if is_open || known.contains_key(name) {
                        known.insert(name.clone(), json!(value));
                    }
                }
            }
        }
        let place = Place::new(self.image.unwrap_or_default(), "install");
        fs::write(place.path("workflow/event.json"), self.payload).unwrap();
        scope.workspace = place.folder("workspace");
        if let Some(user) = self.user {
            assert!(place.give_to(user), "these tests do not run as root");
        }
        let mut place = Some(place);
        let mut running = Running {
            scope,
            status: Status::default(),
            env: Names::new(),
            path: format!("{path}/"),
        };
        let outputs = self.steps(&job.steps, &mut running, &mut place, ended);
        let scope = running.scope.with("steps", outputs);
        let outputs = job
            .outputs
            .iter()
            .map(|(name, value)| (name.clone(), scope.fill(value)));
        let outputs = outputs.collect();
        ended.places.extend(place);
        let result = match running.status {
            Status { cancelled: true, .. } => "cancelled",
            Status { failed: true, .. } => "failure",
            _ => "success",
        };
        (result, outputs)
    }
}
