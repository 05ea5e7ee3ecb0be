//! Many probes from the configuration: side by side, each with its own expectations, stage and report.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{BROKEN, GOOD, check, reply, statuses};
use crate::gate::Gate;
use crate::servers::{read_head, serve};

fn configured(probes: &str) -> Gate {
    let gate = Gate::new();
    gate.write(".github/stageproof.yml", format!("version: 1\nsmoke:\n{probes}"));
    gate
}

#[test]
fn each_probe_has_its_own_expectations_and_inherits_the_rest() {
    let hello = statuses(|_| GOOD);
    let gone = statuses(|_| "410 Gone");
    let gate = configured(&format!(
        "  url: {hello}\n  within: 300ms\n  interval: 100ms\n  expect-body: hello\n  probes:
    - {{name: inherits}}
    - {{name: old, url: {gone}, expect-status: '410'}}
    - {{name: picky, expect-body: goodbye}}
    - {{name: paths, path: [/a, /b]}}
"
    ));
    gate.run(["smoke"]).code(1).says("4 passed, 1 failed");
    for (id, status) in [
        ("smoke:inherits", "passed"),
        ("smoke:old", "passed"),
        ("smoke:picky", "failed"),
        ("smoke:paths /a", "passed"),
        ("smoke:paths /b", "passed"),
    ] {
        assert_eq!(check(&gate, id)["status"], status, "{id}");
    }
    // A flag speaks of every probe.
    gate.run(["smoke", "--expect-body=hell"]).code(0);
}

/// Counts how many connections are served at the same time.
fn crowd() -> (String, Arc<AtomicUsize>) {
    let (now, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let url = serve(move |stream| {
        let count = now.fetch_add(1, Ordering::SeqCst) + 1;
        seen.fetch_max(count, Ordering::SeqCst);
        // Until the others are here as well; alone, it is not waited for for long.
        for _ in 0..40 {
            if seen.load(Ordering::SeqCst) >= 6 {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        // Before the answer, which lets the next one begin.
        now.fetch_sub(1, Ordering::SeqCst);
        reply(stream, GOOD, "", "");
    });
    (url, most)
}

#[test]
fn probes_run_side_by_side_and_no_more_than_allowed() {
    for (parallel, expected) in [("6", 6), ("1", 1)] {
        let (url, most) = crowd();
        let paths: Vec<String> = (0..6).map(|n| format!("--path=/{n}")).collect();
        let parallel = format!("--parallel={parallel}");
        let mut args = vec!["smoke", &url, &parallel];
        args.extend(paths.iter().map(String::as_str));
        Gate::new().run(args).code(0).says("6 passed");
        assert_eq!(most.load(Ordering::SeqCst), expected);
    }
}

#[test]
fn junit_has_a_suite_per_stage_and_a_case_per_probe() {
    let good = statuses(|_| GOOD);
    let bad = statuses(|_| BROKEN);
    let gate = configured(&format!(
        "  within: 250ms\n  interval: 200ms\n  probes:
    - {{name: home, url: {good}, stage: edge}}
    - {{name: api, url: {bad}, stage: backend}}
    - {{name: known, url: {bad}, stage: backend}}
    - {{name: jobs, url: {good}, stage: backend}}
waivers:
  - {{check: 'smoke:known', reason: 'see #12', until: '2999-01-01'}}
"
    ));
    gate.run(["smoke"]).code(1);
    let junit = std::fs::read_to_string(gate.evidence().join("reports/smoke.junit.xml")).unwrap();
    assert_eq!(junit.matches("<testcase ").count(), 4, "{junit}");
    assert!(
        junit.contains("<testsuite name=\"edge\" tests=\"1\" failures=\"0\""),
        "{junit}"
    );
    assert!(
        junit.contains("<testsuite name=\"backend\" tests=\"3\" failures=\"1\""),
        "{junit}"
    );
    assert!(junit.contains("type=\"status-5xx\""), "{junit}");
    assert!(junit.contains("waived until 2999-01-01: see #12"), "{junit}");
    for name in ["home", "api", "known", "jobs"] {
        assert_eq!(junit.matches(&format!("name=\"{name}: GET ")).count(), 1, "{junit}");
    }
    assert_eq!(check(&gate, "smoke:known")["status"], "waived");
}

#[test]
fn a_waiver_names_one_probe_and_excuses_no_other() {
    let bad = statuses(|_| BROKEN);
    let gate = configured(&format!(
        "  within: 250ms\n  interval: 200ms\n  url: {bad}\n  probes: [{{name: known}}, {{name: known too}}]
waivers:\n  - {{check: 'smoke:known', reason: 'see #12', until: '2999-01-01'}}\n"
    ));
    gate.run(["smoke"]).code(1).says("1 waived, 1 failed");
}

#[test]
fn one_that_hangs_does_not_hold_the_others() {
    let hangs = serve(crate::servers::hang);
    let good = statuses(|_| GOOD);
    let gate = configured(&format!(
        "  within: 400ms\n  probes:\n    - {{name: hangs, url: {hangs}}}\n    - {{name: fine, url: {good}}}\n"
    ));
    gate.run(["smoke"]).code(1);
    let took = |id: &str| check(&gate, id)["took_ms"].as_u64().unwrap();
    assert!(took("smoke:fine") < took("smoke:hangs"), "{}", gate.report("smoke"));
    assert_eq!(check(&gate, "smoke:fine")["status"], "passed");
}

#[test]
fn a_probe_may_have_another_window_than_the_rest() {
    let url = statuses(|_| GOOD);
    let gate = configured(&format!(
        "  url: {url}\n  interval: 20ms\n  steady: 100ms\n  probes:\n    - {{name: steady}}\n    - {{name: watched, watch: 150ms}}\n"
    ));
    gate.run(["smoke"])
        .code(0)
        .says("steady for 100ms")
        .says("watched for 150ms");
}

/// What is said nearer wins: the path of the URL that was typed is the one that is asked for.
#[test]
fn a_url_with_a_path_of_its_own_replaces_the_paths_that_are_configured() {
    let url = serve(|mut stream| {
        let head = read_head(&mut stream);
        let status = match head.split(' ').nth(1) {
            Some("/boom" | "/?boom") => BROKEN,
            _ => GOOD,
        };
        let _ = write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
    });
    let rest = "  within: 200ms\n  interval: 100ms\n";
    for paths in ["  path: [/fine]\n", "  probes: [{name: fine, path: [/fine]}]\n"] {
        let gate = configured(&format!("  url: {url}\n{rest}{paths}"));
        let asked = |path: &str| gate.run(["smoke", &format!("{url}{path}")]).output.status.code();
        assert_eq!([asked(""), asked("/")], [Some(0); 2], "{paths}");
        assert_eq!([asked("/boom"), asked("/?boom")], [Some(1); 2], "{paths}");
        gate.run(["smoke", &format!("{url}/boom"), "--path=/other"]).code(0);
    }
    // The same within the configuration, between a probe and what holds for all of them.
    let gate = configured(&format!(
        "  url: {url}\n{rest}  path: [/fine]\n  probes:\n    - {{name: own, url: '{url}/boom'}}\n    - {{name: all}}\n"
    ));
    gate.run(["smoke"]).code(1);
    assert_eq!(check(&gate, "smoke:own")["status"], "failed");
    assert_eq!(check(&gate, "smoke:all")["status"], "passed");
}
