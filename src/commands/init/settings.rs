//! What the deploy reads from its environment, and where a repository keeps it.

use super::aim::{self, Aim};
use super::platforms::{Deploy, Secret};
use super::steps::{self, Step};
use super::workflows::{Used, Workflows};

/// No value that is written into a script is longer.
const LONGEST: usize = 100;

/// A secret by both of its names.
pub struct Mapped {
    pub variable: String,
    pub name: String,
    /// The workflow that uses it. Without one it may have to be created.
    pub used_in: Option<String>,
    pub help: &'static str,
    pub is_long: bool,
    /// It is a variable of GitHub's, and not a secret.
    pub is_open: bool,
}

impl Mapped {
    pub fn expression(&self) -> String {
        let context = if self.is_open { "vars" } else { "secrets" };
        format!("${{{{ {context}.{} }}}}", self.name)
    }
}

#[derive(Default)]
pub struct Settings {
    pub secrets: Vec<Mapped>,
    /// Plain values, which are no secrets.
    pub plain: Vec<(String, String)>,
    /// What the owner must look at.
    pub remarks: Vec<String>,
    /// A job that uses one of them names the environment, which may be where it is kept.
    pub is_in_environment: bool,
}

impl Settings {
    /// What the workflows give the command, then what its platform needs.
    pub fn of(deploy: &Deploy, workflows: &Workflows) -> Self {
        let mut settings = Self::default();
        let mut doubts: Vec<(&str, &str)> = Vec::new();
        if let Some((path, job)) = deploy.own.as_deref().and_then(|own| that_run(own, workflows)) {
            doubts.extend(settings.take(path, &job, workflows));
        }
        for secret in &deploy.secrets {
            if settings.secrets.iter().any(|known| known.variable == secret.variable) {
                continue;
            }
            let (mapped, used) = map(secret, workflows);
            if let Some(used) = used {
                settings.is_in_environment |= used.is_in_environment;
                doubts.extend((!used.is_sure).then_some((used.name, used.path)));
            }
            settings.secrets.push(mapped);
        }
        while let Some((_, path)) = doubts.first().copied() {
            let (here, others): (Vec<_>, Vec<_>) = doubts.into_iter().partition(|(_, other)| *other == path);
            let names: Vec<&str> = here.into_iter().map(|(name, _)| name).collect();
            settings.remarks.push(format!(
                "{path} does not say whether it deploys to {}: check {}",
                workflows.environment,
                names.join(", ")
            ));
            doubts = others;
        }
        settings
    }

    /// Takes the variables of steps, and tells which settings may be another environment's.
    fn take<'a>(&mut self, path: &'a str, job: &[(&'a Step, Aim)], workflows: &Workflows) -> Vec<(&'a str, &'a str)> {
        let (mut left, mut doubts) = (Vec::new(), Vec::new());
        let is_elsewhere = |text: &str| aim::may_be_elsewhere(text, &workflows.environment);
        for (step, aim) in job {
            for (variable, value) in &step.env {
                let is_known = self.secrets.iter().any(|known| known.variable == *variable)
                    || self.plain.iter().any(|(known, _)| known == variable);
                if is_known || left.contains(&variable.as_str()) {
                    continue;
                }
                match steps::setting(value) {
                    Some((is_open, name)) if may_be_set(variable) && name != "GITHUB_TOKEN" && !is_elsewhere(name) => {
                        self.is_in_environment |= step.environment.is_some();
                        if *aim == Aim::Unsaid && !workflows.says(name) {
                            doubts.push((name, path));
                        }
                        self.secrets.push(Mapped {
                            variable: variable.clone(),
                            name: name.to_owned(),
                            used_in: Some(path.to_owned()),
                            help: "",
                            is_long: !is_open && (may_be_long(name) || may_be_long(variable)),
                            is_open,
                        });
                    }
                    None if may_be_set(variable) && is_plain(value) && !is_elsewhere(value) => {
                        self.plain.push((variable.clone(), value.clone()));
                    }
                    _ if is_name(variable) => left.push(variable),
                    _ => {}
                }
            }
        }
        if !left.is_empty() {
            self.remarks.push(format!(
                "{path} also sets {}: add what the deploy to {} needs",
                left.join(", "),
                workflows.environment
            ));
        }
        doubts
    }
}

/// The steps of the first job that runs the command. Those for the environment come first.
pub fn that_run<'a>(command: &str, workflows: &'a Workflows) -> Option<(&'a str, Vec<(&'a Step, Aim)>)> {
    let runs = workflows.steps_of_others().filter(|(_, step, _)| step.runs(command));
    let mut runs = runs.collect::<Vec<_>>().into_iter();
    let (path, first, aim) = runs.next()?;
    let same = runs.filter(|(other, step, _)| *other == path && step.job == first.job);
    Some((
        path,
        [(first, aim)]
            .into_iter()
            .chain(same.map(|(_, step, aim)| (step, aim)))
            .collect(),
    ))
}

/// The name that the repository's workflows use for it: one that says the environment, else one of the usual ones.
fn map<'a>(secret: &Secret, workflows: &'a Workflows) -> (Mapped, Option<Used<'a>>) {
    let used = workflows.secrets();
    // `FLY_API_TOKEN_STAGING`, `HEROKU_STAGING_API_KEY`.
    let holds = |name: &str, usual: &str| usual.split('_').all(|word| name.split('_').any(|part| part == word));
    let says = |name: &str| workflows.says(name) && secret.names.iter().any(|usual| holds(name, usual));
    let of_environment = used.iter().find(|used| says(used.name));
    let usual = |used: &&Used<'_>| secret.names.contains(&used.name);
    let found = of_environment.or_else(|| used.iter().find(usual)).copied();
    let is_open = secret.is_open && found.is_none();
    let found = found.or_else(|| workflows.vars().into_iter().find(|used| is_open && usual(&used)));
    let mapped = Mapped {
        variable: secret.variable.to_owned(),
        name: found.map_or(secret.variable, |used| used.name).to_owned(),
        used_in: found.map(|used| used.path.to_owned()),
        help: secret.help,
        is_long: secret.is_long,
        is_open,
    };
    (mapped, found)
}

/// The name of a variable, as a shell takes it.
fn is_name(variable: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !variable.is_empty() && !variable.starts_with(|c: char| c.is_ascii_digit()) && variable.chars().all(plain)
}

/// Whether a variable may be given to a deploy: a plain name, which is not the runner's or the shell's own.
pub fn may_be_set(variable: &str) -> bool {
    let is_taken = ["GITHUB_", "RUNNER_", "ACTIONS_"]
        .iter()
        .any(|prefix| variable.starts_with(prefix));
    is_name(variable) && !is_taken && !matches!(variable, "PATH" | "HOME" | "IFS" | "BASH_ENV" | "ENV" | "LD_PRELOAD")
}

/// A value that YAML and a shell leave as it is.
pub fn is_plain(value: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._/:@,+=-".contains(c);
    !value.is_empty() && value.len() <= LONGEST && value.chars().all(plain)
}

/// Keys, certificates and files have several lines, tokens one.
fn may_be_long(name: &str) -> bool {
    let is_long = |word: &str| {
        matches!(
            word,
            "CERT" | "CONFIG" | "CREDENTIALS" | "HOSTS" | "JSON" | "KEY" | "PEM"
        )
    };
    name.split('_').any(is_long) && !name.ends_with("API_KEY")
}
