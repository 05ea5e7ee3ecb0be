//! Any bytes as a report: what is accepted says of itself what its checks say, and reads back when it is printed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stageproof::model::Report;

fuzz_target!(|bytes: &[u8]| {
    let Ok(report) = Report::parse(bytes) else {
        return;
    };
    let printed = stageproof::render::json::render(&report).expect("a report always prints");
    assert_eq!(Report::parse(printed.as_bytes()).expect("what is printed is read"), report);
});
