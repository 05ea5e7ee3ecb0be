//! `--env-from`: the secrets of one variable are prerequisites of the guard, and variables of the wrapped command.

use std::fs;
use std::io::Write as _;

use crate::gate::Gate;
use crate::servers::{free_port, hello, read_head, serve};

const SECRETS: &str =
    "FLY_API_KEY_OF_TEST=fo1-abcdefgh\nDEPLOY_KEY<<END\n-----BEGIN-----\nq9w8e7r6t5\n-----END-----\nEND\n";

fn gate(secrets: &str) -> Gate {
    Gate::new()
        .on_runner("push", r#"{"repository":{"fork":false}}"#)
        .env("DEPLOY_ENV", secrets)
}

#[test]
fn each_of_them_is_a_prerequisite_of_the_guard() {
    let guard = ["skip-guard", "--env-from=DEPLOY_ENV", "--require=not-fork"];
    let ready = gate(SECRETS);
    let ran = ready.run(guard);
    ran.code(0)
        .says("::add-mask::fo1-abcdefgh")
        .says("::add-mask::q9w8e7r6t5");
    ran.never_says("fo1-abcdefgh");
    assert_eq!(ready.outputs()["ready"], "true");
    let missing = gate("FLY_API_KEY_OF_TEST=\nDEPLOY_KEY=x1y2z3w4\n");
    missing
        .run(guard)
        .code(0)
        .says("FLY_API_KEY_OF_TEST is not set or empty. Create the secret.");
    let outputs = missing.outputs();
    assert_eq!(
        (&*outputs["ready"], &*outputs["missing"]),
        ("false", r#"["env:FLY_API_KEY_OF_TEST"]"#)
    );
    // A workflow passes on an empty text where nobody said that secrets are needed.
    let none = gate("");
    none.run(guard)
        .code(0)
        .says("DEPLOY_ENV is empty: it holds no variables");
    assert_eq!(none.outputs()["ready"], "true");
}

#[test]
fn a_variable_that_is_not_set_is_missing_and_not_empty() {
    let unset = || Gate::new().on_runner("push", r#"{"repository":{"fork":false}}"#);
    let guard = ["skip-guard", "--env-from=NOPE", "--require=not-fork"];
    let skipped = unset();
    skipped.run(guard).code(0).says("NOPE is not set or empty");
    let outputs = skipped.outputs();
    assert_eq!((&*outputs["ready"], &*outputs["missing"]), ("false", r#"["env:NOPE"]"#));
    unset().run([&guard[..], &["--strict"]].concat()).code(1);
    for command in [
        &["heartbeat", "--env-from=NOPE", "--", "true"][..],
        &["rollback-dry-run", "--env-from=NOPE", "--check=true"],
        &["smoke", "--env-from=NOPE", "http://127.0.0.1:9/"],
    ] {
        unset()
            .run(command)
            .code(2)
            .says("NOPE, which --env-from names, is not set")
            .says("env: NOPE: ${{ secrets.NOPE }}");
    }
}

#[test]
fn the_command_gets_each_and_its_log_shows_none() {
    let gate = gate(SECRETS);
    let script = "echo \"$FLY_API_KEY_OF_TEST\"; echo \"$DEPLOY_KEY\"; echo \"[${DEPLOY_ENV-gone}]\"; \
                  printf '%s' \"$DEPLOY_KEY\" > key";
    let options = [
        "heartbeat",
        "--env-from=DEPLOY_ENV",
        "--label=deploy",
        "--shell",
        "--",
        script,
    ];
    let ran = gate.run(options);
    ran.code(0).says("::add-mask::fo1-abcdefgh").says("[gone]");
    assert_eq!(gate.read("key"), "-----BEGIN-----\nq9w8e7r6t5\n-----END-----");
    let log = fs::read_to_string(gate.evidence().join("logs/deploy.log")).unwrap();
    assert!(
        log.contains("***") && !log.contains("fo1-abc") && !log.contains("q9w8"),
        "{log}"
    );
    gate.run([
        "heartbeat",
        "--env-from=DEPLOY_ENV",
        "--pty",
        "--",
        "sh",
        "-c",
        "test -n \"$DEPLOY_KEY\"",
    ])
    .code(0);
}

#[test]
fn the_check_of_a_rollback_gets_each() {
    let check = "sh -c 'test \"$FLY_API_KEY_OF_TEST\" = fo1-abcdefgh && test -z \"$DEPLOY_ENV\"'";
    let gate = gate(SECRETS);
    let ran = gate.run(["rollback-dry-run", "--env-from=DEPLOY_ENV", "--check", check]);
    ran.code(0).never_says("fo1-abcdefgh");
}

#[test]
fn a_probe_sends_one_of_them() {
    let url = serve(|mut stream| {
        let known = read_head(&mut stream).contains("authorization: Bearer fo1-abcdefgh");
        let status = if known { "200 OK" } else { "401 Unauthorized" };
        let _ = write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
    });
    let gate = gate(SECRETS);
    let ran = gate.run([
        "smoke",
        &url,
        "--env-from=DEPLOY_ENV",
        "--bearer-env=FLY_API_KEY_OF_TEST",
        "--within=5s",
    ]);
    ran.code(0).never_says("fo1-abcdefgh");
}

#[test]
fn rehearse_requires_each_of_them() {
    let gate = gate("FLY_API_KEY_OF_TEST=\n");
    gate.write(
        ".github/stageproof.yml",
        "version: 1\nsmoke:\n  url: http://127.0.0.1:9/\n",
    );
    gate.run(["rehearse", "--env-from=DEPLOY_ENV"])
        .code(0)
        .says("FLY_API_KEY_OF_TEST is not set or empty");
    assert_eq!(gate.outputs()["verdict"], "skip");
    gate.run(["rehearse", "--env-from=NOPE"])
        .code(0)
        .says("NOPE is not set or empty");
}

#[test]
fn what_is_no_variable_is_refused_and_not_repeated() {
    for command in [
        &["skip-guard", "--require=not-fork"][..],
        &["heartbeat", "--", "true"],
        &["rollback-dry-run", "--check=true"],
    ] {
        let mut words = command.to_vec();
        words.insert(1, "--env-from=DEPLOY_ENV");
        let ran = gate("KEY=-----BEGIN-----\ns3cretline\n");
        ran.run(&words)
            .code(2)
            .says("line 2 is neither NAME=VALUE nor NAME<<END")
            .never_says("s3cretline");
        words[1] = "--env-from=KEY=s3cretline";
        gate("")
            .run(&words)
            .code(2)
            .says("not the name of an environment variable")
            .never_says("s3cretline");
    }
}

/// The runner drops a job's output with a masked value in it, and `ready` is `true`.
#[test]
fn common_words_are_no_secrets() {
    let gate = Gate::new()
        .on_runner("push", "{}")
        .env("PACKED", "API_TOKEN=s3cret-token\nDEBUG=true\nSTAGE=staging");
    let ran = gate.run(["skip-guard", "--env-from=PACKED", "--require=event:push"]);
    ran.code(0)
        .never_says("::add-mask::true")
        .never_says("::add-mask::staging")
        .says("::add-mask::s3cret-token");
    assert_eq!(gate.outputs()["ready"], "true");
}

/// A server that smoke starts sees what was unpacked, and not what it was packed in.
#[test]
fn a_started_server_gets_the_variables() {
    let port = free_port();
    let gate = Gate::new().env("PACKED", "GREETING=hello-there");
    let start = format!("sh -c 'env > seen.txt; exec {}'", hello(port));
    let url = format!("http://127.0.0.1:{port}/");
    gate.run(["smoke", &url, "--env-from=PACKED", "--within=20s", "--start", &start])
        .code(0);
    let seen = gate.read("seen.txt");
    assert!(
        seen.contains("GREETING=hello-there") && !seen.contains("PACKED="),
        "{seen}"
    );
}
