//! A stand-in for the API of a platform, which refuses what the API refuses, and the run that asks it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::registry::PASSWORD;
use crate::repo::{Repo, Told};
use crate::servers::{free_port, read_head, serve};

/// A request as it was sent, with its headers by their names in lower case.
pub struct Request {
    pub method: String,
    pub target: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn read(stream: &mut TcpStream) -> Self {
        let head = read_head(stream);
        let mut lines = head.lines();
        let mut words = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let headers: BTreeMap<String, String> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let length = headers
            .get("content-length")
            .map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        // One that is cut short is refused for what it lacks.
        stream.read_exact(&mut body).unwrap_or_default();
        Self {
            method,
            target,
            headers,
            body,
        }
    }
}

/// What an API takes.
#[derive(Clone, Copy)]
pub struct Api {
    /// As `--platform` names it.
    pub platform: &'static str,
    /// Method, path with `{name}` for a part of it, and the names that its query may have.
    pub routes: &'static [(&'static str, &'static str, &'static [&'static str])],
    /// Besides the token, with the names in lower case.
    pub headers: &'static [(&'static str, &'static str)],
    /// The variables that hold the token and the address, and the environment besides.
    pub token_env: &'static str,
    pub address_envs: &'static [&'static str],
    pub env: &'static [(&'static str, &'static str)],
}

/// A request that the API takes.
pub struct Asked {
    /// The route's path.
    pub route: &'static str,
    /// What fills it in, in order.
    pub values: Vec<String>,
    pub query: BTreeMap<String, String>,
    /// By their names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Value,
}

pub type Answer = (u16, Value, Vec<(&'static str, String)>);

pub fn ok(body: Value) -> Answer {
    (200, body, Vec::new())
}

pub fn no(status: u16) -> Answer {
    (status, json!({"error": "refused"}), Vec::new())
}

/// The stand-in, with what it was asked.
pub struct Standing {
    api: Api,
    pub address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Api {
    pub fn start(self, answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Standing {
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&asked);
        let address = serve(move |mut stream| {
            let (status, body, headers) = match self.read(&mut stream) {
                Ok((method, request)) => {
                    kept.lock().unwrap().push(format!("{method} {}", request.route));
                    answer(&request)
                }
                Err(status) => no(status),
            };
            let body = body.to_string();
            let headers: String = headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}\r\n"))
                .collect();
            let length = body.len();
            let text =
                format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{headers}Connection: close\r\n\r\n{body}");
            let _ = stream.write_all(text.as_bytes());
        });
        Standing {
            api: self,
            address,
            asked,
        }
    }

    /// The request, or the status that refuses it.
    fn read(self, stream: &mut TcpStream) -> Result<(String, Asked), u16> {
        let Request {
            method,
            target,
            headers,
            body,
        } = Request::read(stream);
        let length = body.len();
        if headers.get("authorization") != Some(&format!("Bearer {PASSWORD}")) {
            return Err(401);
        }
        let is_sent = |(name, value): &(&str, &str)| headers.get(*name).map(String::as_str) == Some(*value);
        if !self.headers.iter().all(is_sent) || (length > 0 && !is_sent(&("content-type", "application/json"))) {
            return Err(406);
        }
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let paths: Vec<_> = (self.routes.iter())
            .filter_map(|route| Some((route, filled(route.1, path)?)))
            .collect();
        let fits = paths.iter().find(|(route, _)| route.0 == method);
        let &(&(_, route, allowed), ref values) = fits.ok_or(if paths.is_empty() { 404_u16 } else { 405 })?;
        let query: BTreeMap<String, String> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        if !query.keys().all(|name| allowed.contains(&&**name)) {
            return Err(400);
        }
        let request = Asked {
            route,
            values: values.clone(),
            query,
            headers,
            body: serde_json::from_slice(&body).unwrap_or_default(),
        };
        Ok((method, request))
    }

    /// A run against this address. It must not show the token.
    pub fn dry_run(self, address: &str, args: &[&str]) -> Told {
        self.dry_run_with(address, args, &[])
    }

    pub fn dry_run_with(self, address: &str, args: &[&str], more: &[(&str, &str)]) -> Told {
        self.dry_run_in(&Repo::none(), address, args, more)
    }

    pub fn dry_run_in(self, repo: &Repo, address: &str, args: &[&str], more: &[(&str, &str)]) -> Told {
        let addresses = self.address_envs.iter().map(|name| (*name, address));
        let token = [(self.token_env, PASSWORD)];
        let env: Vec<_> = token
            .into_iter()
            .chain(addresses)
            .chain(self.env.iter().copied())
            .chain(more.iter().copied())
            .collect();
        let told = repo.dry_run_with(repo.root(), args, &env);
        assert!(!told.text.contains(PASSWORD), "the token is shown: {}", told.text);
        told
    }

    /// Whatever keeps the API from answering, nothing is known, and the report says why.
    pub fn says_nothing(self, args: &[&str]) {
        for (answer, says) in [
            (
                "HTTP/1.1 401 X\r\nContent-Length: 0\r\n\r\n",
                format!("refuses the token of {} (401)", self.token_env),
            ),
            (
                "HTTP/1.1 403 X\r\nContent-Length: 0\r\n\r\n",
                format!("refuses the token of {} (403)", self.token_env),
            ),
            (
                "HTTP/1.1 429 X\r\nRetry-After: 900\r\nContent-Length: 0\r\n\r\n",
                "limits requests (429); it asks to wait 15m".to_owned(),
            ),
            (
                "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n",
                "answered with status 503".to_owned(),
            ),
            (
                "HTTP/1.1 200 X\r\nContent-Length: 6\r\n\r\n<html>",
                "cannot be read".to_owned(),
            ),
            ("", "cannot be asked [reset]".to_owned()),
        ] {
            self.dry_run(&crate::servers::answer(answer), args).is(4, &[&says]);
        }
        self.dry_run(&format!("http://127.0.0.1:{}", free_port()), args)
            .is(4, &["cannot be asked [refused]"]);
        // A token goes nowhere without TLS.
        self.dry_run("http://192.0.2.1", args)
            .is(4, &["is not an https:// URL"]);
        let repo = Repo::none();
        let missing = format!("{} is not set or empty", self.token_env);
        repo.dry_run_with(repo.root(), args, self.env)
            .is(4, &[&missing, "map a token into the step"]);
    }
}

impl Standing {
    pub fn dry_run(&self, args: &[&str]) -> Told {
        self.api.dry_run(&self.address, args)
    }

    /// Every request that was sent is one that `--list-calls` lists, and the API has all of those.
    #[track_caller]
    pub fn was_asked_what_is_listed(&self) {
        let listed = Repo::none().dry_run(&[&format!("--platform={}", self.api.platform), "--list-calls"]);
        let notes = listed.notes();
        let of_registry = notes.find("the image's registry:").unwrap_or(notes.len());
        let calls: BTreeSet<&str> = notes[..of_registry]
            .lines()
            .filter_map(|line| line.trim().strip_prefix("- ")?.split_once(": "))
            .map(|(call, _)| call)
            .collect();
        let routes: Vec<String> = (self.api.routes.iter())
            .map(|(method, path, _)| format!("{method} {path}"))
            .collect();
        assert_eq!(calls, routes.iter().map(String::as_str).collect());
        let asked = self.asked.lock().unwrap();
        assert!(!asked.is_empty());
        assert!(asked.iter().all(|call| calls.contains(&**call)), "{asked:?}");
    }

    /// How many requests there were.
    pub fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

/// What fills in a path with `{name}` for parts of it.
fn filled(pattern: &str, path: &str) -> Option<Vec<String>> {
    let (parts, given): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), path.split('/').collect());
    if parts.len() != given.len() {
        return None;
    }
    let mut values = Vec::new();
    for (part, given) in parts.into_iter().zip(given) {
        match part.strip_prefix('{').and_then(|part| part.split_once('}')) {
            // What follows the place, as in `{service}:test`.
            Some((_, end)) => values.push(given.strip_suffix(end).filter(|value| !value.is_empty())?.to_owned()),
            None if part == given => {}
            None => return None,
        }
    }
    Some(values)
}

/// An example that users copy, as the argument that names it.
pub fn example(platform: &str) -> String {
    format!(
        "--config={}/examples/platforms/{platform}.yml",
        env!("CARGO_MANIFEST_DIR")
    )
}
