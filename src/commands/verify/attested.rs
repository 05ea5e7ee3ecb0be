//! Did the owner of this key attest this evidence?

use std::path::Path;
use std::time::Instant;

use super::{Signer, check, wrong};
use crate::model::attest::envelope::Envelope;
use crate::model::attest::{ENVELOPE_FILE, Signed};
use crate::model::evidence::LARGEST_TEXT;
use crate::model::{Check, Ended, Fact, Finding, Outcome, text};
use crate::world::files::{self, Links};
use crate::world::signing::PublicKey;

/// No key that openssl writes is longer.
const LONGEST_KEY: u64 = 64 * 1024;

/// Adds two checks: whose signature it is, and what was signed.
pub fn look(signer: &Signer, target: &Path, outcome: &mut Outcome) {
    let started = Instant::now();
    let key = match key(&signer.public_key) {
        Ok(key) => key,
        Err(ended) => {
            outcome.checks.push(of_signature(ended, started));
            return;
        }
    };
    let mut signature = of_signature(Ended::Looked(Vec::new()), started);
    signature.facts.push(Fact::new("key", key.keyid()));
    let envelope = signer.envelope.as_deref().unwrap_or(target);
    let payload = match payload(envelope, &key) {
        Ok(payload) => payload,
        Err(finding) => {
            signature.ended = Ended::Looked(vec![*finding]);
            outcome.checks.push(signature);
            return;
        }
    };
    outcome.checks.push(signature);
    let statement = statement(&payload, envelope, target, outcome);
    outcome.checks.push(statement);
}

fn of_signature(ended: Ended, started: Instant) -> Check {
    check(
        "verify:signature",
        "The statement is signed with the key",
        ended,
        started,
    )
}

fn key(path: &Path) -> Result<PublicKey, Ended> {
    let errored = |cause: String, help: &str| Ended::Errored {
        cause,
        help: Some(help.to_owned()),
    };
    let bytes = files::read(path, LONGEST_KEY, Links::Follow)
        .map_err(|error| errored(format!("{error:#}"), "check the path of --public-key"))?;
    PublicKey::parse(&bytes).map_err(|bad| errored(format!("{} {}", path.display(), bad.why), &bad.help))
}

fn payload(path: &Path, key: &PublicKey) -> Result<Vec<u8>, Box<Finding>> {
    let shown = path.display();
    let bytes = files::read_if_there(path, LARGEST_TEXT, Links::Follow)
        .map_err(|error| wrong("signature-unreadable", format!("{error:#}")))?
        .ok_or_else(|| {
            wrong(
                "unsigned",
                format!("the evidence is not signed: {shown} does not exist"),
            )
            .help(format!(
                "seal it with --sign-key-env, keep .{ENVELOPE_FILE} beside the zip, or name it with --signature"
            ))
        })?;
    let refused = |why: String| wrong("bad-signature", format!("{shown} {}", text::one_line(&why)));
    let envelope = Envelope::parse(&bytes).map_err(refused)?;
    envelope
        .payload(|message, signature| key.verify(message, signature))
        .map_err(|why| Box::new(refused(why).help("check that --public-key belongs to the key that signed it")))
}

/// The zip and its manifest must both be subjects of the statement; a directory has only the manifest.
fn statement(payload: &[u8], envelope: &Path, target: &Path, outcome: &Outcome) -> Check {
    let started = Instant::now();
    let title = "The signed statement is about this evidence";
    let of = |findings: Vec<Finding>| check("verify:statement", title, Ended::Looked(findings), started);
    let signed = match Signed::parse(payload) {
        Ok(signed) => signed,
        Err(why) => {
            let message = format!("what is signed in {} {}", envelope.display(), text::one_line(&why));
            return of(vec![wrong("not-a-statement", message)]);
        }
    };
    let mut findings = Vec::new();
    for (name, what) in [("bundle-sha256", "zip"), ("manifest-sha256", "manifest")] {
        match outcome.outputs.get(name) {
            Some(sha256) if !signed.is_about(sha256) => {
                let message = format!(
                    "the statement does not name this {what}, whose SHA-256 is {}",
                    &**sha256
                );
                findings.push(
                    wrong("other-evidence", message)
                        .help("the evidence was changed, or this is the statement of another bundle"),
                );
            }
            None if what == "manifest" => {
                let message = format!("{} has no manifest that a statement could name", target.display());
                findings.push(wrong("other-evidence", message));
            }
            _ => {}
        }
    }
    let result = signed.result().map(text::one_line);
    if result.as_deref() == Some("FAILED") {
        let message = "the signed test result is FAILED: the evidence is genuine, and says that tests failed";
        findings.push(Finding::note("failed-tests", message));
    }
    let mut check = of(findings);
    check
        .facts
        .extend(result.map(|result| Fact::new("test result", result)));
    check
}
