//! A secret of every built-in rule, in every form of file: sealed, it is in no byte of the zip.

use std::io::{Cursor, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::model::scan::tests::samples;
use crate::world::Env;
use crate::world::archive::{self, Content, Item};
use crate::world::hash::Hashed;
use crate::world::secrets::Redactor;
use crate::world::unpack;

const CLEAN: &str = "nothing to hide: token=*** password: <none> key-1 eyJ. Authorization: Bearer ***\n";

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

fn zip(name: &str, content: &[u8]) -> Vec<u8> {
    let item = Item {
        name,
        content: Content::Bytes(content),
        size: content.len() as u64,
        sha256: Hashed::of(content).sha256,
        executable: false,
    };
    let mut file = tempfile::NamedTempFile::new().unwrap();
    archive::pack(&[item], file.as_file_mut(), 1, &|| false).unwrap();
    std::fs::read(file.path()).unwrap()
}

/// A text in all forms, with the ends of the names of their files.
fn forms(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let gzip = |bytes: &[u8]| {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    };
    let base64 = STANDARD.encode(text);
    let lines: Vec<&str> = (0..base64.len())
        .step_by(76)
        .map(|at| &base64[at..base64.len().min(at + 76)])
        .collect();
    let xml = text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    vec![
        ("log", format!("first\n{text}\nlast\n").into()),
        ("end", text.trim_end().into()),
        ("crlf", format!("a\n{text}").replace('\n', "\r\n").into()),
        ("le", utf16(&format!("\u{feff}{text}"), u16::to_le_bytes)),
        ("be", utf16(&format!("\u{feff}{text}"), u16::to_be_bytes)),
        ("unmarked", utf16(&format!("é {text}"), u16::to_le_bytes)),
        ("json", serde_json::json!({ "log": [text], "n": 1 }).to_string().into()),
        ("xml", format!("<s><out>{xml}</out></s>").into()),
        ("gz", gzip(text.as_bytes())),
        ("gz-members", [gzip(CLEAN.as_bytes()), gzip(text.as_bytes())].concat()),
        ("b64", format!("data: {base64}\n").into()),
        ("b64-lines", format!("data: |\n  {}\n", lines.join("\n  ")).into()),
        ("b64-json", serde_json::json!({ "data": base64 }).to_string().into()),
        ("zip", zip("a.log", text.as_bytes())),
        ("zip-gz", zip("a.log.gz", &gzip(text.as_bytes()))),
    ]
}

/// The bytes of an archive, and all texts in it, unpacked and decoded.
fn texts(bytes: Vec<u8>) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let closed = unpack::each(&mut Cursor::new(&bytes), u64::MAX, &mut |path, input| {
        let mut text = Vec::new();
        input.read_to_end(&mut text)?;
        for (name, unit) in [
            ("LE", u16::from_le_bytes as fn([u8; 2]) -> u16),
            ("BE", u16::from_be_bytes),
        ] {
            let units: Vec<u16> = text.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
            all.push((
                format!("{path} as UTF-16 {name}"),
                String::from_utf16_lossy(&units).into_bytes(),
            ));
        }
        all.push((path.to_owned(), text));
        Ok(())
    });
    assert_eq!(closed.unwrap(), []);
    all.push(("the zip".to_owned(), bytes));
    all
}

#[test]
fn a_secret_of_every_rule_is_in_no_byte_of_the_zip() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, output) = (folder.path().join("evidence"), folder.path().join("evidence.zip"));
    std::fs::create_dir(&dir).unwrap();
    // Half of them are in the directory, and half are copied into it.
    let given = folder.path().join("given");
    std::fs::create_dir(&given).unwrap();
    // What knows the secrets in all encodings judges what the rules, which know none, have left.
    let mut secrets: Vec<String> = Vec::new();
    let mut count = 0;
    for (number, (id, before, secret, after)) in samples().into_iter().enumerate() {
        let dir = if number % 2 == 0 { &dir } else { &given };
        for (form, bytes) in forms(&format!("{before}{secret}{after}")) {
            std::fs::write(dir.join(format!("{number}-{id}.{form}")), bytes).unwrap();
            count += 1;
        }
        // The edge of what is searched at a time is inside of the secret.
        if number % 16 < 2 {
            let edge = format!(
                "{}\n{before}{secret}{after}",
                ".".repeat((2 << 20) - before.len() - secret.len() / 2)
            );
            std::fs::write(dir.join(format!("{number}-{id}.edge")), edge).unwrap();
            count += 1;
        }
        let lines = secret
            .split(['\n', '\\'])
            .filter(|line| line.len() > 12 && !line.starts_with("-----"));
        secrets.extend(lines.map(str::to_owned));
    }
    for (form, bytes) in forms(CLEAN) {
        std::fs::write(dir.join(format!("clean.{form}")), &bytes).unwrap();
        std::fs::write(given.join(format!("clean.{form}")), &bytes).unwrap();
    }
    let plan = Plan {
        workspace: folder.path().to_owned(),
        evidence_dir: dir.clone(),
        files: vec![Pattern::parse("given", folder.path()).unwrap()],
        exclude: Exclude::default(),
        hidden: false,
        max_size: None,
        requires: Vec::new(),
        output: output.clone(),
        scrub: Scrub::default(),
        sarif: None,
        subject: Subject::default(),
        clock: Clock::default(),
        upload: None,
        store: None,
        matrix: None,
        sign_key_env: None,
    };
    let outcome = seal_all(&plan, &World::of(Env::default()));
    assert!(output.exists(), "{:#?}", outcome.checks);
    let index: serde_json::Value = serde_json::from_slice(&std::fs::read(dir.join("evidence.json")).unwrap()).unwrap();
    let paths = |list: &str| -> std::collections::BTreeSet<String> {
        let list = index["redaction"][list].as_array().unwrap().iter();
        list.map(|one| one["path"].as_str().unwrap().to_owned()).collect()
    };
    let changed: std::collections::BTreeSet<String> = paths("masked").union(&paths("not_scanned")).cloned().collect();
    assert_eq!(
        changed.len(),
        count,
        "each file but the clean ones is masked or replaced"
    );
    assert!(!changed.iter().any(|path| path.contains("clean.")), "{changed:?}");
    let names: Vec<String> = (0..secrets.len()).map(|number| format!("S{number}_TOKEN")).collect();
    let env: Env = names
        .iter()
        .zip(&secrets)
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let judge = Redactor::new(&env, []);
    for (path, text) in texts(std::fs::read(&output).unwrap()) {
        let text = String::from_utf8_lossy(&text);
        assert!(judge.redact(&text) == text, "{path} holds a secret");
    }
}
