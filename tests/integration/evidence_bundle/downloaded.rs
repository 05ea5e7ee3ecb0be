//! What is in a store is verified and merged without a download of its own.

use std::fs;

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
    let faults: [(&str, usize, Fault, i32, &str); 5] = [
        ("get", 1, Fault::Cut, 0, "Every file matches"),
        (
            "get",
            9,
            Fault::Cut,
            4,
            "the connection was closed before the response was complete",
        ),
        ("get", 9, Fault::Answer(403, "", denied), 4, "with status 403"),
        ("get", 1, Fault::Replaced(9), 1, "is damaged: its SHA-256 is"),
        (
            "head",
            1,
            Fault::Answer(503, "Retry-After: 0\r\n", ""),
            0,
            "Every file matches",
        ),
    ];
    for (what, times, fault, code, says) in faults {
        // The first heads are of storing it and its statement.
        let first = if what == "head" { 4 } else { 0 };
        let s3 = S3::start(move |asked, before| {
            (asked == what && (first..first + times).contains(&before)).then_some(fault)
        });
        let gate = with(&s3);
        store(&gate, &[KEY]).code(0);
        verify(&gate, &[ZIP]).code(code).says(says);
    }
    let s3 = S3::start(move |asked, _| matches!(asked, "head" | "get").then_some(Fault::Answer(403, "", denied)));
    verify(&with(&s3), &[ZIP])
        .code(1)
        .says("may not call s3:GetObject in proof");
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
        (&[ZIP, "--artifact=proof"], "both a bundle and --artifact"),
    ] {
        gate.run([&["verify"], args].concat()).code(2).says(says);
    }
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
    gate.run(["merge", ZIP, "s3://proof/none.zip", "--evidence-dir=more"])
        .code(1)
        .says("there is no object s3://proof/none.zip");
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
