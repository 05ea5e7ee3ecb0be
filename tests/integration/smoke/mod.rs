//! `smoke`: does what was deployed answer?

mod answers;
mod classes;
mod config;
mod expectations;
mod hostile;
mod latency;
mod network;
mod nginx;
mod patience;
mod redirects;
mod requests;
mod servers;
mod several;
mod starting;
mod stopping;
mod usage;
mod window;

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::gate::{Gate, Ran};
use crate::servers::{read_head, serve};
use crate::skipped::not_checked;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";

/// Short limits, so that hopeless cases end soon.
fn smoke<'a>(gate: &'a Gate, url: &str, more: &[&str]) -> Ran<'a> {
    let mut args = vec!["smoke", url, "--within=900ms", "--interval=100ms"];
    args.extend(more);
    gate.run(args)
}

fn reason(gate: &Gate) -> String {
    let report = gate.report("smoke");
    let checks = report["checks"].as_array().unwrap();
    let finding = &checks[checks.len() - 1]["findings"][0];
    finding["reason"].as_str().unwrap_or("none").to_owned()
}

/// A server that knows which connection it answers, from 0.
fn nth(behave: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> String {
    let asked = AtomicUsize::new(0);
    serve(move |stream| behave(asked.fetch_add(1, Ordering::SeqCst), stream))
}

/// Answers each request with the status line that `which` names for it.
pub fn statuses(which: impl Fn(usize) -> &'static str + Send + Sync + 'static) -> String {
    nth(move |n, stream| reply(stream, which(n), "", "hello"))
}

/// Takes a request without a body, and answers it. `headers` are whole lines.
fn reply(mut stream: TcpStream, status: &str, headers: &str, body: &str) {
    read_head(&mut stream);
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
    );
}

const GOOD: &str = "200 OK";
const BROKEN: &str = "500 Internal Server Error";

/// The check of this id.
fn check(gate: &Gate, id: &str) -> Value {
    let report = gate.report("smoke");
    let checks = report["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["id"] == id);
    found.unwrap_or_else(|| panic!("no check {id} in {report}")).clone()
}

/// What the last check found first: its code, class and reason.
fn found(gate: &Gate) -> [String; 3] {
    let report = gate.report("smoke");
    let finding = &report["checks"].as_array().unwrap().last().unwrap()["findings"][0];
    ["code", "class", "reason"].map(|key| finding[key].as_str().unwrap_or("none").to_owned())
}

/// A fact of the last check, empty if it has none of this name.
fn fact(gate: &Gate, name: &str) -> String {
    let report = gate.report("smoke");
    let facts = &report["checks"].as_array().unwrap().last().unwrap()["facts"];
    let facts = facts.as_array().cloned().unwrap_or_default();
    let fact = facts.iter().find(|fact| fact["name"] == name);
    fact.map(|fact| fact["value"].as_str().unwrap().to_owned())
        .unwrap_or_default()
}

/// Whether a program is there. A test that needs one prints what it skipped; in CI `STAGEPROOF_REQUIRE_TOOLS` makes
/// its absence a failure.
pub fn has(program: &str) -> bool {
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|folder: std::path::PathBuf| folder.join(program).is_file());
    if !found {
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        not_checked(
            &test,
            &format!("{program} is not installed"),
            "STAGEPROOF_REQUIRE_TOOLS",
        );
    }
    found
}
