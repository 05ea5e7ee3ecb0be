//! Commands, logs, files and GitHub repeat a secret, so that it lies across the place where their words are cut.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

#[test]
fn a_start_command_that_is_shown_in_part() {
    for part in BEFORE_CUT {
        let gate = gate();
        let command = format!("false {} {}", before(200 - 7, part), shlex::try_quote(SECRET).unwrap());
        let ran = gate.run([
            "smoke",
            "http://127.0.0.1:1/",
            &format!("--start={command}"),
            "--within=200ms",
        ]);
        ran.code(1);
        nothing_leaked(&ran, &[]);
    }
}

/// Writes more than is read of its log, and the secret across the beginning of that part and again at the end.
fn noisy(rest: usize) -> String {
    format!(
        "printf '%s' \"$MY_TOKEN\"; head -c {rest} /dev/zero | tr '\\0' x; printf 'now %.20s' \"$MY_TOKEN\"; exit 3"
    )
}

#[test]
fn a_log_whose_last_part_begins_in_the_middle_of_the_token() {
    for part in BEFORE_CUT {
        let gate = gate();
        let rest = (64 << 10) - part - "now ".len() - 20;
        gate.write("serve.sh", noisy(rest));
        let ran = gate.run(["smoke", "http://127.0.0.1:1/", "--start=sh serve.sh", "--within=1s"]);
        ran.code(1);
        let told = said(&ran);
        assert_eq!(part_of_secret(&told), None, "{told}");
        assert!(told.contains("now ***"), "the end of the log\n{told}");
    }
}

#[test]
fn the_end_of_a_wrapped_commands_output() {
    for part in BEFORE_CUT {
        let gate = gate();
        // The excerpt is the last 4000 bytes.
        gate.write(
            "step.sh",
            format!(
                "printf '%s' \"$MY_TOKEN\"; head -c {} /dev/zero | tr '\\0' x; exit 3",
                4000 - part
            ),
        );
        gate.run(["heartbeat", "--label=step", "--", "sh", "step.sh", SECRET])
            .code(3);
        let evidence = gate.evidence();
        for file in ["reports/heartbeat-step.json", "reports/heartbeat-step.junit.xml"] {
            let path = evidence.join(file);
            let Ok(text) = std::fs::read_to_string(&path) else {
                panic!("{}\n{}", path.display(), gate.listing());
            };
            assert_eq!(part_of_secret(&text), None, "{text}");
        }
        assert_eq!(part_of_secret(&gate.read("runner/summary")), None);
    }
}

#[test]
fn the_title_of_a_wrapped_command_that_is_long() {
    for part in BEFORE_CUT {
        let gate = gate();
        let filler = before(100 - "false ".len(), part);
        let ran = gate.run(["heartbeat", "--label=step", "--", "false", &filler, SECRET]);
        ran.code(1);
        nothing_leaked(&ran, &[]);
    }
}

#[test]
fn what_a_rollback_check_said() {
    for part in BEFORE_CUT {
        let gate = gate();
        gate.write(
            "check.sh",
            format!(
                "printf '%s' \"$MY_TOKEN\"; head -c {} /dev/zero | tr '\\0' x; exit 3",
                4000 - part
            ),
        );
        let check = format!(
            "--check=sh check.sh {} {}",
            before(100 - 12, part),
            shlex::try_quote(SECRET).unwrap()
        );
        let ran = gate.run(["rollback-dry-run", "--platform=command", &check]);
        ran.code(1);
        nothing_leaked(&ran, &[]);
        // Killed, only its last words are told, cut at 200.
        gate.write(
            "check.sh",
            format!("printf '%s%s' {} \"$MY_TOKEN\"; kill -9 $$", before(200, part)),
        );
        let ran = gate.run(["rollback-dry-run", "--platform=command", "--check=sh check.sh"]);
        ran.code(4).says("killed by SIGKILL (signal 9)");
        nothing_leaked(&ran, &[]);
    }
}

#[test]
fn what_a_fix_said() {
    for part in BEFORE_CUT {
        let gate = gate();
        let config = "skip-guard:\n  require:\n  - {require: 'file:made', fix: ./fix.sh}\n";
        gate.write(".github/stageproof.yml", config);
        gate.write(
            "fix.sh",
            format!(
                "#!/bin/sh\nprintf '%s' \"$MY_TOKEN\"; head -c {} /dev/zero | tr '\\0' x; exit 3\n",
                4000 - part
            ),
        );
        std::fs::set_permissions(gate.path("fix.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let ran = gate.run(["skip-guard", "--fix"]);
        ran.code(1).says("exited with code 3");
        nothing_leaked(&ran, &[]);
    }
}

#[test]
fn what_a_fix_says_endlessly() {
    let gate = gate();
    let config = "skip-guard:\n  require:\n  - {require: 'file:made', fix: ./fix.sh}\n";
    gate.write(".github/stageproof.yml", config);
    // 4 MiB of the beginning are kept and as many of the end: the secret lies across both edges.
    let most = (4 << 20) - 20;
    let fill = |bytes: usize| format!("head -c {bytes} /dev/zero | tr '\\0' x");
    let token = "printf '%s' \"$MY_TOKEN\"";
    let script = [fill(most), token.to_owned(), fill(999), token.to_owned(), fill(most)].join("; ");
    gate.write("fix.sh", format!("#!/bin/sh\n{script}; exit 3\n"));
    std::fs::set_permissions(gate.path("fix.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let ran = gate.run(["skip-guard", "--fix"]);
    ran.code(1);
    let mut log = std::fs::read(gate.evidence().join("logs/fix-1.log")).unwrap();
    assert!(log.len() > 2 * most);
    log.dedup_by(|one, other| (*one, *other) == (b'x', b'x'));
    let log = String::from_utf8(log).unwrap();
    assert_eq!(part_of_secret(&log), None);
    let fits = log.starts_with("x***\n[") && log.ends_with(" bytes left out]\n***x");
    assert!(fits, "{log}");
}

#[test]
fn a_freeze_whose_reason_is_shown_in_part() {
    for part in BEFORE_CUT {
        for (reason, by) in [(300, 0), (0, 100)] {
            let gate = gate();
            let field = |cut: usize| match cut {
                0 => "x".to_owned(),
                cut => format!("{}{SECRET}", before(cut, part)),
            };
            gate.write(
                "freeze.yml",
                serde_json::json!({"reason": field(reason), "by": field(by)}).to_string(),
            );
            let ran = gate.run(["skip-guard", "--require=not-frozen:freeze.yml"]);
            ran.says("frozen");
            nothing_leaked(&ran, &["freeze.yml"]);
        }
        let gate = gate();
        gate.write(
            "freeze.yml",
            serde_json::json!({format!("{}{SECRET}", before(180, part)): 1}).to_string(),
        );
        let ran = gate.run(["skip-guard", "--require=not-frozen:freeze.yml"]);
        ran.says("an unreadable freeze");
        nothing_leaked(&ran, &["freeze.yml"]);
    }
}

#[test]
fn an_error_of_githubs_api_that_repeats_the_token() {
    let token = "ghs_9081726354abcdefghijklmnopqrstuvwxyzABCD";
    for part in [9, 17, 33] {
        let filler = before(200, part);
        let api = echo(move |_| {
            let body = serde_json::json!({"message": format!("{filler}{token}")}).to_string();
            ok("", &body).replacen("200 OK", "422 Oops", 1)
        });
        let gate = Gate::new()
            .on_runner("push", PUSH)
            .env("GITHUB_API_URL", &api)
            .env("GITHUB_TOKEN", token);
        let ran = gate.run(["skip-guard", "--require=environment:staging"]);
        ran.says("GitHub answered 422");
        let told = format!("{}{}", said(&ran), gate.report("skip-guard"));
        assert!(!told.contains(&token[..8]), "{told}");
    }
}

#[test]
fn a_heartbeat_log_that_holds_the_token_in_a_broken_line() {
    for part in BEFORE_CUT {
        let gate = gate();
        gate.write(
            "heartbeat.log",
            format!(
                "{}{SECRET}\n{{\"{}{SECRET}\":1}}\n",
                before(200, part),
                before(150, part)
            ),
        );
        let ran = gate.run(["foreground-proof", "--log=heartbeat.log"]);
        ran.code(1).says("is not a record");
        nothing_leaked(&ran, &["heartbeat.log"]);
    }
}

#[test]
fn a_mistake_on_the_command_line_that_quotes_the_token() {
    let gate = gate();
    let ran = gate.run(["smoke", "http://h/", &format!("--expect-json=nowhere {SECRET}")]);
    ran.code(2);
    let told = said(&ran);
    assert_eq!(part_of_secret(&told), None, "{told}");
}

#[test]
fn labels_stages_and_run_metadata_that_hold_a_secret() {
    let gate = Gate::new().env("MY_TOKEN", "blue-4711-secret").on_runner("push", "{}");
    let gate = gate
        .env("GITHUB_ACTOR", "blue-4711-secret")
        .env("GITHUB_WORKFLOW", "of blue-4711-secret");
    let ran = gate.run(["skip-guard", "--require=env:PATH", "--format=json"]);
    ran.code(0).never_says("4711").says("of ***");
}

#[test]
fn an_output_that_a_step_opens_is_whole_or_empty() {
    let gate = Gate::new().env("MY_TOKEN", "artifacts/staging").on_runner("push", "{}");
    gate.run(["heartbeat", "--label=step", "--", "true"]).code(0);
    let outputs = gate.outputs();
    assert_eq!(
        (outputs["log"].as_str(), outputs["report"].as_str()),
        ("", ""),
        "{outputs:?}"
    );
    assert_eq!(outputs["exit-code"], "0");
}
