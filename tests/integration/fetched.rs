//! Bundles that other jobs and runs uploaded, read by `verify` and `verdict` without a download step.

use std::fs;

use sha2::{Digest as _, Sha256};

use crate::artifacts::{Artifacts, Fault};
use crate::gate::Gate;
use crate::github::mock::{Mock, Trouble};
use crate::half_way::half_way;
use crate::servers::answer;

pub const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
pub const DOWN: &str = "HTTP/1.1 503 Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const NO_FAULT: fn(&str, usize) -> Option<Fault> = |_, _| None;

/// The bundle of a job of run 77 with one report of smoke.
pub fn bundle(attempt: &str, label: &str, response: &'static str) -> Vec<u8> {
    bundle_of(&format!("\"{label}\""), attempt, label, response)
}

/// The same, with the values of the job's matrix.
pub fn bundle_of(matrix: &str, attempt: &str, label: &str, response: &'static str) -> Vec<u8> {
    let gate = Gate::new().on_runner("push", "{}").env("GITHUB_RUN_ATTEMPT", attempt);
    let gate = gate.env("INPUT_HOST-MATRIX", matrix);
    let label = format!("--label={label}");
    gate.run(["smoke", "--evidence-dir=e", "--within=300ms", &label, &answer(response)]);
    gate.run(["evidence-bundle", "--evidence-dir=e", "--output=e.zip"])
        .code(0);
    fs::read(gate.root().join("e.zip")).unwrap()
}

pub fn in_action(artifacts: &Artifacts) -> Gate {
    let mut gate = Gate::new().on_runner("push", "{}").env("GITHUB_RUN_ATTEMPT", "2");
    for (name, value) in artifacts.env() {
        gate = gate.env(name, &value);
    }
    let temp = gate.path("temp/x");
    let temp = temp.parent().unwrap().display().to_string();
    gate.env("RUNNER_TEMP", &temp)
}

fn digest(zip: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(zip)))
}

#[track_caller]
fn nothing_is_left(gate: &Gate) {
    let left: Vec<_> = fs::read_dir(gate.root().join("temp")).unwrap().collect();
    assert!(left.is_empty(), "{}", gate.listing());
}

#[test]
fn an_action_reads_the_bundles_of_its_run() {
    let (eu, us) = (bundle("2", "eu", OK), bundle("2", "us", OK));
    for camel_case in [false, true] {
        let artifacts = Artifacts::start(camel_case, NO_FAULT);
        artifacts.holds("proof-eu-2", &eu);
        artifacts.holds("proof-us-2", &us);
        artifacts.holds("coverage", b"no bundle");
        let gate = in_action(&artifacts);
        let ran = gate.run(["verify", "--artifact=proof-eu-2", "--verbose", "--report=r.json"]);
        ran.code(0).says(&digest(&eu)[7..]).says("as GitHub recorded it");
        assert_eq!(gate.outputs()["bundle-sha256"], digest(&eu)[7..]);
        gate.run(["verify", "--artifact=proof-*"])
            .code(0)
            .says("proof-eu-2: Every file matches")
            .says("proof-us-2: Every file matches");
        gate.run([
            "verify",
            "--artifact=proof-eu-2",
            &format!("--bundle-sha256={}", digest(&us)),
        ])
        .code(1)
        .says("the zip's SHA-256 is");
        gate.run(["verify", "--artifact=*", &format!("--bundle-sha256={}", digest(&us))])
            .code(1)
            .says("the names match 3 artifacts");
        gate.run(["verify", "--artifact=coverage"])
            .code(1)
            .says("coverage.zip: it is not a complete zip file")
            .never_says("scratch");
        let ran = gate.run([
            "verdict",
            "--artifact=proof-*",
            "--require=smoke-eu",
            "--require=smoke-us",
        ]);
        ran.code(0).says("2 passed").never_says("scratch");
        ran.never_says(artifacts.token()).never_says("s1g");
        gate.run(["verdict", "--artifact=proof-eu-2", "--require=smoke-us"])
            .code(1)
            .says("the required report smoke-us is missing");
        nothing_is_left(&gate);
    }
}

/// "Re-run failed jobs" leaves the bundle of the attempt that failed.
#[test]
fn of_several_attempts_of_a_job_the_newest_counts() {
    let artifacts = Artifacts::start(false, NO_FAULT);
    artifacts.holds("proof-eu-1", &bundle("1", "eu", DOWN));
    artifacts.holds("proof-us-1", &bundle("1", "us", OK));
    let gate = in_action(&artifacts);
    let args = ["verdict", "--artifact=proof-*", "--any-attempt", "--expect=2"];
    gate.run(args).code(1).says("503");
    artifacts.holds("proof-eu-2", &bundle("2", "eu", OK));
    gate.run(args)
        .code(0)
        .says("proof-eu-1 is left out: proof-eu-2 is of a later attempt of the same job");
    gate.run(["verdict", "--artifact=proof-*"])
        .code(1)
        .says("from another attempt: 1, but this is 2");
    // The same name twice, as a repeated upload leaves it: the newest.
    artifacts.holds("proof-us-1", &bundle("1", "us", DOWN));
    gate.run(args).code(1).says("503");
}

#[test]
fn what_is_missing_or_goes_wrong_is_said_and_nothing_is_kept() {
    let zip = bundle("2", "eu", OK);
    let faults: [(&str, usize, Fault, i32, &str); 7] = [
        (
            "get",
            9,
            Fault::Answer(500, ""),
            4,
            "could not be downloaded: status 500",
        ),
        ("get", 1, Fault::Answer(503, ""), 0, "pass"),
        ("get", 1, Fault::Lost, 0, "pass"),
        ("get", 9, Fault::Answer(404, ""), 1, "its zip is gone (404)"),
        ("get", 9, Fault::Answer(200, "other"), 1, "is damaged: its SHA-256 is"),
        (
            "ListArtifacts",
            9,
            Fault::Answer(403, r#"{"msg":"no"}"#),
            4,
            "refused the list of artifacts: 403: no",
        ),
        (
            "GetSignedArtifactURL",
            9,
            Fault::Answer(200, "{}"),
            4,
            "the download address is not an address",
        ),
    ];
    for (method, times, fault, code, says) in faults {
        let artifacts = Artifacts::start(false, move |asked, before| {
            (asked == method && before < times).then_some(fault)
        });
        artifacts.holds("proof", &zip);
        let gate = in_action(&artifacts);
        gate.run(["verify", "--artifact=proof"]).code(code).says(says);
        nothing_is_left(&gate);
    }
    let artifacts = Artifacts::start(false, NO_FAULT);
    let gate = in_action(&artifacts);
    gate.run(["verdict", "--artifact=proof"])
        .code(1)
        .says("this run has no artifact `proof`")
        .says("it has no artifacts at all");
    artifacts.holds("..", &zip);
    for command in ["verify", "verdict", "merge"] {
        gate.run([command, "--artifact=*"])
            .code(1)
            .says("a name that no file may have: \"..\"");
    }
    artifacts.holds("proof-eu", &zip);
    gate.run(["verdict", "--artifact=prof-eu"])
        .code(1)
        .says("did you mean `proof-eu`?");
    gate.run(["verify", "--artifact=x*"])
        .code(1)
        .says("it has .., proof-eu");
}

#[test]
fn a_cancelled_download_leaves_nothing() {
    let (wait, half_way) = half_way();
    let artifacts = Artifacts::start(false, move |asked, _| {
        if asked == "get" {
            wait();
        }
        None
    });
    artifacts.holds("proof", b"zip");
    let gate = in_action(&artifacts);
    let mut command = gate.command(["merge", "--artifact=proof", "--evidence-dir=all"]);
    half_way.cancel(&mut command);
    nothing_is_left(&gate);
    assert!(!gate.root().join("all/bundles").exists() && !gate.root().join("all.zip").exists());
}

#[test]
fn a_run_step_and_another_run_need_a_token() {
    let (eu, us) = (bundle("2", "eu", OK), bundle("2", "us", OK));
    let github = Mock::new()
        .pages_of(1)
        .run(70, 40, "completed", 1)
        .artifact(70, "old", &eu, Some(&digest(&eu)), true)
        .artifact(70, "astray", &eu, None, false)
        .artifact(77, "proof-us", &us, Some(&digest(&us)), false)
        .artifact(77, "proof-eu", &eu, None, false)
        .artifact(77, "forged", &us, Some(&digest(&eu)), false);
    let gate = github.gate().env("GITHUB_RUN_ATTEMPT", "2");
    gate.run(["verify", "--artifact=proof-*"]).code(0);
    gate.run(["verdict", "--artifact=proof-*", "--expect=2"]).code(0);
    gate.run(["verify", "--artifact=proof-eu", "--verbose"])
        .code(0)
        .says("GitHub recorded none");
    let url = "--run=https://github.com/acme/shop/actions/runs/77";
    gate.run(["verify", "--artifact=proof-us", url]).code(0);
    // A later workflow has another run, attempt and commit.
    let later = [
        ("GITHUB_RUN_ID", "78"),
        ("GITHUB_RUN_ATTEMPT", "1"),
        ("GITHUB_SHA", "f00"),
    ];
    for command in ["verdict", "merge"] {
        gate.run_with(&later, "", [command, "--artifact=proof-*", "--run=77"])
            .code(0);
    }
    // Gates that read a status file take it for one about their own run.
    gate.run_with(
        &later,
        "",
        ["verdict", "--artifact=proof-*", "--run=77", "--evidence-dir=v"],
    )
    .code(0)
    .says("is of run 77");
    assert!(!gate.root().join("v/verdict.md").exists(), "{}", gate.listing());
    let status = ["verdict", "--artifact=proof-*", "--run=77", "--status-file=st.md"];
    gate.run_with(&later, "", status)
        .code(2)
        .says("--status-file is about this run, and --run names another one");
    assert!(!gate.root().join("st.md").exists());
    gate.run(status).code(0);
    gate.run(["verdict", "--read=st.md"]).code(0);
    gate.run(["verdict", "--artifact=astray", "--run=70"])
        .code(1)
        .says("from another run: 77, but this is 70");
    gate.run(["verify", "--artifact=old", "--run=70"])
        .code(1)
        .says("the artifact `old` has expired");
    gate.run(["verify", "--artifact=forged"]).code(1).says("is damaged");
    gate.run(["verify", "--artifact=x", "--run=71"])
        .code(4)
        .says("check the id of the run");
    gate.run(["verify", "--artifact=x", "--run=77"])
        .code(1)
        .says("run 77 of acme/shop has no artifact `x`");
    github.deletes_zips();
    gate.run(["verify", "--artifact=proof-us"]).code(1).says("has expired");
    github.was_asked_properly();
    let denied = Mock::new().grants(&["contents"]);
    denied
        .gate()
        .run(["verify", "--artifact=x"])
        .code(4)
        .says("add `actions: read` to `permissions:`");
    let troubled = Mock::new()
        .troubles([Trouble::Server(500)])
        .artifact(77, "p", &us, None, false);
    troubled.gate().run(["verify", "--artifact=p"]).code(0);
    Mock::new()
        .gate_without_token()
        .run(["verdict", "--artifact=x"])
        .code(4)
        .says("GITHUB_TOKEN is not set");
}

#[test]
fn what_cannot_be_meant_is_a_usage_error() {
    let gate = Gate::new();
    for (args, says) in [
        (
            &["verify"][..],
            "verify needs a directory, a zip, an artifact or a stored bundle",
        ),
        (&["verify", "x.zip", "--artifact=x"], "both a bundle and --artifact"),
        (&["verify", "--artifact="], "--artifact is empty"),
        (&["verify", "x.zip", "--run=1"], "--artifact"),
        (&["verify", "--artifact=x", "--run=x"], "`x` is no run"),
        (
            &[
                "verify",
                "--artifact=x",
                "--run=https://github.com/a/b/actions/runs/1/job/2",
            ],
            "is a job or an attempt",
        ),
        (
            &["verify", "--artifact=x", "--public-key=k"],
            "--public-key needs --signature",
        ),
        (&["verdict", "--read=x.md", "--artifact=x"], "cannot be used with"),
        (
            &["verdict", "--artifact=x", "--github-token-env=a b"],
            "not the name of an environment variable",
        ),
    ] {
        gate.run(args.iter().copied()).code(2).says(says);
    }
}
