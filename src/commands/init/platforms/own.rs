//! A command that the repository has of its own: a script, an npm script, a target of make.

use serde_json::Value;

use super::{App, Command};
use crate::commands::init::apps::is_deploy_script;
use crate::commands::init::names;
use crate::commands::init::workflows::is_staging;

pub struct Own {
    pub command: Command,
    pub why: String,
    /// Where it is.
    pub file: String,
}

const IF_PRODUCTION: &str = "the command that deploys to staging, if this one deploys to production";

/// What names staging comes first, then scripts, npm scripts and targets of make.
pub fn find(app: &App<'_>) -> Option<Own> {
    let mut all: Vec<(bool, Own)> = [script(app), npm(app), make(app)].into_iter().flatten().collect();
    // Stable: the order above holds among those that are equal.
    all.sort_by_key(|(is_staging, _)| !is_staging);
    all.into_iter().next().map(|(_, own)| own)
}

fn script(app: &App<'_>) -> Option<(bool, Own)> {
    let scripts = app
        .files()
        .filter(|path| is_deploy_script(path) && names::is_path(path));
    let path = scripts.min_by_key(|path| (!is_staging(path), path.matches('/').count(), path.len()))?;
    let whole = format!("{}{path}", app.folder);
    let command = if app.survey.is_executable(&whole) {
        format!("./{path}")
    } else if path.ends_with(".sh") {
        format!("bash {path}")
    } else {
        return None;
    };
    let text = app.text(path).unwrap_or_default();
    let takes_words = ["$1", "${1", "$@", "$*"].iter().any(|word| text.contains(word));
    let command = match takes_words && !is_staging(path) {
        true => Command::change(format!("{command} staging"), "the arguments that deploy to staging"),
        false => Command::of_staging(is_staging(path), command, IF_PRODUCTION),
    };
    let why = format!("{whole} is a script that deploys");
    let file = whole;
    Some((is_staging(path), Own { command, why, file }))
}

const NPM: [&str; 6] = [
    "deploy:staging",
    "deploy-staging",
    "staging:deploy",
    "deploy:stage",
    "deploy:stg",
    "deploy",
];

fn npm(app: &App<'_>) -> Option<(bool, Own)> {
    let scripts = package(app)?;
    let name = NPM.into_iter().find(|name| scripts["scripts"][*name].is_string())?;
    // A workspace has one lock file, at its top.
    let at_root = App {
        survey: app.survey,
        folder: String::new(),
    };
    let locked = |file: &str| app.file(file).or_else(|| at_root.file(file)).is_some();
    let command = if locked("pnpm-lock.yaml") {
        format!("corepack pnpm install --frozen-lockfile && corepack pnpm run {name}")
    } else if locked("yarn.lock") {
        format!("corepack yarn install && corepack yarn run {name}")
    } else if locked("package-lock.json") {
        format!("npm ci && npm run {name}")
    } else {
        format!("npm install && npm run {name}")
    };
    let file = app.file("package.json")?;
    let why = format!("{file} has the script {name}");
    let command = Command::of_staging(is_staging(name), command, IF_PRODUCTION);
    Some((is_staging(name), Own { command, why, file }))
}

fn make(app: &App<'_>) -> Option<(bool, Own)> {
    let text = app.text("Makefile")?;
    let target = ["deploy-staging", "deploy_staging", "staging-deploy", "deploy"]
        .into_iter()
        .find(|name| {
            text.lines()
                .any(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(':')))
        })?;
    let file = app.file("Makefile")?;
    let why = format!("{file} has the target {target}");
    let command = Command::of_staging(is_staging(target), format!("make {target}"), IF_PRODUCTION);
    Some((is_staging(target), Own { command, why, file }))
}

/// What starts the package, if it is something that runs and not a library.
pub fn start(app: &App<'_>) -> Option<&'static str> {
    package(app)?["scripts"]["start"].is_string().then_some("npm start")
}

fn package(app: &App<'_>) -> Option<Value> {
    serde_json::from_str(&app.text("package.json")?).ok()
}

/// What a workflow that runs the command has in it, whatever it does before.
pub fn core(command: &str) -> &str {
    let core = command.rsplit("&& ").next().unwrap_or(command);
    let core = core.trim_start_matches("bash ").trim_start_matches("./");
    core.trim_start_matches("corepack ").trim_end_matches(" staging")
}
