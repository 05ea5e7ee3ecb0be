//! What was found, and what only the owner knows, as checks.

use std::time::Duration;

use super::broken;
use super::known::{Git, Known};
use super::platforms::Certainty;
use super::settings::Mapped;
use super::survey::Survey;
use super::workflow_file;
use super::write::{Target, There};
use super::{READABLE, STAGE, TO_DO};
use crate::model::capped::Capped;
use crate::model::text::{count, one_line};
use crate::model::{Check, Ended, Fact, Finding};

/// What begins a remark for the owner in a file of ours.
const MARK: &str = "# CHANGE: ";

pub fn found(known: &Known, survey: &Survey, took: Duration) -> Vec<Check> {
    vec![
        repository(known, survey, took),
        app(known),
        deploy(known, survey),
        settings(known),
    ]
}

fn repository(known: &Known, survey: &Survey, took: Duration) -> Check {
    let mut findings = Capped::default();
    let mut facts = vec![Fact::new("files", survey.files().count().to_string())];
    let branch = known.branch.as_deref().unwrap_or("not known");
    let tags = match &known.git {
        Git::Tags(Some((pattern, tags))) => format!("{} ({pattern})", count(*tags, "release tag")),
        Git::Tags(None) => "no tag marks a release".to_owned(),
        Git::Shallow => "this is a shallow clone, so its tags are not known".to_owned(),
        Git::None(why) => {
            findings.add(Finding::note("no-git", why.clone()));
            "not known".to_owned()
        }
    };
    facts.extend([Fact::new("default branch", branch), Fact::new("releases", &tags)]);
    if !matches!(known.git, Git::None(_)) {
        findings.add(Finding::note(
            "branch",
            format!("the default branch is {branch}; {tags}"),
        ));
    }
    if let Some(path) = &known.environment_from {
        let message = format!("{path} names the environment {}", known.environment);
        findings.add(Finding::note("environment", message));
    }
    let missed = survey.left_out().into_iter().chain(broken::findings(survey));
    missed.for_each(|finding| findings.add(finding));
    let check = Check::new(
        STAGE,
        "init:repository",
        READABLE,
        Ended::Looked(findings.into_vec()),
        took,
    );
    Check { facts, ..check }
}

fn app(known: &Known) -> Check {
    let title = match known.app.as_str() {
        "" => "The app is the repository itself".to_owned(),
        folder => format!("The app is {folder}"),
    };
    let mut findings = Vec::new();
    if !known.others.is_empty() {
        let others = match known.others.split_at_checked(5) {
            Some((first, more @ [_, ..])) => format!("{} and {} more", first.join(", "), more.len()),
            _ => known.others.join(", "),
        };
        let message = format!("there are others: {others}");
        findings.push(Finding::note("several-apps", message).help("to take another one, run init in its folder"));
    }
    looked("init:app", title, findings)
}

fn deploy(known: &Known, survey: &Survey) -> Check {
    let deploy = &known.deploy;
    let title = match (deploy.certainty, deploy.platform) {
        (Certainty::Possible, _) => "The command that deploys is not known".to_owned(),
        (_, "") => format!("It is deployed by: {}", deploy.command.text),
        (_, platform) => format!("It is deployed {platform}: {}", deploy.command.text),
    };
    let why = deploy.why.iter().map(|why| Finding::note("found", why.clone()));
    let url = known.url_variable.iter();
    let url = url.map(|(name, path)| Finding::note("found", format!("{path} uses the variable {name}")));
    let rivals = known.rivals.iter().map(|path| {
        Finding::note(
            "deploys-already",
            format!("{path} deploys on a push, so the new workflow is started by hand"),
        )
    });
    let users = known.users.iter().map(|path| {
        Finding::note(
            "kept",
            format!("{path} uses stageproof, but `stageproof init` did not write it: it stays as it is"),
        )
    });
    let (workflow, taken) = workflow_file::path(known, survey);
    let taken = taken.filter(|taken| !known.users.contains(taken));
    let taken = taken.map(|taken| {
        Finding::note(
            "kept",
            format!("`stageproof init` did not write {taken}: it stays as it is, and {workflow} is the new workflow"),
        )
    });
    looked(
        "init:deploy",
        title,
        why.chain(url).chain(rivals).chain(users).chain(taken).collect(),
    )
}

fn settings(known: &Known) -> Check {
    let variables = known.settings.secrets.iter().filter(|secret| secret.is_open).count();
    let secrets = known.settings.secrets.len() - variables;
    let title = match (secrets, variables) {
        (0, 0) => "No secret is known that it needs".to_owned(),
        (_, 0) => format!("It needs {}", count(secrets, "secret")),
        _ => format!(
            "It needs {} and {}",
            count(secrets, "secret"),
            count(variables, "variable")
        ),
    };
    let found = |secret: &Mapped| {
        let (kind, name) = (kind(secret), &secret.name);
        let message = match &secret.used_in {
            Some(path) => format!("the {kind} {name}, which {path} uses"),
            None => format!(
                "the {kind} {name}, which no workflow uses for {} yet",
                known.environment
            ),
        };
        Finding::note("setting", message)
    };
    looked(
        "init:settings",
        title,
        known.settings.secrets.iter().map(found).collect(),
    )
}

fn kind(secret: &Mapped) -> &'static str {
    if secret.is_open { "variable" } else { "secret" }
}

/// What is left to do, each with its place.
pub fn open(known: &Known, targets: &[Target]) -> Check {
    let mut findings = Vec::new();
    for target in targets
        .iter()
        .filter(|target| !matches!(target.there, There::Obstacle(_)))
    {
        for (number, line) in (1..).zip(target.text.lines()) {
            if let Some((_, change)) = line.split_once(MARK) {
                let message = format!("{}:{number}: {change}", target.path);
                findings.push(Finding::warning("change", message).at(&*target.path, Some(number)));
            }
        }
    }
    for secret in known.settings.secrets.iter().filter(|secret| secret.used_in.is_none()) {
        let (kind, name) = (kind(secret), &secret.name);
        let message = format!(
            "the {kind} {name} must be in the repository's settings: {}",
            secret.help
        );
        findings.push(Finding::warning("create", message));
    }
    let title = match findings.len() {
        0 => "Nothing is left to fill in".to_owned(),
        n => format!("{} only you can fill in", count(n, "thing")),
    };
    let check = looked("init:open", title, findings);
    Check {
        stage: TO_DO.to_owned(),
        ..check
    }
}

fn looked(id: &str, title: String, findings: Vec<Finding>) -> Check {
    let findings = findings.into_iter().map(|finding| Finding {
        message: one_line(&finding.message),
        ..finding
    });
    Check::new(STAGE, id, title, Ended::Looked(findings.collect()), Duration::ZERO)
}
