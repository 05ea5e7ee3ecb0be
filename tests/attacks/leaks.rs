//! Secrets that are cut, encoded or split before they are looked for.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::gate::{Gate, Ran};
use crate::servers::{read_head, serve};

mod answers;
mod commands;
mod renderings;
mod usage;

const PUSH: &str = r#"{"repository":{"fork":false,"full_name":"acme/shop","default_branch":"main"}}"#;
/// With what quoting, escaping and encoding change.
const SECRET: &str = r#"s3cr3t-Ab"Cd%41Ef'Gh & <Ij>\Kl-9081726354-MnOpQrStUvWxYz"#;
/// How much of it stands before a cut.
const BEFORE_CUT: [usize; 4] = [9, 17, 33, 50];
/// Bytes of a secret that must never be shown together.
const SHOWN_AT_MOST: usize = 8;

fn gate() -> Gate {
    Gate::new().on_runner("push", PUSH).env("MY_TOKEN", SECRET)
}

/// No part of the secret is in what was said or in what was written, plainly or encoded. `given` is what the test wrote.
#[track_caller]
fn nothing_leaked(ran: &Ran<'_>, given: &[&str]) {
    let mut texts = vec![("what it said".to_owned(), said(ran))];
    for entry in walkdir::WalkDir::new(ran.gate.root()) {
        let entry = entry.unwrap();
        let name = entry
            .path()
            .strip_prefix(ran.gate.root())
            .unwrap()
            .display()
            .to_string();
        if entry.file_type().is_file() && !given.contains(&name.as_str()) {
            let text = std::fs::read(entry.path()).unwrap();
            texts.push((name, String::from_utf8_lossy(&text).into_owned()));
        }
    }
    assert!(
        texts.iter().any(|(name, _)| name.ends_with(".json")),
        "a report\n{}",
        ran.explain()
    );
    for (name, text) in &texts {
        if let Some(part) = part_of_secret(text) {
            panic!("{name} holds `{part}`:\n{text}\n{}", ran.explain());
        }
    }
    assert!(
        texts.iter().any(|(_, text)| text.contains("***")),
        "it was there\n{}",
        ran.explain()
    );
}

/// The runner takes the lines with masks in and shows none of them.
fn said(ran: &Ran<'_>) -> String {
    let said = format!("{}\n{}", ran.stdout(), ran.stderr());
    let shown = said.lines().filter(|line| !line.starts_with("::add-mask::"));
    shown.collect::<Vec<_>>().join("\n")
}

fn part_of_secret(text: &str) -> Option<String> {
    let json = serde_json::to_string(SECRET).unwrap();
    let percent: String = SECRET.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let html = SECRET
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;");
    let query = url::Url::parse(&format!("http://h/?{SECRET}"))
        .unwrap()
        .query()
        .unwrap()
        .to_owned();
    // What an excerpt in JUnit or a report looks like when it was escaped once more.
    let twice = serde_json::to_string(&json).unwrap();
    [
        SECRET.to_owned(),
        json,
        percent,
        html,
        query,
        twice,
        STANDARD.encode(SECRET),
    ]
    .iter()
    .flat_map(|form| {
        let ends: Vec<usize> = form.char_indices().map(|(at, _)| at).chain([form.len()]).collect();
        ends.windows(SHOWN_AT_MOST + 1)
            .map(|w| form[w[0]..w[SHOWN_AT_MOST]].to_owned())
            .collect::<Vec<_>>()
    })
    .find(|part| text.contains(part.as_str()))
}

/// A server that answers with what `of` makes of the token in the request's `Authorization`.
fn echo(of: impl Fn(&str) -> String + Send + Sync + 'static) -> String {
    serve(move |mut stream| {
        let head = read_head(&mut stream);
        let line = head
            .lines()
            .find(|line| line.to_lowercase().starts_with("authorization:"));
        let token = line
            .and_then(|line| line.split_once("Bearer "))
            .map_or(SECRET, |(_, token)| token);
        let _ = stream.write_all(of(token).as_bytes());
    })
}

/// Something of which the secret's first bytes stand right before place `cut`.
fn before(cut: usize, of_secret: usize) -> String {
    "x".repeat(cut - of_secret)
}

fn ok(headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}
