//! Any bytes as a status file: SUCCESS only if a line of it says so.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stageproof::model::staging_status::StagingStatus;

fuzz_target!(|bytes: &[u8]| {
    if StagingStatus::read(bytes) == Ok(StagingStatus::Success) {
        let text = std::str::from_utf8(bytes).expect("only text is accepted");
        let said: Vec<&str> = text.lines().filter(|line| line.starts_with("staging_status: ")).collect();
        assert!(said.contains(&"staging_status: SUCCESS"), "{said:?}");
    }
});
