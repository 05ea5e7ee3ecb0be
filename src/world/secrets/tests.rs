//! What is taken out, of texts and of files, and what is left.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

#[test]
fn a_password_is_a_secret_without_its_user_too() {
    let env: Env = [
        ("LOGIN", "ann:hunter2"),
        ("DATABASE", "db.example:5432"),
        ("OTHER", "bob:swordfish"),
    ]
    .into_iter()
    .collect();
    let redactor = Redactor::new(&env, ["LOGIN", "DATABASE"]);
    assert_eq!(redactor.redact("no hunter2 for ann"), "no *** for ann");
    assert_eq!(redactor.redact("ann:hunter2"), "***");
    assert_eq!(redactor.redact("port 5432"), "port 5432");
    assert_eq!(redactor.redact("swordfish"), "swordfish", "nobody named it");
    assert!(
        redactor.named().any(|value| value == "hunter2"),
        "the runner masks it too"
    );
}

#[test]
fn telling_names_and_named_ones_are_redacted_line_by_line() {
    let env: Env = [
        ("FLY_API_TOKEN", "fo1_abcdefghij"),
        ("DEPLOY_KEY", "line-one-secret\nline-two-secret"),
        ("HOME", "/home/runner"),
        ("SHORT_TOKEN", "abc"),
        ("DATABASE_URL", "postgres://app:hunter2@db/shop"),
    ]
    .into_iter()
    .collect();
    let redactor = Redactor::new(&env, ["DEPLOY_KEY"]);
    assert_eq!(
        redactor.redact("fo1_abcdefghij line-two-secret /home/runner abc"),
        "*** *** /home/runner abc"
    );
    let shown = format!("{redactor:?}");
    assert!(
        shown.starts_with("Redactor { values: [***") && !shown.contains("fo1_"),
        "{shown}"
    );
}

#[test]
fn passwords_inside_of_urls_are_secrets() {
    let env: Env = [("DATABASE_URL", "postgres://app:hunter2@db/shop")]
        .into_iter()
        .collect();
    let redactor = Redactor::new(&env, []);
    assert_eq!(
        redactor.redact("cannot log in with hunter2 at db"),
        "cannot log in with *** at db"
    );
}

fn in_file(secret: &str, text: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    std::fs::write(&path, text).unwrap();
    let env: Env = [("MY_SECRET", secret)].into_iter().collect();
    Redactor::new(&env, ["MY_SECRET"]).redact_file(&path).unwrap();
    std::fs::read(&path).unwrap()
}

#[test]
fn a_secret_across_two_reads_of_a_file_is_found() {
    let secret = "sixteen-letters!";
    for place in [(1 << 20) - 16, (1 << 20) - 8, (1 << 20) - 1, 1 << 20, 0] {
        let mut text = vec![b'x'; (1 << 20) + 100];
        text.splice(place..place + 16, secret.bytes());
        let clean = in_file(secret, &text);
        assert!(!clean.windows(16).any(|w| w == secret.as_bytes()), "{place}");
        assert_eq!(clean.len(), text.len() - 16 + 3, "{place}");
    }
}

#[test]
fn encoded_forms_are_redacted_too() {
    let env: Env = [("API_TOKEN", "p?ss~w/rd \"1\"")].into_iter().collect();
    let redactor = Redactor::new(&env, []);
    for (text, expected) in [
        // printf 'ops:%s' "$API_TOKEN" | base64: what stands in an Authorization header
        ("Basic b3BzOnA/c3N+dy9yZCAiMSI=", "Basic b3BzOn***I="),
        ("cD9zc353L3JkICIxIg==.", "***."),
        ("https://x/?t=p%3Fss~w%2Frd%20%221%22&u", "https://x/?t=***&u"),
        ("{\"t\":\"p?ss~w/rd \\\"1\\\"\"}", "{\"t\":\"***\"}"),
    ] {
        assert_eq!(redactor.redact(text), expected);
    }
}

/// Encoders do not agree on what they leave as it is, so no list of forms has all of them.
#[test]
fn a_secret_is_known_in_whatever_way_it_is_encoded() {
    let env: Env = [("API_TOKEN", r#"p?ss\w/'d" & <ä🔑>"#)].into_iter().collect();
    let redactor = Redactor::new(&env, []);
    for text in [
        // encodeURI, and what the URL standard leaves in a query
        r#"p?ss%5Cw/'d%22%20&%20%3C%C3%A4%F0%9F%94%91%3E"#,
        r#"p?ss\w/%27d%22%20&%20%3C%c3%a4%f0%9f%94%91%3E"#,
        // Go and .NET escape for HTML, in lower and upper case
        r#"p?ss\\w/'d\" \u0026 \u003cä🔑\u003e"#,
        r#"p?ss\\w/\u0027d\u0022 \u0026 \u003C\u00E4\uD83D\uDD11\u003E"#,
        // HTML and XML
        r#"p?ss\w/&#39;d&quot; &amp; &lt;ä🔑&gt;"#,
        r#"p?ss\w/&apos;d&#34; &amp; &lt;&#xe4;&#128273;&gt;"#,
        r#"p&quest;ss&bsol;w&sol;&apos;d&quot; &amp; &lt;&auml;🔑&gt;"#,
        // Rust, and the words of a shell
        r#"p?ss\\w/'d\" & <\u{e4}\u{1f511}>"#,
        r#"p?ss\w/'\''d" & <ä🔑>"#,
        r#"p?ss\w/'"'"'d" & <ä🔑>"#,
        r#"p\?ss\\w/\'d\"\ \&\ \<ä🔑\>"#,
        // lines that are folded
        "p?ss\\w/\n    'd\" & <\r\n\u{e4}\u{1f511}>",
    ] {
        assert_eq!(redactor.redact(&format!("({text})")), "(***)", "{text}");
    }
}

#[test]
fn base64_is_known_where_its_lines_are_broken() {
    let value = "abcdefghijklmnopqrstuvwxyz0123456789-ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
    let env: Env = [("API_TOKEN", value)].into_iter().collect();
    let encoded = STANDARD.encode(format!("me:{value}\n"));
    let lines: Vec<String> = encoded
        .as_bytes()
        .chunks(76)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    assert!(lines.len() > 1);
    assert_eq!(Redactor::new(&env, []).redact(&lines.join("\n")), "bWU6***Cg==");
}

#[test]
fn values_that_overlap_are_taken_out_whole() {
    let env: Env = [
        ("A_TOKEN", "abcdefgh"),
        ("B_TOKEN", "ghijklmnop"),
        ("C_TOKEN", "cdef-cdef"),
    ]
    .into_iter()
    .collect();
    let redactor = Redactor::new(&env, []);
    assert_eq!(redactor.redact("<abcdefghijklmnop>"), "<***>");
    assert_eq!(redactor.redact("<cdef-cdef-cdef>"), "<***>");
    assert_eq!(redactor.redact("<abcdefghabcdefgh>"), "<******>");
}

#[test]
fn a_value_that_repeats_itself_over_a_whole_file_does_not_fill_the_memory() {
    let clean = in_file("aaaaaaaa", &vec![b'a'; (3 << 20) + 3]);
    assert!(clean.len() < 100 && clean.starts_with(b"***"), "{}", clean.len());
}

proptest::proptest! {
    /// Whatever stands around it, and in whatever form.
    #[test]
    fn neither_a_value_nor_one_of_its_forms_is_left(
        values in proptest::collection::vec("[ -)+-~\u{e4}\u{1f511}]{8,20}", 1..4),
        picks in proptest::collection::vec((proptest::prelude::any::<u16>(), "[ -)+-~]{0,4}"), 0..12),
    ) {
        let env: Env = values.iter().enumerate().map(|(n, value)| (format!("T{n}_TOKEN"), value.clone())).collect();
        let forms: Vec<String> = values
            .iter()
            .flat_map(|value| lines(value, SHORTEST))
            .flat_map(|value| forms::of(&value))
            .filter_map(|form| String::from_utf8(form).ok())
            .collect();
        proptest::prop_assume!(!forms.is_empty());
        let text: String = picks
            .iter()
            .flat_map(|(pick, between)| [forms[usize::from(*pick) % forms.len()].as_str(), between])
            .collect();
        let redacted = Redactor::new(&env, []).redact(&text);
        for form in &forms {
            proptest::prop_assert!(!redacted.contains(form.as_str()), "{form} in {redacted}");
        }
    }

    #[test]
    fn a_file_is_redacted_as_a_text_is(parts in proptest::collection::vec("[a-c]{0,9}|secret-1", 0..8)) {
        let text = parts.concat();
        proptest::prop_assert_eq!(
            String::from_utf8(in_file("secret-1", text.as_bytes())).unwrap(),
            text.replace("secret-1", "***")
        );
    }
}

/// A part of a value is compared where it is found, and a log may be full of what only looks like one.
#[test]
fn of_long_values_with_the_same_beginning_each_is_found_and_nothing_else() {
    let head = "-----BEGIN CERTIFICATE----- and so on ";
    let text = format!("{head}third {head}second {head}first");
    let env: Env = [
        ("A_TOKEN", format!("{head}first")),
        ("B_TOKEN", format!("{head}second")),
    ]
    .into_iter()
    .collect();
    let redactor = Redactor::new(&env, []);
    assert_eq!(redactor.redact(&text), format!("{head}third *** ***"));
}

/// As in a key that begins with zeros: each byte of a text of zeros may be its beginning.
#[test]
fn a_long_value_that_repeats_itself_is_found_wherever_it_begins() {
    for (value, twice) in [
        ("a".repeat(9_000), "***"),
        ("ab-".repeat(4_000), "***"),
        (format!("{}b", "a".repeat(9_000)), "******"),
    ] {
        let env = Env::from_iter([("MY_TOKEN", value.as_str())]);
        let redactor = Redactor::new(&env, []);
        assert_eq!(
            redactor.redact(&format!("x{value}y{value}{value}z")),
            format!("x***y{twice}z")
        );
        assert_eq!(
            redactor.redact(&format!("{}{value}", &value[..40])),
            match twice {
                "***" if value.len() == 9_000 => "***".to_owned(),
                _ => format!("{}***", &value[..40]),
            }
        );
        assert_eq!(redactor.redact(&value[1..]), value[1..]);
    }
}

/// An automaton with a table for each state takes minutes for it.
#[test]
fn a_value_that_repeats_itself_costs_no_more_than_another() {
    let value = "A".repeat(100_000);
    let env = Env::from_iter([("MY_TOKEN", value.as_str())]);
    let redactor = Redactor::new(&env, []);
    assert_eq!(redactor.redact("nothing"), "nothing");
    assert_eq!(redactor.redact(&format!("x{value}y")), "x***y");
}
