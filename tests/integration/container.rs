//! The action's image, run with real docker as GitHub's runner runs it: as PID 1, without shell, /tmp, certificates or
//! resolver, with its paths mounted and its inputs as variables.
//!
//! Without a docker daemon, or without `STAGEPROOF_STATIC_BINARY`, each test says that it was left out; with
//! `STAGEPROOF_REQUIRE_DOCKER` set, as in CI, it fails instead.

mod act;
mod install;
mod owners;
mod released;
mod servers;
pub mod step;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::skipped::not_checked;
use servers::{Authority, NameServer, Tls};
use step::{REQUIRED, Step, docker, image};

/// What docker itself puts into every container.
const OF_DOCKER: [&str; 5] = ["dev", "etc", "proc", "sys", ".dockerenv"];

#[test]
fn the_image_holds_the_binary_and_nothing_else() {
    let Some(image) = image() else { return };
    let created = docker().args(["create", "--network", "none", image]).output().unwrap();
    let id = String::from_utf8(created.stdout).unwrap().trim().to_owned();
    let mut export = docker().args(["export", &id]).stdout(Stdio::piped()).spawn().unwrap();
    let listed = Command::new("tar")
        .arg("-t")
        .stdin(export.stdout.take().unwrap())
        .output()
        .unwrap();
    export.wait().unwrap();
    docker().args(["rm", &id]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let ours: Vec<&str> = listed.lines().filter(|path| !is_dockers(path)).collect();
    assert_eq!(ours, ["stageproof"]);
}

fn is_dockers(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    OF_DOCKER.contains(&first)
}

#[test]
fn an_unknown_command_is_a_usage_error_on_the_runner() {
    let Some(image) = image() else { return };
    let step = Step::new(image, "smok");
    step.run().code(2).says("::error").says("smok");
    let step = Step::new(image, "");
    step.run()
        .code(2)
        .says("::error")
        .says("set the input `command` to one of skip-guard");
}

#[test]
fn an_input_of_another_command_is_refused_and_an_empty_one_is_absent() {
    let Some(image) = image() else { return };
    // Every declared input is there and empty in each of these tests; one with a value is not.
    let step = Step::new(image, "skip-guard").input("require", "not-fork");
    step.run().code(0);
    let step = Step::new(image, "skip-guard")
        .input("require", "not-fork")
        .input("url", "http://localhost/");
    step.run()
        .code(2)
        .says("skip-guard has no input `url`")
        .says("it belongs to smoke");
}

#[test]
fn skip_guard_runs_without_a_network() {
    let Some(image) = image() else { return };
    let step = Step::new(image, "skip-guard")
        .network("none")
        .env("TOKEN_OF_TEST", "abcdefgh1234")
        .input("require", "env:TOKEN_OF_TEST\nfile:here\n\nenv:ABSENT\n")
        .write("workspace/here", "");
    let ran = step.run();
    // It should exist in this run, so the skip is a warning.
    ran.code(0).says("::warning");
    // The runner takes the mask in and shows no such line.
    let shown = ran.text().replace("::add-mask::abcdefgh1234\n", "");
    assert!(!shown.contains("abcdefgh1234"), "{}", ran.text());
    let outputs = step.outputs();
    assert_eq!(
        (&*outputs["ready"], &*outputs["missing"]),
        ("false", r#"["env:ABSENT"]"#)
    );
    assert_eq!(step.report()["subject"]["run_id"], "77");
    let summary = fs::read_to_string(step.path("file_commands/summary")).unwrap();
    assert!(summary.contains("ABSENT is not set"), "{summary}");
}

#[test]
fn check_leaves_its_findings_to_the_steps_that_follow() {
    let Some(image) = image() else { return };
    let step = Step::new(image, "check")
        .network("none")
        .input("sarif", "out/stageproof.sarif")
        .write("workspace/.github/workflows/deploy.yml", crate::check::BROKEN);
    step.run()
        .code(1)
        .says("::error file=.github/workflows/deploy.yml,line=10,");
    assert_eq!(step.outputs()["verdict"], "fail");
    let sarif = step.path("workspace/out/stageproof.sarif");
    let log = fs::read_to_string(&sarif).unwrap();
    assert!(log.contains(r#""uri": ".github/workflows/deploy.yml""#), "{log}");
    let owner = |path: &std::path::Path| fs::metadata(path).unwrap().uid();
    assert_eq!(owner(&sarif), owner(&step.path("workspace")));
}

#[test]
fn diagnose_reads_a_log_of_the_workspace_without_a_network() {
    let Some(image) = image() else { return };
    let step = Step::new(image, "diagnose")
        .network("none")
        .input("log", "red.log")
        .write("workspace/red.log", crate::diagnose::RED);
    step.run()
        .code(1)
        .says("::error file=red.log,line=13,")
        .says("missing-secret");
    assert_eq!(step.outputs()["class"], "missing-secret");
}

#[test]
fn nothing_is_written_outside_the_mounts() {
    let Some(image) = image() else { return };
    let step = Step::new(image, "skip-guard").input("require", "not-fork");
    step.run_and_keep().code(0);
    let changed = docker().args(["diff", &step.name]).output().unwrap();
    docker().args(["rm", &step.name]).output().unwrap();
    let changed = String::from_utf8(changed.stdout).unwrap();
    // The places the mounts hang on are made by docker.
    let ours: Vec<&str> = changed
        .lines()
        .filter(|line| !is_dockers(&line[2..]) && !line[2..].starts_with("/github"))
        .collect();
    assert!(ours.is_empty(), "{ours:?}");
}

/// Needs `smoke`.
#[test]
fn smoke_reaches_a_server_on_loopback_by_address_and_by_name() {
    let Some(image) = image() else { return };
    let port = servers::http();
    for host in ["127.0.0.1", "localhost", "shop.localhost"] {
        let step = Step::new(image, "smoke")
            .input("url", &format!("http://{host}:{port}/"))
            .input("within", "5s");
        step.run().code(0);
        assert_eq!(step.outputs()["verdict"], "pass", "{host}");
    }
}

/// Needs `smoke`.
#[test]
fn names_resolve_through_the_hosts_file() {
    let Some(image) = image() else { return };
    let port = servers::http();
    let step = Step::new(image, "smoke")
        .option("--add-host=staging.example:127.0.0.1")
        .input("url", &format!("http://staging.example:{port}/"))
        .input("within", "5s");
    step.run().code(0);
}

/// Needs `smoke`.
#[test]
fn names_resolve_through_the_name_server_and_unknown_ones_are_of_reason_dns() {
    let Some(image) = image() else { return };
    let server = match NameServer::answering("staging.example") {
        Ok(server) => server,
        Err(error) => return not_checked("names through DNS", &format!("port 53: {error}"), REQUIRED),
    };
    let port = servers::http();
    let step = |host: &str| {
        let step = Step::new(image, "smoke").write("resolv.conf", &server.resolv_conf());
        let mount = format!("--volume={}:/etc/resolv.conf:ro", step.path("resolv.conf").display());
        step.option(&mount)
            .input("url", &format!("http://{host}:{port}/"))
            .input("within", "3s")
    };
    let known = step("staging.example");
    known.run().code(0);
    let unknown = step("no-such-host.example");
    unknown.run().code(1);
    assert!(
        unknown.reasons().iter().any(|reason| reason == "dns"),
        "{:?}",
        unknown.report()
    );
}

/// Needs `smoke`.
#[test]
fn certificates_are_checked_against_built_in_roots_or_those_of_ssl_cert_file() {
    let Some(image) = image() else { return };
    let authority = match Authority::new() {
        Ok(authority) => authority,
        Err(error) => return not_checked("TLS", &format!("openssl: {error}"), REQUIRED),
    };
    let server = Tls::start(&authority);
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("https://{host}:{}/", server.port);
        let untrusted = Step::new(image, "smoke").input("url", &url).input("within", "2s");
        untrusted.run().code(1).says("not signed by a known authority");
        assert!(
            untrusted.reasons().iter().any(|reason| reason == "tls"),
            "{:?}",
            untrusted.report()
        );
        let trusted = Step::new(image, "smoke")
            .input("url", &url)
            .input("within", "5s")
            .write("workspace/ca.pem", &authority.certificate())
            .env("SSL_CERT_FILE", "/github/workspace/ca.pem");
        trusted.run().code(0);
    }
}

/// Needs `rollback-dry-run`.
#[test]
fn rollback_dry_run_reads_a_repository_that_somebody_else_owns() {
    let Some(image) = image() else { return };
    let step = Step::new(image, "rollback-dry-run");
    let Some(released) = repository(&step) else { return };
    let ran = step.run();
    ran.code(0);
    let outputs = step.outputs();
    assert_eq!(outputs["target"], "refs/tags/v1.1.0", "{}", ran.text());
    assert!(outputs["command"].contains(&released), "{outputs:?}");
}

/// Needs `rollback-dry-run`. Without /tmp and with a runner whose folder is not mounted, the workspace is all there is.
#[test]
fn without_any_temporary_folder_the_workspace_is_used_and_left_clean() {
    let Some(image) = image() else { return };
    let step = Step::new(image, "rollback-dry-run")
        .env("RUNNER_TEMP", "/no/such/folder")
        .input("evidence-dir", "proof");
    if repository(&step).is_none() {
        return;
    }
    step.run().code(0);
    let mut left: Vec<_> = fs::read_dir(step.path("workspace/x").parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, [".git", "app", "proof"]);
}

/// Needs `evidence-bundle`, `verify` and `merge`.
#[test]
fn evidence_is_sealed_and_verified() {
    let Some(image) = image() else { return };
    let step = Step::new(image, "skip-guard").input("require", "not-fork");
    step.run().code(0);
    let step = step
        .then("evidence-bundle")
        .write("workspace/logs/deploy.log", "deployed\n")
        .input("files", "logs/*.log")
        .input("output", "proof.zip");
    step.run().code(0);
    let outputs = step.outputs();
    assert_eq!(outputs["bundle"], "proof.zip", "a path that the next step can use");
    assert_eq!(outputs["bundle-sha256"].len(), 64);
    let zip = fs::metadata(step.path("workspace/proof.zip")).unwrap();
    assert_eq!(zip.uid(), 0, "the runner's containers are root");
    let step = step.then("verify").input("bundle", "proof.zip");
    step.run().code(0);
    let step = step
        .then("merge")
        .input("bundles", "proof.zip")
        .input("expect", "proof")
        .input("evidence-dir", "all");
    step.run().code(0);
    let step = step.then("verify").input("bundle", "all/bundles/proof");
    step.run().code(0);
    let mut bytes = fs::read(step.path("workspace/proof.zip")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    // Beside it: the sealed one belongs to root, and the tests need not.
    fs::write(step.path("workspace/changed.zip"), bytes).unwrap();
    let step = step.then("verify").input("bundle", "changed.zip");
    assert_ne!(step.start().wait().unwrap().code(), Some(0), "a changed bit is noticed");
}

/// Needs `smoke`, `rollback-dry-run` and `evidence-bundle`.
#[test]
fn rehearse_runs_the_whole_flow() {
    let Some(image) = image() else { return };
    let port = servers::http();
    let config = format!(
        "version: 1\nskip-guard:\n  require: [not-fork]\nsmoke:\n  url: http://127.0.0.1:{port}/\n  within: 5s\n\
         rollback-dry-run:\n  platform: git\n"
    );
    let step = Step::new(image, "rehearse").write("workspace/.github/stageproof.yml", &config);
    if repository(&step).is_none() {
        return;
    }
    let ran = step.run();
    ran.code(0);
    let report = step.report();
    for stage in ["guard", "smoke", "rollback", "evidence"] {
        let passed = |check: &serde_json::Value| check["stage"] == stage && check["status"] == "passed";
        assert!(
            report["checks"].as_array().unwrap().iter().any(passed),
            "{stage}\n{}",
            ran.text()
        );
    }
}

/// A repository in the workspace with a release behind its head, owned by the runner's user. Answers with the
/// release's commit.
fn repository(step: &Step) -> Option<String> {
    let script = "git init -q -b main . && git config user.name t && git config user.email t@example.com
        echo 1 > app && git add app && git commit -q -m first && git tag v1.0.0
        echo 2 > app && git commit -q -a -m second && git tag v1.1.0
        echo 3 > app && git commit -q -a -m third && chown -R 1001:1001 . && git -c safe.directory='*' rev-parse v1.1.0";
    let output = Command::new("sh")
        .args(["-ec", script])
        .current_dir(step.path("workspace/x").parent().unwrap())
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        not_checked("a repository of another owner", &said, REQUIRED);
        return None;
    }
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

/// Needs `smoke`. The runner sends SIGINT to the docker client, SIGTERM 7.5 s later, SIGKILL 2.5 s after that; what
/// has not ended by then runs on without an owner.
#[test]
fn a_cancelled_step_ends_in_time_and_leaves_its_report() {
    let Some(image) = image() else { return };
    // On a slow machine the second signal comes while the first is still being answered; here, always.
    for signals in [&[Signal::INT][..], &[Signal::TERM], &[Signal::INT, Signal::TERM]] {
        // Connections are taken by the system, and nobody ever answers.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = silent.local_addr().unwrap().port();
        let step = Step::new(image, "smoke")
            .input("url", &format!("http://127.0.0.1:{port}/"))
            .input("within", "60s")
            .input("timeout", "60s");
        let mut client = step.start();
        wait_for_connection(&silent, &mut client);
        let sent = Instant::now();
        let pid = Pid::from_child(&client);
        for signal in signals {
            // The client may have ended before the second.
            let _ = kill_process(pid, *signal);
        }
        while client.try_wait().unwrap().is_none() && sent.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let took = sent.elapsed();
        let ended = client.try_wait().unwrap();
        if ended.is_none() {
            docker().args(["kill", &step.name]).output().unwrap();
        }
        let ran = step.ran(client.wait_with_output().unwrap());
        assert!(
            took < Duration::from_secs(7),
            "{signals:?}: it took {took:?}\n{}",
            ran.text()
        );
        assert_ne!(ended.unwrap().code(), Some(0), "an interrupted check is never green");
        let report = step.report();
        assert!(report.to_string().contains("interrupted by SIG"), "{report}");
        let left = docker()
            .args(["ps", "--all", "--quiet", "--filter"])
            .arg(format!("name={}", step.name))
            .output();
        assert!(left.unwrap().stdout.is_empty(), "the container is still there");
    }
}

fn wait_for_connection(listener: &TcpListener, client: &mut Child) {
    listener.set_nonblocking(true).unwrap();
    let began = Instant::now();
    loop {
        if let Ok((connection, _)) = listener.accept() {
            // Kept open, and never answered, until the test ends.
            std::mem::forget(connection);
            return;
        }
        assert!(client.try_wait().unwrap().is_none(), "it ended before it connected");
        assert!(began.elapsed() < Duration::from_secs(60), "it did not connect");
        std::thread::sleep(Duration::from_millis(20));
    }
}
