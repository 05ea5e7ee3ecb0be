//! Any bytes as `evidence.json`: what is accepted reads back, a path that a seal may store is safe everywhere, and an
//! original name can be turned back into its bytes or was not written by a seal.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stageproof::model::evidence::{Index, decode_path, encode_path, is_safe};
use stageproof::model::manifest::path_problem;

fuzz_target!(|bytes: &[u8]| {
    let Ok(index) = Index::parse(bytes) else {
        return;
    };
    let printed = serde_json::to_vec(&index).expect("an index always prints");
    assert_eq!(Index::parse(&printed).expect("what is printed is read"), index);
    for entry in &index.files {
        assert!(!is_safe(&entry.path) || path_problem(&entry.path).is_none(), "{:?}", entry.path);
        if let Some(bytes) = entry.original.as_deref().and_then(decode_path) {
            assert_eq!(entry.original, Some(encode_path(&bytes)));
        }
    }
});
