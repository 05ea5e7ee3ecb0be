//! `heartbeat`: is the long step alive?

mod ending;
mod limits;
mod logs;
mod result;
mod scale;
mod streams;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use stageproof::model::heartbeat::{Event, Record};

use crate::gate::{Gate, Ran};

/// One that beats often enough for a test.
fn heartbeat<'a>(gate: &'a Gate, args: &[&str]) -> Ran<'a> {
    gate.run([&["heartbeat", "--every=50ms"], args].concat())
}

/// A shell script as the wrapped command.
fn script<'a>(gate: &'a Gate, options: &[&str], script: &str) -> Ran<'a> {
    heartbeat(gate, &[options, &["--", "sh", "-c", script]].concat())
}

fn log(gate: &Gate, name: &str) -> String {
    let path = gate.evidence().join("logs").join(name);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}\n{}", path.display(), gate.listing()))
}

/// Every line of heartbeat.log, each of which must be one.
fn records(gate: &Gate) -> Vec<Record> {
    let text = log(gate, "heartbeat.log");
    let read = |line: &str| Record::parse(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    text.lines().map(read).collect()
}

fn notes(gate: &Gate) -> Vec<String> {
    let note = |record: Record| match record.event {
        Event::Note { text } => Some(text),
        _ => None,
    };
    records(gate).into_iter().filter_map(note).collect()
}

/// The report of the one command that was wrapped.
fn report(gate: &Gate) -> serde_json::Value {
    let evidence = match gate.root().join("evidence") {
        named if named.is_dir() => named,
        _ => gate.evidence(),
    };
    let reports = fs::read_dir(evidence.join("reports")).unwrap();
    let names = reports.map(|entry| entry.unwrap().path());
    let ours = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with("heartbeat-") && name.ends_with(".json")
    };
    let all: Vec<_> = names.filter(ours).collect();
    assert_eq!(all.len(), 1, "{}", gate.listing());
    serde_json::from_str(&fs::read_to_string(&all[0]).unwrap()).unwrap()
}

/// The codes of what was found.
fn found(gate: &Gate) -> Vec<String> {
    let report = report(gate);
    let findings = report["checks"][0]["findings"].as_array().cloned().unwrap_or_default();
    let code = |finding: &serde_json::Value| finding["code"].as_str().unwrap().to_owned();
    findings.iter().map(code).collect()
}

/// A heartbeat that runs while the test does something to it.
struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Running {
    fn start(gate: &Gate, options: &[&str], script: &str) -> Self {
        let args = [&["heartbeat", "--every=50ms"], options, &["--", "sh", "-c", script]].concat();
        let mut child = gate
            .command(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { child, lines }
    }

    /// Waits until the command has said this line.
    #[track_caller]
    fn said(&self, line: &str) {
        loop {
            match self.lines.recv_timeout(Duration::from_secs(15)) {
                Ok(said) if said == line => return,
                Ok(_) => {}
                Err(error) => panic!("it never said `{line}`: {error}"),
            }
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).unwrap();
        kill_process(pid, signal).unwrap();
    }

    fn ended(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}
