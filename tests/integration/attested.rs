//! The statement about sealed evidence: what `evidence-bundle` writes and signs, what `verify` believes, and what openssl
//! and cosign make of it.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

use crate::gate::{Gate, Ran};
use crate::skipped::not_checked;

const TYPE: &str = "https://in-toto.io/attestation/test-result/v0.1";
/// A key of openssl's, and its public half.
pub const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
pub const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
const OTHER: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";

fn workspace() -> Gate {
    let gate = Gate::new().env("SIGNER", KEY).env("SOURCE_DATE_EPOCH", "1700000000");
    gate.write("evidence/a.log", "a\n").write("key.pub", PUBLIC).write(
        "tests/junit.xml",
        "<testsuite><testcase name='one'/><testcase name='two'/></testsuite>",
    );
    gate
}

fn seal<'a>(gate: &'a Gate, more: &[&str]) -> Ran<'a> {
    gate.run([&["evidence-bundle", "--evidence-dir=evidence", "tests"], more].concat())
}

fn signed() -> Gate {
    let gate = workspace();
    seal(&gate, &["--sign-key-env=SIGNER"]).code(0);
    gate
}

fn verify<'a>(gate: &'a Gate, target: &str) -> Ran<'a> {
    gate.run(["verify", target, "--public-key=key.pub"])
}

fn json(gate: &Gate, path: &str) -> Value {
    serde_json::from_str(&gate.read(path)).unwrap()
}

#[test]
fn the_statement_names_the_zip_and_the_manifest_and_the_results_in_it() {
    let gate = workspace()
        .on_runner("push", "{}")
        .env("GITHUB_SERVER_URL", "https://github.example");
    gate.write(
        "tests/more.XML",
        "<testsuites><testsuite name='s' errors='1'/></testsuites>",
    )
    .write("tests/coverage.xml", "<coverage/>");
    gate.run(["skip-guard", "--require=file:key.pub", "--evidence-dir=evidence"])
        .code(0);
    seal(&gate, &["--verbose"]).code(0).says("test result: FAILED");
    let statement = json(&gate, "evidence.statement.json");
    let outputs = gate.outputs();
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(statement["predicateType"], TYPE);
    for (number, name, output) in [
        (0, "evidence.zip", "bundle-sha256"),
        (1, "sha256_manifest.txt", "manifest-sha256"),
    ] {
        assert_eq!(statement["subject"][number]["name"], name);
        assert_eq!(
            statement["subject"][number]["digest"]["sha256"],
            outputs[output].as_str()
        );
    }
    let predicate = &statement["predicate"];
    assert_eq!(*predicate, json(&gate, "evidence.predicate.json"));
    assert_eq!(predicate["result"], "FAILED");
    // Our own JUnit form of a report is not counted again.
    let passed = predicate["passedTests"].as_array().unwrap();
    assert_eq!(passed.len(), 3, "{predicate:#}");
    assert!(
        passed.contains(&"reports/skip-guard.json: guard:file:key.pub".into()),
        "{predicate:#}"
    );
    assert!(passed.contains(&"files/tests/junit.xml: two".into()), "{predicate:#}");
    assert_eq!(
        predicate["failedTests"],
        serde_json::json!(["files/tests/more.XML: suite s: failures 1, of which not all are listed"])
    );
    let url = predicate["url"].as_str().unwrap();
    assert!(
        url.starts_with("https://github.example/") && url.contains("/actions/runs/"),
        "{url}"
    );
    assert!(
        predicate["configuration"][0]["digest"]["gitCommit"].is_string(),
        "{predicate:#}"
    );
    assert_eq!(outputs["predicate-type"], TYPE);
    for (output, path) in [
        ("statement", "evidence.statement.json"),
        ("predicate", "evidence.predicate.json"),
    ] {
        assert!(outputs[output].ends_with(path), "{outputs:?}");
    }
    assert!(!outputs.contains_key("signature"));
}

#[test]
fn a_report_that_cannot_be_read_is_a_failed_test() {
    let gate = workspace();
    gate.write("evidence/reports/smoke.json", "{\"schema\":\"stageproof.report/v1\"");
    seal(&gate, &[]).code(0);
    let predicate = json(&gate, "evidence.predicate.json");
    assert_eq!(predicate["result"], "FAILED");
    let failed = predicate["failedTests"][0].as_str().unwrap();
    assert!(failed.starts_with("reports/smoke.json: "), "{failed}");
}

#[test]
fn the_same_evidence_has_the_same_signed_statement() {
    let (one, two) = (signed(), signed());
    for file in [
        "evidence.statement.json",
        "evidence.predicate.json",
        "evidence.dsse.json",
    ] {
        assert_eq!(one.read(file), two.read(file), "{file}");
    }
    // Sealed again, the files beside the zip are not taken for evidence.
    let before = one.read("evidence.dsse.json");
    one.run([
        "evidence-bundle",
        "--evidence-dir=evidence",
        ".",
        "--exclude=key.pub",
        "--sign-key-env=SIGNER",
    ])
    .code(0);
    let index = one.read("evidence/evidence.json");
    assert!(!index.contains("\"files/evidence."), "{index}");
    assert_ne!(before, one.read("evidence.dsse.json"), "it lists more as left out");
}

#[test]
fn what_was_signed_verifies_as_zip_and_as_directory() {
    let gate = signed();
    for target in ["evidence.zip", "evidence"] {
        verify(&gate, target)
            .code(0)
            .says("Verdict: pass")
            .never_says("not pinned");
    }
    gate.run(["verify", "evidence.zip", "--public-key=key.pub", "--report=r/v.json"])
        .code(0);
    let report = json(&gate, "r/v.json");
    assert_eq!(
        (&report["command"], &report["verdict"]),
        (&"verify".into(), &"pass".into())
    );
    assert!(gate.read("r/v.junit.xml").contains("<testsuite"));
    gate.run(["verify", "evidence.zip", "--report=key.pub"])
        .code(1)
        .says("not a report of stageproof");
    assert_eq!(gate.read("key.pub"), PUBLIC);
}

/// A signature says who sealed it, not that all is well.
#[test]
fn tests_that_failed_are_told_although_the_signature_is_right() {
    let gate = workspace();
    gate.write(
        "tests/more.xml",
        "<testsuites><testsuite name='s' errors='1'/></testsuites>",
    );
    seal(&gate, &["--sign-key-env=SIGNER"]).code(0);
    verify(&gate, "evidence.zip")
        .code(0)
        .says("the signed test result is FAILED");
    verify(&signed(), "evidence.zip").code(0).never_says("FAILED");
}

#[test]
fn what_the_key_did_not_sign_is_refused() {
    let envelope = |alter: fn(&mut Value)| {
        move |gate: &Gate| {
            let mut envelope = json(gate, "evidence.dsse.json");
            alter(&mut envelope);
            gate.write("evidence.dsse.json", envelope.to_string());
        }
    };
    type Tamper = Box<dyn Fn(&Gate)>;
    let cases: [(&str, Tamper); 8] = [
        (
            "is not signed: ",
            Box::new(|gate| fs::remove_file(gate.path("evidence.dsse.json")).unwrap()),
        ),
        (
            "is not JSON",
            Box::new(|gate| {
                gate.write("evidence.dsse.json", "x");
            }),
        ),
        (
            "not signed with this key",
            Box::new(|gate| {
                gate.write("key.pub", OTHER);
            }),
        ),
        (
            "not signed with this key",
            Box::new(envelope(|envelope| envelope["payload"] = "e30=".into())),
        ),
        (
            "not signed with this key",
            Box::new(envelope(|envelope| envelope["signatures"][0]["sig"] = "AAAA".into())),
        ),
        (
            "not `application/vnd.in-toto+json`",
            Box::new(envelope(|envelope| envelope["payloadType"] = "x".into())),
        ),
        (
            "has no signature",
            Box::new(envelope(|envelope| envelope["signatures"] = Value::Array(Vec::new()))),
        ),
        // The whole evidence was changed and sealed again, beside the statement about what it was.
        (
            "does not name this zip",
            Box::new(|gate| {
                let old = gate.read("evidence.dsse.json");
                gate.write("evidence/a.log", "b\n");
                seal(gate, &[]).code(0);
                assert!(!gate.path("evidence.dsse.json").exists(), "one of another zip");
                gate.write("evidence.dsse.json", old);
            }),
        ),
    ];
    for (says, tamper) in cases {
        let gate = signed();
        tamper(&gate);
        verify(&gate, "evidence.zip").code(1).says(says);
    }
}

#[test]
fn a_key_that_cannot_be_used_costs_the_signature_and_not_the_bundle() {
    for (key, says) in [
        ("", "SIGNER is not set or empty"),
        ("hunter2-hunter2", "SIGNER is neither a PEM file"),
        (PUBLIC, "SIGNER is a public key"),
    ] {
        let gate = workspace().env("SIGNER", key);
        seal(&gate, &["--sign-key-env=SIGNER"])
            .code(4)
            .says(says)
            .never_says("hunter2");
        gate.run(["verify", "evidence.zip"]).code(0);
        assert!(gate.path("evidence.statement.json").exists());
        assert!(!gate.path("evidence.dsse.json").exists());
    }
    let gate = signed().on_runner("push", "{}");
    // The runner masks it before anything else is said.
    let sealed = seal(&gate, &["--sign-key-env=SIGNER"]);
    sealed.code(0).says("::add-mask::MC4CAQAw");
    let gate = workspace();
    gate.run(["verify", "evidence.zip", "--public-key=missing.pub"])
        .says("Verdict: inconclusive");
    gate.run(["verify", "evidence.zip", "--signature=x"])
        .code(2)
        .says("--public-key");
}

#[test]
fn files_of_somebody_else_are_not_replaced() {
    let gate = workspace();
    gate.write("evidence.predicate.json", "{\"mine\": true}");
    seal(&gate, &[])
        .code(4)
        .says("evidence.predicate.json exists and was not written by stageproof");
    assert_eq!(gate.read("evidence.predicate.json"), "{\"mine\": true}");
    assert!(!gate.path("evidence.zip").exists());
}

fn tool(gate: &Gate, program: &str, args: &[&str]) -> Option<Output> {
    Command::new(program).args(args).current_dir(gate.root()).output().ok()
}

/// The commands of the guide.
#[test]
fn openssl_verifies_the_signature() {
    let gate = signed();
    let script = "set -e; jq -r '.signatures[0].sig' evidence.dsse.json | base64 -d > sig
        { printf 'DSSEv1 28 application/vnd.in-toto+json %d ' \"$(wc -c < evidence.statement.json)\"; cat evidence.statement.json; } > signed
        openssl pkeyutl -verify -rawin -pubin -inkey key.pub -in signed -sigfile sig
        sed -n '/digest/{n;s/.*: \"\\(.*\\)\"/\\1  evidence.zip/p;q}' evidence.statement.json | sha256sum -c";
    for needed in ["jq", "openssl"] {
        if tool(&gate, needed, &["--help"]).is_none() {
            return not_checked(
                "the signature with openssl",
                &format!("{needed} is missing"),
                "STAGEPROOF_REQUIRE_TOOLS",
            );
        }
    }
    let output = tool(&gate, "sh", &["-c", script]).unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("Verified Successfully"),
        "{said}"
    );
    fs::write(gate.path("evidence.statement.json"), "{}").unwrap();
    assert!(
        !tool(&gate, "sh", &["-c", script]).unwrap().status.success(),
        "a changed statement"
    );
}

#[test]
fn cosign_verifies_the_statement() {
    let gate = signed();
    let verify = |kind: &str, file: &str| {
        let args = [
            "verify-blob-attestation",
            "--key=key.pub",
            "--signature=evidence.dsse.json",
            "--type",
            kind,
        ];
        tool(
            &gate,
            "cosign",
            &[&args[..], &["--insecure-ignore-tlog", file]].concat(),
        )
    };
    let Some(zip) = verify(TYPE, "evidence.zip") else {
        return not_checked(
            "the statement with cosign",
            "cosign is missing",
            "STAGEPROOF_REQUIRE_COSIGN",
        );
    };
    assert!(zip.status.success(), "{}", String::from_utf8_lossy(&zip.stderr));
    assert!(verify(TYPE, "evidence/sha256_manifest.txt").unwrap().status.success());
    for (kind, file) in [
        (TYPE, "evidence/a.log"),
        ("https://slsa.dev/provenance/v1", "evidence.zip"),
    ] {
        assert!(!verify(kind, file).unwrap().status.success(), "{kind} {file}");
    }
}
