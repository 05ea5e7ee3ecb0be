//! The workflow, as it is written: a call of the reusable workflow, or, where the platform's tool must be installed first,
//! a job of its own that ends in `prove`.

use super::config_file::mark;
use super::known::Known;
use super::platforms::Setup;
use super::survey::Survey;
use super::workflows::{FOLDER, WRITTEN};
use crate::model::workflow::reference::STAGEPROOF;
use crate::model::workflow::written;

const CHECKOUT: &str = "actions/checkout@8e8c483db84b4bee98b60c0593521ed34d9990e8 # v6.0.1";

/// Where it is written: over the one that was written before, else under the first name that is free. With the workflow
/// of somebody else that has its usual name, if there is one.
pub fn path(known: &Known, survey: &Survey) -> (String, Option<String>) {
    if let Some(ours) = &known.ours {
        return (ours.clone(), None);
    }
    let mut number = 1;
    let (mut name, mut taken) = ("staging".to_owned(), None);
    loop {
        let paths = ["yml", "yaml"].map(|ending| format!("{FOLDER}{name}.{ending}"));
        let Some(other) = paths.iter().find(|path| survey.has(path)) else {
            let [path, _] = paths;
            return (path, taken);
        };
        taken.get_or_insert_with(|| other.clone());
        name = match number {
            1 => "stageproof-staging".to_owned(),
            _ => format!("stageproof-staging-{number}"),
        };
        number += 1;
    }
}

pub fn text(known: &Known, config: &str) -> String {
    let environment = &known.environment;
    let mut out = format!(
        "# Deploys to {environment} and proves it. {WRITTEN}; {config} says what is checked.\n\
         name: {environment}\n"
    );
    out.push_str(&events(known));
    out.push_str("permissions: { contents: read }\n");
    match &known.deploy.setup {
        Some(setup) => out.push_str(&own_job(known, setup)),
        None => out.push_str(&call(known)),
    }
    out
}

/// When it runs: never beside another workflow that deploys on the same push.
fn events(known: &Known) -> String {
    let branch = known.branch.as_deref().unwrap_or("main");
    let push = written::list([branch]);
    match known.rivals.first() {
        Some(rival) => format!(
            "on:\n  # CHANGE: {rival} deploys on a push; when it no longer does, add `push: {{ branches: {push} }}`\n  \
             workflow_dispatch:\n"
        ),
        None => {
            let change = known.branch.is_none().then_some("the branch that is deployed");
            format!(
                "on:\n  push:\n    branches: {push}{}\n  workflow_dispatch:\n",
                mark(change)
            )
        }
    }
}

fn call(known: &Known) -> String {
    let mut out = format!(
        "jobs:\n  staging:\n    uses: {STAGEPROOF}/.github/workflows/staging.yml{}\n    with:\n",
        known.pin.suffix()
    );
    if known.environment != "staging" {
        out.push_str(&format!("      environment: {}\n", written::scalar(&known.environment)));
    }
    // That of this name is known to the reusable workflow.
    if let Some((name, _)) = known.url_variable.as_ref().filter(|(name, _)| name != "STAGING_URL") {
        out.push_str(&format!("      url: ${{{{ vars.{name} }}}}\n"));
    }
    if !known.app.is_empty() {
        out.push_str(&format!("      working-directory: {}\n", written::scalar(&known.app)));
    }
    out.push_str(&command(known, "      ", "deploy"));
    out.push_str(&passed_on(known));
    out
}

/// The secrets and variables, all in the one that the reusable workflow takes.
fn passed_on(known: &Known) -> String {
    let mut remarks = remarks(known, "    ");
    if known.settings.is_in_environment {
        remarks.push_str(&format!(
            "    # CHANGE: GitHub does not pass on secrets of an environment; if one of these is a secret of {}, create the \
             secret DEPLOY_ENV there with the lines below as its value, and pass `DEPLOY_ENV: ${{{{ secrets.DEPLOY_ENV }}}}`\n",
            known.environment
        ));
    }
    if known.settings.secrets.is_empty() {
        return remarks
            + "    # CHANGE: if the command needs secrets, pass them on, as these lines do\n    # secrets:\n    \
                #   DEPLOY_ENV: |\n    #     DEPLOY_TOKEN=${{ secrets.DEPLOY_TOKEN }}\n";
    }
    let mut out = remarks + "    secrets:\n      DEPLOY_ENV: |\n";
    for secret in &known.settings.secrets {
        let (variable, value) = (&secret.variable, secret.expression());
        out.push_str(&match secret.is_long {
            true => format!("        {variable}<<END\n        {value}\n        END\n"),
            false => format!("        {variable}={value}\n"),
        });
    }
    out
}

/// What the owner must look at before the secrets are right.
fn remarks(known: &Known, indent: &str) -> String {
    let remarks = known.settings.remarks.iter();
    remarks.map(|remark| format!("{indent}# CHANGE: {remark}\n")).collect()
}

fn own_job(known: &Known, setup: &Setup) -> String {
    let environment = written::scalar(&known.environment);
    let (ready, pin) = ("if: steps.guard.outputs.ready == 'true'", known.pin.suffix());
    let named = match known.environment.as_str() {
        "staging" => None,
        name => Some(format!("environment: {}", written::scalar(name))),
    };
    let mut env = String::new();
    for secret in &known.settings.secrets {
        env.push_str(&format!("          {}: {}\n", secret.variable, secret.expression()));
    }
    let env = match env.as_str() {
        "" => String::new(),
        env => format!("        env:\n{env}"),
    };
    let remarks = remarks(known, "        ");
    let mut out = format!(
        "concurrency: {{ group: {environment}, cancel-in-progress: false }}\njobs:\n  staging:\n    name: Deploy and prove\n    \
         runs-on: ubuntu-latest\n    timeout-minutes: 60\n    environment: {environment}\n    steps:\n      \
         - name: Check out\n        uses: {CHECKOUT}\n        with: {{ fetch-depth: 0, persist-credentials: false }}\n"
    );
    out.push_str(&format!(
        "      - name: Guard\n        id: guard\n        uses: {STAGEPROOF}{pin}\n{remarks}{env}        with:\n          \
         command: skip-guard\n          evidence-dir: artifacts/{{environment}}/{{run-id}}\n"
    ));
    let setup_pin = known.setup_pin.as_deref().unwrap_or(setup.pin);
    out.push_str(&format!(
        "      - name: {}\n        {ready}\n        uses: {}@{setup_pin}\n      - name: Deploy\n        id: deploy\n        \
         {ready}\n",
        setup.name, setup.action
    ));
    if !known.app.is_empty() {
        out.push_str(&format!("        working-directory: {}\n", written::scalar(&known.app)));
    }
    out.push_str(&env);
    out.push_str(&command(known, "        ", "run"));
    out.push_str(&format!(
        "      # After a deploy that failed, too.\n      - name: Prove\n        \
         if: ${{{{ !cancelled() && steps.deploy.outcome != 'skipped' }}}}\n        uses: {STAGEPROOF}/prove{pin}\n"
    ));
    let url = known.url_variable.as_ref();
    let url = url.map(|(name, _)| format!("url: ${{{{ vars.{name} }}}}"));
    out.push_str("        with:\n          require: skip-guard\n");
    let with = named.into_iter().chain(url);
    with.for_each(|line| out.push_str(&format!("          {line}\n")));
    out
}

/// The command that deploys as the value of a key, a script if it takes more than a line.
fn command(known: &Known, indent: &str, key: &str) -> String {
    let command = &known.deploy.command;
    let change = command.change.as_ref();
    let mut out = change.map_or_else(String::new, |change| format!("{indent}# CHANGE: {change}\n"));
    if known.deploy.prepare.is_empty() {
        out.push_str(&format!("{indent}{key}: {}\n", written::scalar(&command.text)));
        return out;
    }
    out.push_str(&format!("{indent}{key}: |\n"));
    let lines = known.deploy.prepare.iter().chain([&command.text]);
    lines.for_each(|line| out.push_str(&format!("{indent}  {line}\n")));
    out
}
