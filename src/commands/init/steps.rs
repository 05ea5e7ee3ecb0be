//! The steps of a workflow, as far as they say what is deployed, to which environment, and with which settings.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::aim::{self, Aim};
use crate::model::workflow::{Job, Workflow};
use crate::model::yaml::Node;

/// A step, or a whole job that calls another workflow.
#[derive(Debug, Default)]
pub struct Step {
    pub job: String,
    /// The one that its job names.
    pub environment: Option<String>,
    /// What it runs and with what, its job's name and condition, its workflow's name and events: the nearest first.
    says: [String; 3],
    /// Its script.
    run: String,
    /// Its variables, with those of the job and the workflow.
    pub env: Vec<(String, String)>,
    pub secrets: BTreeSet<String>,
    pub vars: BTreeSet<String>,
}

impl Step {
    /// All steps of a workflow. `file` is its name.
    pub fn all(root: &Node, file: &str) -> Vec<Self> {
        let Some(workflow) = Workflow::of(root) else {
            return Vec::new();
        };
        let of_workflow = format!("{file}\n{}\n{}", text(root.get("name")), text(root.get("on")));
        let mut all = Vec::new();
        for job in workflow.jobs() {
            let steps = job.steps();
            let parts: Vec<&Node> = match steps.is_empty() {
                true => vec![job.node],
                false => steps.iter().map(|step| step.node).collect(),
            };
            all.extend(parts.into_iter().map(|part| Self::of(part, job, root, &of_workflow)));
        }
        all
    }

    fn of(part: &Node, job: Job<'_>, root: &Node, of_workflow: &str) -> Self {
        let named = job.node.get("environment");
        let named = named.and_then(|node| node.get("name").unwrap_or(node).text());
        let mut env: Vec<(String, String)> = Vec::new();
        for holder in [part, job.node, root] {
            for (name, value) in holder.get("env").into_iter().flat_map(Node::entries) {
                if let (Some(name), Some(value)) = (name.text(), value.text())
                    && !env.iter().any(|(known, _)| known == name)
                {
                    env.push((name.to_owned(), value.to_owned()));
                }
            }
        }
        let own = text(Some(part));
        let values: String = env.iter().flat_map(|(_, value)| [value, "\n"]).collect();
        let used = format!("{own}{values}");
        let condition = text(job.node.get("if"));
        Self {
            job: job.id.to_owned(),
            // An expression names none.
            environment: named
                .filter(|name| !name.is_empty() && !name.contains("${{"))
                .map(str::to_owned),
            says: [
                without_settings(&own),
                format!("{}\n{}\n{condition}", job.id, text(job.node.get("name"))),
                of_workflow.to_owned(),
            ],
            run: part.get("run").and_then(Node::text).unwrap_or_default().to_owned(),
            env,
            secrets: secrets(&used),
            vars: vars(&used),
        }
    }

    /// What can be told of a file that is no YAML: what it uses, and all that it says.
    pub fn of_text(whole: &str) -> Self {
        Self {
            says: [without_settings(whole), String::new(), String::new()],
            secrets: secrets(whole),
            vars: vars(whole),
            ..Self::default()
        }
    }

    /// Which environment its settings are of. Their names tell it if nothing else does.
    pub fn aim(&self, wanted: &str) -> Aim {
        match self.deploys_to(wanted) {
            Aim::Unsaid if self.environment.is_none() => {
                let names = self.secrets.iter().chain(&self.vars);
                aim::of(&names.flat_map(|name| [name, " "]).collect::<String>(), wanted)
            }
            said => said,
        }
    }

    /// Which environment it is about.
    pub fn deploys_to(&self, wanted: &str) -> Aim {
        let said = || {
            self.says
                .iter()
                .map(|text| aim::of(text, wanted))
                .find(|aim| *aim != Aim::Unsaid)
        };
        match self.environment.as_deref() {
            // It may still be about another one, such as `production` as the kind of a build.
            Some(name) if name == wanted && aim::of(&self.says[0], wanted) == Aim::Elsewhere => Aim::Unsaid,
            Some(name) if name == wanted => Aim::Wanted,
            // Of several for staging, one was meant.
            Some(name) if aim::of(name, wanted) == Aim::Wanted => Aim::Unsaid,
            Some(_) => Aim::Elsewhere,
            None => said().unwrap_or(Aim::Unsaid),
        }
    }

    /// Whether it runs a command, which may be a part of a longer line.
    pub fn runs(&self, command: &str) -> bool {
        around(&self.says[0], command).is_some()
    }

    /// What stands before and behind a command in its script, up to the next command.
    pub fn around(&self, command: &str) -> Option<(&str, &str)> {
        let lines = self.run.lines().filter(|line| !line.trim_start().starts_with('#'));
        let mut commands = lines.flat_map(|line| line.split(['&', '|', ';']));
        commands.find_map(|text| around(text, command))
    }

    /// Whether any of these words is in it.
    pub fn has_any(&self, words: &[&str]) -> bool {
        words.iter().any(|words| self.says[0].contains(words))
    }
}

fn around<'a>(text: &'a str, command: &str) -> Option<(&'a str, &'a str)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':');
    let mut found = text.match_indices(command).filter(|_| !command.is_empty());
    found.find_map(|(at, _)| {
        let (before, behind) = (&text[..at], &text[at + command.len()..]);
        (!before.ends_with(is_part) && !behind.starts_with(is_part)).then_some((before, behind))
    })
}

/// All scalars below a node, without the comments of a script.
fn text(node: Option<&Node>) -> String {
    let mut out = String::new();
    let (keys, scalars) = node.map_or_else(Default::default, |node| {
        let keys: Vec<&Node> = node.entries().map(|(key, _)| key).collect();
        (keys, node.scalars())
    });
    // Events are keys: `on: {push: ...}`.
    for line in keys
        .into_iter()
        .chain(scalars)
        .filter_map(Node::text)
        .flat_map(str::lines)
    {
        if !line.trim_start().starts_with('#') {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// The one secret or variable of GitHub's that a value is.
pub fn setting(value: &str) -> Option<(bool, &str)> {
    let found = SETTING.captures(value.trim())?;
    let name = found.get(2).or_else(|| found.get(3))?;
    Some((&found[1] == "vars", name.as_str()))
}

/// Each setting speaks for itself.
fn without_settings(text: &str) -> String {
    VARIABLE.replace_all(&SECRET.replace_all(text, ""), "").into_owned()
}

fn secrets(text: &str) -> BTreeSet<String> {
    let mut found = all(&SECRET, text);
    found.remove("GITHUB_TOKEN");
    found
}

fn vars(text: &str) -> BTreeSet<String> {
    all(&VARIABLE, text)
}

fn all(pattern: &Regex, text: &str) -> BTreeSet<String> {
    let found = pattern.captures_iter(text);
    let names = found.filter_map(|found| {
        found
            .iter()
            .skip(1)
            .flatten()
            .next()
            .map(|name| name.as_str().to_owned())
    });
    names.collect()
}

#[expect(clippy::expect_used, reason = "the patterns are constants, and a test compiles them")]
pub fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern")
}

static SECRET: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\bsecrets(?:\.([A-Za-z_][A-Za-z0-9_]*)|\[\s*'([A-Za-z_][A-Za-z0-9_]*)'\s*\])"));
static VARIABLE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\bvars(?:\.([A-Za-z_][A-Za-z0-9_]*)|\[\s*'([A-Za-z_][A-Za-z0-9_]*)'\s*\])"));
static SETTING: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^\$\{\{\s*(secrets|vars)(?:\.([A-Za-z_][A-Za-z0-9_]*)|\[\s*'([A-Za-z_][A-Za-z0-9_]*)'\s*\])\s*\}\}$")
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::yaml;

    fn steps(text: &str) -> Vec<Step> {
        Step::all(&yaml::parse(text).unwrap(), "ci.yml")
    }

    #[test]
    fn a_step_is_for_the_environment_that_is_named_nearest() {
        for (text, expected) in [
            ("jobs: {d: {environment: staging, steps: [{run: ./d}]}}", Aim::Wanted),
            (
                "jobs: {staging: {environment: {name: production}, steps: [{run: ./d}]}}",
                Aim::Elsewhere,
            ),
            (
                "jobs: {staging: {environment: qa, steps: [{run: ./d}]}}",
                Aim::Elsewhere,
            ),
            ("jobs: {staging: {steps: [{run: ./d production}]}}", Aim::Elsewhere),
            (
                "jobs: {d: {environment: staging, steps: [{run: ./d production}]}}",
                Aim::Unsaid,
            ),
            ("jobs: {d: {environment: staging-eu, steps: [{run: ./d}]}}", Aim::Unsaid),
            (
                "jobs: {d: {environment: '${{ inputs.x }}', steps: [{run: ./d}]}}",
                Aim::Unsaid,
            ),
            (
                "jobs: {deploy-staging: {steps: [{run: NODE_ENV=production ./d staging}]}}",
                Aim::Wanted,
            ),
            (
                "on: {push: {branches: [production]}}\njobs: {d: {steps: [{run: ./d}]}}",
                Aim::Elsewhere,
            ),
            (
                "jobs: {d: {steps: [{run: './d ${{ secrets.PROD_TOKEN }}'}]}}",
                Aim::Elsewhere,
            ),
            (
                "jobs: {staging: {steps: [{run: './d ${{ secrets.PROD_TOKEN }}'}]}}",
                Aim::Wanted,
            ),
            ("jobs: {prod: {uses: ./.github/workflows/d.yml}}", Aim::Elsewhere),
            ("jobs: {d: {steps: [{run: \"# staging\\n./d\"}]}}", Aim::Unsaid),
        ] {
            assert_eq!(steps(text)[0].aim("staging"), expected, "{text}");
        }
    }

    #[test]
    fn a_step_has_the_variables_of_its_job_and_its_workflow() {
        let steps = steps(
            "env: {A: root, B: root}\njobs:\n  d:\n    env: {B: \"${{ vars.B }}\"}\n    steps:\n      - run: make deploy\n        \
             env: {C: \"${{ secrets['C'] }}\"}\n      - run: make deploy-all\n",
        );
        let env: Vec<_> = steps[0].env.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(
            env,
            [("C", "${{ secrets['C'] }}"), ("B", "${{ vars.B }}"), ("A", "root")]
        );
        assert_eq!(Vec::from_iter(&steps[0].secrets), ["C"]);
        assert_eq!(Vec::from_iter(&steps[1].vars), ["B"]);
        assert!(steps[0].runs("make deploy") && !steps[1].runs("make deploy"));
    }

    #[test]
    fn only_a_whole_value_is_a_setting() {
        for (value, expected) in [
            ("${{ secrets.A }}", Some((false, "A"))),
            ("${{vars['B']}}", Some((true, "B"))),
            ("x${{ secrets.A }}", None),
            ("${{ secrets.A || secrets.B }}", None),
            ("${{ github.token }}", None),
        ] {
            assert_eq!(setting(value), expected, "{value}");
        }
    }
}
