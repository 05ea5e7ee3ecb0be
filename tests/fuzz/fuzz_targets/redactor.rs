//! Any bytes around planted secrets, as they are, in JSON and in XML: a masked copy holds none of them, JSON and XML stay what
//! they are, and what was masked is not masked again.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use stageproof::model::scan::RuleSet;
use stageproof::world::Env;
use stageproof::world::scan::{Key, Mask, NotMasked, Search};
use stageproof::world::secrets::Redactor;

const KNOWN: &str = "p?ss\\w/'d\" & <x>";
/// In two parts, so that no file of the repository holds a token.
const TOKEN: [&str; 2] = ["ghp", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"];

fn setting() -> &'static (RuleSet, Redactor, Key) {
    static SETTING: OnceLock<(RuleSet, Redactor, Key)> = OnceLock::new();
    SETTING.get_or_init(|| {
        let env: Env = [("API_TOKEN", KNOWN)].into_iter().collect();
        (
            RuleSet::builtin().expect("the built-in rules are read"),
            Redactor::new(&env, []),
            Key::new(b"key").expect("any key will do"),
        )
    })
}

/// `None` if it is refused.
fn masked(content: &[u8]) -> Option<Vec<u8>> {
    let (rules, secrets, key) = setting();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let from = folder.path().join("from");
    std::fs::write(&from, content).expect("the input fits");
    let mask = Mask {
        search: Search::new(rules, Some(secrets)).expect("one value can be searched for"),
        secrets,
        key,
    };
    match mask.copy("a.log", &from, &folder.path().join("to"), &|| false) {
        Ok(masked) => Some(std::fs::read(masked.at).expect("it was written")),
        Err(NotMasked::Io(error)) => panic!("{error}"),
        Err(_) => None,
    }
}

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|part| part == text)
}

/// In one of the ways in which it is read before it is searched.
fn spelled(token: &str, way: u8) -> Vec<u8> {
    let each = |spell: fn(u8) -> String| token.bytes().map(spell).collect::<String>().into_bytes();
    match way % 5 {
        0 => each(|byte| format!("{byte:02x}")),
        1 => each(|byte| format!("%{byte:02x}")),
        2 => each(|byte| format!("\\u{byte:04x}")),
        3 => each(|byte| format!("&#{byte};")),
        _ => token.bytes().flat_map(|byte| [byte, 0]).collect(),
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((at, rest)) = bytes.split_first() else { return };
    let (before, after) = rest.split_at(usize::from(*at) % (rest.len() + 1));
    let token = TOKEN.join("_");
    // Behind a letter, it is no token for the rules.
    if holds(rest, token.as_bytes()) {
        return;
    }
    let planted = format!("\n{token}\n{KNOWN}\n");
    let spelled = spelled(&token, *at);
    let plain = [before, b"\n", &spelled, planted.as_bytes(), after].concat();
    let text = String::from_utf8_lossy(&plain).into_owned();
    let json = serde_json::json!({ "a": text, "n": 1, "b": [planted] }).to_string();
    // What decides the form of a file are its first bytes; of other forms, the planted bytes are none.
    if before.first().is_some_and(u8::is_ascii_graphic) && !before.starts_with(b"PK") && before.get(1) != Some(&0) {
        if let Some(masked) = masked(&plain) {
            assert!(!holds(&masked, token.as_bytes()) && !holds(&masked, KNOWN.as_bytes()) && !holds(&masked, &spelled));
            assert_eq!(self::masked(&masked).as_ref(), Some(&masked));
        }
    }
    let masked = masked(json.as_bytes()).expect("JSON can be masked");
    assert!(!holds(&masked, token.as_bytes()));
    let value: serde_json::Value = serde_json::from_slice(&masked).expect("it is still JSON");
    assert_eq!(value["n"], 1);
});
