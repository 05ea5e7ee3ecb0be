use super::*;
use proptest::prelude::*;

#[test]
fn odd_bytes_are_spelled_out() {
    assert_eq!(encode_path(b"a\nb%\xff/\xc3\xa4"), "a%0Ab%25%FF/\u{e4}");
}

#[test]
fn only_what_was_encoded_is_decoded() {
    for text in ["%", "%4", "%41", "%0a", "a\n", "%zz", "%\u{e4}"] {
        assert_eq!(decode_path(text), None, "{text:?}");
    }
}

#[test]
fn a_path_is_safe_where_every_system_keeps_it_as_it_is() {
    for path in [
        "a",
        "reports/smoke.json",
        ".hidden/x",
        "..a",
        "a b",
        "-x",
        "a-/b",
        "\u{e4}/\u{1f511}",
    ] {
        assert!(is_safe(path), "{path}");
    }
    for path in [
        "", "/a", "a/", "a//b", ".", "..", "a/../b", "-", "a/-", " a", "a ", "a/ /b", "a.", "a./b",
    ] {
        assert!(!is_safe(path), "{path}");
    }
    for odd in "\\%\":<>|*?\0\n\u{7f}\u{85}".chars() {
        assert!(!is_safe(&format!("a/b{odd}c")), "{odd:?}");
    }
}

#[test]
fn a_folder_of_git_is_known_in_any_case_and_its_neighbours_are_not_it() {
    for (name, expected) in [
        (".git", true),
        (".GIT", true),
        (".Git", true),
        ("git", false),
        (".github", false),
        (".gitignore", false),
        ("x.git", false),
    ] {
        assert_eq!(is_git(OsStr::new(name)), expected, "{name}");
    }
}

/// It stands behind a path: `a was left out: it is excluded`.
#[test]
fn each_reason_for_leaving_out_has_words_of_its_own() {
    let all = [
        Why::Excluded,
        Why::Symlink,
        Why::NotARegularFile,
        Why::Unreadable,
        Why::GitMetadata,
        Why::OwnOutput,
    ];
    let words: std::collections::BTreeSet<&str> = all.into_iter().map(Why::explain).collect();
    assert_eq!(words.len(), all.len());
    assert!(words.iter().all(|words| words.starts_with("it ")), "{words:?}");
}

#[test]
fn an_index_is_read_back_as_it_was_written() {
    let index = Index {
        schema: SCHEMA.to_owned(),
        tool: Tool::this(),
        subject: Subject::default(),
        matrix: None,
        started_at: "2026-01-01T00:00:00Z".to_owned(),
        hashed_at: "2026-01-01T00:00:01Z".to_owned(),
        packing: "deflate".to_owned(),
        total_bytes: 7,
        files: vec![Entry {
            path: "files/a".to_owned(),
            size: 7,
            sha256: "0".repeat(64),
            original: None,
            copied: true,
            executable: false,
        }],
        left_out: Vec::new(),
        redaction: None,
    };
    let bytes = serde_json::to_vec(&index).unwrap();
    assert_eq!(Index::parse(&bytes).unwrap(), index);
    let entry = serde_json::to_vec(&index.files[0]).unwrap().len() as u64;
    assert!(
        entry * 300_000 < LARGEST_TEXT,
        "there is room for as many files as promised"
    );
}

#[test]
fn an_index_of_another_version_is_refused() {
    let error = Index::parse(br#"{"schema":"stageproof.evidence/v9"}"#)
        .unwrap_err()
        .to_string();
    assert!(error.contains("v9") && error.contains("v1"), "{error}");
}

proptest! {
    #[test]
    fn an_encoded_path_can_be_turned_back(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let text = encode_path(&bytes);
        prop_assert!(!text.chars().any(char::is_control));
        prop_assert_eq!(decode_path(&text), Some(bytes));
    }
}
