//! The upload, against a strict stand-in for GitHub's artifact service and Azure's store.

use std::collections::BTreeSet;
use std::fs;

use crate::artifacts::{Artifacts, Fault};
use crate::evidence_bundle::DIR;
use crate::gate::Gate;
use crate::half_way::half_way;

const NO_FAULT: fn(&str, usize) -> Option<Fault> = |_, _| None;

fn on_runner(artifacts: &Artifacts) -> Gate {
    let mut gate = Gate::new().on_runner("push", "{}");
    for (name, value) in artifacts.env() {
        gate = gate.env(name, &value);
    }
    gate.write("evidence/smoke.log", "GET / 200\n");
    gate
}

/// So that the zip has several blocks of 8 MiB, or parts of 16 MiB.
pub fn make_large(gate: &Gate) {
    let mut state = 1_u64;
    let bytes = std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    });
    gate.write("evidence/noise.bin", bytes.take(20 << 20).collect::<Vec<_>>());
}

#[test]
fn the_zip_becomes_an_artifact_byte_for_byte() {
    for camel_case in [false, true] {
        let artifacts = Artifacts::start(camel_case, NO_FAULT);
        let gate = on_runner(&artifacts).env("GITHUB_RETENTION_DAYS", "30");
        make_large(&gate);
        let args = [
            "evidence-bundle",
            DIR,
            "--upload=required",
            "--artifact-name=proof",
            "--retention-days=90",
        ];
        let ran = gate.run(args);
        ran.code(0);
        let zip = fs::read(gate.root().join("evidence.zip")).unwrap();
        let visible = artifacts.visible();
        assert_eq!(visible.len(), 1, "{:?}", artifacts.asked());
        assert!(visible[0].0 == "proof" && visible[0].1 == zip);
        let asked = artifacts.asked();
        assert_eq!(
            asked,
            ["CreateArtifact", "block", "block", "block", "list", "FinalizeArtifact"]
        );
        let outputs = gate.outputs();
        assert_eq!(
            outputs["artifact-url"],
            "https://github.com/acme/shop/actions/runs/77/artifacts/1000"
        );
        assert_eq!(
            (&*outputs["artifact-id"], &outputs["artifact-digest"]),
            ("1000", &outputs["bundle-sha256"])
        );
        // 30 days at most, whatever was asked for.
        let expiry: jiff::Timestamp = artifacts.expires_at("proof").unwrap().parse().unwrap();
        let days = expiry.duration_since(jiff::Timestamp::now()).as_hours() / 24;
        assert!((29..=30).contains(&days), "{expiry}");
        let text = ran.stdout() + &ran.stderr();
        // A log shows how far it is.
        assert!(
            text.lines().any(|line| line.contains("] uploading the zip: 30 % of ")),
            "{text}"
        );
        assert!(!text.contains(artifacts.token()) && !text.contains("s1g"), "{text}");
    }
}

#[test]
fn without_a_name_every_job_and_attempt_has_its_own() {
    let artifacts = Artifacts::start(false, NO_FAULT);
    let gate = on_runner(&artifacts);
    gate.run(["evidence-bundle", DIR, "--upload=auto"]).code(0);
    gate.run_with(
        &[("GITHUB_RUN_ATTEMPT", "2")],
        "",
        ["evidence-bundle", DIR, "--upload=auto"],
    )
    .code(0);
    // In the action, the values of the matrix are known.
    for matrix in [
        "null".to_owned(),
        "{\n  \"os\": {\"name\": \"a/b\"},\n  \"n\": [1, true, null]\n}".to_owned(),
        format!("[\"{}\"]", "x".repeat(81)),
    ] {
        let env = [("INPUT_HOST-MATRIX", &*matrix), ("INPUT_COMMAND", "evidence-bundle")];
        gate.run_with(&env, "", ["evidence-bundle", DIR, "--upload=auto"])
            .code(0);
    }
    let mut names: Vec<String> = artifacts.visible().into_iter().map(|(name, _)| name).collect();
    assert!(artifacts.expires_at(&names[0]).is_none());
    let tags: Vec<String> = names
        .extract_if(.., |name| name.len() == "evidence-deploy-000000-1".len())
        .collect();
    // One job in two attempts, and a matrix that is too long.
    let jobs: BTreeSet<&str> = tags.iter().map(|name| name.rsplit_once('-').unwrap().0).collect();
    assert_eq!((tags.len(), jobs.len()), (3, 2), "{tags:?}");
    assert_eq!(names, ["evidence-deploy-1", "evidence-deploy-1-true-a-b-1"]);
}

#[test]
fn what_may_help_is_tried_again_and_nothing_is_there_twice() {
    let faults: [(&str, Fault); 5] = [
        ("CreateArtifact", Fault::Answer(503, "busy")),
        ("CreateArtifact", Fault::Answer(200, "<html>")),
        ("block", Fault::Answer(500, "")),
        ("FinalizeArtifact", Fault::Answer(502, "")),
        // It was made visible, and a second try would make another.
        ("FinalizeArtifact", Fault::Lost),
    ];
    for (method, fault) in faults {
        let artifacts = Artifacts::start(false, move |asked, before| {
            (asked == method && before == 0).then_some(fault)
        });
        let gate = on_runner(&artifacts);
        let args = ["evidence-bundle", DIR, "--upload=required", "--artifact-name=proof"];
        gate.run([&args[..], &["--verbose"]].concat())
            .code(0)
            .says("; trying again in ");
        assert_eq!(artifacts.visible().len(), 1, "{method}: {:?}", artifacts.asked());
    }
}

#[test]
fn each_refusal_has_its_sentence_and_the_local_zip_stays() {
    const EXPIRED: &str = "<Error><Code>AuthenticationFailed</Code></Error>";
    const QUOTA: &str =
        r#"{"code":"resource_exhausted","msg":"Artifact storage quota has been hit: insufficient usage"}"#;
    let refusals: [(&str, Fault, i32, &[&str]); 6] = [
        (
            "CreateArtifact",
            Fault::Answer(200, r#"{"ok":false}"#),
            1,
            &["the answer is not `ok`"],
        ),
        (
            "CreateArtifact",
            Fault::Answer(403, QUOTA),
            1,
            &["storage of this account is full", "6 to 12 hours"],
        ),
        (
            "CreateArtifact",
            Fault::Answer(400, r#"{"msg":"no"}"#),
            1,
            &["refused an upload address: 400: no"],
        ),
        (
            "block",
            Fault::Answer(403, EXPIRED),
            1,
            &["the upload address expired", "--exclude"],
        ),
        (
            "list",
            Fault::Answer(400, "<Error><Code>InvalidBlockList</Code></Error>"),
            1,
            &["400 InvalidBlockList"],
        ),
        (
            "FinalizeArtifact",
            Fault::Answer(401, ""),
            1,
            &["refused the end of the upload: 401"],
        ),
    ];
    for (method, fault, code, says) in refusals {
        let artifacts = Artifacts::start(false, move |asked, _| (asked == method).then_some(fault));
        let gate = on_runner(&artifacts);
        let ran = gate.run(["evidence-bundle", DIR, "--upload=required", "--artifact-name=proof"]);
        ran.code(code);
        for text in says {
            ran.says(text);
        }
        assert!(artifacts.visible().is_empty(), "{method}");
        assert!(gate.root().join("evidence.zip").is_file(), "{method}");
        assert!(!gate.outputs().contains_key("artifact-id"), "{method}");
    }
    let artifacts = Artifacts::start(false, NO_FAULT);
    let gate = on_runner(&artifacts);
    let args = ["evidence-bundle", DIR, "--upload=required", "--artifact-name=proof"];
    gate.run(args).code(0);
    gate.run(args)
        .code(1)
        .says("already has an artifact `proof`")
        .says("--artifact-name proof-2");
}

#[test]
fn a_run_step_keeps_its_bundle_and_says_why() {
    let gate = Gate::new().on_runner("push", "{}");
    gate.write("evidence/smoke.log", "GET / 200\n");
    gate.run(["evidence-bundle", DIR, "--upload=auto"])
        .code(0)
        .says("The bundle is not uploaded")
        .says("Use the action");
    gate.run(["evidence-bundle", DIR, "--upload=required"])
        .code(1)
        .says("this step has no ACTIONS_RUNTIME_TOKEN")
        .says("use the action instead of a `run:` step");
    let broken = [
        ("ACTIONS_RUNTIME_TOKEN", "a.b"),
        ("ACTIONS_RESULTS_URL", "http://127.0.0.1:9/"),
    ];
    gate.run_with(&broken, "", ["evidence-bundle", DIR, "--upload=auto"])
        .code(4)
        .says("ACTIONS_RUNTIME_TOKEN is not a token with three parts");
    let artifacts = Artifacts::start(false, NO_FAULT);
    let other = on_runner(&artifacts).env("GITHUB_SERVER_URL", "https://git.acme.example");
    other
        .run(["evidence-bundle", DIR, "--upload=required"])
        .code(1)
        .says("GitHub Enterprise Server does not offer");
    for (args, says) in [
        (
            &["--artifact-name=a/b", "--upload=auto"][..],
            "'/', which no artifact's name may have",
        ),
        (&["--artifact-name=", "--upload=auto"], "--artifact-name is empty"),
        (
            &["--retention-days=3"],
            "--retention-days has no effect without --upload",
        ),
        (&["--retention-days=0", "--upload=auto"], "0 is not in 1.."),
    ] {
        gate.run([&["evidence-bundle", DIR], args].concat()).code(2).says(says);
    }
}

/// Nobody sees half an artifact.
#[test]
fn a_cancelled_upload_is_never_finalized() {
    let (wait, half_way) = half_way();
    let artifacts = Artifacts::start(false, move |asked, before| {
        if asked == "block" && before == 1 {
            wait();
        }
        None
    });
    let gate = on_runner(&artifacts);
    make_large(&gate);
    let mut command = gate.command(["evidence-bundle", DIR, "--upload=required", "--artifact-name=proof"]);
    half_way.cancel(&mut command);
    assert!(
        !artifacts.asked().iter().any(|asked| asked == "FinalizeArtifact"),
        "{:?}",
        artifacts.asked()
    );
    assert!(gate.root().join("evidence.zip").is_file());
}
