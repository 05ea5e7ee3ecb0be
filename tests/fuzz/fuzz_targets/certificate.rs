//! Any bytes as a server's certificate, and any text as what it answers and is told to resolve.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stageproof::world::http::{Certificate, Resolve};

fuzz_target!(|bytes: &[u8]| {
    if let Some(read) = Certificate::from_der(bytes) {
        // The years 0 to 9999, which is all that can be written.
        for time in [read.not_before, read.not_after] {
            assert!((-62_167_219_200..=253_402_300_799).contains(&time), "{read:?}");
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(given) = text.parse::<Resolve>()
    {
        assert_eq!(given.to_string().parse(), Ok(given));
    }
});
