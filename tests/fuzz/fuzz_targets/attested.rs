//! Any text as JUnit XML, as a signed statement and as keys.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stageproof::model::attest::envelope::Envelope;
use stageproof::model::attest::{Signed, junit};
use stageproof::world::signing::{PublicKey, SigningKey};

fuzz_target!(|bytes: &[u8]| {
    let _ = junit::read(bytes);
    let _ = Signed::parse(bytes);
    if let Ok(envelope) = Envelope::parse(bytes) {
        assert!(envelope.payload(|_, _| false).is_err(), "a payload that nobody signed");
    }
    let _ = PublicKey::parse(bytes);
    let _ = SigningKey::parse(&String::from_utf8_lossy(bytes));
});
