//! Planted secrets, in all forms of files: none is left.

use std::io::Write as _;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::super::parts::PART;
use super::super::utf16::{Order, ToUtf16, Utf16};
use super::*;
use crate::model::scan::tests::samples;
use crate::model::scan::{Personal, RuleSet};
use crate::world::Env;

const KNOWN: &str = "p?ss\\w/'d\" & <ä>";

struct Bench {
    rules: RuleSet,
    secrets: Redactor,
    key: Key,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let env: Env = [("API_TOKEN", KNOWN)].into_iter().collect();
        let rules = RuleSet::builtin().unwrap();
        let personal = Personal::ALL
            .into_iter()
            .flat_map(|kind| kind.rules().unwrap())
            .collect();
        Self {
            rules: rules.with(personal).unwrap(),
            secrets: Redactor::new(&env, []),
            key: Key::new(b"key").unwrap(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn masked(&self, content: &[u8]) -> Result<(Vec<u8>, usize), NotMasked> {
        let from = self.folder.path().join("from");
        std::fs::write(&from, content).unwrap();
        let mask = Mask {
            search: Search::new(&self.rules, Some(&self.secrets)).unwrap(),
            secrets: &self.secrets,
            key: &self.key,
        };
        let to = self.folder.path().join("to");
        let masked = mask.copy("a.log", &from, &to, &|| false);
        for round in 0..ROUNDS {
            if masked.is_err() {
                let _ = std::fs::remove_file(to.with_extension(round.to_string()));
            }
        }
        let masked = masked?;
        let bytes = std::fs::read(&masked.at).unwrap();
        assert_eq!(masked.hashed, Hashed::of(&bytes));
        std::fs::remove_file(&masked.at).unwrap();
        assert_eq!(std::fs::read(&from).unwrap(), content, "the original is as it was");
        Ok((bytes, masked.counts.values().sum()))
    }

    fn text(&self, content: &str) -> String {
        String::from_utf8(self.masked(content.as_bytes()).unwrap().0).unwrap()
    }
}

fn utf16(text: &str, is_big_endian: bool, has_mark: bool) -> Vec<u8> {
    let order = Order {
        is_big_endian,
        has_mark,
    };
    let mut out = ToUtf16::new(Vec::new(), order).unwrap();
    out.write_all(text.as_bytes()).unwrap();
    out.out
}

fn read(mut from: impl Read) -> String {
    let mut text = String::new();
    from.read_to_string(&mut text).unwrap();
    text
}

/// The lines of a secret: what is left of one line would be a leak, too.
fn lines(secret: &str) -> impl Iterator<Item = &str> {
    secret
        .split(['\n', '\\'])
        .filter(|line| line.len() > 12 && !line.starts_with("-----"))
}

/// Older programs do not write UTF-8, and what writes XML or HTML has many ways to spell a letter.
#[test]
fn a_known_secret_is_gone_however_its_letters_are_spelled() {
    let bench = Bench::new();
    let latin: Vec<u8> = KNOWN.chars().map(|c| u8::try_from(c).unwrap()).collect();
    let (masked, count) = bench.masked(&[b"first ", &*latin, b" last\n"].concat()).unwrap();
    assert_eq!(count, 1);
    assert!(masked.starts_with(b"first [REDACTED:") && masked.ends_with(b"] last\n"));
    let all_hexadecimal: String = KNOWN.chars().map(|c| format!("&#x{:x};", u32::from(c))).collect();
    let all_decimal: String = KNOWN.chars().map(|c| format!("&#{};", u32::from(c))).collect();
    let named = KNOWN.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    let spellings = [
        named.replace('>', "&gt;").replace('ä', "&#228;"),
        named.replace('\'', "&apos;"),
        named.replace('\'', "&#39;").replace('ä', "&auml;"),
        all_hexadecimal,
        all_decimal,
    ];
    for spelled in spellings {
        let xml =
            format!("<testsuite><testcase name=\"opens {spelled}\">\n<out>{spelled}</out></testcase></testsuite>");
        let (masked, count) = bench.masked(xml.as_bytes()).unwrap();
        let masked = String::from_utf8(masked).unwrap();
        assert_eq!(count, 2, "{masked}");
        assert!(
            !masked.contains(&spelled[..12]) && is_xml(Box::new(io::Cursor::new(masked.clone()))).unwrap(),
            "{masked}"
        );
    }
}

/// As the JSON key of a service account, or a chain of certificates with their key.
#[test]
fn a_long_known_secret_is_gone_whole_wherever_it_stands() {
    use base64::Engine as _;
    let line = |number: usize| format!("{number:06}{}", "Zm9vYmFyYmF6cXV4".repeat(3));
    let key: String = (0..700).map(|number| line(number) + "\n").collect();
    let json = serde_json::json!({ "type": "service_account", "private_key": key, "x": line(7) }).to_string();
    assert!(json.len() > 38 << 10);
    for secret in [json.clone(), key] {
        let env: Env = [("KEY_JSON", secret.as_str())].into_iter().collect();
        let bench = Bench {
            secrets: Redactor::new(&env, ["KEY_JSON"]),
            ..Bench::new()
        };
        let base64 = base64::engine::general_purpose::STANDARD.encode(secret.trim());
        let broken: Vec<&str> = (0..base64.len())
            .step_by(76)
            .map(|at| &base64[at..base64.len().min(at + 76)])
            .collect();
        let quoted = serde_json::to_string(secret.trim()).unwrap();
        for written in [secret.trim(), &base64, &broken.join("\n"), &quoted[1..quoted.len() - 1]] {
            for before in [
                0,
                PART - 1,
                PART - written.len() / 2,
                PART + 1 - written.len(),
                PART + 100,
            ] {
                let text = format!("{}\n{written}\nlast\n", ".".repeat(before));
                let masked = bench.text(&text);
                let rest = masked.trim_start_matches('.').trim_end();
                assert!(
                    rest.starts_with("\n[REDACTED:") && rest.ends_with("]\nlast") && rest.len() < 100,
                    "{} bytes are left of {} at {before}",
                    rest.len(),
                    written.len()
                );
            }
        }
    }
}

#[test]
fn a_secret_of_every_rule_is_gone_from_every_form_of_file() {
    let bench = Bench::new();
    for (id, before, secret, after) in samples() {
        let gone = |text: &str, form: &str| {
            assert!(text.contains("[REDACTED:"), "{id} {form}: {text}");
            for line in lines(&secret) {
                assert!(!text.contains(line), "{id} {form}: {text}");
            }
        };
        let text = format!("first\n{before}{secret}{after}last\n");
        let masked = bench.text(&text);
        gone(&masked, "plain");
        assert!(masked.starts_with("first\n") && masked.ends_with("last\n"), "{masked}");
        gone(&bench.text(text.trim_end_matches("last\n").trim_end()), "at the end");
        gone(&bench.text(&text.replace('\n', "\r\n")), "CRLF");
        let edge = format!("{}\n{text}", ".".repeat(PART - before.len() - secret.len() / 2 - 8));
        gone(&bench.text(&edge), "across two parts");
        for (is_big_endian, has_mark) in [(false, true), (true, true), (false, false)] {
            let masked = bench.masked(&utf16(&text, is_big_endian, has_mark)).unwrap().0;
            gone(
                &read(Utf16::new(
                    &*masked,
                    Order {
                        is_big_endian,
                        has_mark,
                    },
                )),
                "UTF-16",
            );
        }
        let masked = bench.masked(&packed(&text)).unwrap().0;
        gone(&read(MultiGzDecoder::new(&*masked)), "gzip");
        let json = serde_json::json!({ "n": 1, "log": ["a", format!("{before}{secret}{after}")] }).to_string();
        let masked = bench.text(&json);
        gone(&masked, "JSON");
        let value: serde_json::Value = serde_json::from_str(&masked).unwrap();
        assert_eq!(value["n"], 1, "{masked}");
        let escaped = format!("{before}{secret}{after}")
            .replace('&', "&amp;")
            .replace('<', "&lt;");
        let xml = format!("<suite name='x'><out>{escaped}</out><out><![CDATA[{before}{secret}{after}]]></out></suite>");
        let masked = bench.text(&xml);
        gone(&masked, "XML");
        assert!(is_xml(Box::new(io::Cursor::new(masked.clone()))).unwrap(), "{masked}");
        assert!(masked.ends_with("]]></out></suite>"), "{masked}");
    }
}

fn packed(text: &str) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

/// Ways to write a text that a search for its letters does not see through.
fn spellings(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    use base64::Engine as _;
    let each = |spell: fn(u8) -> String| text.bytes().map(spell).collect::<String>().into_bytes();
    let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes).into_bytes();
    let behind = |first: &[u8], is_big_endian| [first, &utf16(text, is_big_endian, false)].concat();
    let long = "a line of UTF-8\n".repeat(100);
    vec![
        ("UTF-16 behind UTF-8", behind(long.as_bytes(), false)),
        (
            "UTF-16 behind UTF-8, at an odd place",
            behind(&long.as_bytes()[1..], false),
        ),
        ("UTF-16, big endian, behind UTF-8", behind(long.as_bytes(), true)),
        ("base64 of UTF-16", base64(&utf16(text, false, false))),
        ("base64 of base64", base64(&base64(text.as_bytes()))),
        ("base64 of gzip", base64(&packed(text))),
        ("base64 of base64 of gzip", base64(&base64(&packed(text)))),
        ("hexadecimal", each(|byte| format!("{byte:02x}"))),
        ("percent", each(|byte| format!("%{byte:02X}"))),
        ("JSON", each(|byte| format!("\\u{byte:04x}"))),
        ("entities", each(|byte| format!("&#{byte};"))),
        ("hexadecimal entities", each(|byte| format!("&#x{byte:X};"))),
    ]
}

#[test]
fn a_secret_of_every_rule_is_gone_however_its_letters_are_spelled() {
    let bench = Bench::new();
    for (id, before, secret, after) in samples() {
        let text = format!("{before}{secret}{after}");
        for (form, content) in spellings(&text) {
            let (masked, count) = bench.masked(&content).unwrap();
            assert!(count > 0, "{id} {form}: {}", String::from_utf8_lossy(&content));
            assert!(holds(&masked, b"[REDACTED:") || holds(&masked, b"****"), "{id} {form}");
            for line in lines(&secret) {
                for (_, spelled) in spellings(line).into_iter().skip(7) {
                    assert!(!holds(&masked, &spelled), "{id} {form}");
                }
                for spelled in [utf16(line, false, false), utf16(line, true, false)] {
                    assert!(!holds(&masked, &spelled), "{id} {form}");
                }
            }
        }
    }
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(bytes, part).is_some()
}

/// As `grep` shows what it found, and as .NET and PHP write JSON.
#[test]
fn a_secret_that_is_cut_by_colours_or_escapes_is_gone_whole() {
    let bench = Bench::new();
    let token = samples().into_iter().find(|(id, ..)| *id == "github-token").unwrap().2;
    let (head, tail) = token.split_at(10);
    let key = "a1B2c3D4+5F6g7H8i9J0/1L2m3N4o5P6q7R8s9T0u1V2+3X4y5Z6a7B8c9D0e1F2g3H4i5J6k7L8m9N0o1P2q3==";
    for (text, parts) in [
        (format!("a {head}\x1b[31m{tail} b"), [head, tail]),
        (format!("a \x1b[01;31m\x1b[K{head}\x1b[m\x1b[K{tail} b"), [head, tail]),
        (
            format!(
                "{{\"log\": \"AccountKey={}\"}}",
                key.replace('+', "\\u002B").replace('/', "\\/")
            ),
            ["5F6g7H8i9J0", "3X4y5Z6a7B8c9D0"],
        ),
        (
            format!(
                "AccountKey={};a=b",
                key.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
            ),
            ["5F6g7H8i9J0", "3X4y5Z6a7B8c9D0"],
        ),
    ] {
        let masked = bench.text(&text);
        assert_eq!(masked.matches("[REDACTED:").count(), 1, "{masked}");
        assert!(parts.iter().all(|part| !masked.contains(part)), "{masked}");
    }
}

#[test]
fn a_value_that_another_begins_with_does_not_hide_it() {
    let env: Env = [("A_TOKEN", "hunter22"), ("B_TOKEN", "hunter22-prod-9f3a")]
        .into_iter()
        .collect();
    let bench = Bench {
        secrets: Redactor::new(&env, []),
        ..Bench::new()
    };
    let masked = bench.text("a hunter22\x1b[m-prod-9f3a b");
    assert!(
        !masked.contains("hunter22") && !masked.contains("prod-9f3a"),
        "{masked}"
    );
}

#[test]
fn the_same_secret_has_the_same_tag_however_it_is_written() {
    let bench = Bench::new();
    let json = serde_json::to_string(KNOWN).unwrap();
    let text = bench.text(&format!(
        "{KNOWN}\n{json}\n{}\n",
        "p%3Fss%5Cw%2F'd%22%20&%20%3C%C3%A4%3E"
    ));
    let tags: Vec<&str> = text
        .split("[REDACTED:known-secret:")
        .skip(1)
        .map(|part| &part[..9])
        .collect();
    assert_eq!(tags.len(), 3, "{text}");
    assert!(tags.iter().all(|tag| *tag == tags[0] && tag.ends_with(']')), "{text}");
}

#[test]
fn what_was_masked_is_not_masked_again() {
    let bench = Bench::new();
    for (_, before, secret, after) in samples() {
        let (once, count) = bench.masked(format!("{before}{secret}{after}").as_bytes()).unwrap();
        assert!(count > 0);
        let (twice, count) = bench.masked(&once).unwrap();
        assert_eq!(
            (String::from_utf8(twice).unwrap(), count),
            (String::from_utf8(once).unwrap(), 0)
        );
    }
}

#[test]
fn formats_stay_whole() {
    let bench = Bench::new();
    let is = |text: &str, expected: &str| {
        let masked = bench.text(text);
        let tag = regex::Regex::new(":[0-9a-f]{8}\\]").unwrap();
        assert_eq!(tag.replace_all(&masked, ":T]"), expected, "{text}");
    };
    is(
        r#"{"card": 4111111111111111, "n": 1}"#,
        r#"{"card": "[REDACTED:pii-card:T]", "n": 1}"#,
    );
    is("card 4111111111111111\n", "card [REDACTED:pii-card:T]\n");
    is(
        "<c>Server=db;Password=hunter22</c>",
        "<c>Server=db;Password=[REDACTED:connection-string-password:T]</c>",
    );
    is(
        "{\"a\": \"ann@acme.io\"}\n{\"b\": 2}\n",
        "{\"a\": \"[REDACTED:pii-email:T]\"}\n{\"b\": 2}\n",
    );
}

/// Decoded, it would be other letters: it is masked as it is, in UTF-16 and beside it.
#[test]
fn a_file_that_is_utf16_in_part_is_masked_everywhere() {
    let bench = Bench::new();
    let token = samples().into_iter().find(|(id, ..)| *id == "github-token").unwrap().2;
    let text = format!("one {token} two\n");
    let little = utf16(&text, false, true);
    for (mixed, expected) in [
        ([&little, text.as_bytes()].concat(), 2),
        (
            [text.clone().into_bytes(), utf16(&text.repeat(9), false, false)].concat(),
            10,
        ),
        ([&little, b"x".as_slice(), &utf16(&text, false, false)].concat(), 2),
        ([little, utf16(&text, true, false)].concat(), 2),
    ] {
        let (masked, count) = bench.masked(&mixed).unwrap();
        assert_eq!(count, expected, "{}", String::from_utf8_lossy(&masked));
        for spelled in [
            token.clone().into_bytes(),
            utf16(&token, false, false),
            utf16(&token[1..], true, false),
        ] {
            assert!(!holds(&masked, &spelled));
        }
    }
}

/// What is at which place counts in a tar file.
#[test]
fn a_binary_file_keeps_its_length() {
    let bench = Bench::new();
    let (_, _, token, _) = samples().into_iter().find(|(id, ..)| *id == "github-token").unwrap();
    let content = format!("head\0\0 {token} \0 mail bob@acme.io\0tail");
    let (masked, count) = bench.masked(content.as_bytes()).unwrap();
    let text = String::from_utf8(masked).unwrap();
    assert_eq!((text.len(), count), (content.len(), 2), "{text}");
    assert!(
        text.contains("[REDACTED:github-token:") && text.contains("mail ***********\0tail"),
        "{text}"
    );
}

#[test]
fn a_value_that_repeats_itself_is_gone_whole() {
    let env: Env = [("MY_TOKEN", "aaaaaaaa")].into_iter().collect();
    let bench = Bench {
        secrets: Redactor::new(&env, []),
        ..Bench::new()
    };
    for length in [9, PART, 2 * PART + 77] {
        let masked = bench.text(&format!("x{}y", "a".repeat(length)));
        assert!(masked.len() < 400 && !masked.contains("aaaa"), "{length}: {masked}");
    }
}

thread_local! {
    static SHARED: Bench = Bench::new();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is around it: no planted value survives, and JSON stays JSON.
    #[test]
    fn no_planted_value_survives(
        picks in proptest::collection::vec((any::<prop::sample::Index>(), "[ -~\n]{0,6}|\\PC{0,3}"), 1..5), as_json: bool,
    ) {
        let samples = samples();
        let planted: Vec<_> = picks.iter().map(|(pick, between)| (pick.get(&samples), between)).collect();
        let text: String = planted
            .iter()
            .map(|((_, before, secret, after), between)| format!("{between}\n{before}{secret}{after}\n{KNOWN}\n"))
            .collect();
        let text = if as_json { serde_json::json!({ "a": text, "b": [text] }).to_string() } else { text };
        let masked = SHARED.with(|bench| bench.text(&text));
        if as_json {
            let value: Result<serde_json::Value, _> = serde_json::from_str(&masked);
            prop_assert!(value.is_ok(), "{masked}");
        }
        for ((id, _, secret, _), _) in planted {
            for line in lines(secret) {
                prop_assert!(!masked.contains(line), "{id}: {masked}");
            }
        }
        prop_assert!(!masked.contains(KNOWN) && !masked.contains(&KNOWN.replace('\\', "\\\\").replace('"', "\\\"")));
    }
}
