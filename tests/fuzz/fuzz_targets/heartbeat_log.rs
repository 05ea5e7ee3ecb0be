//! Any bytes as a whole heartbeat.log: it is read to its end, and is never good without a start and an end.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use stageproof::commands::foreground_proof::{Rules, look};
use stageproof::model::Finding;
use stageproof::model::heartbeat::LONGEST;
use stageproof::world::Clock;
use stageproof::world::lines::Lines;

fuzz_target!(|bytes: &[u8]| {
    let rules = Rules {
        secrets: Default::default(),
        place: "heartbeat.log".to_owned(),
        labels: Vec::new(),
        max_gap: Duration::from_secs(60),
        max_age: Duration::from_secs(86_400),
        now: Clock::fixed(1_769_860_800).unwrap_or_default().now(),
    };
    let looked = look(&mut Lines::new(bytes, LONGEST), &rules, &|| false).expect("memory can be read");
    let fails = looked
        .log
        .iter()
        .chain(looked.stories.iter().flat_map(|check| check.findings()))
        .any(Finding::fails);
    let holds = |word: &[u8]| bytes.windows(word.len()).any(|window| window == word);
    assert!(fails || (holds(b"start") && holds(b"end")));
});
