//! Any text as a rule file, and any bytes as a file that is scanned with it: no panic, and what is found lies in the file.
//! The two are parted by the first zero byte.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use stageproof::model::scan::{OVERLAP, RuleSet, Scan, Source};

/// Reading them takes longer than all else.
static BUILTIN: LazyLock<RuleSet> = LazyLock::new(|| RuleSet::builtin().expect("the built-in rules are read"));

struct NoFiles;

impl Source for NoFiles {
    fn read(&self, path: &str) -> Result<String, String> {
        Err(path.to_owned())
    }
}

fuzz_target!(|bytes: &[u8]| {
    let at = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (rules, file) = bytes.split_at(at);
    let Ok(text) = std::str::from_utf8(rules) else { return };
    let own = RuleSet::parse(text, &NoFiles);
    for rules in own.iter().chain([&*BUILTIN]) {
        let mut scan = Scan::new(rules, "a/b.log");
        let half = file.len() / 2;
        for (from, to) in [(0, half), (half, file.len())] {
            let (start, end) = (from.saturating_sub(OVERLAP), (to + OVERLAP).min(file.len()));
            for found in scan.look(&file[start..end], start as u64, from - start..to - start) {
                assert!(found.secret.start <= found.secret.end && found.secret.end <= file.len() as u64);
                assert!(found.line >= 1 && found.column >= 1);
            }
        }
    }
});
