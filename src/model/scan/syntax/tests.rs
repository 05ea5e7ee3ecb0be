use super::*;

/// The text with what is replaced of the part in braces written as `#`, `"#"` or `_`.
fn replaced(mut syntax: Syntax, marked: &str) -> String {
    let (start, end) = (marked.find('«').unwrap(), marked.find('»').unwrap() - '«'.len_utf8());
    let plain = marked.replace(['«', '»'], "");
    let mut classes = Vec::new();
    syntax.read(plain.as_bytes(), &mut classes).unwrap();
    assert!(syntax.ends(), "{plain}");
    let (mut out, mut done) = (String::new(), 0);
    for (piece, style) in pieces(&classes, start..end) {
        out += &plain[done..piece.start];
        out += match style {
            Style::Plain => "#",
            Style::Quoted => "\"#\"",
            Style::InName => "_",
        };
        done = piece.end;
    }
    out + &plain[done..]
}

#[test]
fn json_keeps_its_quotes_and_its_escapes() {
    for (marked, expected) in [
        (r#"{"a": "x«secret»y"}"#, r#"{"a": "x#y"}"#),
        (r#"{"a": «4111»111, "b": 1}"#, r##"{"a": "#", "b": 1}"##),
        (r#"{"a": "sec«ret", "b": "oth»er"}"#, r##"{"a": "sec#", "#": "#er"}"##),
        (r#"["\«nsecret\»n"]"#, r##"["#"]"##),
        (r#"["\u00«e4sec\ud83d»\ude00x"]"#, r##"["#x"]"##),
        (r#"["\ud83d«\u00e4x»"]"#, r##"["#"]"##),
        (r#"[«true», null]"#, r##"["#", null]"##),
        (r#""a\\«b»""#, r##""a\\#""##),
    ] {
        let out = replaced(Syntax::json(), marked);
        assert_eq!(out, expected, "{marked}");
    }
}

#[test]
fn xml_keeps_its_tags() {
    for (marked, expected) in [
        ("<a>x«secret»y</a>", "<a>x#y</a>"),
        ("<a>Password=«hunter2</a>»", "<a>Password=#</a>"),
        ("<a b='«x'»>t</a>", "<a b='#'>t</a>"),
        ("<a b=\"p&am«p;q»\" c=''/>", "<a b=\"p#\" c=''/>"),
        ("<a><![CDATA[«x]»]><b/></a>", "<a><![CDATA[#]]><b/></a>"),
        ("<a><![CDATA[«x]]>»</a>", "<a><![CDATA[#]]></a>"),
        ("<a><!-- «x --»></a>", "<a><!-- #--></a>"),
        (
            "<?xml version='1.0'?>\n<!DOCTYPE a [<!ENTITY b '«c'»>]><a/>",
            "<?xml version='1.0'?>\n<!DOCTYPE a [<!ENTITY b '#'>]><a/>",
        ),
        ("<a><?php «x?>»</a>", "<a><?php #?></a>"),
        ("<a><«tok»en/></a>", "<a><_en/></a>"),
        ("<a>ä«ä»</a>\n<!-- end -->", "<a>ä#</a>\n<!-- end -->"),
        ("\u{feff}<a>«t»</a>", "\u{feff}<a>#</a>"),
    ] {
        assert_eq!(replaced(Syntax::xml(), marked), expected, "{marked}");
    }
}

#[test]
fn what_only_looks_like_xml_is_refused() {
    for text in [
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "<a b></a>",
        "<a b=c></a>",
        "<a>&</a>",
        "<a>& b;</a>",
        "<br><p>x</p>",
        "text",
        "<a>]]></a>",
        "<a b='<'/>",
        "<!DOCTYPE html><html><br></html>",
        "<a><script>a<b</script></a>",
        "< a/>",
        "<a/>x",
        "",
        "<a b='1'c='2'/>",
        "<a></a",
        "<a><!-- --",
        "<!x>",
    ] {
        let (mut xml, mut classes) = (Syntax::xml(), Vec::new());
        let read = xml.read(text.as_bytes(), &mut classes);
        assert!(read.is_err() || !xml.ends(), "{text}");
    }
}

#[test]
fn characters_of_text_are_whole() {
    let (mut syntax, mut classes) = (Syntax::Plain, Vec::new());
    syntax.read("aä€b".as_bytes(), &mut classes).unwrap();
    assert_eq!(pieces(&classes, 2..4), [(1..6, Style::Plain)]);
}

proptest::proptest! {
    /// Whatever is replaced in it, it stays JSON.
    #[test]
    fn json_stays_json(texts in proptest::collection::vec("\\PC{0,8}", 1..5), number: i32, cut: (u16, u16)) {
        let value = serde_json::json!({ "a": texts, "b": [number, true, null], texts[0].clone(): number });
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            let (mut syntax, mut classes) = (Syntax::json(), Vec::new());
            syntax.read(text.as_bytes(), &mut classes).unwrap();
            let start = usize::from(cut.0) % text.len();
            let end = start + usize::from(cut.1) % (text.len() - start + 1);
            let (mut out, mut done) = (Vec::new(), 0);
            for (piece, style) in pieces(&classes, start..end) {
                out.extend_from_slice(&text.as_bytes()[done..piece.start]);
                out.extend_from_slice(if style == Style::Quoted { b"\"#\"" } else { b"#" });
                done = piece.end;
            }
            out.extend_from_slice(&text.as_bytes()[done..]);
            let read: Result<serde_json::Value, _> = serde_json::from_slice(&out);
            proptest::prop_assert!(read.is_ok(), "{}", String::from_utf8_lossy(&out));
        }
    }
}
