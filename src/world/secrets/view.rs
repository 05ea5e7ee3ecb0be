//! A text with one encoding undone. What others encode, they encode in many ways (`encodeURI` and `encodeURIComponent` do
//! not agree, nor do two writers of JSON), so what is searched is the decoded text, beside the forms that are known.

use std::ops::Range;

/// Bytes that one byte of a value takes in an encoded text: `\u{000041}`.
pub const LONGEST_ESCAPE: usize = 10;
/// What HTML calls the characters from U+00A0 to U+00FF, in order.
const LATIN: &str = "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute \
    micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring \
    AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml \
    times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil \
    egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash \
    ugrave uacute ucirc uuml yacute thorn yuml";
/// What it calls ASCII punctuation, and the characters of Windows-1252 that Latin-1 lacks; each name ends with what it means.
/// Source: <https://html.spec.whatwg.org/multipage/named-characters.html>
const NAMED: &str = "Tab\t NewLine\n excl! quot\" num# dollar$ percnt% amp& apos' lpar( rpar) ast* plus+ comma, period. sol/ \
    colon: semi; lt< equals= gt> quest? commat@ lsqb[ lbrack[ bsol\\ rsqb] rbrack] Hat^ lowbar_ grave` lcub{ \
    lbrace{ verbar| vert| rcub} rbrace} euro€ sbquo‚ fnofƒ bdquo„ hellip… dagger† Dagger‡ circˆ permil‰ ScaronŠ \
    lsaquo‹ OEligŒ ZcaronŽ lsquo‘ rsquo’ ldquo“ rdquo” bull• ndash– mdash— tilde˜ trade™ scaronš rsaquo› \
    oeligœ zcaronž YumlŸ";
/// Digits of `\u{10ffff}`.
const DIGITS: usize = 6;

/// The bytes after decoding, and which bytes of the text each stands for.
pub struct View {
    pub bytes: Vec<u8>,
    runs: Vec<Run>,
}

/// Bytes of a view that belong together: as they are in the text, or what an escape stands for.
struct Run {
    at: usize,
    text: Range<usize>,
    plain: bool,
}

/// What stands at the beginning of a text: so many bytes of it, and what they mean.
type Escape = (usize, Vec<u8>);
type Decode = fn(&[u8]) -> Option<Escape>;

/// Every way of reading that changes something.
pub fn of(text: &[u8]) -> Vec<View> {
    let ways: [([u8; 3], Decode); 5] = [
        (*b"%%%", percent),
        (*b"\\\\\\", backslash),
        (*b"&&&", entity),
        (*b"\r\n\n", wrap),
        (*b"'\"\\", quote),
    ];
    ways.into_iter()
        .filter_map(|(first, decode)| View::new(text, first, decode))
        .collect()
}

impl View {
    /// `None` if there is nothing to decode. Escapes begin with one of the bytes in `first`.
    fn new(text: &[u8], first: [u8; 3], decode: Decode) -> Option<Self> {
        let mut view = Self {
            bytes: Vec::new(),
            runs: Vec::new(),
        };
        let (mut plain_from, mut at) = (0, 0);
        let [one, two, three] = first;
        while let Some(found) = memchr::memchr3(one, two, three, text.get(at..)?) {
            at += found;
            let Some((length, meaning)) = text.get(at..).and_then(decode) else {
                at += 1;
                continue;
            };
            if view.bytes.is_empty() {
                view.bytes.reserve(text.len());
            }
            view.push(plain_from..at, text.get(plain_from..at)?, true);
            view.push(at..at + length, &meaning, false);
            at += length;
            plain_from = at;
        }
        (plain_from > 0).then(|| {
            view.push(plain_from..text.len(), &text[plain_from..], true);
            view
        })
    }

    fn push(&mut self, text: Range<usize>, bytes: &[u8], plain: bool) {
        if !bytes.is_empty() {
            let at = self.bytes.len();
            self.runs.push(Run { at, text, plain });
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// Where a place that is not empty stands in the text.
    pub fn in_text(&self, place: &Range<usize>) -> Range<usize> {
        let byte = |at: usize| {
            let run = self.runs.partition_point(|run| run.at <= at).saturating_sub(1);
            match self.runs.get(run) {
                Some(run) if run.plain => {
                    let at = run.text.start + (at - run.at);
                    at..at + 1
                }
                Some(run) => run.text.clone(),
                None => 0..0,
            }
        };
        byte(place.start).start..byte(place.end.saturating_sub(1)).end
    }
}

fn hex(digits: &[u8]) -> Option<u32> {
    // A sign is no digit, though it may stand in a number.
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn utf8(code: u32) -> Option<Vec<u8>> {
    char::from_u32(code).map(|c| c.to_string().into_bytes())
}

/// `%2F`
fn percent(text: &[u8]) -> Option<Escape> {
    let byte = u8::try_from(hex(text.get(1..3)?)?).ok()?;
    Some((3, vec![byte]))
}

/// `\"`, `\n`, `\x41`, `\u0041`, `\ud83d\ude00`, `\u{41}`: JSON, most programming languages, and shells.
fn backslash(text: &[u8]) -> Option<Escape> {
    let unit = |at: usize| (text.get(at..at + 2)? == b"\\u").then(|| hex(text.get(at + 2..at + 6)?))?;
    Some(match text.get(1)? {
        b'n' => (2, b"\n".to_vec()),
        b'r' => (2, b"\r".to_vec()),
        b't' => (2, b"\t".to_vec()),
        b'x' => (4, vec![u8::try_from(hex(text.get(2..4)?)?).ok()?]),
        b'u' if text.get(2) == Some(&b'{') => {
            let digits = text.get(3..)?.iter().take(DIGITS).take_while(|b| **b != b'}').count();
            let code = hex(text.get(3..3 + digits)?)?;
            (text.get(3 + digits) == Some(&b'}')).then_some((digits + 4, utf8(code)?))?
        }
        b'u' => match (unit(0)?, unit(6)) {
            (high @ 0xd800..0xdc00, Some(low @ 0xdc00..0xe000)) => {
                (12, utf8(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))?)
            }
            (code, _) => (6, utf8(code)?),
        },
        other if other.is_ascii_punctuation() || *other == b' ' => (2, vec![*other]),
        _ => return None,
    })
}

/// `&amp;`, `&#38;`, `&#x26;`: HTML and XML.
fn entity(text: &[u8]) -> Option<Escape> {
    let end = text.iter().take(10).position(|byte| *byte == b';')?;
    let meaning = match text.get(1..end)? {
        [b'#', b'x' | b'X', digits @ ..] => utf8(hex(digits)?)?,
        [b'#', digits @ ..] => utf8(std::str::from_utf8(digits).ok()?.parse().ok()?)?,
        name => match NAMED.split(' ').find_map(|known| meaning_of(known, name)) {
            Some(meaning) => meaning,
            None => {
                let at = LATIN.split(' ').position(|known| known.as_bytes() == name)?;
                utf8(0xa0 + u32::try_from(at).ok()?)?
            }
        },
    };
    Some((end + 1, meaning))
}

/// `None` if this entry is of another name.
fn meaning_of(known: &str, name: &[u8]) -> Option<Vec<u8>> {
    let meaning = known.as_bytes().strip_prefix(name)?;
    (!name.is_empty() && std::str::from_utf8(meaning).ok()?.chars().count() == 1).then(|| meaning.to_vec())
}

/// The end of a line and the indentation of the next: `base64` breaks its lines, and so do many logs.
fn wrap(text: &[u8]) -> Option<Escape> {
    let end = match text {
        [b'\n', ..] => 1,
        [b'\r', b'\n', ..] => 2,
        _ => return None,
    };
    let indent = text
        .get(end..)?
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    Some((end + indent, Vec::new()))
}

/// A quote or a backslash: a shell has many ways to quote a word, which are one without them.
fn quote(_: &[u8]) -> Option<Escape> {
    Some((1, Vec::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> Vec<String> {
        let views = of(text.as_bytes());
        views
            .iter()
            .map(|view| String::from_utf8_lossy(&view.bytes).into_owned())
            .collect()
    }

    #[test]
    fn each_encoding_is_undone_by_itself() {
        for (text, expected) in [
            ("plain", vec![]),
            ("100%", vec![]),
            ("%+1 &#x; &#x+1;", vec![]),
            ("a%2Fb%2fc%zz", vec!["a/b/c%zz"]),
            (r#"\"a\"\/\\"#, vec![r#""a"/\"#, "a/"]),
            (
                r"\n\r\t\x41\u0041\u{41}\u{1F600}",
                vec!["\n\r\tAAA\u{1f600}", "nrtx41u0041u{41}u{1F600}"],
            ),
            (r"\ud83d\ude00", vec!["\u{1f600}", "ud83dude00"]),
            (
                r"\ud83d\u0041 \ue000\ude00",
                vec!["\\ud83dA \u{e000}\\ude00", "ud83du0041 ue000ude00"],
            ),
            (r"\u{1234567} \u{41 \q \x4", vec!["u{1234567} u{41 q x4"]),
            ("&amp;&lt;&gt;&quot;&#65;&#x41;&#X41;", vec!["&<>\"AAA"]),
            ("&apos;", vec!["'"]),
            ("a & b; &nsbp; &#xx; &#; &#1234567890;", vec![]),
            ("&nbsp;&auml;&szlig;&yuml;", vec!["\u{a0}äßÿ"]),
            (
                "&euro;&rsquo;&Yuml;&plus;&sol;&equals;&lcub;&NewLine;",
                vec!["€’Ÿ+/={\n"],
            ),
            ("&sso; &lsq; &; &plu; &euro", vec![]),
            ("ab\ncd\r\n \tef\rg", vec!["abcdef\rg"]),
            ("%41\n&gt;", vec!["A\n&gt;", "%41\n>", "%41&gt;"]),
            (r#"a'b'"c""#, vec!["abc"]),
        ] {
            assert_eq!(decoded(text), expected, "{text}");
        }
    }

    /// A longer one would be cut where files are read in pieces.
    #[test]
    fn each_name_of_html_is_no_longer_than_an_escape() {
        let last = |known: &str| known.chars().last().map_or(0, char::len_utf8);
        for known in NAMED.split(' ') {
            let (name, meaning) = known.split_at(known.len() - last(known));
            assert_eq!(decoded(&format!("&{name};")), [meaning], "{name}");
            assert!(name.len() + 2 <= LONGEST_ESCAPE, "{name}");
        }
    }

    #[test]
    fn a_place_is_found_again_in_the_text() {
        let text = "x=%41b%C3%A4c&y";
        let view = &of(text.as_bytes())[0];
        assert_eq!(view.bytes, "x=Ab\u{e4}c&y".as_bytes());
        let at = |range: Range<usize>| &text[view.in_text(&range)];
        assert_eq!(at(2..7), "%41b%C3%A4c");
        assert_eq!(at(3..4), "b");
        assert_eq!(at(4..6), "%C3%A4");
        assert_eq!(at(0..9), text);
        let view = &of(b"ab\n  cd\n")[0];
        assert_eq!(view.in_text(&(0..2)), 0..2, "not the end of the line behind it");
        assert_eq!(view.in_text(&(1..3)), 1..6);
        assert_eq!(view.in_text(&(2..4)), 5..7);
    }

    proptest::proptest! {
        #[test]
        fn every_place_of_every_view_is_inside_of_the_text(text in "[a%\\\\&;#xu4{}\"'\n\r ]{0,40}") {
            for view in of(text.as_bytes()) {
                let mut last = 0;
                for at in 0..view.bytes.len() {
                    let place = view.in_text(&(at..at + 1));
                    proptest::prop_assert!(place.start >= last && place.start < place.end && place.end <= text.len());
                    last = place.start;
                }
            }
        }
    }
}
