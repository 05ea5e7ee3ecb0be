//! The workflows that are there: what they use, and which of them deploys.
//!
//! One that is no YAML is read as text: its secrets still have names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;

pub use super::aim::is_staging;
use super::aim::{self, Aim};
use super::names;
use super::steps::{Step, pattern};
use super::survey::Survey;
use crate::model::yaml;

pub const FOLDER: &str = ".github/workflows/";
/// In a comment of a workflow of ours. Only such a workflow is replaced: another one that uses stageproof may do more.
pub const WRITTEN: &str = "Written by `stageproof init`";
const USES: &str = "uses: stageproof/stageproof";
/// What deploys, as it is called in a step.
const DEPLOYS: [&str; 16] = [
    "flyctl deploy",
    "fly deploy",
    "vercel deploy",
    "vercel --prod",
    "amondnet/vercel-action",
    "gcloud app deploy",
    "google-github-actions/deploy-appengine",
    "heroku-deploy",
    "git push heroku",
    "git push https://heroku:",
    "helm upgrade",
    "kubectl apply",
    "kubectl set image",
    "docker compose up",
    "stageproof/stageproof/.github/workflows/staging.yml@",
    "stageproof/stageproof/prove@",
];

/// A secret or a variable that a step uses.
#[derive(Clone, Copy, Debug)]
pub struct Used<'a> {
    pub name: &'a str,
    pub path: &'a str,
    /// Something says that it is the environment's.
    pub is_sure: bool,
    /// The job names the environment, so it may be kept there.
    pub is_in_environment: bool,
}

/// The workflows of a repository.
#[derive(Default)]
pub struct Workflows {
    /// By path.
    all: BTreeMap<String, Workflow>,
    /// The environment that is deployed to.
    pub environment: String,
    /// The workflow that names it, unless it was asked for.
    pub environment_from: Option<String>,
}

#[derive(Default)]
pub struct Workflow {
    steps: Vec<Step>,
    environments: BTreeSet<String>,
    is_pushed: bool,
    /// `OWNER/NAME@COMMIT # VERSION`, pinned by commit.
    pins: BTreeSet<String>,
    /// Its text without comments.
    text: String,
    is_ours: bool,
}

impl Workflows {
    /// `asked` is the environment that was asked for. Without one it is what a workflow calls staging.
    pub fn read(survey: &Survey, asked: Option<&str>) -> Self {
        let is_workflow = |path: &&str| {
            let name = path.strip_prefix(FOLDER).unwrap_or("/");
            !name.contains('/') && (name.ends_with(".yml") || name.ends_with(".yaml"))
        };
        let paths = survey.below(FOLDER).filter(is_workflow);
        let all = paths.filter_map(|path| Some((path.to_owned(), Workflow::parse(path, &survey.text(path)?))));
        let all: BTreeMap<String, Workflow> = all.collect();
        let named = || {
            let mut all = all.iter();
            all.find_map(|(path, workflow)| Some((workflow.environments.iter().find(|name| is_staging(name))?, path)))
        };
        let (environment, environment_from) = match (asked, named()) {
            (Some(asked), _) => (asked.to_owned(), None),
            (None, Some((name, path))) => (name.clone(), Some(path.clone())),
            (None, None) => ("staging".to_owned(), None),
        };
        Self {
            all,
            environment,
            environment_from,
        }
    }

    /// Every step that may be for the environment, with the workflow it is in. Those that surely are come first, ours
    /// last: what it says was taken from the others.
    pub fn steps(&self) -> Vec<(&str, &Step, Aim)> {
        let all = self.all.iter().flat_map(|(path, workflow)| {
            let steps = workflow.steps.iter();
            steps.map(move |step| (workflow.is_ours, path.as_str(), step, step.aim(&self.environment)))
        });
        let mut all: Vec<_> = all.filter(|(.., aim)| *aim != Aim::Elsewhere).collect();
        all.sort_by_key(|(is_ours, .., aim)| (*is_ours, *aim));
        all.into_iter().map(|(_, path, step, aim)| (path, step, aim)).collect()
    }

    /// Those of workflows that are not ours.
    pub fn steps_of_others(&self) -> impl Iterator<Item = (&str, &Step, Aim)> {
        let is_ours = |path: &str| self.all.get(path).is_some_and(|workflow| workflow.is_ours);
        self.steps().into_iter().filter(move |(path, ..)| !is_ours(path))
    }

    /// The secrets that those steps use. None that could be another environment's.
    pub fn secrets(&self) -> Vec<Used<'_>> {
        self.used(|step| &step.secrets)
    }

    pub fn vars(&self) -> Vec<Used<'_>> {
        self.used(|step| &step.vars)
    }

    fn used<'a>(&'a self, of: impl Fn(&'a Step) -> &'a BTreeSet<String>) -> Vec<Used<'a>> {
        let mut all = Vec::new();
        for (path, step, aim) in self.steps() {
            let names = of(step)
                .iter()
                .filter(|name| !aim::may_be_elsewhere(name, &self.environment));
            all.extend(names.map(|name| Used {
                name,
                path,
                is_sure: aim == Aim::Wanted || self.says(name),
                is_in_environment: step.environment.is_some(),
            }));
        }
        all
    }

    /// Whether a name says that it is of the environment.
    pub fn says(&self, name: &str) -> bool {
        aim::of(name, &self.environment) == Aim::Wanted
    }

    /// How an action is pinned here: `COMMIT # VERSION`.
    pub fn pin_of(&self, action: &str) -> Option<&str> {
        let mut pins = self.all.values().flat_map(|workflow| &workflow.pins);
        pins.find_map(|pin| pin.strip_prefix(action)?.strip_prefix('@'))
    }

    /// Those that deploy to the environment, or may: by the environment that they name, or by what they run.
    /// `command` is the repository's own.
    pub fn that_deploy<'a>(&'a self, command: &'a str) -> impl Iterator<Item = (&'a str, &'a Workflow)> {
        let deploys = move |workflow: &Workflow| {
            workflow
                .steps
                .iter()
                .any(|step| match step.deploys_to(&self.environment) {
                    Aim::Elsewhere => false,
                    Aim::Wanted if step.environment.is_some() => true,
                    Aim::Wanted | Aim::Unsaid => step.has_any(&DEPLOYS) || step.runs(command),
                })
        };
        let all = self.all.iter().filter(|(_, workflow)| !workflow.is_ours);
        all.filter(move |(_, workflow)| deploys(workflow))
            .map(|(path, workflow)| (path.as_str(), workflow))
    }

    /// The workflow that was written before.
    pub fn ours(&self) -> Option<&str> {
        let mut all = self.all.iter();
        all.find(|(_, workflow)| workflow.is_ours)
            .map(|(path, _)| path.as_str())
    }

    /// Those that use stageproof and were written by somebody else.
    pub fn that_use_it(&self) -> impl Iterator<Item = &str> {
        let all = self.all.iter();
        all.filter(|(_, workflow)| !workflow.is_ours && workflow.text.contains(USES))
            .map(|(path, _)| path.as_str())
    }
}

impl Workflow {
    fn parse(path: &str, text: &str) -> Self {
        let root = yaml::parse(text).ok();
        let is_comment = |line: &&str| line.trim_start().starts_with('#');
        let is_ours = text.lines().filter(is_comment).any(|line| line.contains(WRITTEN));
        let lines = text.lines().filter(|line| !is_comment(line));
        let text: String = lines.flat_map(|line| [line, "\n"]).collect();
        let file = path.rsplit('/').next().unwrap_or(path);
        let steps = match &root {
            Some(root) => Step::all(root, file),
            None => vec![Step::of_text(&text)],
        };
        let mut environments: BTreeSet<String> = steps.iter().filter_map(|step| step.environment.clone()).collect();
        environments.retain(|name| names::is_word(name));
        Self {
            is_pushed: root.as_ref().map_or_else(|| PUSH.is_match(&text), is_pushed),
            steps,
            environments,
            pins: PIN.captures_iter(&text).map(|found| found[1].to_owned()).collect(),
            text,
            is_ours,
        }
    }

    /// Whether a push starts it.
    pub fn runs_on_push(&self) -> bool {
        self.is_pushed
    }
}

fn is_pushed(root: &yaml::Node) -> bool {
    root.get("on").is_some_and(|events| {
        let listed = events
            .items()
            .iter()
            .chain([events])
            .any(|event| event.text() == Some("push"));
        listed || events.get("push").is_some()
    })
}

static PIN: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)\buses:[ ]*([A-Za-z0-9_./-]+@[0-9a-f]{40}(?:[ ]+#[ ]*[A-Za-z0-9.-]+)?)[ ]*$"));
static PUSH: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?m)^["']?on["']?:[ ]*(?:push|\[[^\]\n]*\bpush\b)|^[ ]+(?:-[ ]+push|push:)"#));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_workflow_uses_is_found_and_comments_are_not() {
        let workflow = Workflow::parse(
            "a.yml",
            "on:\n  push:\n    branches: [main]\njobs:\n  d:\n    environment:\n      name: staging\n      url: x\n    \
             steps:\n      - uses: superfly/flyctl-actions/setup-flyctl@fc53c09e1bc3be6f54706524e3b82c4f462f77be # 1.5\n      \
             # ${{ secrets.OLD }}\n      - run: flyctl deploy\n        env:\n          A: ${{ secrets.FLY_API_TOKEN }}\n          \
             B: ${{ secrets['OTHER'] }}${{ secrets.GITHUB_TOKEN }}\n          C: ${{ vars.STAGING_URL }}\n  e:\n    \
             environment: production # live\n  f:\n    environment: ${{ inputs.x }}\n",
        );
        assert_eq!(Vec::from_iter(&workflow.environments), ["production", "staging"]);
        let workflows = Workflows {
            all: [("a.yml".to_owned(), workflow)].into(),
            environment: "staging".to_owned(),
            environment_from: None,
        };
        let names = |used: Vec<Used<'_>>| used.into_iter().map(|used| used.name.to_owned()).collect::<Vec<_>>();
        assert_eq!(names(workflows.secrets()), ["FLY_API_TOKEN", "OTHER"]);
        assert_eq!(names(workflows.vars()), ["STAGING_URL"]);
        assert_eq!(
            workflows.pin_of("superfly/flyctl-actions/setup-flyctl"),
            Some("fc53c09e1bc3be6f54706524e3b82c4f462f77be # 1.5")
        );
        assert_eq!(workflows.pin_of("superfly/flyctl-actions"), None);
        assert_eq!(workflows.ours(), None);
        assert_eq!(workflows.that_deploy("").count(), 1);
    }

    #[test]
    fn a_push_is_told_from_other_events() {
        for (text, expected) in [
            ("on: push\n", true),
            ("on: [pull_request, push]\n", true),
            ("'on':\n  push:\n", true),
            ("on:\n  - push\n", true),
            ("on: {push: {branches: [main]}}\n", true),
            ("on: push\n\tno yaml: [", true),
            ("on: workflow_dispatch\n", false),
            (
                "on:\n  pull_request:\njobs:\n  a:\n    steps:\n      - run: git push\n",
                false,
            ),
        ] {
            assert_eq!(Workflow::parse("a.yml", text).runs_on_push(), expected, "{text}");
        }
    }
}
