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
            let comp = if request.target.contains("comp=blocklist") {
                "list"
            } else {
                "block"
            };
            answer(&mut stream, &own, comp, &*faults, |state| put(state, &request));
        });
        let own = Arc::clone(&state);
        let bearer = format!("Bearer {token}");
        let service = serve(move |mut stream| {
            let request = Request::read(&mut stream);
            let method = request.target.rsplit('/').next().unwrap_or_default().to_owned();
            answer(&mut stream, &own, &method, &*fault, |state| {
                let path = "/twirp/github.actions.results.api.v1.ArtifactService/";
                if request.method != "POST" || request.target != format!("{path}{method}") {
                    return (404, error("bad_route"));
                }
                if request.headers.get("authorization") != Some(&bearer) {
                    return (401, error("unauthenticated"));
                }
                if request.headers.get("content-type").map(String::as_str) != Some("application/json") {
                    return (415, error("unexpected Content-Type"));
                }
                let body = serde_json::from_slice(&request.body).unwrap_or_default();
                let (status, answer) = call(state, &method, &body, &store);
                (
                    status,
                    if camel_case {
                        camel(&answer).to_string()
                    } else {
                        answer.to_string()
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

    pub fn expires_at(&self, name: &str) -> Option<String> {
        self.state.lock().unwrap().artifacts[name].expires_at.clone()
    }

    pub fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }
}

/// Acts on a request, unless something goes wrong with it.
fn answer(
    stream: &mut TcpStream,
    state: &Mutex<State>,
    what: &str,
    fault: &dyn Fn(&str, usize) -> Option<Fault>,
    act: impl FnOnce(&mut State) -> (u16, String),
) {
    let mut state = state.lock().unwrap();
    let before = state.asked.iter().filter(|asked| *asked == what).count();
    state.asked.push(what.to_owned());
    let (status, body) = match fault(what, before) {
        Some(Fault::Answer(status, body)) => (status, body.to_owned()),
        Some(Fault::Lost) => {
            act(&mut state);
            return;
        }
        None => act(&mut state),
    };
    let length = body.len();
    let text = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    let _ = stream.write_all(text.as_bytes());
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
    if text(ids[0]) != RUN || text(ids[1]) != JOB {
        return refuse("these are not the ids of the token");
    }
    let name = text("name");
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
                expires_at: body["expires_at"].as_str().map(str::to_owned),
                ..Stored::default()
            };
            state.artifacts.insert(name.clone(), stored);
            let url = format!("{store}/artifacts/{name}?sv=2025&sig={SIGNATURE}&se=2026-01-02T03%3A04%3A05Z");
            (200, json!({"ok": true, "signed_upload_url": url}))
        }
        "FinalizeArtifact" => {
            let fresh = 1000 + state.artifacts.values().map(|of| of.ids.len() as u64).sum::<u64>();
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
        _ => {
            let wanted = text("name_filter");
            let named = state.artifacts.iter().filter(|(name, _)| **name == wanted);
            let each = named.flat_map(|(name, of)| {
                let size = of.bytes.as_ref().map_or(0, Vec::len).to_string();
                let digest = format!("sha256:{}", hex::encode(Sha256::digest(of.bytes.as_deref().unwrap_or_default())));
                let item = move |id: &u64| json!({"name": name, "size": size, "database_id": id.to_string(), "digest": digest});
                of.ids.iter().map(item)
            });
            (200, json!({"artifacts": each.collect::<Vec<_>>()}))
        }
    }
}

fn put(state: &mut State, request: &Request) -> (u16, String) {
    let refuse = |status: u16, code: &str| {
        (
            status,
            format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>"),
        )
    };
    if request.headers.contains_key("authorization") {
        return refuse(400, "InvalidAuthenticationInfo");
    }
    let (path, query) = request.target.split_once('?').unwrap_or_default();
    if request.method != "PUT" || !query.split('&').any(|pair| pair == format!("sig={SIGNATURE}")) {
        return refuse(403, "AuthenticationFailed");
    }
    if !request.headers.contains_key("x-ms-version") || !request.headers.contains_key("content-length") {
        return refuse(400, "MissingRequiredHeader");
    }
    let name = path.trim_start_matches("/artifacts/");
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
    (201, String::new())
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
