//! `smoke --start`: who answers where the started server should.

use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use serde_json::Value;

use super::{Killed, may_change_user, tool};
use crate::gate::{Gate, Ran};
use crate::servers::{eventually, free_port, hello};

const NOBODY: u32 = 65534;

/// What both sides are written with.
const PRELUDE: &str = r"
import os, socket, sys, time
port = int(sys.argv[1])

def listen(host, shared=False):
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    s = socket.socket(family)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if host.startswith('::ffff') else 1)
    s.bind((host, port))
    s.listen()
    return s

def reply(c, status='200 OK'):
    c.recv(4096)
    c.sendall(('HTTP/1.1 %s\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok' % status).encode())
    c.close()

def serve(s, status='200 OK'):
    while True:
        reply(s.accept()[0], status)

def say(what):
    open(what, 'w').close()

def wait(what):
    while not os.path.exists(what):
        time.sleep(0.005)

";

/// Runs smoke on a server and a stranger who begins when the server's command does. Either is a Python script.
struct Scene<'a> {
    url: &'a str,
    ours: &'a str,
    stranger: &'a str,
    args: &'a [&'a str],
    uid: Option<u32>,
    /// How the stranger's program is called.
    name: &'a str,
}

impl Default for Scene<'_> {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:PORT",
            ours: "time.sleep(60)",
            stranger: "s = listen('127.0.0.1'); say('there'); serve(s)",
            args: &[],
            uid: None,
            name: "python3",
        }
    }
}

impl Scene<'_> {
    fn play(&self, judge: impl FnOnce(&Ran<'_>)) {
        let Some(python) = tool("python3") else {
            return;
        };
        let gate = Gate::new();
        std::fs::set_permissions(gate.root(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        let port = free_port().to_string();
        gate.write("ours.py", format!("{PRELUDE}say('begun')\n{}", self.ours))
            .write("stranger.py", format!("{PRELUDE}wait('begun')\n{}", self.stranger));
        let program = gate.root().join("bin").join(self.name);
        std::fs::create_dir(gate.root().join("bin")).unwrap();
        symlink(&python, &program).unwrap();
        let mut stranger = Command::new(&program);
        stranger.arg("stranger.py").arg(&port).current_dir(gate.root());
        if let Some(uid) = self.uid {
            stranger.uid(uid);
        }
        let _stranger = Killed::start(&mut stranger);
        let start = format!("{} ours.py {port}", python.display());
        let url = self.url.replace("PORT", &port);
        let is_short = self.args.iter().any(|arg| arg.starts_with("--within"));
        let within = if is_short { "--parallel=1" } else { "--within=10s" };
        let mut args = vec![
            "smoke",
            &url,
            "--interval=20ms",
            within,
            "--stop-grace=100ms",
            "--start",
            &start,
        ];
        args.extend(self.args);
        judge(&gate.run(args));
    }

    fn fails(&self, says: &str) {
        self.play(|ran| {
            ran.code(1).says(says);
        });
    }
}

fn codes(gate: &Gate) -> Vec<String> {
    let report = gate.report("smoke");
    let checks = report["checks"].as_array().unwrap();
    let findings = checks.iter().filter_map(|check| check["findings"].as_array()).flatten();
    findings
        .map(|finding: &Value| finding["code"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_stranger_who_binds_after_the_port_was_found_free_is_named() {
    Scene::default().fails("`python3` (process ");
}

#[test]
fn a_stranger_of_another_user_is_one_too() {
    if may_change_user() {
        let scene = Scene {
            uid: Some(NOBODY),
            ..Scene::default()
        };
        scene.fails(", user 65534) listens on 127.0.0.1:");
    }
}

#[test]
fn a_stranger_on_any_matching_address_is_one_also_beside_ours() {
    let ours = "wait('there'); serve(listen('::1'))";
    for (url, stranger) in [
        ("http://localhost:PORT", "s = listen('127.0.0.1')"),
        ("http://localhost:PORT", "s = listen('0.0.0.0')"),
        ("http://127.0.0.1:PORT", "s = listen('::ffff:127.0.0.1')"),
        ("http://127.0.0.1:PORT", "s = listen('0.0.0.0')"),
    ] {
        let scene = Scene {
            url,
            ours,
            stranger: &format!("{stranger}; say('there'); serve(s)"),
            ..Scene::default()
        };
        scene.fails("which no start command started");
    }
    let ours = Scene {
        url: "http://localhost:PORT",
        ours: "wait('there'); serve(listen('127.0.0.1'))",
        stranger: "s = listen('::1'); say('there'); serve(s)",
        ..Scene::default()
    };
    ours.fails("listens on [::1]:");
}

#[test]
fn a_port_that_is_shared_with_a_stranger_is_not_ours() {
    let scene = Scene {
        ours: "wait('there'); serve(listen('127.0.0.1', shared=True), '500 no')",
        stranger: "s = listen('127.0.0.1', shared=True); say('there'); serve(s)",
        ..Scene::default()
    };
    scene.fails("which no start command started");
}

#[test]
fn a_stranger_who_comes_in_the_middle_of_the_window_ends_it() {
    let scene = Scene {
        ours: "s = listen('127.0.0.1', shared=True)\nfor n in range(5): reply(s.accept()[0])\nsay('five'); serve(s)",
        stranger: "wait('five'); s = listen('127.0.0.1', shared=True); serve(s)",
        args: &["--watch=10m"],
        ..Scene::default()
    };
    scene.fails("which no start command started");
}

#[test]
fn a_stranger_who_answers_once_and_leaves_does_not_pass() {
    let scene = Scene {
        stranger: "s = listen('127.0.0.1'); c = s.accept()[0]; s.close(); reply(c)",
        args: &["--within=2s"],
        ..Scene::default()
    };
    scene.play(|ran| {
        ran.code(1);
    });
}

#[test]
fn a_name_makes_nobody_a_container_s_forwarder() {
    for name in ["docker-proxy", "rootlessport"] {
        let scene = Scene {
            name,
            ..Scene::default()
        };
        scene.fails(&format!("`{name}` (process "));
    }
}

#[test]
fn a_server_that_stops_listening_after_its_first_answer_does_not_pass() {
    for (ours, args) in [
        (
            "s = listen('127.0.0.1'); reply(s.accept()[0]); s.close(); time.sleep(60)",
            &[][..],
        ),
        (
            "s = listen('127.0.0.1'); c = s.accept()[0]; s.close(); reply(c); time.sleep(60)",
            &[],
        ),
        (
            "s = listen('127.0.0.1'); c = s.accept()[0]; s.close()\nwhile c.recv(4096):\n  \
             c.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok')\ntime.sleep(60)",
            &["--steady=500ms"],
        ),
    ] {
        let scene = Scene {
            ours,
            stranger: "",
            args,
            ..Scene::default()
        };
        scene.play(|ran| {
            ran.code(1);
            // An answer before the server was seen to listen counts for nothing, and there is no second one.
            let codes = codes(ran.gate);
            assert!(codes == ["no-listener"] || codes == ["unhealthy"], "{}", ran.explain());
        });
    }
}

#[test]
fn a_server_is_ours_whichever_of_its_processes_holds_the_socket() {
    for ours in [
        // Of another session, another environment, and an orphan.
        "s = listen('127.0.0.1')\nif os.fork() == 0:\n  os.setsid()\n  if os.fork() == 0:\n    os.environ.clear()\n    \
         serve(s)\n  os._exit(0)\ns.close(); time.sleep(60)",
        // Given to a program that knows it by its number alone.
        "s = listen('127.0.0.1'); os.set_inheritable(s.fileno(), True)\nif os.fork() == 0:\n  os.execve(sys.executable, \
         [sys.executable, '-c', 'import socket\\ns=socket.socket(fileno=%d)\\nwhile True:\\n c=s.accept()[0]; \
         c.recv(999); c.sendall(b\"HTTP/1.0 200 OK\\\\r\\\\n\\\\r\\\\n\"); c.close()' % s.fileno()], {})\ns.close(); time.sleep(60)",
        // Both families with one socket, and several workers.
        "s = listen('::ffff:0.0.0.0')\nfor n in range(3):\n  if os.fork() == 0: serve(s)\ntime.sleep(60)",
        "a = listen('0.0.0.0', shared=True)\nif os.fork() == 0: serve(listen('0.0.0.0', shared=True))\nserve(a)",
    ] {
        let scene = Scene {
            ours,
            stranger: "",
            args: &["--steady=100ms"],
            ..Scene::default()
        };
        scene.play(|ran| {
            ran.code(0).says("Verdict: pass").never_says("pass-weak");
        });
    }
}

#[test]
fn of_a_container_engine_it_is_said_that_it_cannot_be_told() {
    let Some(python) = tool("python3") else {
        return;
    };
    let docker = "os.symlink(sys.executable, 'docker')\nif os.fork() == 0: os.execv('./docker', ['docker', '-c', 'import \
                  time; time.sleep(60)'])\ntime.sleep(60)";
    let scene = Scene {
        ours: &docker.replace("sys.executable", &format!("'{}'", python.display())),
        name: "docker-proxy",
        ..Scene::default()
    };
    scene.play(|ran| {
        ran.code(0)
            .says("Verdict: pass-weak")
            .says("for a container of unknown origin");
        // What docker started outlives what started docker.
        assert_eq!(codes(ran.gate), ["owner-unknown", "left-running"]);
    });
    // Who is no engine is a stranger all the same.
    Scene {
        name: "python3",
        ..scene
    }
    .fails("which no start command started");
}

#[test]
fn what_says_that_a_server_is_ready_must_be_that_server() {
    let gate = Gate::new();
    let Some(python) = tool("python3") else {
        return;
    };
    let (ready, port) = (free_port(), free_port());
    gate.write(
        "stranger.py",
        format!("{PRELUDE}wait('begun'); serve(listen('127.0.0.1'))"),
    );
    let _stranger = Killed::start(
        Command::new(python)
            .args(["stranger.py", &ready.to_string()])
            .current_dir(gate.root()),
    );
    gate.run([
        "smoke",
        &format!("http://127.0.0.1:{port}"),
        &format!("--ready=tcp:127.0.0.1:{ready}"),
        "--start",
        &format!("sh -c 'touch begun; exec {}'", hello(port)),
    ])
    .code(1)
    .says("which no start command started")
    .says("the server was not started");
    eventually("the server is ended", || !crate::servers::runs(&hello(port)));
}

#[test]
fn an_address_of_somewhere_else_is_not_where_a_server_was_started() {
    let gate = Gate::new();
    let port = free_port();
    gate.run([
        "smoke",
        &format!("http://localhost:{port}"),
        &format!("--resolve=localhost:{port}:192.0.2.1"),
        "--within=2s",
        "--start",
        &hello(port),
    ])
    .code(4)
    .says("not a loopback address");
}

#[test]
fn a_started_server_does_not_speak_for_the_step() {
    let gate = Gate::new().on_runner("push", "{}");
    for name in ["env", "path", "state"] {
        gate.write(&format!("runner/{name}"), "");
    }
    let file = |name: &str| gate.root().join("runner").join(name).display().to_string();
    let port = free_port();
    let lie = "for f in $GITHUB_OUTPUT $GITHUB_ENV $GITHUB_PATH $GITHUB_STATE $GITHUB_STEP_SUMMARY; do echo ready=$((6*7)) \
               >> $f; done; env > env.txt";
    let start = format!("sh -c '{lie}; exec {}'", hello(port));
    let mut command = gate.command([
        "smoke",
        &format!("http://127.0.0.1:{port}"),
        "--interval=20ms",
        "--start",
        &start,
    ]);
    command
        .env("GITHUB_ENV", file("env"))
        .env("GITHUB_PATH", file("path"))
        .env("GITHUB_STATE", file("state"))
        .env("ACTIONS_RUNTIME_TOKEN", "t0ken-of-the-run")
        .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t0ken-of-the-run")
        .env("ACTIONS_ID_TOKEN_REQUEST_URL", "https://t0ken-of-the-run.example");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    for name in ["output", "summary", "env", "path", "state"] {
        assert!(!gate.read(&format!("runner/{name}")).contains("ready=42"), "{name}");
    }
    let seen = gate.read("env.txt");
    assert!(!seen.contains("t0ken-of-the-run"), "{seen}");
    assert!(seen.contains("GITHUB_SHA="), "the rest stays");
}
