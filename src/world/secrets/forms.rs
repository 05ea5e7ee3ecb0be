//! The forms in which a value turns up where it was not meant to: as it is, and encoded.

use base64::Engine as _;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use super::view;

/// Encoded forms of shorter values would be found by chance.
const SHORTEST_ENCODED: usize = 8;
/// As short as a value may be that somebody named.
const SHORTEST_FORM: usize = super::SHORTEST_NAMED;

/// The value and its encoded forms, each once.
///
/// - base64 (RFC 4648), standard and URL-safe, with and without padding, and as a part of something longer
///   (`user:value`, or the line break of `echo`), as far as it depends on nothing but the value
/// - hexadecimal digits, lower and upper case
/// - percent-encoding (RFC 3986, `encodeURIComponent`, and HTML forms), upper and lower case
/// - inside of a JSON text: plainly, with `\/`, and in ASCII
/// - decoded, if it reads as encoded itself
/// - if it has letters beyond ASCII: its bytes in Windows-1252, of which Latin-1 is a part, and these forms of them
pub fn of(value: &str) -> Vec<Vec<u8>> {
    let mut spellings = vec![value.as_bytes().to_vec()];
    spellings.extend(windows_1252(value));
    let mut forms = Vec::new();
    if value.len() >= SHORTEST_ENCODED {
        forms.extend(spellings.iter().flat_map(|bytes| encoded(bytes)));
        forms.extend(json_escaped(value));
    }
    // What is decoded is compared with what is decoded: `%41` and a quote in a value may have been left as they are.
    let decoded = spellings
        .iter()
        .flat_map(|bytes| view::of(bytes))
        .map(|view| view.bytes);
    let decoded: Vec<Vec<u8>> = decoded.collect();
    let forms = forms.into_iter().map(String::into_bytes);
    let mut forms: Vec<Vec<u8>> = forms.chain(decoded).chain(spellings).collect();
    forms.retain(|form| form.len() >= SHORTEST_FORM);
    forms.sort();
    forms.dedup();
    forms
}

fn encoded(value: &[u8]) -> Vec<String> {
    let mut forms = percent_encoded(value);
    for (padded, unpadded) in [(STANDARD, STANDARD_NO_PAD), (URL_SAFE, URL_SAFE_NO_PAD)] {
        forms.extend([padded.encode(value), unpadded.encode(value)]);
        forms.extend((0..3).map(|before| inside(&unpadded, value, before)));
    }
    forms.extend([hex::encode(value), hex::encode_upper(value)]);
    forms
}

/// As Windows and older programs write letters beyond ASCII. `None`: there are none, or others.
fn windows_1252(value: &str) -> Option<Vec<u8>> {
    // From 0x80 on; `\u{0}` where there is none. Source: https://encoding.spec.whatwg.org/index-windows-1252.txt
    const HIGH: &str = "€\0‚ƒ„…†‡ˆ‰Š‹Œ\0Ž\0\0‘’“”•–—˜™š›œ\0žŸ";
    let byte = |c: char| match c {
        '\0'..='\x7f' | '\u{a0}'..='\u{ff}' => u8::try_from(u32::from(c)).ok(),
        c => Some(0x80 + u8::try_from(HIGH.chars().position(|high| high == c)?).ok()?),
    };
    (!value.is_ascii()).then(|| value.chars().map(byte).collect())?
}

/// The digits that depend on the value alone when so many bytes (modulo 3) stand before it, and anything behind it.
fn inside(base64: &GeneralPurpose, value: &[u8], before: usize) -> String {
    let mut bytes = vec![0; before];
    bytes.extend_from_slice(value);
    // Six bits to a digit.
    let first = (before * 8).div_ceil(6);
    let end = bytes.len() * 8 / 6;
    base64.encode(&bytes)[first..end].to_owned()
}

fn percent_encoded(value: &[u8]) -> Vec<String> {
    let encoded = |kept: &str, lower: bool| -> String {
        let mut out = String::with_capacity(value.len() * 3);
        for &byte in value {
            if byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte) {
                out.push(char::from(byte));
            } else if lower {
                out.push_str(&format!("%{byte:02x}"));
            } else {
                out.push_str(&format!("%{byte:02X}"));
            }
        }
        out
    };
    const RFC_3986: &str = "-._~";
    const URI_COMPONENT: &str = "-._~!*'()";
    /// https://url.spec.whatwg.org/#application-x-www-form-urlencoded-percent-encode-set
    const FORM: &str = "-._*";
    let mut forms = Vec::new();
    for lower in [false, true] {
        forms.extend([RFC_3986, URI_COMPONENT].map(|kept| encoded(kept, lower)));
        forms.push(encoded(FORM, lower).replace("%20", "+"));
    }
    forms
}

fn json_escaped(value: &str) -> Vec<String> {
    // A text always serialises, and stands between two quotes.
    let quoted = serde_json::to_string(value).unwrap_or_default();
    let Some(plain) = quoted.get(1..quoted.len().saturating_sub(1)).map(str::to_owned) else {
        return Vec::new();
    };
    let mut ascii = String::with_capacity(plain.len());
    for c in plain.chars() {
        if c.is_ascii() {
            ascii.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                ascii.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    vec![ascii.replace('/', "\\/"), plain.replace('/', "\\/"), ascii, plain]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_form_is_known() {
        let forms = of("p?ss~w/rd 1ä");
        for form in [
            "p?ss~w/rd 1ä",
            // printf %s 'p?ss~w/rd 1ä' | base64
            "cD9zc353L3JkIDHDpA==",
            "cD9zc353L3JkIDHDpA",
            // printf %s 'p?ss~w/rd 1ä' | xxd -p, and the same in upper case
            "703f73737e772f72642031c3a4",
            "703F73737E772F72642031C3A4",
            // Python's urllib.parse.quote(…, safe='') and quote_plus, JavaScript's encodeURIComponent
            "p%3Fss~w%2Frd%201%C3%A4",
            "p%3fss~w%2frd%201%c3%a4",
            "p%3Fss%7Ew%2Frd+1%C3%A4",
            // PHP's json_encode and Python's json.dumps
            "p?ss~w\\/rd 1\\u00e4",
            "p?ss~w/rd 1\\u00e4",
        ] {
            assert!(
                forms.iter().any(|known| known == form.as_bytes()),
                "{form} in {forms:?}"
            );
        }
        let forms = of("\u{ff}\u{ff}>>>???");
        assert!(forms.contains(&URL_SAFE.encode("\u{ff}\u{ff}>>>???").into_bytes()));
        assert_eq!(of("short"), [b"short"], "it would be found by chance");
        let forms = of("Grüße für 5 €");
        // printf %s 'Grüße für 5 €' | iconv -t cp1252, and with base64, xxd -p and PHP's urlencode behind it
        for form in [
            &b"Gr\xfc\xdfe f\xfcr 5 \x80"[..],
            b"R3L832UgZvxyIDUggA==",
            b"4772fcdf652066fc7220352080",
            b"Gr%FC%DFe+f%FCr+5+%80",
        ] {
            assert!(forms.iter().any(|known| known == form), "{form:?}");
        }
        assert_eq!(windows_1252("Straße ł"), None);
    }

    #[test]
    fn nothing_is_added_to_what_encoding_does_not_change() {
        let forms = of("abcdefgh");
        assert!(forms.len() <= 8, "{forms:?}");
    }

    proptest! {
        #[test]
        fn base64_of_something_longer_holds_a_form(
            before in "\\PC{0,9}", value in "[!-~]{8,40}", after in "\\PC{0,9}",
        ) {
            for engine in [STANDARD, URL_SAFE] {
                let text = engine.encode(format!("{before}{value}{after}"));
                prop_assert!(of(&value).iter().any(|form| text.contains(&*String::from_utf8_lossy(form))), "{text}");
            }
        }
    }
}
