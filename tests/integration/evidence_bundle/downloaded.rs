//! What is in a store is verified and merged without a download of its own.

use std::fs;

use super::DIR;
use super::stored::{KEY, NO_FAULT, store, with};
use super::uploaded::make_large;
use crate::attested::{self, PUBLIC};
use crate::gate::{Gate, Ran};
use crate::half_way::half_way;
use crate::s3::{Fault, S3};

const ZIP: &str = "s3://proof/a/b.zip";

/// Nothing of a download stays.
fn verify<'a>(gate: &'a Gate, args: &[&str]) -> Ran<'a> {
    let scratch = gate.root().join("scratch");
    fs::create_dir_all(&scratch).unwrap();
    let temp = [("RUNNER_TEMP", scratch.to_str().unwrap())];
    let ran = gate.run_with(&temp, "", [&["verify"], args].concat());
    let left: Vec<_> = fs::read_dir(&scratch).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    ran
}

#[test]
fn what_was_stored_is_verified() {
    for is_large in [false, true] {
        let s3 = S3::start(NO_FAULT);
        let gate = with(&s3);
        if is_large {
            make_large(&gate);
        }
        store(&gate, &[KEY]).code(0);
        fs::remove_file(gate.root().join("evidence.zip")).unwrap();
        verify(&gate, &[ZIP, "--verbose"])
            .code(0)
            .says("as the store recorded it")
            .says("Every file matches the manifest")
            .never_says("scratch");
        let elsewhere = [("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")];
        let endpoint = format!("--store-endpoint={}", s3.address);
        gate.run_with(&elsewhere, "", ["verify", ZIP, &endpoint]).code(0);
        let wrong = "0".repeat(64);
        verify(&gate, &[ZIP, "--bundle-sha256", &wrong])
            .code(1)
            .says("the pinned one is");
    }
}

#[test]
fn the_signature_that_was_stored_beside_it_is_verified() {
    let s3 = S3::start(NO_FAULT);
    let gate = with(&s3).env("SIGNER", attested::KEY);
    gate.write("key.pub", PUBLIC);
    store(&gate, &[KEY, "--sign-key-env=SIGNER"]).code(0);
    for file in ["evidence.zip", "evidence.dsse.json"] {
        fs::remove_file(gate.root().join(file)).unwrap();
    }
    verify(&gate, &[ZIP, "--public-key=key.pub"])
        .code(0)
        .says("The signed statement is about this evidence");
    let s3 = S3::start(NO_FAULT);
    let gate = with(&s3);
    gate.write("key.pub", PUBLIC);
    store(&gate, &[KEY]).code(0);
    verify(&gate, &[ZIP, "--public-key=key.pub"])
        .code(1)
        .says("there is no object s3://proof/a/b.dsse.json");
}

#[test]
fn what_goes_wrong_on_the_way_is_told_or_tried_again() {
    let denied = "<Error><Code>AccessDenied</Code></Error>";
    let busy = Fault::Answer(503, "Retry-After: 0\r\n", "");
    let absent = Fault::Answer(501, "", "<Error><Code>NotImplemented</Code></Error>");
    let faults = [
        (1, Fault::Cut, 0, "Every file matches"),
        (
            9,
            Fault::Cut,
            4,
            "the connection was closed before the response was complete",
        ),
        (1, busy, 0, "Every file matches"),
        (2, busy, 0, "Every file matches"),
        (9, busy, 4, "answered with status 503"),
        (9, absent, 4, "answered with status 501"),
        // Without s3:ListBucket, the store does not say whether there is something.
        (
            9,
            Fault::Answer(403, "", denied),
            1,
            "may not call s3:GetObject in proof (AccessDenied), or there is no object s3://proof/a/b.zip",
        ),
        (1, Fault::Replaced(9), 1, "is damaged: its SHA-256 is"),
    ];
    for (times, fault, code, says) in faults {
        let s3 = S3::start(move |asked, before| (asked == "get" && before < times).then_some(fault));
        let gate = with(&s3);
        store(&gate, &[KEY]).code(0);
        verify(&gate, &[ZIP]).code(code).says(says);
    }
    let s3 = S3::start(NO_FAULT);
    let gate = with(&s3);
    verify(&gate, &["s3://proof/none.zip"])
        .code(1)
        .says("there is no object s3://proof/none.zip");
    verify(&gate, &["s3://other/none.zip"])
        .code(1)
        .says("there is no bucket other");
    gate.run_with(&[("AWS_SECRET_ACCESS_KEY", "wrong-horse-battery")], "", ["verify", ZIP])
        .code(1)
        .says("refuses the signature of AWS_ACCESS_KEY_ID");
    for (args, says) in [
        (&["s3://proof"][..], "names a bucket, and no object in it"),
        (&["s3://proof/a b.zip"], "has the character ' '"),
        (
            &["e.zip", "--store-endpoint=https://h"],
            "has no effect without s3://BUCKET/KEY",
        ),
        (&[ZIP, "--store-endpoint=http://192.0.2.1"], "is not an https:// URL"),
        (
            &["S3://proof/a/b.zip"],
            "`S3://proof/a/b.zip` begins with S3:// in capitals",
        ),
        (
            &["s3://proof:70000/b.zip"],
            "`proof:70000` is not a valid bucket name; the address of a store is given by --store-endpoint",
        ),
        (
            &[ZIP, "--store-endpoint=https://store.example:65536"],
            "the port in the value of --store-endpoint is not valid",
        ),
        (&[ZIP, "--artifact=proof"], "both a bundle and --artifact"),
        (
            &[ZIP, "--public-key=k", "--signature=s3://proof/a/b.dsse.json"],
            "--signature `s3://proof/a/b.dsse.json` is not a file",
        ),
        (&[], "s3://BUCKET/KEY.zip"),
    ] {
        gate.run([&["verify"], args].concat()).code(2).says(says);
    }
}

#[test]
fn what_no_hash_was_recorded_of_is_verified_and_the_next_step_is_told() {
    let s3 = S3::start(NO_FAULT);
    let gate = with(&s3);
    store(&gate, &[KEY]).code(0);
    s3.forget_hash("/proof/a/b.zip");
    verify(&gate, &[ZIP, "--verbose"])
        .code(0)
        .says("(the store recorded none)")
        .says("the store recorded no SHA-256 of b")
        .says("next: record the SHA-256 when you seal, and give it to verify: --bundle-sha256");
}

/// Nothing is gained by waiting where nobody listens; what may pass is waited for, and that is said.
#[test]
fn only_what_may_pass_is_waited_for() {
    let s3 = S3::start(|asked, before| (asked == "get" && before == 0).then_some(Fault::Cut));
    let gate = with(&s3);
    store(&gate, &[KEY]).code(0);
    verify(&gate, &[ZIP, "--verbose"])
        .code(0)
        .says("the connection was closed before the response was complete; trying again in 1s");
    let nowhere = "--store-endpoint=http://127.0.0.1:9";
    verify(&gate, &[ZIP, nowhere, "--verbose"])
        .code(4)
        .says("127.0.0.1 cannot be asked [refused]")
        .never_says("trying again");
    store(&gate, &[KEY, nowhere, "--verbose"])
        .code(4)
        .says("127.0.0.1 cannot be asked [refused]")
        .never_says("trying again");
}

#[test]
fn what_was_stored_is_merged() {
    let s3 = S3::start(NO_FAULT);
    let gate = with(&s3);
    gate.run([
        "skip-guard",
        "--require=file:evidence/smoke.log",
        "--evidence-dir=evidence",
    ])
    .code(0);
    store(&gate, &[KEY]).code(0);
    gate.run(["merge", ZIP, "--evidence-dir=all", "--expect=b"]).code(0);
    gate.run(["verify", "all/bundles/b"]).code(0);
    // What is missing or damaged leaves the others.
    for place in ["2-b", "c/b"] {
        store(&gate, &[&format!("--store=s3://proof/{place}.zip")]).code(0);
    }
    fs::copy(gate.root().join("evidence.zip"), gate.root().join("b.zip")).unwrap();
    let places = [
        "s3://proof/2-b.zip",
        ZIP,
        "s3://proof/none.zip",
        "s3://proof/c/b.zip",
        "b.zip",
    ];
    gate.run([&["merge", "--evidence-dir=more"], &places[..4]].concat())
        .code(1)
        .says("there is no object s3://proof/none.zip");
    for name in ["2-b", "a", "c"] {
        gate.run(["verify", &format!("more/bundles/{name}")]).code(0);
    }
    gate.run(["verify", "more.zip"]).code(0);
    gate.run([&["merge", "--evidence-dir=x"], &places[3..4], &["s3://other/c/b.zip"]].concat())
        .code(2)
        .says("`s3://other/c/b.zip` and another bundle have the same name")
        .says("download it");
}

/// "Re-run failed jobs" stores the bundle of a job again.
#[test]
fn a_stored_bundle_of_a_later_attempt_replaces_the_earlier_one() {
    let s3 = S3::start(NO_FAULT);
    let gate = with(&s3).on_runner("push", "{}").env("INPUT_HOST-MATRIX", "null");
    for attempt in ["1", "2"] {
        gate.write("evidence/smoke.log", attempt);
        gate.run_with(
            &[("GITHUB_RUN_ATTEMPT", attempt)],
            "",
            ["evidence-bundle", DIR, "--store=s3://proof"],
        )
        .code(0);
    }
    let keys = s3.keys();
    let places = keys.iter().filter(|key| key.ends_with(".zip"));
    let places: Vec<String> = places.map(|key| format!("s3:/{key}")).collect();
    assert_eq!(places.len(), 2);
    let merge = ["merge", "--evidence-dir=all", "--expect=evidence-77-deploy"].map(str::to_owned);
    gate.run([merge.to_vec(), places].concat())
        .never_says("is missing")
        .says("is left out: evidence-77-2-deploy-");
}

#[test]
fn the_store_that_is_configured_is_read_and_a_flag_is_for_both() {
    let s3 = S3::start(NO_FAULT);
    let gate = with(&s3);
    store(&gate, &[KEY]).code(0);
    let nowhere = [("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")];
    let configured = |endpoint: &str, store: &str| {
        gate.write(
            ".github/stageproof.yml",
            format!("version: 1\nevidence-bundle: {{store-endpoint: '{endpoint}'{store}}}\n"),
        );
    };
    configured(&s3.address, ", store: 's3://proof/all.zip'");
    gate.run_with(&nowhere, "", ["verify", ZIP]).code(0);
    let merge = |dir: &str, args: &[&str]| {
        let dir = format!("--evidence-dir={dir}");
        let ran = gate.run_with(&nowhere, "", [&["merge", ZIP, &dir], args].concat());
        ran.never_says("can be downloaded: ");
        assert!(
            gate.root().join(&dir[15..]).join("bundles/b").exists(),
            "{}",
            ran.stderr()
        );
    };
    merge("one", &[]);
    assert!(s3.keys().contains(&"/proof/all.zip".to_owned()));
    configured("http://127.0.0.1:9", ", store: 's3://proof/all-2.zip'");
    merge("two", &[&format!("--store-endpoint={}", s3.address)]);
    assert!(s3.keys().contains(&"/proof/all-2.zip".to_owned()));
}

#[test]
fn a_cancelled_download_leaves_nothing() {
    let (wait, half_way) = half_way();
    let s3 = S3::start(move |asked, _| {
        if asked == "get" {
            wait();
        }
        None
    });
    let gate = with(&s3);
    store(&gate, &[KEY]).code(0);
    let scratch = gate.root().join("scratch");
    fs::create_dir(&scratch).unwrap();
    half_way.cancel(
        gate.command(["merge", ZIP, "--evidence-dir=all"])
            .env("RUNNER_TEMP", &scratch),
    );
    assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0);
    assert!(!gate.root().join("all/bundles").exists() && !gate.root().join("all.zip").exists());
}
