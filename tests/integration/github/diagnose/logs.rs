//! The logs of jobs.

use serde_json::json;

use super::{facts, findings, mock};
use crate::diagnose::RED;
use crate::github::mock::{Mock, STAGING, Trouble, sha};

#[test]
fn a_log_that_is_gone_or_cannot_be_had_is_told_and_the_others_are_diagnosed() {
    let mock = mock().log(11, None);
    mock.gate()
        .run(["diagnose", "--run=5"])
        .code(1)
        .says("GitHub does not have it any more")
        .says("missing-secret");
    let mock = Mock::new().run(5, 49, "completed", 1).job(5, 11, "deploy", "failure");
    mock.gate()
        .run(["diagnose", "--run=5"])
        .code(4)
        .says("GitHub does not have it any more");
    let gate = mock.gate();
    gate.run(["diagnose", "--run=6"]).code(4).says("it does not exist");
    gate.run(["diagnose", "--run=5", "--github-token-env=NO_SUCH"])
        .code(4)
        .says("NO_SUCH is not set");
    let mock = Mock::new().grants(&["contents"]);
    mock.gate()
        .run(["diagnose", "--run=5"])
        .code(4)
        .says("add `actions: read`");
}

#[test]
fn a_hiccup_is_tried_again_and_a_run_that_goes_on_is_told() {
    let mock = mock().job(5, 13, "smoke", "running").troubles([Trouble::Server(502)]);
    mock.gate()
        .run(["diagnose", "--run=5"])
        .code(1)
        .says("the run has not ended")
        .says("missing-secret");
    mock.was_asked_properly();
}

/// With `continue-on-error`, a step fails in the log and passes at GitHub.
#[test]
fn the_step_that_failed_is_the_one_that_github_names() {
    let step = |second: u32, name: &str, says: &str| {
        let at = format!("2026-07-30T10:33:{second}.0000000Z");
        format!(
            "{at} ##[group]Run {name}\n{at} shell: bash\n{at} ##[endgroup]\n{at} {says}\n{at} ##[error]Process completed with exit code 1.\n"
        )
    };
    let log = step(36, "make lint", "ERROR: the roof leaks")
        + &step(38, "make dist", "ERROR: the door is shut")
        + &step(40, "echo report", "ERROR: no mail");
    let steps = |conclusions: [&'static str; 3]| {
        let mock = Mock::new()
            .failed(5, 49)
            .job(5, 11, "make", "failure")
            .log(11, Some(&log));
        let names = [
            ("Run make lint", "2026-07-30T10:33:36Z"),
            ("Run make dist", "2026-07-30T10:33:38Z"),
            ("Run echo report", "2026-07-30T10:33:40Z"),
        ];
        let steps: Vec<_> = names
            .iter()
            .zip(conclusions)
            .map(|((name, at), conclusion)| (*name, conclusion, *at))
            .collect();
        mock.steps(11, &steps)
    };
    for (conclusions, says, link) in [
        (["failure", "success", "success"], "the roof leaks", "#step:1:4"),
        (["success", "failure", "success"], "the door is shut", "#step:2:4"),
        (["success", "success", "failure"], "no mail", "#step:3:4"),
    ] {
        let mock = steps(conclusions);
        let gate = mock.gate();
        gate.run(["diagnose", "--run=5"]).code(1);
        let report = gate.report("diagnose");
        let finding = &report["checks"][0]["findings"][0];
        assert!(
            finding["excerpt"]
                .as_str()
                .unwrap()
                .lines()
                .next()
                .unwrap()
                .contains(says),
            "{finding}"
        );
        assert!(
            facts(&gate, 0, "job")[0].ends_with(link),
            "{:?}",
            facts(&gate, 0, "job")
        );
    }
}

#[test]
fn fetched_logs_are_kept_without_secrets_and_with_their_hash() {
    let secret = "s3cr3t-v4lue-0815";
    let long = format!(
        "{secret}\n{}{}{secret}\n",
        RED.replace("Deploying", secret),
        "x\n".repeat(3 << 20)
    );
    let mock = mock().log(11, Some(&long));
    let gate = mock.gate().env("DEPLOY_TOKEN", secret);
    gate.run(["diagnose", "--run=5"]).code(1);
    let kept = gate.evidence().join("logs/diagnose");
    let log = std::fs::read_to_string(kept.join("run-5-job-11.log")).unwrap();
    assert!(!log.contains(secret) && log.contains("***"));
    assert!(
        log.len() < 5 << 20 && log.contains("stageproof left out"),
        "{}",
        log.len()
    );
    let fact = facts(&gate, 0, "log");
    let whole = std::fs::read(kept.join("run-5-job-12.log")).unwrap();
    let hash = <sha2::Sha256 as sha2::Digest>::digest(&whole);
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(
        fact[1].contains("run-5-job-12.log") && fact[1].contains(&hash),
        "{fact:?}"
    );
    assert!(fact[0].contains("without its middle"), "{fact:?}");
}

/// A GitHub Enterprise Server keeps them on its own host.
#[test]
fn a_log_on_the_host_of_the_api_is_fetched_without_the_token() {
    let mock = mock().keeps_logs_itself();
    mock.gate().run(["diagnose", "--run=5"]).code(1).says("missing-secret");
    mock.was_asked_properly();
}

#[test]
fn a_job_without_a_log_is_explained_by_its_annotations() {
    let mock = Mock::new().failed(5, 49).job(5, 11, "deploy", "failure").annotation_of(
        "failure",
        11,
        "",
        "The job was not started because recent account payments have failed.",
    );
    let gate = mock.gate();
    gate.run(["diagnose", "--run=5"])
        .code(1)
        .says("account payments have failed");
    assert!(findings(&gate, "no-log")[0].contains("its annotations"));
    mock.was_asked_properly();
    // Its runner was lost, so the log ends without an error.
    let lost = "The hosted runner lost communication with the server.";
    let mock = Mock::new()
        .failed(5, 49)
        .job(5, 11, "deploy", "failure")
        .log(11, Some("##[group]Run make\nshell: bash\n##[endgroup]\nall is well"));
    let gate = mock.gate();
    gate.run(["diagnose", "--run=5"])
        .code(4)
        .says("GitHub says that the job ended with `failure`, but its log has no error");
    assert!(facts(&gate, 0, "log")[0].contains("SHA-256"));
    let gate = mock.annotation_of("failure", 11, "", lost).gate();
    gate.run(["diagnose", "--run=5"]).code(1).says(lost);
    assert!(findings(&gate, "no-error")[0].contains("its annotations"));
    // GitHub cancels a job whose time is up, and only an annotation says why.
    let at = |minute: u32, text: &str| format!("2026-07-30T10:{minute:02}:37.0347135Z {text}\n");
    let header = ["##[group]Run make", "shell: bash", "##[endgroup]", "all is well"];
    let log = header.map(|text| at(0, text)).concat() + &at(50, "##[error]The operation was canceled.");
    let mock = Mock::new()
        .failed(5, 49)
        .run_with(5, json!({"conclusion": "cancelled"}))
        .job(5, 11, "deploy", "cancelled")
        .log(11, Some(&log));
    mock.gate().run(["diagnose", "--run=5"]).code(1).says("cancelled: ");
    let limit = "The job has exceeded the maximum execution time of 50m0s";
    let mock =
        mock.annotation_of("failure", 11, "", limit)
            .annotation_of("failure", 11, "", "The operation was canceled.");
    mock.gate()
        .run(["diagnose", "--run=5"])
        .code(1)
        .says("resource-limit: The job exceeded its limit of 50m")
        .says("because it printed nothing for the last 50m");
    mock.was_asked_properly();
    // Nothing ran at all.
    let mock = Mock::new().failed(5, 49);
    mock.gate()
        .run(["diagnose", "--run=5"])
        .code(1)
        .says("GitHub started no job (failure), and the workflow .github/workflows/staging.yml cannot be read: it does not exist")
        .says("its page says why: https://github.com/acme/shop/actions/runs/5");
    let with = |text: &str| Mock::new().failed(5, 49).file(&sha(5), STAGING, text);
    for (text, says) in [
        (
            "on: push\njobs:\n  a: {runs-on: x, steps: [{run: ls}]}\n",
            "has no mistake that stageproof knows",
        ),
        (
            "on: push\njobs:\n  a:\n    run-on: x\n",
            "GitHub started no job (failure): unknown key `run-on`; did you mean `runs-on`? (column 5)",
        ),
        (
            "on: push\njobs: [\n",
            "workflow-config: GitHub started no job (failure): ",
        ),
    ] {
        let mock = with(text);
        mock.gate().run(["diagnose", "--run=5"]).code(1).says(says);
        mock.was_asked_properly();
    }
    let gate = with("on: push\njobs:\n  a:\n    run-on: x\n").gate();
    gate.run(["diagnose", "--last=1"])
        .code(1)
        .says("file=.github/workflows/staging.yml,line=4");
}

/// Of half a token, nobody knows that it is one.
#[test]
fn a_kept_log_is_cut_between_lines_and_not_within_a_token() {
    let token = format!("ghp_{}", "JO8Xm0qPz4LbT7vWc2RnYk5HsD1gFa3eUiB9");
    let line = format!("{}\n", "all is well so far ".repeat(5));
    let mut log = line.repeat(100_000);
    let ends = [1 << 20, log.len() - (3 << 20)];
    for end in ends {
        // Half of it before the cut.
        log.replace_range(end - 20..end - 20 + token.len(), &token);
    }
    log.push_str(RED);
    let mock = Mock::new()
        .failed(5, 49)
        .job(5, 11, "deploy", "failure")
        .log(11, Some(&log));
    let gate = mock.gate();
    gate.run(["diagnose", "--run=5"]).code(1);
    let path = gate.evidence().join("logs/diagnose/run-5-job-11.log");
    let kept = std::fs::read_to_string(path).unwrap();
    assert!(kept.len() < 4 << 20 && kept.contains("stageproof left out at least"));
    for part in [&token[..12], &token[28..]] {
        assert!(!kept.contains(part), "{part}");
    }
    for text in kept.lines().filter(|text| text.starts_with("all is well")) {
        assert!(text.ends_with("so far ") || text.contains("***"), "{text}");
    }
}
