//! The workflows that are there: what they use, and which of them deploys.
//!
//! They are read as text. A workflow of which only a part is understood is still one whose secrets have names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;

use super::names;
use super::survey::Survey;

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

/// The workflows of a repository.
#[derive(Default)]
pub struct Workflows {
    /// By path.
    all: BTreeMap<String, Workflow>,
}

#[derive(Default)]
pub struct Workflow {
    pub secrets: BTreeSet<String>,
    vars: BTreeSet<String>,
    environments: BTreeSet<String>,
    /// `OWNER/NAME@COMMIT # VERSION`, pinned by commit.
    pins: BTreeSet<String>,
    /// Its text without comments.
    text: String,
    is_ours: bool,
}

impl Workflows {
    pub fn read(survey: &Survey) -> Self {
        let is_workflow = |path: &&str| {
            let name = path.strip_prefix(FOLDER).unwrap_or("/");
            !name.contains('/') && (name.ends_with(".yml") || name.ends_with(".yaml"))
        };
        let paths = survey.below(FOLDER).filter(is_workflow);
        let all = paths.filter_map(|path| Some((path.to_owned(), Workflow::parse(&survey.text(path)?))));
        Self { all: all.collect() }
    }

    /// The secrets that are used, and where first.
    pub fn secrets(&self) -> impl Iterator<Item = (&str, &str)> {
        self.each(|workflow| &workflow.secrets)
    }

    pub fn vars(&self) -> impl Iterator<Item = (&str, &str)> {
        self.each(|workflow| &workflow.vars)
    }

    pub fn environments(&self) -> impl Iterator<Item = (&str, &str)> {
        self.each(|workflow| &workflow.environments)
    }

    fn each<'a>(
        &'a self,
        of: impl Fn(&'a Workflow) -> &'a BTreeSet<String> + 'a,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let all = self.all.iter();
        all.flat_map(move |(path, workflow)| of(workflow).iter().map(move |name| (name.as_str(), path.as_str())))
    }

    /// How an action is pinned here: `COMMIT # VERSION`.
    pub fn pin_of(&self, action: &str) -> Option<&str> {
        let mut pins = self.all.values().flat_map(|workflow| &workflow.pins);
        pins.find_map(|pin| pin.strip_prefix(action)?.strip_prefix('@'))
    }

    /// Those that deploy to staging: by the environment that they name, or, if they name none, by what they run.
    /// `command` is the repository's own.
    pub fn that_deploy<'a>(&'a self, command: &'a str) -> impl Iterator<Item = (&'a str, &'a Workflow)> {
        let own = (!command.is_empty()).then_some(command);
        let deploys = move |workflow: &Workflow| {
            let known = DEPLOYS
                .iter()
                .copied()
                .chain(own)
                .any(|words| workflow.text.contains(words));
            let environments = &workflow.environments;
            (known && environments.is_empty()) || environments.iter().any(|name| is_staging(name))
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
    fn parse(text: &str) -> Self {
        let is_comment = |line: &&str| line.trim_start().starts_with('#');
        let is_ours = text.lines().filter(is_comment).any(|line| line.contains(WRITTEN));
        let lines = text.lines().filter(|line| !is_comment(line));
        let text: String = lines.flat_map(|line| [line, "\n"]).collect();
        let all = |pattern: &Regex| -> BTreeSet<String> {
            let found = pattern.captures_iter(&text);
            found
                .filter_map(|found| {
                    found
                        .iter()
                        .skip(1)
                        .flatten()
                        .next()
                        .map(|name| name.as_str().to_owned())
                })
                .collect()
        };
        let mut secrets = all(&SECRET);
        secrets.remove("GITHUB_TOKEN");
        let mut environments = all(&ENVIRONMENT);
        environments.retain(|name| names::is_word(name));
        Self {
            secrets,
            vars: all(&VARIABLE),
            environments,
            pins: all(&PIN),
            text,
            is_ours,
        }
    }

    pub fn runs(&self, command: &str) -> bool {
        self.text.contains(command)
    }

    /// Whether a push starts it.
    pub fn runs_on_push(&self) -> bool {
        PUSH.is_match(&self.text)
    }
}

/// Whether a name says that it is about staging.
pub fn is_staging(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["staging", "stage", "stg"].iter().any(|word| {
        name.split(|c: char| !c.is_ascii_alphanumeric())
            .any(|part| part == *word)
    })
}

#[expect(clippy::expect_used, reason = "the patterns are constants, and a test compiles them")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern")
}

static SECRET: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\bsecrets(?:\.([A-Za-z_][A-Za-z0-9_]*)|\[\s*'([A-Za-z_][A-Za-z0-9_]*)'\s*\])"));
static VARIABLE: LazyLock<Regex> = LazyLock::new(|| pattern(r"\bvars\.([A-Za-z_][A-Za-z0-9_]*)"));
/// `environment: staging`, or its `name` in the next line.
static ENVIRONMENT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"(?m)^[ ]+environment:[ ]*(?:\n[ ]+name:[ ]*)?["']?([A-Za-z0-9_][A-Za-z0-9_./-]*)["']?[ ]*(?:#.*)?$"#)
});
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
            "on:\n  push:\n    branches: [main]\njobs:\n  d:\n    environment:\n      name: staging\n      url: x\n    \
             steps:\n      - uses: superfly/flyctl-actions/setup-flyctl@fc53c09e1bc3be6f54706524e3b82c4f462f77be # 1.5\n      \
             # ${{ secrets.OLD }}\n      - run: flyctl deploy\n        env:\n          A: ${{ secrets.FLY_API_TOKEN }}\n          \
             B: ${{ secrets['OTHER'] }}${{ secrets.GITHUB_TOKEN }}\n          C: ${{ vars.STAGING_URL }}\n  e:\n    \
             environment: production # live\n  f:\n    environment: ${{ inputs.x }}\n",
        );
        assert_eq!(Vec::from_iter(&workflow.secrets), ["FLY_API_TOKEN", "OTHER"]);
        assert_eq!(Vec::from_iter(&workflow.vars), ["STAGING_URL"]);
        assert_eq!(Vec::from_iter(&workflow.environments), ["production", "staging"]);
        let workflows = Workflows {
            all: [("a.yml".to_owned(), workflow)].into(),
        };
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
            ("on: workflow_dispatch\n", false),
            (
                "on:\n  pull_request:\njobs:\n  a:\n    steps:\n      - run: git push\n",
                false,
            ),
        ] {
            assert_eq!(Workflow::parse(text).runs_on_push(), expected, "{text}");
        }
    }

    #[test]
    fn staging_is_a_word_in_a_name() {
        for name in ["staging", "STAGING_URL", "eu-stg", "web/stage"] {
            assert!(is_staging(name), "{name}");
        }
        for name in ["production", "backstage", "stages", "upstaging"] {
            assert!(!is_staging(name), "{name}");
        }
    }
}
