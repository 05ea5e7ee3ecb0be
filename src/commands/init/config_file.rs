//! `.github/stageproof.yml`, as it is written.

use super::known::{Git, Known};
use super::platforms::Url;
use crate::model::workflow::written;

/// Where staging answers, while nobody has said.
const UNKNOWN_URL: &str = "https://staging.example.com";

pub fn text(known: &Known, schema: &str, workflow: &str) -> String {
    let mut out = format!(
        "# yaml-language-server: $schema={schema}\n\
         # Written by `stageproof init`. Read by {workflow}, and by `stageproof rehearse` on your machine.\n\
         version: 1\n"
    );
    if known.environment != "staging" {
        out.push_str(&format!("environment: {}\n", written::scalar(&known.environment)));
    }
    out.push_str("\n# Can this job run? A missing secret is a skip with its reason.\nskip-guard:\n  require:\n");
    for prerequisite in prerequisites(known) {
        out.push_str(&format!("    - {prerequisite}\n"));
    }
    out.push_str(&smoke(known));
    out.push_str(&rollback(known));
    if !known.deploy.files.is_empty() {
        out.push_str("\n# What is sealed beside reports and logs?\nevidence-bundle:\n");
        let files = known.deploy.files.iter().map(String::as_str);
        out.push_str(&format!("  files: {}\n", written::list(files)));
    }
    out
}

/// What a job needs, as skip-guard reads it.
fn prerequisites(known: &Known) -> Vec<String> {
    let needed = known.settings.secrets.iter().map(|secret| {
        let kind = if secret.is_open { "var" } else { "env" };
        format!("{kind}:{}", secret.variable)
    });
    ["not-fork".to_owned()].into_iter().chain(needed).collect()
}

fn smoke(known: &Known) -> String {
    let deploy = &known.deploy;
    let (url, change) = match &deploy.url {
        Some(Url { text, change }) => (text.as_str(), change.clone()),
        None => (UNKNOWN_URL, Some(format!("the URL of {}", known.environment))),
    };
    let mut out = "\n# Does the deployment answer, and does it keep answering?\nsmoke:\n".to_owned();
    if let Some((name, _)) = &known.url_variable {
        out.push_str(&format!(
            "  # The workflow uses the variable {name} instead, if it is set.\n"
        ));
    }
    out.push_str(&format!("  url: {url}{}\n", mark(change.as_deref())));
    if let Some((start, port)) = &deploy.local {
        out.push_str(&format!(
            "  # Before a deploy, on your machine: stageproof smoke --start '{start}' http://127.0.0.1:{port}\n"
        ));
    }
    match &deploy.health {
        Some((path, from)) => out.push_str(&format!(
            "  # From {from}.\n  path: {}\n",
            written::list([path.as_str()])
        )),
        None => out.push_str("  path: [/]\n"),
    }
    out.push_str("  within: 3m\n  steady: 30s\n");
    out
}

fn rollback(known: &Known) -> String {
    let mut out =
        "\n# Can we go back? The command is printed, never run.\nrollback-dry-run:\n  platform: git\n".to_owned();
    match &known.git {
        Git::Tags(Some((pattern, _))) => out.push_str(&format!("  tags: {}\n", written::scalar(pattern))),
        Git::Shallow => out.push_str(
            "  # CHANGE: this is a shallow clone, so the commit before counts as a release; after `git fetch --tags --unshallow`, \
             run init again with --force\n  ref: HEAD~1\n",
        ),
        Git::Tags(None) | Git::None(_) => out.push_str(
            "  # CHANGE: no tag marks a release, so the commit before counts as one; once there are tags, write `tags: v*`\n  \
             ref: HEAD~1\n",
        ),
    }
    let folder = match known.app.as_str() {
        "" => String::new(),
        folder => format!("cd {folder} && "),
    };
    let deploy = &known.deploy;
    if deploy.own.is_some() || deploy.rollback_first.is_none() {
        let needed: Vec<&str> = known.settings.secrets.iter().map(|secret| &*secret.variable).collect();
        if !needed.is_empty() {
            out.push_str(&format!("  # Set first, as for the deploy: {}\n", needed.join(", ")));
        }
    }
    let first = deploy.rollback_first.as_ref();
    let first = first.map_or_else(String::new, |first| format!("{first} && "));
    let command = format!(
        "{first}git checkout --detach {{sha}} && {folder}{}",
        deploy.command.text
    );
    out.push_str(&format!("  rollback-command: {}\n", written::scalar(&command)));
    out
}

/// A remark for the person who reads it, behind a value.
pub fn mark(change: Option<&str>) -> String {
    change.map_or_else(String::new, |change| format!(" # CHANGE: {change}"))
}
