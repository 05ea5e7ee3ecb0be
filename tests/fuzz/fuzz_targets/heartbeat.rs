//! Any bytes as a line of heartbeat.log: what is read is written as a line again, in one piece, that reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stageproof::model::heartbeat::{LONGEST, Record};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(record) = Record::parse(text) {
        let line = record.to_line();
        assert!(line.len() < LONGEST && !line.contains('\n'), "{line}");
        assert_eq!(Record::parse(&line).expect("what is written is read"), record);
    }
});
