use proptest::prelude::*;

use super::super::RuleSet;
use super::super::search::Scan;
use super::super::tests::random;

const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The whole of a key, its BEGIN and its END among the lines.
fn key() -> Vec<String> {
    let mark = |what: &str| format!("-----{what} RSA PRIVATE {}-----", "KEY");
    let body = (45..65).map(|length| format!("aB3{}", random(DIGITS, length)));
    let lines = [mark("BEGIN")].into_iter().chain(body);
    lines.chain([format!("{}=", random(DIGITS, 31)), mark("END")]).collect()
}

/// What is left of the text.
fn left(text: &str) -> String {
    let rules = RuleSet::builtin().unwrap();
    let found = Scan::new(&rules, "x.log").look(text.as_bytes(), 0, 0..text.len());
    let mut left = text.as_bytes().to_vec();
    for found in found.iter().rev().filter(|found| found.rule.id == "private-key") {
        let at = |place: u64| usize::try_from(place).unwrap();
        left.drain(at(found.secret.start)..at(found.secret.end));
    }
    String::from_utf8(left).unwrap()
}

#[test]
fn a_key_is_found_whatever_is_around_its_lines() {
    for (before, behind) in [
        ("", "\n"),
        ("#7 1.234 ", "\n"),
        ("Deploy\tStep\t2026-01-01T00:00:00.0000000Z ", "\n"),
        ("\x1b[36m", "\x1b[0m\n"),
        ("> ", "\r\n"),
        ("-", "\n"),
        ("\"", "\",\n"),
        ("", "&#10;"),
        ("", "&#xD;&#xA;"),
        ("", "%0A"),
        ("", "\\\\n"),
    ] {
        let whole = key();
        let lines =
            |lines: &[String]| -> String { lines.iter().map(|line| format!("{before}{line}{behind}")).collect() };
        let text = format!("one\n{}two\n", lines(&whole));
        assert_eq!(
            left(&text),
            format!("one\n{before}{behind}two\n"),
            "{before:?} {behind:?}"
        );
        if behind == "%0A" {
            let escaped = text
                .replace(' ', "%20")
                .replace('+', "%2B")
                .replace('/', "%2F")
                .replace('=', "%3D");
            assert_eq!(left(&escaped), "one\n%0Atwo\n");
        }
        // Cut at its end, and at its beginning.
        let cut = format!("one\n{}{before}##[error]two\n", lines(&whole[..9]));
        let rest = left(&cut);
        assert!(
            whole[..9].iter().all(|line| !rest.contains(line.as_str())),
            "{cut} {rest}"
        );
        assert!(rest.starts_with("one\n") && rest.ends_with("##[error]two\n"), "{rest}");
        let cut = format!("one\n{}{before}two\n", lines(&whole[9..]));
        let rest = left(&cut);
        assert!(
            whole[9..].iter().all(|line| !rest.contains(line.as_str())),
            "{cut} {rest}"
        );
        assert!(rest.starts_with("one\n") && rest.ends_with("two\n"), "{rest}");
    }
}

#[test]
fn the_line_in_which_a_key_is_cut_is_a_part_of_it() {
    let whole = key();
    let text = format!("{}\n{}", whole[..4].join("\n"), "aB3defghijk");
    assert_eq!(left(&text), "");
}

#[test]
fn what_only_names_a_key_is_none() {
    let (begin, end) = (key().remove(0), key().pop().unwrap());
    for text in [
        format!("if grep -q -e '{begin}' /home/runner/work/Shop/shop2/config/keys/staging.pem; then"),
        format!("expected {begin} or {end}"),
        format!("error: no {begin} in a1b2c3d4e5f60718293a4b5c6d7e8f9012345678"),
        format!("const BEGIN = '{begin}';\nconst END = '{end}';\n"),
        format!("{begin}\n{}", "word ".repeat(100)),
        format!("{}\n{end}", "word ".repeat(100)),
    ] {
        assert_eq!(left(&text), text);
    }
}

proptest! {
    #[test]
    fn what_is_a_key_is_in_the_text(text in "(-----BEGIN PRIVATE KEY-----)?[aB3/\\-\n%]{0,200}(-----END PRIVATE KEY-----)?") {
        match super::place(text.as_bytes()) {
            Ok(place) => prop_assert!(place.start < place.end && place.end <= text.len()),
            Err(past) => prop_assert!(past <= text.len()),
        }
    }
}
