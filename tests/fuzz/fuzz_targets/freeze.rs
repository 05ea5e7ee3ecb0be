//! Any bytes as a freeze: reading it ends, what cannot be read holds, and what is told of it is short.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stageproof::commands::skip_guard::{Freeze, read_freeze};
use stageproof::world::Clock;
use stageproof::world::secrets::Redactor;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match read_freeze(text, Clock::fixed(1_769_860_800).unwrap_or_default().now(), &Redactor::default()) {
        Freeze::Over(_) => assert!(text.contains("until"), "a freeze without an end is over: {text}"),
        Freeze::Holds(says) | Freeze::Unreadable(says) => assert!(says.len() < 8000, "{} bytes are told", says.len()),
    }
});
