//! GitHub's REST API as far as it is asked, and as strict: what GitHub would refuse is refused here, in its words.
//!
//! What GitHub would let pass and nobody should send (an unknown query, a token on another host) is noted, and
//! [`Mock::was_asked_properly`] fails for it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::gate::Gate;
use crate::servers;

pub const TOKEN: &str = "ghs_mock0123456789abcdef";
pub const REPOSITORY: &str = "acme/shop";
/// The number of the repository, by which a redirect names it after it was renamed.
const REPOSITORY_ID: &str = "4711";
/// The run of `Gate::on_runner`.
pub const RUN: u64 = 77;
const WORKFLOW: u64 = 900;
/// The file of the one workflow.
pub const STAGING: &str = ".github/workflows/staging.yml";

/// Where [`Mock::keeps_logs_itself`] has them.
const KEPT: &str = "/kept";

/// In the address of a log.
pub const SIGNATURE: &str = "c2lnbmF0dXJl";

pub const PUSH: &str = r#"{"repository":{"fork":false,"full_name":"acme/shop","default_branch":"main"}}"#;

/// Something that goes wrong with one request.
#[derive(Clone)]
pub enum Trouble {
    /// The hourly limit is used up, and ends in so many seconds.
    RateLimit(i64),
    /// Too much at once; `retry-after` in seconds, if it is sent.
    SecondaryLimit(Option<u32>),
    Server(u16),
    /// The connection ends in the middle of the answer.
    Cut,
    /// No answer at all.
    Hang,
    /// 200, and then something that is no JSON.
    NotJson,
    /// 302 to this address.
    Redirect(String),
    /// 403 that is about no permission.
    Wall,
    /// An empty list whose next page is at this address.
    NextPage(String),
}

#[derive(Default)]
struct State {
    granted: BTreeSet<String>,
    invisible: bool,
    owner_kind: String,
    environments: Vec<String>,
    /// Names of secrets: of the repository (`repository`), of its organization (`organization`), or of an environment.
    secrets: Vec<(String, String)>,
    runs: Vec<Value>,
    workflows: Vec<Value>,
    /// Commit, or nothing for the default branch; path; text.
    files: Vec<(String, String, String)>,
    jobs: BTreeMap<u64, Vec<Value>>,
    annotations: BTreeMap<u64, Vec<Value>>,
    /// Environment, id, commit, and its states, the newest first.
    deployments: Vec<(String, u64, String, Vec<String>)>,
    deleted: BTreeSet<u64>,
    /// Logs of jobs; `None` if it was deleted.
    logs: BTreeMap<u64, Option<String>>,
    /// The run of each, what is listed of it, and the zip; `None` if that was deleted.
    artifacts: Vec<(u64, Value, Option<Vec<u8>>)>,
    /// Where logs and artifacts are kept.
    blobs: String,
    largest_page: usize,
    troubles: VecDeque<Trouble>,
    asked: Vec<String>,
    wrong: Vec<String>,
}

/// The server, for as long as the test runs.
pub struct Mock {
    pub url: String,
    state: Arc<Mutex<State>>,
}

impl Mock {
    /// One repository, in which the token may read everything.
    pub fn new() -> Self {
        let all = [
            "actions",
            "checks",
            "contents",
            "deployments",
            "issues",
            "packages",
            "pull_requests",
            "statuses",
        ];
        let state = Arc::new(Mutex::new(State {
            granted: all.iter().map(|name| (*name).to_owned()).collect(),
            owner_kind: "Organization".to_owned(),
            largest_page: 100,
            workflows: vec![json!({"id": WORKFLOW, "name": "Staging", "path": STAGING})],
            ..State::default()
        }));
        let inside = Arc::clone(&state);
        let blobs = servers::serve(move |stream| blob(stream, &inside));
        state.lock().unwrap().blobs = blobs;
        let inside = Arc::clone(&state);
        let url = servers::serve(move |stream| answer(stream, &inside));
        let mock = Self { url, state };
        mock.run(RUN, 50, "in_progress", 0)
    }

    fn with(self, change: impl FnOnce(&mut State)) -> Self {
        change(&mut self.state.lock().unwrap());
        self
    }

    /// `permissions:` of the job: only these may be read.
    pub fn grants(self, names: &[&str]) -> Self {
        self.with(|state| state.granted = names.iter().map(|name| (*name).to_owned()).collect())
    }

    /// The repository is private, and the token is not for it.
    pub fn invisible(self) -> Self {
        self.with(|state| state.invisible = true)
    }

    /// A deployment older than those before it, with its states, the newest first.
    pub fn deployment(self, environment: &str, id: u64, sha: &str, states: &[&str]) -> Self {
        let states = states.iter().map(|state| (*state).to_owned()).collect();
        let deployment = (environment.to_owned(), id, sha.to_owned(), states);
        self.with(|state| state.deployments.push(deployment))
    }

    pub fn owned_by(self, kind: &str) -> Self {
        self.with(|state| state.owner_kind = kind.to_owned())
    }

    pub fn environments<S: Into<String>>(self, names: impl IntoIterator<Item = S>) -> Self {
        self.with(|state| state.environments = names.into_iter().map(Into::into).collect())
    }

    /// A secret of the repository (`repository`), of its `organization`, or of an environment. A token of a person may list
    /// them with `secrets` and `environments`, and the one of a job never.
    pub fn secret(self, of: &str, name: &str) -> Self {
        self.with(|state| state.secrets.push((of.to_owned(), name.to_owned())))
    }

    /// A run of the one workflow on main, whose state last changed `hours` ago. `completed` ones have ended.
    pub fn run(self, id: u64, number: u64, status: &str, hours: i64) -> Self {
        self.run_of("push", id, number, status, hours)
    }

    /// The same, of another event; a pull request's from the branch main of a fork is listed under main as well.
    pub fn run_of(self, event: &str, id: u64, number: u64, status: &str, hours: i64) -> Self {
        let at = (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(hours)).to_string();
        let run = json!({
            "id": id, "run_number": number, "workflow_id": WORKFLOW, "status": status, "head_branch": "main",
            "event": event, "name": "Staging", "path": STAGING, "head_sha": sha(id), "run_attempt": 1,
            "actor": {"login": "octocat"}, "repository": {"full_name": REPOSITORY},
            "head_repository": {"full_name": REPOSITORY},
            "html_url": format!("https://github.com/{REPOSITORY}/actions/runs/{id}"),
            "conclusion": (status == "completed").then_some("success"), "created_at": at, "updated_at": at,
        });
        self.with(|state| state.runs.push(run))
    }

    /// What started the run of `Gate::on_runner`.
    pub fn run_is_of(self, event: &str) -> Self {
        self.with(|state| {
            for run in state.runs.iter_mut().filter(|run| run["id"] == RUN) {
                run["event"] = event.into();
            }
        })
    }

    /// A run of the one workflow on main that failed; a higher number is a newer one.
    pub fn failed(self, id: u64, number: u64) -> Self {
        let hours = i64::try_from(100_u64.saturating_sub(number)).unwrap();
        self.run(id, number, "completed", hours)
            .run_with(id, json!({"conclusion": "failure"}))
    }

    /// Fields of a run that are different.
    pub fn run_with(self, id: u64, fields: Value) -> Self {
        self.with(|state| {
            let run = state.runs.iter_mut().find(|run| run["id"] == id).unwrap();
            run.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        })
    }

    /// One more workflow.
    pub fn workflow(self, id: u64, name: &str, path: &str) -> Self {
        self.with(|state| state.workflows.push(json!({"id": id, "name": name, "path": path})))
    }

    /// A file at a commit, or with an empty one on the default branch.
    pub fn file(self, commit: &str, path: &str, text: &str) -> Self {
        let file = (commit.to_owned(), path.to_owned(), text.to_owned());
        self.with(|state| state.files.push(file))
    }

    pub fn without_file(self, path: &str) -> Self {
        self.with(|state| state.files.retain(|(_, name, _)| name != path))
    }

    /// Fields of a job that are different.
    pub fn job_with(self, id: u64, fields: Value) -> Self {
        self.with(|state| {
            let job = state.jobs.values_mut().flatten().find(|job| job["id"] == id).unwrap();
            job.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        })
    }

    /// The steps of a job: name, conclusion, and when it started.
    pub fn steps(self, job: u64, steps: &[(&str, &str, &str)]) -> Self {
        let step = |(index, (name, conclusion, at)): (usize, &(&str, &str, &str))| json!({"name": name, "number": index + 1, "status": "completed", "conclusion": conclusion, "started_at": at});
        let steps: Vec<Value> = steps.iter().enumerate().map(step).collect();
        self.job_with(job, json!({"steps": steps}))
    }

    /// A job of a run that ended so (`running` and `queued` have not).
    pub fn job(self, run: u64, id: u64, name: &str, conclusion: &str) -> Self {
        self.job_of_attempt(run, 1, id, name, conclusion)
    }

    pub fn job_of_attempt(self, run: u64, attempt: u64, id: u64, name: &str, conclusion: &str) -> Self {
        let (status, conclusion) = match conclusion {
            "running" => ("in_progress", None),
            "queued" => ("queued", None),
            ended => ("completed", Some(ended)),
        };
        let job = json!({
            "id": id, "run_id": run, "name": name, "status": status, "conclusion": conclusion, "run_attempt": attempt,
            "html_url": format!("https://github.com/{REPOSITORY}/actions/runs/{run}/job/{id}"),
        });
        self.with(|state| state.jobs.entry(run).or_default().push(job))
    }

    /// The log of a job, which another host keeps; `None` if it was deleted.
    pub fn log(self, job: u64, text: Option<&str>) -> Self {
        self.with(|state| {
            state.logs.insert(job, text.map(str::to_owned));
        })
    }

    /// An artifact of a run, with the hash that is recorded of it; `expired` ones are listed, and their zips are gone.
    pub fn artifact(self, run: u64, name: &str, zip: &[u8], digest: Option<&str>, expired: bool) -> Self {
        self.with(|state| {
            let id = 5000 + state.artifacts.len() as u64;
            let listed = json!({
                "id": id, "name": name, "size_in_bytes": zip.len(), "expired": expired, "digest": digest,
                "created_at": "2026-11-01T12:00:00Z", "workflow_run": {"id": run},
            });
            state.artifacts.push((run, listed, (!expired).then(|| zip.to_vec())));
        })
    }

    /// From now on the zips are gone, which the lists do not say yet.
    pub fn deletes_zips(&self) {
        self.state
            .lock()
            .unwrap()
            .artifacts
            .iter_mut()
            .for_each(|(.., zip)| *zip = None);
    }

    pub fn annotation(self, job: u64, title: &str, message: &str) -> Self {
        self.annotation_of("warning", job, title, message)
    }

    pub fn annotation_of(self, level: &str, job: u64, title: &str, message: &str) -> Self {
        let annotation = json!({
            "path": ".github", "start_line": 1, "end_line": 1, "annotation_level": level,
            "title": title, "message": message,
        });
        self.with(|state| state.annotations.entry(job).or_default().push(annotation))
    }

    /// Of this run the jobs were deleted.
    pub fn without_jobs(self, run: u64) -> Self {
        self.with(|state| {
            state.jobs.remove(&run);
            state.deleted.insert(run);
        })
    }

    /// The host of the API keeps logs, and no other one.
    pub fn keeps_logs_itself(self) -> Self {
        let blobs = format!("{}{KEPT}", self.url);
        self.with(|state| state.blobs = blobs)
    }

    /// Lists come in pages of so many at most.
    pub fn pages_of(self, largest: usize) -> Self {
        self.with(|state| state.largest_page = largest)
    }

    /// The next requests go wrong like this, one each.
    pub fn troubles(self, troubles: impl IntoIterator<Item = Trouble>) -> Self {
        self.with(|state| state.troubles = troubles.into_iter().collect())
    }

    /// A workspace on a runner whose GitHub this is, with a token.
    pub fn gate(&self) -> Gate {
        self.gate_without_token().env("GITHUB_TOKEN", TOKEN)
    }

    pub fn gate_without_token(&self) -> Gate {
        Gate::new().on_runner("push", PUSH).env("GITHUB_API_URL", &self.url)
    }

    /// The paths that were asked for, in their order, without what follows the `?`.
    pub fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }

    #[track_caller]
    pub fn was_asked_properly(&self) {
        let state = self.state.lock().unwrap();
        assert!(!state.asked.is_empty(), "nothing was asked");
        assert!(state.wrong.is_empty(), "{}", state.wrong.join("\n"));
    }
}

/// The commit of a run.
pub fn sha(run: u64) -> String {
    format!("{run:040x}")
}

/// Where the API is on a GitHub Enterprise Server, below its own address. Both are answered.
const SERVER: &str = "/api/v3";

/// What a request's head says.
struct Head {
    /// The address the client uses for the API.
    base: String,
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
}

impl Head {
    fn read(text: &str) -> Self {
        let mut lines = text.lines();
        let mut first = lines.next().unwrap_or_default().split(' ');
        let method = first.next().unwrap_or_default().to_owned();
        let target = first.next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (prefix, path) = match path.strip_prefix(SERVER) {
            Some(path) => (SERVER, path),
            None => ("", path),
        };
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        let headers: BTreeMap<String, String> = headers.collect();
        let host = headers.get("host").map_or("", String::as_str);
        Self {
            base: format!("http://{host}{prefix}"),
            method,
            path: path.to_owned(),
            query,
            headers,
        }
    }
}

/// One answer: status, further headers, body.
struct Reply(u16, Vec<(String, String)>, Value);

fn refused(status: u16, message: &str) -> Reply {
    let body = json!({
        "message": message, "documentation_url": "https://docs.github.com/rest", "status": status.to_string(),
    });
    Reply(status, Vec::new(), body)
}

fn answer(mut stream: TcpStream, state: &Mutex<State>) {
    let text = servers::read_head(&mut stream);
    if text.is_empty() {
        return;
    }
    let head = Head::read(&text);
    let mut state = state.lock().unwrap();
    if head.path.starts_with(KEPT) {
        return kept(&head, stream, &mut state);
    }
    state.asked.push(head.path.clone());
    let trouble = state.troubles.pop_front();
    let reply = match trouble {
        None => checked(&head, &mut state),
        Some(Trouble::Hang) => {
            drop(state);
            return servers::hang(stream);
        }
        Some(Trouble::Cut) => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"id\":");
            return;
        }
        Some(Trouble::NotJson) => {
            let _ =
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\nconnection: close\r\n\r\n<html>\nhello");
            return;
        }
        Some(Trouble::RateLimit(seconds)) => {
            let reset = jiff::Timestamp::now().as_second() + seconds;
            let mut reply = refused(403, "API rate limit exceeded for installation.");
            reply.1.push(("x-ratelimit-limit".into(), "1000".into()));
            reply.1.push(("x-ratelimit-remaining".into(), "0".into()));
            reply.1.push(("x-ratelimit-reset".into(), reset.to_string()));
            reply
        }
        Some(Trouble::SecondaryLimit(after)) => {
            let mut reply = refused(
                429,
                "You have exceeded a secondary rate limit. Please wait a few minutes.",
            );
            reply
                .1
                .extend(after.map(|after| ("retry-after".into(), after.to_string())));
            reply
        }
        Some(Trouble::Server(status)) => refused(status, "Server Error"),
        Some(Trouble::Wall) => refused(403, "The IP address is not on the organization's allow list"),
        Some(Trouble::NextPage(next)) => {
            let link = ("link".to_owned(), format!("<{next}>; rel=\"next\""));
            Reply(200, vec![link], json!({"total_count": 2, "environments": []}))
        }
        Some(Trouble::Redirect(to)) => Reply(302, vec![("location".into(), to)], Value::Null),
    };
    send(&mut stream, &reply);
}

fn send(stream: &mut TcpStream, Reply(status, headers, body): &Reply) {
    let body = body.to_string();
    let mut text = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n",
        body.len()
    );
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    let _ = stream.write_all(format!("{text}\r\n{body}").as_bytes());
}

/// The host that keeps logs and artifacts. It knows who may read by the address alone.
fn blob(mut stream: TcpStream, state: &Mutex<State>) {
    let head = Head::read(&servers::read_head(&mut stream));
    kept(&head, stream, &mut state.lock().unwrap());
}

fn kept(head: &Head, mut stream: TcpStream, state: &mut State) {
    if head.headers.contains_key("authorization") {
        state
            .wrong
            .push("the token was sent to the host that keeps logs and artifacts".to_owned());
    }
    let id = head.path.trim_start_matches(KEPT).trim_start_matches('/').parse().ok();
    let log = id
        .and_then(|id: u64| state.logs.get(&id).cloned().flatten())
        .map(String::into_bytes);
    let zip = id.and_then(|id: u64| state.artifacts.iter().find(|(_, of, _)| of["id"] == id)?.2.clone());
    let is_signed = head.query.get("sig").is_some_and(|sig| sig == SIGNATURE);
    let (status, body) = match log.or(zip).filter(|_| is_signed) {
        Some(kept) => (200, kept),
        None => (403, b"<Error/>".to_vec()),
    };
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    let _ = stream.write_all(&[head.as_bytes(), &body].concat());
}

/// What GitHub looks at before it looks at the question.
fn checked(head: &Head, state: &mut State) -> Reply {
    let header = |name: &str| head.headers.get(name).map_or("", String::as_str);
    if head.method != "GET" {
        state.wrong.push(format!("{} {}", head.method, head.path));
        return refused(404, "Not Found");
    }
    if header("user-agent").is_empty() {
        state.wrong.push(format!("{}: no User-Agent", head.path));
        return refused(
            403,
            "Request forbidden by administrative rules. Please make sure your request has a User-Agent header",
        );
    }
    if header("x-github-api-version") != "2022-11-28" {
        state.wrong.push(format!("{}: no version of the API", head.path));
        return refused(400, "X-GitHub-Api-Version is not a supported version");
    }
    if header("accept") != "application/vnd.github+json" {
        state
            .wrong
            .push(format!("{}: Accept is `{}`", head.path, header("accept")));
    }
    match header("authorization") {
        "" => return refused(401, "Requires authentication"),
        given if given != format!("Bearer {TOKEN}") => return refused(401, "Bad credentials"),
        _ => {}
    }
    if let Some(rest) = head.path.strip_prefix("/repos/acme/old-name") {
        let to = format!("{}/repositories/{REPOSITORY_ID}{rest}", head.base);
        let reply = json!({"message": "Moved Permanently", "url": to});
        return Reply(301, vec![("location".into(), to)], reply);
    }
    let in_repository = [format!("/repos/{REPOSITORY}"), format!("/repositories/{REPOSITORY_ID}")]
        .iter()
        .find_map(|prefix| head.path.strip_prefix(prefix.as_str()).map(str::to_owned));
    let Some(path) = in_repository.or_else(|| packages(&head.path, &state.owner_kind)) else {
        return refused(404, "Not Found");
    };
    if state.invisible {
        return refused(404, "Not Found");
    }
    asked(&path, head, state)
}

/// The owner's packages; a user is not found among the organizations.
fn packages(path: &str, owner_kind: &str) -> Option<String> {
    let owners = if owner_kind == "Organization" { "orgs" } else { "users" };
    (path == format!("/{owners}/acme/packages")).then(|| "packages".to_owned())
}

/// The question itself.
fn asked(path: &str, head: &Head, state: &mut State) -> Reply {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let needed = match parts.as_slice() {
        [] => None,
        ["actions", "secrets" | "organization-secrets"] => Some("secrets"),
        ["environments", _, "secrets"] => Some("environments"),
        ["environments" | "actions", ..] => Some("actions"),
        ["check-runs", ..] | ["commits", _, "check-runs"] => Some("checks"),
        ["branches"] | ["contents", ..] => Some("contents"),
        ["commits", _, "statuses"] => Some("statuses"),
        ["pulls"] => Some("pull_requests"),
        ["deployments"] | ["deployments", _, "statuses"] => Some("deployments"),
        ["issues"] => Some("issues"),
        ["packages"] => Some("packages"),
        _ => return refused(404, "Not Found"),
    };
    if let Some(needed) = needed.filter(|needed| !state.granted.contains(*needed)) {
        let mut reply = refused(403, "Resource not accessible by integration");
        reply
            .1
            .push(("x-accepted-github-permissions".into(), format!("{needed}=read")));
        return reply;
    }
    let known: &[&str] = match parts.as_slice() {
        ["actions", "runs", _, "jobs"] => &["filter", "per_page", "page"],
        ["actions", "runs"] | ["actions", "workflows", _, "runs"] => {
            &["status", "branch", "head_sha", "per_page", "page"]
        }
        ["contents", ..] => &["ref"],
        ["packages"] => &["package_type", "per_page", "page"],
        ["deployments"] => &["environment", "sha", "ref", "task", "per_page", "page"],
        []
        | ["environments", _]
        | ["actions", "runs", _]
        | ["actions", "jobs", _, "logs"]
        | ["actions", "artifacts", _, "zip"] => &[],
        _ => &["per_page", "page"],
    };
    for name in head.query.keys().filter(|name| !known.contains(&name.as_str())) {
        state.wrong.push(format!("{}: it has no query `{name}`", head.path));
    }
    let run_of = |id: &str| state.runs.iter().find(|run| run["id"].as_u64() == id.parse().ok());
    match parts.as_slice() {
        [] => {
            let (owner, kind) = ("acme", &state.owner_kind);
            let body = json!({"default_branch": "main", "owner": {"login": owner, "type": kind}, "private": true});
            Reply(200, Vec::new(), body)
        }
        ["environments"] => {
            let all = state
                .environments
                .iter()
                .map(|name| json!({"name": name, "id": 1}))
                .collect();
            paged(head, state, Some("environments"), all)
        }
        ["environments", name] => {
            let name = percent_decoded(name);
            match state
                .environments
                .iter()
                .find(|known| known.eq_ignore_ascii_case(&name))
            {
                Some(known) => Reply(200, Vec::new(), json!({"name": known, "id": 1, "protection_rules": []})),
                None => refused(404, "Not Found"),
            }
        }
        ["actions", "secrets"] => paged(head, state, Some("secrets"), secrets(state, "repository")),
        ["actions", "organization-secrets"] => paged(head, state, Some("secrets"), secrets(state, "organization")),
        ["environments", name, "secrets"] => {
            let name = percent_decoded(name);
            match state.environments.contains(&name) {
                true => paged(head, state, Some("secrets"), secrets(state, &name)),
                false => refused(404, "Not Found"),
            }
        }
        ["actions", "workflows"] => paged(head, state, Some("workflows"), state.workflows.clone()),
        ["contents", path @ ..] => {
            let commit = head.query.get("ref").map_or("", String::as_str);
            let path: Vec<String> = path.iter().map(|part| percent_decoded(part)).collect();
            let mut files = state.files.iter();
            match files.find(|(at, name, _)| at == commit && *name == path.join("/")) {
                // GitHub breaks the lines.
                Some((.., text)) => {
                    let content = STANDARD.encode(text);
                    let lines: Vec<&str> = content
                        .as_bytes()
                        .chunks(60)
                        .map(|line| str::from_utf8(line).unwrap())
                        .collect();
                    Reply(
                        200,
                        Vec::new(),
                        json!({"type": "file", "encoding": "base64", "content": lines.join("\n")}),
                    )
                }
                None => refused(404, "Not Found"),
            }
        }
        ["actions", "runs", id] => match run_of(id) {
            Some(run) => Reply(200, Vec::new(), run.clone()),
            None => refused(404, "Not Found"),
        },
        ["actions", "runs", id, "jobs"] => {
            if run_of(id).is_none() || state.deleted.contains(&id.parse().unwrap()) {
                return refused(404, "Not Found");
            }
            let jobs = state.jobs.get(&id.parse().unwrap()).cloned().unwrap_or_default();
            paged(head, state, Some("jobs"), jobs)
        }
        ["actions", "jobs", id, "logs"] => match state.logs.get(&id.parse().unwrap()) {
            Some(Some(_)) => {
                let to = format!("{}/{id}?sig={SIGNATURE}", state.blobs);
                Reply(302, vec![("location".into(), to)], Value::Null)
            }
            Some(None) => refused(410, "Gone"),
            None => refused(404, "Not Found"),
        },
        ["actions", "runs", id, "artifacts"] => {
            if run_of(id).is_none() {
                return refused(404, "Not Found");
            }
            let of_run = state.artifacts.iter().filter(|(run, ..)| run.to_string() == *id);
            paged(
                head,
                state,
                Some("artifacts"),
                of_run.map(|(_, listed, _)| listed.clone()).collect(),
            )
        }
        ["actions", "artifacts", id, "zip"] => {
            match state
                .artifacts
                .iter()
                .find(|(_, of, _)| of["id"].as_u64() == id.parse().ok())
            {
                Some((.., Some(_))) => {
                    let to = format!("{}/{id}?sig={SIGNATURE}", state.blobs);
                    Reply(302, vec![("location".into(), to)], Value::Null)
                }
                Some(_) => refused(410, "Artifact has expired"),
                None => refused(404, "Not Found"),
            }
        }
        ["actions", "runs"] | ["actions", "workflows", _, "runs"] => {
            let workflow: Option<u64> = (parts[1] == "workflows").then(|| parts[2].parse().unwrap());
            if workflow.is_some_and(|id| state.workflows.iter().all(|known| known["id"] != id)) {
                return refused(404, "Not Found");
            }
            let mut runs = state.runs.clone();
            runs.sort_by_key(|run| std::cmp::Reverse(run["run_number"].as_u64()));
            if workflow.is_none() {
                runs.sort_by_key(|run| std::cmp::Reverse(run["created_at"].as_str().map(str::to_owned)));
            }
            let is = |run: &Value, query: &str, fields: &[&str]| {
                let wanted = head.query.get(query);
                wanted.is_none_or(|wanted| fields.iter().any(|field| run[field].as_str() == Some(wanted)))
            };
            runs.retain(|run| {
                workflow.is_none_or(|id| run["workflow_id"] == id)
                    && is(run, "status", &["status", "conclusion"])
                    && is(run, "branch", &["head_branch"])
                    && is(run, "head_sha", &["head_sha"])
            });
            paged(head, state, Some("workflow_runs"), runs)
        }
        ["check-runs", id, "annotations"] => {
            let all = state.annotations.get(&id.parse().unwrap()).cloned().unwrap_or_default();
            paged(head, state, None, all)
        }
        ["deployments"] => {
            let wanted = head.query.get("environment");
            let is_of = |environment: &String| wanted.is_none_or(|wanted| wanted == environment);
            let all = state.deployments.iter().filter(|(environment, ..)| is_of(environment));
            let deployment = |(environment, id, sha, _): &(String, u64, String, Vec<String>)| {
                json!({"id": id, "sha": sha, "ref": "main", "task": "deploy", "environment": environment,
                    "created_at": "2026-11-01T12:00:00Z", "updated_at": "2026-11-01T12:00:00Z"})
            };
            paged(head, state, None, all.map(deployment).collect())
        }
        ["deployments", id, "statuses"] => {
            let number = id.parse::<u64>().ok();
            match state.deployments.iter().find(|(_, id, ..)| Some(*id) == number) {
                Some((.., states)) => paged(
                    head,
                    state,
                    None,
                    states.iter().map(|name| json!({"state": name})).collect(),
                ),
                None => refused(404, "Not Found"),
            }
        }
        ["packages"] if head.query.get("package_type").is_some_and(|kind| kind == "container") => {
            refused(400, "Invalid argument.")
        }
        ["actions", ..] => refused(404, "Not Found"),
        _ => paged(head, state, None, Vec::new()),
    }
}

/// As GitHub lists them, without their values.
fn secrets(state: &State, of: &str) -> Vec<Value> {
    let at = "2026-11-01T12:00:00Z";
    let all = state.secrets.iter().filter(|(owner, _)| owner == of);
    all.map(|(_, name)| json!({"name": name, "created_at": at, "updated_at": at}))
        .collect()
}

/// A page of a list, with `Link`. GitHub gives 30 when not told otherwise, and never more than 100.
fn paged(head: &Head, state: &State, key: Option<&str>, all: Vec<Value>) -> Reply {
    let number = |name: &str, default: usize| head.query.get(name).map_or(default, |text| text.parse().unwrap());
    let size = number("per_page", 30).min(100).min(state.largest_page);
    let page = number("page", 1);
    let total = all.len();
    let items: Vec<Value> = all.into_iter().skip((page - 1) * size).take(size).collect();
    let mut headers = Vec::new();
    if page * size < total {
        let address = |page: usize| {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            let others = head.query.iter().filter(|(name, _)| *name != "page");
            query.extend_pairs(others).append_pair("page", &page.to_string());
            // By its number, as GitHub does, so that a page is found when it was renamed in between.
            let (name, number) = (format!("/repos/{REPOSITORY}"), format!("/repositories/{REPOSITORY_ID}"));
            format!(
                "{}{}?{}",
                head.base,
                head.path.replacen(&name, &number, 1),
                query.finish()
            )
        };
        let (next, last) = (address(page + 1), address(total.div_ceil(size)));
        headers.push(("link".into(), format!("<{next}>; rel=\"next\", <{last}>; rel=\"last\"")));
    }
    let body = match key {
        Some(key) => json!({"total_count": total, key: items}),
        None => Value::Array(items),
    };
    Reply(200, headers, body)
}

fn percent_decoded(part: &str) -> String {
    let part = part.replace('+', "%2B");
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(format!("n={part}").as_bytes())
        .into_owned()
        .collect();
    pairs[0].1.clone()
}
