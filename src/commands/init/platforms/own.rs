//! A command that the repository has of its own: a script, an npm script, a target of make.

use serde_json::Value;

use super::{App, Command, Deploy};
use crate::commands::init::aim::{self, Aim};
use crate::commands::init::apps::is_deploy_script;
use crate::commands::init::names;
use crate::commands::init::settings::{is_plain, may_be_set, that_run};
use crate::commands::init::workflows::{Workflows, is_staging};

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

/// Gives the command the variables and the arguments with which a workflow runs it: without them, many a script deploys to
/// production.
pub fn as_run(deploy: &mut Deploy, workflows: &Workflows) {
    let Some(own) = &deploy.own else { return };
    let Some((path, steps)) = that_run(own, workflows) else {
        return;
    };
    let mut runs = steps.iter().filter_map(|(step, aim)| Some((step.around(own)?, *aim)));
    let Some(((before, behind), step_aim)) = runs.next() else {
        return;
    };
    let command = &mut deploy.command;
    let Some(text) = with_words(&command.text, own, before, behind) else {
        command.change = Some(format!("add the variables and arguments with which {path} runs it"));
        return;
    };
    let says = aim::of(&text, &workflows.environment);
    if says == Aim::Wanted || (says == Aim::Unsaid && step_aim == Aim::Wanted) {
        *command = Command::known(text);
    } else if says == Aim::Unsaid && !behind.trim().is_empty() {
        command.text = text;
    }
}

/// `None` if there is more than plain words around it, which are not copied.
fn with_words(command: &str, own: &str, before: &str, behind: &str) -> Option<String> {
    let (prepare, last) = match command.rsplit_once("&& ") {
        Some((prepare, last)) => (format!("{prepare}&& "), last),
        None => (String::new(), command),
    };
    let call = &last[..last.find(own)? + own.len()];
    let mut words: Vec<&str> = Vec::new();
    for word in before.split_whitespace() {
        match word.split_once('=') {
            Some((name, value)) if may_be_set(name) && is_plain(value) => words.push(word),
            // How it is started is known.
            _ if matches!(word, "./" | "bash" | "sh" | "corepack") => {}
            _ => return None,
        }
    }
    words.push(call);
    for word in behind.split_whitespace().take_while(|word| !word.starts_with('#')) {
        let bare = ['"', '\'']
            .iter()
            .find_map(|quote| word.strip_prefix(*quote)?.strip_suffix(*quote));
        let bare = bare.unwrap_or(word);
        words.push(is_plain(bare).then_some(bare)?);
    }
    Some(prepare + &words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_has_the_words_that_a_workflow_gives_it() {
        for (command, own, before, behind, expected) in [
            (
                "./a/deploy.sh",
                "a/deploy.sh",
                "./",
                " staging",
                Some("./a/deploy.sh staging"),
            ),
            (
                "bash d.sh staging",
                "d.sh",
                "  TO=eu bash ",
                " 'stg' -v # x",
                Some("TO=eu bash d.sh stg -v"),
            ),
            (
                "npm ci && npm run deploy",
                "npm run deploy",
                "",
                " -- --to=stg",
                Some("npm ci && npm run deploy -- --to=stg"),
            ),
            ("./deploy.sh", "deploy.sh", "./", " $TARGET", None),
            ("./deploy.sh", "deploy.sh", "./", " \"a b\"", None),
            ("./deploy.sh", "deploy.sh", "LD_PRELOAD=x ./", "", None),
            ("./deploy.sh", "deploy.sh", "sudo ./", " staging", None),
        ] {
            assert_eq!(
                with_words(command, own, before, behind).as_deref(),
                expected,
                "{before}{behind}"
            );
        }
    }
}
