//! Any bytes as a manifest: what is accepted is safe, listed once, and reads back when it is printed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stageproof::model::manifest::{parse, path_problem, print};

fuzz_target!(|bytes: &[u8]| {
    let (lines, _) = parse(bytes);
    let hashes: Vec<String> = lines
        .iter()
        .map(|line| line.sha256.iter().map(|byte| format!("{byte:02x}")).collect())
        .collect();
    for line in &lines {
        assert_eq!(path_problem(&line.path), None);
    }
    let text = print(hashes.iter().zip(&lines).map(|(hash, line)| (hash.as_str(), line.path.as_str())));
    assert_eq!(parse(text.as_bytes()), (lines, vec![]));
});
