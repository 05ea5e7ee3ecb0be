//! Servers that are started: when they are up, in which order, and that they stay up.

use std::time::{Duration, Instant};

use super::{check, found, has};
use crate::gate::Gate;
use crate::servers::{free_port, hello, runs};

const CONFIG: &str = ".github/stageproof.yml";

/// Answers a number of requests, and then ends as it is told.
const NODE: &str = "
const http = require('http');
let left = 8;
http.createServer((_, answer) => {
  answer.end('fine');
  if (--left === 0) { console.error('out of memory, more or less'); END; }
}).listen(+process.argv[2], '127.0.0.1', () => console.log('listening'));
";

const PYTHON: &str = "
import http.server, os, signal, sys
left = 8
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global left
        self.send_response(200)
        self.end_headers()
        left -= 1
        if left == 0:
            sys.stderr.write('out of memory, more or less\\n')
            sys.stderr.flush()
            END
http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
";

/// D7: start-server-and-test 3.0.12 sees a crash only before the server is ready, and exits 0 on this one.
#[test]
fn a_server_that_crashes_in_the_middle_of_the_window_fails_it() {
    for (program, script, end, says) in [
        ("node", NODE, "process.exit(9)", "exited with code 9"),
        (
            "node",
            NODE,
            "process.kill(process.pid, 'SIGKILL')",
            "killed by SIGKILL",
        ),
        ("python3", PYTHON, "os._exit(9)", "exited with code 9"),
        (
            "python3",
            PYTHON,
            "os.kill(os.getpid(), signal.SIGSEGV)",
            "killed by SIGSEGV",
        ),
    ] {
        if !has(program) {
            continue;
        }
        let gate = Gate::new();
        let port = free_port();
        gate.write("server", script.replace("END", end));
        let began = Instant::now();
        gate.run([
            "smoke",
            &format!("http://127.0.0.1:{port}"),
            "--watch=10m",
            "--interval=20ms",
            "--start",
            &format!("{program} server {port}"),
        ])
        .code(1)
        .says(says)
        .says("| out of memory, more or less");
        assert!(began.elapsed() < Duration::from_secs(60), "it watched what was gone");
        assert_eq!(check(&gate, "smoke:server")["findings"][0]["code"], "process-exit");
        assert_eq!(found(&gate)[2], "process-exit");
    }
}

/// `hello` after a while in which it is not up.
fn slow(port: u16, first: &str) -> String {
    format!("sh -c '{first}; exec {}'", hello(port))
}

#[test]
fn it_is_up_when_a_url_a_port_or_a_line_of_its_log_says_so() {
    let other = free_port();
    for (first, ready) in [
        ("sleep 0.2", "http://127.0.0.1:PORT/".to_owned()),
        ("sleep 0.2", "tcp:PORT".to_owned()),
        ("sleep 0.2", "tcp:127.0.0.1:PORT".to_owned()),
        (
            "sleep 0.2; echo migrations done 17",
            r"log:^migrations done \d+$".to_owned(),
        ),
    ] {
        let gate = Gate::new();
        let port = free_port();
        let ready = ready.replace("PORT", &port.to_string());
        gate.run([
            "smoke",
            &format!("http://127.0.0.1:{port}"),
            "--interval=20ms",
            "--ready",
            &ready,
            "--start",
            &slow(port, first),
        ])
        .code(0);
        let facts = check(&gate, "smoke:server")["facts"].to_string();
        assert!(facts.contains("\"ready\""), "{facts}");
    }
    for (ready, says) in [
        (format!("http://127.0.0.1:{other}/"), "connection refused"),
        (format!("tcp:{other}"), "was not ready within 300ms"),
        (
            "log:never said".to_owned(),
            "was not ready within 300ms (log:never said)",
        ),
    ] {
        let gate = Gate::new();
        let port = free_port();
        gate.run([
            "smoke",
            &format!("http://127.0.0.1:{port}"),
            "--ready-within=300ms",
            "--ready",
            &ready,
            "--start",
            &slow(port, "echo waiting for the database"),
        ])
        .code(1)
        .says(says)
        .says("| waiting for the database")
        .says("the server was not started");
        assert!(!runs(&hello(port)));
    }
}

#[test]
fn it_may_die_before_it_is_up() {
    let gate = Gate::new();
    let began = Instant::now();
    gate.run([
        "smoke",
        &format!("http://127.0.0.1:{}", free_port()),
        "--ready=log:listening",
        "--start=sh -c 'echo no config; exit 4'",
    ])
    .code(1)
    .says("exited with code 4 before the server was ready (log:listening)")
    .says("| no config");
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn several_are_started_in_order_and_stopped_in_the_opposite_one() {
    let gate = Gate::new();
    let (db, app) = (free_port(), free_port());
    // Each says when it is asked to end, and the second one does not start without what the first one made.
    let server = |name: &str, first: &str, port: u16| {
        format!(
            "sh -c 'trap \"echo {name} >> ended; kill \\$!; exit 0\" TERM; {first}; {} & wait; wait'",
            hello(port)
        )
    };
    let first = server("db", "sleep 0.2; touch schema; echo schema is there", db);
    let second = server("app", "test -e schema || exit 5", app);
    gate.write(
        CONFIG,
        format!(
            "version: 1\nsmoke:\n  url: http://127.0.0.1:{app}\n  interval: 20ms\n  servers:
    - name: db\n      start: {first:?}\n      ready: log:schema is there
    - name: app\n      start: {second:?}\n      ready: tcp:127.0.0.1:{app}\n"
        ),
    );
    gate.run(["smoke"]).code(0).says("3 passed");
    assert_eq!(gate.read("ended"), "app\ndb\n");
    for name in ["db", "app"] {
        assert!(gate.evidence().join(format!("logs/server.{name}.log")).exists());
    }
    assert!(!runs(&hello(db)) && !runs(&hello(app)));
}

#[test]
fn when_one_does_not_start_the_next_is_not_tried_and_the_one_before_is_stopped() {
    let gate = Gate::new();
    let port = free_port();
    let first = hello(port);
    gate.write(
        CONFIG,
        format!(
            "version: 1\nsmoke:\n  url: http://127.0.0.1:{port}\n  servers:
    - {{name: one, start: '{first}', ready: 'tcp:127.0.0.1:{port}'}}
    - {{name: two, start: \"sh -c 'echo I cannot; exit 6'\", ready: 'log:up'}}
    - {{name: three, start: 'touch three-ran'}}\n"
        ),
    );
    gate.run(["smoke"])
        .code(1)
        .says("exited with code 6")
        .says("| I cannot");
    for (id, status) in [
        ("smoke:server:one", "passed"),
        ("smoke:server:two", "failed"),
        ("smoke:server:three", "skipped"),
        (&format!("smoke:http://127.0.0.1:{port}/"), "skipped"),
    ] {
        assert_eq!(check(&gate, id)["status"], status, "{id}");
    }
    assert!(!runs(&first) && !gate.root().join("three-ran").exists());
}

/// One of several that dies while the other goes on answering.
#[test]
fn every_server_is_watched_not_only_the_one_that_answers() {
    let gate = Gate::new();
    let port = free_port();
    gate.write(
        CONFIG,
        format!(
            "version: 1\nsmoke:\n  url: http://127.0.0.1:{port}\n  interval: 20ms\n  watch: 10m\n  servers:
    - {{name: queue, start: \"sh -c 'until test -e probed; do sleep 0.02; done; exit 7'\"}}
    - {{name: app, start: \"sh -c '{} | while read line; do touch probed; done'\"}}\n",
            hello(port)
        ),
    );
    let began = Instant::now();
    gate.run(["smoke"]).code(1).says("the server queue exited with code 7");
    assert!(began.elapsed() < Duration::from_secs(60));
    assert_eq!(check(&gate, "smoke:server:queue")["status"], "failed");
}
