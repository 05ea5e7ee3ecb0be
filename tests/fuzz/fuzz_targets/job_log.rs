//! Any bytes as the log of a job, in blocks of any size, and any text as rules: no panic, and how the log arrives changes
//! nothing. The two are parted by the first zero byte.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use stageproof::model::diagnose::{Log, Reader, Rules, diagnose};

/// Reading them takes longer than all else.
static BUILTIN: LazyLock<Rules> = LazyLock::new(|| Rules::new(None).expect("the built-in rules are read"));

fn read(bytes: &[u8], size: usize) -> Log {
    let mut reader = Reader::default();
    bytes.chunks(size).for_each(|block| reader.feed(block));
    reader.end()
}

fuzz_target!(|bytes: &[u8]| {
    let at = bytes.iter().position(|byte| *byte == 0).unwrap_or(0);
    let (rules, log) = bytes.split_at(at);
    let own = std::str::from_utf8(rules).ok().and_then(|text| Rules::new(Some(text)).ok());
    let size = 1 + usize::from(bytes.first().copied().unwrap_or(0));
    let (whole, parts) = (read(log, log.len().max(1)), read(log, size));
    assert_eq!(whole.lines, parts.lines);
    for rules in own.iter().chain([&*BUILTIN]) {
        let one = diagnose(&whole, rules, None, 2);
        let other = diagnose(&parts, rules, None, 2);
        assert_eq!(one.as_ref().map(|found| &found.fingerprint), other.as_ref().map(|found| &found.fingerprint));
        if let Some(found) = one {
            assert!(found.lines.len() <= 5 && found.lines.iter().all(|line| line.number <= whole.lines));
        }
    }
});
