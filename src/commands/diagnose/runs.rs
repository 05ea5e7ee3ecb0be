//! Which runs are diagnosed: those that are named, the newest that failed, or this one.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use url::Url;

use super::jobs::FAILED;
use super::{RunRef, STAGE};
use crate::engine::NotChecked;
use crate::model::text::{count, nearest, one_line};
use crate::model::{Check, Ended, Fact, Finding};
use crate::world::World;
use crate::world::git::Repository;
use crate::world::github::{Run, Session};

/// More do not belong into one report.
pub const MOST_RUNS: usize = 20;
const GITHUB: &str = "github.com";
/// What GitHub lists of a conclusion at once.
const LISTED: usize = 100;

/// The newest runs that failed.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// The name of the workflow, or of its file.
    pub workflow: Option<String>,
    pub branch: Option<String>,
    /// In full.
    pub sha: Option<String>,
    pub last: usize,
}

impl Search {
    /// `of staging.yml on main`
    fn told(&self) -> String {
        let parts = [("of", &self.workflow), ("on", &self.branch), ("of commit", &self.sha)];
        let parts = parts
            .iter()
            .filter_map(|(word, value)| value.as_ref().map(|value| format!(" {word} {value}")));
        one_line(&parts.collect::<String>())
    }
}

/// The run that this job is in, or the one that started it (`workflow_run`).
pub fn current(world: &World) -> Result<RunRef, NotChecked> {
    let id = match world.runner.event_name.as_deref() {
        Some("workflow_run") => {
            let event = world
                .runner
                .event()
                .map_err(|why| NotChecked::errored(why.to_owned()))?;
            event.pointer("/workflow_run/id").and_then(serde_json::Value::as_u64)
        }
        _ => world.runner.run_id(),
    };
    let no_id = || NotChecked::with_help("this run has no id", "name the run: --run ID");
    id.map(RunRef::of).ok_or_else(no_id)
}

/// The repository of this job, or else that of the work tree at GitHub.
pub fn here(world: &World) -> Option<String> {
    let origin = || {
        let (host, name) = Repository::open(&world.folder).ok()?.origin()?;
        (host == server_host(world)).then_some(name)
    };
    world.runner.repository.clone().or_else(origin)
}

fn server_host(world: &World) -> String {
    let server = world.env.get("GITHUB_SERVER_URL").and_then(|url| Url::parse(url).ok());
    let host = server.as_ref().and_then(Url::host_str);
    host.unwrap_or(GITHUB).to_ascii_lowercase()
}

/// Why the repository is not known.
pub fn not_here(world: &World) -> NotChecked {
    let clone = "run it in a clone of the repository, or name a run by its address: \
                 --run https://github.com/OWNER/NAME/actions/runs/ID";
    let (why, help) = match Repository::open(&world.folder).map(|repository| repository.origin()) {
        Err(error) => (error.to_string(), clone.to_owned()),
        Ok(None) => (
            "the remote `origin` of this clone is not set, or is no repository at GitHub".to_owned(),
            clone.to_owned(),
        ),
        Ok(Some((host, _))) => {
            let server = server_host(world);
            let why = format!(
                "the remote `origin` of this clone is at {}, not at {server}",
                one_line(&host)
            );
            (why, settings_for(&host))
        }
    };
    NotChecked::with_help(format!("the repository at GitHub is not known: {why}"), help)
}

/// A token for one server must not go to another.
pub fn check_server(world: &World) -> Result<(), NotChecked> {
    let host = server_host(world);
    if host == GITHUB || world.env.get("GITHUB_API_URL").is_some() {
        return Ok(());
    }
    let why = format!(
        "GITHUB_SERVER_URL names {}, but GITHUB_API_URL is not set",
        one_line(&host)
    );
    Err(NotChecked::with_help(why, settings_for(&host)))
}

/// How the API of another server is named (docs.github.com, "Getting started with the REST API", for GitHub Enterprise Server
/// and for GitHub Enterprise Cloud with data residency).
pub fn settings_for(host: &str) -> String {
    let host = one_line(host);
    if host == GITHUB {
        return "to ask github.com, unset GITHUB_SERVER_URL and GITHUB_API_URL".to_owned();
    }
    let api = match host.ends_with(".ghe.com") {
        true => format!("https://api.{host}"),
        false => format!("https://{host}/api/v3"),
    };
    format!("if that is your GitHub Enterprise server, set GITHUB_SERVER_URL=https://{host} and GITHUB_API_URL={api}")
}

pub async fn newest_failed(search: &Search, session: &Session<'_>) -> Result<(Vec<Run>, Check), NotChecked> {
    let started = Instant::now();
    let workflow = match &search.workflow {
        Some(name) => Some(workflow(name, session).await?),
        None => None,
    };
    let (mut runs, mut at_least) = (Vec::new(), "");
    for conclusion in FAILED {
        let (branch, sha) = (search.branch.as_deref(), search.sha.as_deref());
        let listed = session.newest_runs(conclusion, workflow, branch, sha).await?;
        at_least = if listed.whole { at_least } else { "at least " };
        runs.extend(listed.items);
    }
    runs.sort_by_key(|run| Reverse((run.created_at, run.id)));
    let found = runs.len();
    runs.truncate(search.last);
    let told = search.told();
    let mut findings = Vec::new();
    if found > runs.len() {
        let message = format!(
            "{at_least}{} also failed and were not diagnosed",
            count(found - runs.len(), "older run")
        );
        let last = found.min(MOST_RUNS);
        let more = (last > runs.len()).then(|| format!("--last {last}"));
        findings.push(
            Finding::note("older-runs", message).help(more.unwrap_or_else(|| "name one of them: --run ID".to_owned())),
        );
    }
    let title = match runs.len() {
        0 => format!("No run{told} failed"),
        n => format!("Found {}{told}", count(n, "failed run")),
    };
    let mut check = Check::new(
        STAGE,
        "diagnose:runs",
        title,
        Ended::Looked(findings),
        started.elapsed(),
    );
    check.facts = runs.iter().map(|run| Fact::new("run", &*run.html_url)).collect();
    Ok((runs, check))
}

async fn workflow(name: &str, session: &Session<'_>) -> Result<u64, NotChecked> {
    let known = session.workflows().await?.items;
    let is_file = |path: &str| path == name.trim_start_matches("./") || path.rsplit('/').next() == Some(name);
    let mut found = known.iter().filter(|known| is_file(&known.path) || known.name == name);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one.id),
        (Some(_), Some(_)) => Err(NotChecked::with_help(
            format!("several workflows are called `{}`", one_line(name)),
            "name the file: --workflow FILE",
        )),
        _ => {
            let names = known
                .iter()
                .flat_map(|known| [known.path.as_str(), known.name.as_str()]);
            let help = nearest(name, names).map(|near| format!("did you mean `{}`?", one_line(near)));
            let all = || {
                let paths: Vec<String> = known.iter().take(LISTED).map(|known| one_line(&known.path)).collect();
                format!("the repository has {}", paths.join(", "))
            };
            let message = format!("the repository has no workflow `{}`", one_line(name));
            Err(NotChecked::with_help(message, help.unwrap_or_else(all)))
        }
    }
}

/// That the runs could not be found.
pub fn not_found(why: NotChecked, took: Duration) -> Check {
    Check::new(
        STAGE,
        "diagnose:runs",
        "The runs that failed can be listed",
        why.into(),
        took,
    )
}
