//! A stand-in for GitHub's artifact service and for Azure's blob store behind it, on a port each. It refuses what they
//! refuse: unknown fields, another version, a missing or a foreign token, credentials sent to the store, blocks whose ids differ in length.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::platform::Request;
use crate::servers::serve;

const RUN: &str = "ce7f54c7-61c7-4aae-887f-30da475f5f1a";
pub const JOB: &str = "ca395085-040a-526b-2ce8-bdc85f692774";
/// Another one of the same run.
const OTHER_JOB: &str = "0b7f9c1d-3c55-5d0f-9a51-8a1f3e1f6c22";
const SIGNATURE: &str = "s1g%2Bnature%3D";

/// What goes wrong with a request.
#[derive(Clone, Copy)]
pub enum Fault {
    /// It is answered with this status and body and has no effect.
    Answer(u16, &'static str),
    /// It has its effect, and the answer is lost.
    Lost,
}

#[derive(Default)]
struct State {
    artifacts: BTreeMap<String, Stored>,
    asked: Vec<String>,
}

#[derive(Default)]
struct Stored {
    job: &'static str,
    expires_at: Option<String>,
    blocks: BTreeMap<String, Vec<u8>>,
    bytes: Option<Vec<u8>>,
    ids: Vec<u64>,
}

pub struct Artifacts {
    service: String,
    token: String,
    state: Arc<Mutex<State>>,
}

impl Artifacts {
    /// `fault` is asked for each request, by its method and how often it came before. Some servers answer in camelCase.
    pub fn start(camel_case: bool, fault: impl Fn(&str, usize) -> Option<Fault> + Send + Sync + 'static) -> Self {
        let state: Arc<Mutex<State>> = Arc::default();
        let fault = Arc::new(fault);
        let claims = json!({"scp": format!("Actions.Example:x:y:z Actions.Results:{RUN}:{JOB}")});
        let token = format!("e30.{}.c2lnbmVk", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let (own, faults) = (Arc::clone(&state), Arc::clone(&fault));
        let store = serve(move |mut stream| {
            let request = Request::read(&mut stream);
            let comp = match request.method.as_str() {
                "GET" => "get",
                _ if request.target.contains("comp=blocklist") => "list",
                _ => "block",
            };
            answer(&mut stream, &own, comp, &*faults, |state| stored(state, &request));
        });
        let own = Arc::clone(&state);
        let bearer = format!("Bearer {token}");
        let service = serve(move |mut stream| {
            let request = Request::read(&mut stream);
            let method = request.target.rsplit('/').next().unwrap_or_default().to_owned();
            answer(&mut stream, &own, &method, &*fault, |state| {
                let path = "/twirp/github.actions.results.api.v1.ArtifactService/";
                if request.method != "POST" || request.target != format!("{path}{method}") {
                    return (404, error("bad_route").into());
                }
                if request.headers.get("authorization") != Some(&bearer) {
                    return (401, error("unauthenticated").into());
                }
                if request.headers.get("content-type").map(String::as_str) != Some("application/json") {
                    return (415, error("unexpected Content-Type").into());
                }
                let body = serde_json::from_slice(&request.body).unwrap_or_default();
                let (status, answer) = call(state, &method, &body, &store);
                (
                    status,
                    if camel_case {
                        camel(&answer).to_string().into()
                    } else {
                        answer.to_string().into()
                    },
                )
            });
        });
        Self { service, token, state }
    }

    /// What the runner gives an action.
    pub fn env(&self) -> [(&str, String); 3] {
        [
            ("ACTIONS_RUNTIME_TOKEN", self.token.clone()),
            ("ACTIONS_RESULTS_URL", format!("{}/some/path/", self.service)),
            ("GITHUB_SERVER_URL", "https://github.com".to_owned()),
        ]
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    /// The artifacts that can be seen, each as often as it was finalized, with their bytes.
    pub fn visible(&self) -> Vec<(String, Vec<u8>)> {
        let state = self.state.lock().unwrap();
        let each = state.artifacts.iter().flat_map(|(name, stored)| {
            let bytes = stored.bytes.clone().unwrap_or_default();
            stored.ids.iter().map(move |_| (name.clone(), bytes.clone()))
        });
        each.collect()
    }

    /// Another job of the run uploaded it; later ones of a name are newer.
    pub fn holds(&self, name: &str, bytes: &[u8]) {
        let mut state = self.state.lock().unwrap();
        let fresh = state.fresh();
        let ids = state.artifacts.remove(name).map_or(Vec::new(), |stored| stored.ids);
        let stored = Stored {
            job: OTHER_JOB,
            bytes: Some(bytes.to_vec()),
            ids: [ids, vec![fresh]].concat(),
            ..Stored::default()
        };
        state.artifacts.insert(name.to_owned(), stored);
    }

    pub fn expires_at(&self, name: &str) -> Option<String> {
        self.state.lock().unwrap().artifacts[name].expires_at.clone()
    }

    pub fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }
}

impl State {
    fn fresh(&self) -> u64 {
        1000 + self.artifacts.values().map(|of| of.ids.len() as u64).sum::<u64>()
    }
}

/// Acts on a request, unless something goes wrong with it.
fn answer(
    stream: &mut TcpStream,
    state: &Mutex<State>,
    what: &str,
    fault: &dyn Fn(&str, usize) -> Option<Fault>,
    act: impl FnOnce(&mut State) -> (u16, Vec<u8>),
) {
    let mut state = state.lock().unwrap();
    let before = state.asked.iter().filter(|asked| *asked == what).count();
    state.asked.push(what.to_owned());
    let (status, body) = match fault(what, before) {
        Some(Fault::Answer(status, body)) => (status, body.into()),
        Some(Fault::Lost) => {
            act(&mut state);
            return;
        }
        None => act(&mut state),
    };
    let length = body.len();
    let kind = if what == "get" {
        "application/zip"
    } else {
        "application/json"
    };
    let head =
        format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(&[head.as_bytes(), &body].concat());
}

fn error(msg: &str) -> String {
    json!({"code": "invalid_argument", "msg": msg}).to_string()
}

fn call(state: &mut State, method: &str, body: &Value, store: &str) -> (u16, Value) {
    let refuse = |msg: &str| (400, json!({"code": "invalid_argument", "msg": msg}));
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let allowed: &[&str] = match method {
        "CreateArtifact" => &["name", "version", "expires_at"],
        "FinalizeArtifact" => &["name", "size", "hash"],
        "ListArtifacts" => &["name_filter", "id_filter"],
        "GetSignedArtifactURL" => &["name"],
        _ => return (404, json!({"code": "bad_route", "msg": "no such method"})),
    };
    let ids = ["workflow_run_backend_id", "workflow_job_run_backend_id"];
    let keys = body.as_object().into_iter().flat_map(|of| of.keys());
    if let Some(odd) = keys
        .into_iter()
        .find(|key| !allowed.contains(&&***key) && !ids.contains(&&***key))
    {
        return refuse(&format!("unknown field {odd}"));
    }
    let name = text("name");
    // To be downloaded, an artifact is asked for by the ids that it is listed with.
    let job = match method {
        "GetSignedArtifactURL" => state.artifacts.get(&name).map_or(JOB, |of| of.job),
        _ => JOB,
    };
    if text(ids[0]) != RUN || text(ids[1]) != job {
        return refuse("these are not the right ids");
    }
    match method {
        "CreateArtifact" => {
            if body["version"] != 4
                || name.is_empty()
                || name.contains(['"', ':', '<', '>', '|', '*', '?', '\r', '\n', '\\', '/'])
            {
                return refuse("name or version");
            }
            if state.artifacts.get(&name).is_some_and(|of| !of.ids.is_empty()) {
                let msg = "Failed to CreateArtifact: an artifact with this name already exists on the workflow run";
                return (409, json!({"code": "already_exists", "msg": msg}));
            }
            let stored = Stored {
                job: JOB,
                expires_at: body["expires_at"].as_str().map(str::to_owned),
                ..Stored::default()
            };
            state.artifacts.insert(name.clone(), stored);
            let url = format!("{store}/artifacts/{name}?sv=2025&sig={SIGNATURE}&se=2026-01-02T03%3A04%3A05Z");
            (200, json!({"ok": true, "signed_upload_url": url}))
        }
        "FinalizeArtifact" => {
            let fresh = state.fresh();
            let Some(stored) = state.artifacts.get_mut(&name) else {
                return (404, json!({"code": "not_found", "msg": "no such artifact"}));
            };
            let Some(bytes) = &stored.bytes else {
                return refuse("nothing was uploaded");
            };
            let hash = format!("sha256:{}", hex::encode(Sha256::digest(bytes)));
            if text("size") != bytes.len().to_string() || text("hash") != hash {
                return refuse("size or hash differ");
            }
            stored.ids.push(fresh);
            (200, json!({"ok": true, "artifact_id": fresh.to_string()}))
        }
        "GetSignedArtifactURL" => match state.artifacts.get(&name).filter(|of| !of.ids.is_empty()) {
            Some(_) => {
                let url = format!("{store}/artifacts/{name}?sv=2025&sig={SIGNATURE}&se=2026-01-02T03%3A04%3A05Z");
                (200, json!({"signed_url": url}))
            }
            None => (404, json!({"code": "not_found", "msg": "no such artifact"})),
        },
        _ => {
            let (wanted, number) = (body["name_filter"].as_str(), body["id_filter"].as_str());
            let named = state
                .artifacts
                .iter()
                .filter(|(name, _)| wanted.is_none_or(|wanted| wanted == *name));
            let each = named.flat_map(|(name, of)| {
                let size = of.bytes.as_ref().map_or(0, Vec::len).to_string();
                let digest = format!("sha256:{}", hex::encode(Sha256::digest(of.bytes.as_deref().unwrap_or_default())));
                let item = move |id: &u64| json!({
                    "workflow_run_backend_id": RUN, "workflow_job_run_backend_id": of.job, "name": name, "size": size,
                    "database_id": id.to_string(), "digest": digest,
                });
                let ids = of.ids.iter().filter(move |id| number.is_none_or(|number| number == id.to_string()));
                ids.map(item)
            });
            (200, json!({"artifacts": each.collect::<Vec<_>>()}))
        }
    }
}

/// What is at an address with a signature.
fn stored(state: &mut State, request: &Request) -> (u16, Vec<u8>) {
    let refuse = |status: u16, code: &str| {
        let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>");
        (status, body.into_bytes())
    };
    if request.headers.contains_key("authorization") {
        return refuse(400, "InvalidAuthenticationInfo");
    }
    let (path, query) = request.target.split_once('?').unwrap_or_default();
    if !matches!(request.method.as_str(), "GET" | "PUT")
        || !query.split('&').any(|pair| pair == format!("sig={SIGNATURE}"))
    {
        return refuse(403, "AuthenticationFailed");
    }
    let name = path.trim_start_matches("/artifacts/");
    if request.method == "GET" {
        return match state.artifacts.get(name).and_then(|of| of.bytes.clone()) {
            Some(bytes) => (200, bytes),
            None => refuse(404, "BlobNotFound"),
        };
    }
    if !request.headers.contains_key("x-ms-version") || !request.headers.contains_key("content-length") {
        return refuse(400, "MissingRequiredHeader");
    }
    let Some(stored) = state.artifacts.get_mut(name) else {
        return refuse(404, "ResourceNotFound");
    };
    let query: BTreeMap<String, String> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    match query["comp"].as_str() {
        "block" => {
            let id = &query["blockid"];
            let raw = STANDARD.decode(id).unwrap_or_default();
            let others = stored.blocks.keys().all(|other| other.len() == id.len());
            if raw.is_empty() || raw.len() > 64 || !others || request.body.is_empty() {
                return refuse(400, "InvalidBlobOrBlock");
            }
            stored.blocks.insert(id.clone(), request.body.clone());
        }
        "blocklist" => {
            if request.headers.get("x-ms-blob-content-type").map(String::as_str) != Some("application/zip") {
                return refuse(400, "InvalidHeaderValue");
            }
            let list = String::from_utf8(request.body.clone()).unwrap();
            let ids = list
                .split("<Latest>")
                .skip(1)
                .map(|rest| rest.split_once("</Latest>").unwrap().0);
            let blocks: Option<Vec<&Vec<u8>>> = ids.map(|id| stored.blocks.get(id)).collect();
            let Some(blocks) = blocks else {
                return refuse(400, "InvalidBlockList");
            };
            stored.bytes = Some(blocks.into_iter().flatten().copied().collect());
        }
        _ => return refuse(400, "InvalidQueryParameterValue"),
    }
    (201, Vec::new())
}

/// Its keys as protobuf's JSON has them.
fn camel(value: &Value) -> Value {
    match value {
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| {
                let mut words = key.split('_');
                let first = words.next().unwrap_or_default().to_owned();
                let key = words.fold(first, |key, word| key + &word[..1].to_uppercase() + &word[1..]);
                (key, camel(value))
            })
            .collect(),
        Value::Array(items) => items.iter().map(camel).collect(),
        other => other.clone(),
    }
}
