//! Personal data, and what in its format says whether it can be real.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::rule::{Check, Pattern, Rule};
use super::rule_file::RuleFileError;

/// A kind of personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Personal {
    Email,
    Ip,
    Card,
    Iban,
    Phone,
}

impl Personal {
    pub const ALL: [Self; 5] = [Self::Email, Self::Ip, Self::Card, Self::Iban, Self::Phone];

    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Ip => "ip",
            Self::Card => "card",
            Self::Iban => "iban",
            Self::Phone => "phone",
        }
    }

    /// What looks for it.
    ///
    /// # Errors
    /// Never, as a test shows.
    pub fn rules(self) -> Result<Vec<Rule>, RuleFileError> {
        let one = |id: &str, description: &str, regex: &str, check: Check| {
            let pattern = Pattern::parse(regex).map_err(|what| RuleFileError {
                place: format!("rule `{id}`: "),
                what,
                help: "report it",
            })?;
            Ok(Rule {
                tags: vec!["pii".to_owned()],
                check: Some(check),
                ..Rule::of(id, description, Some(pattern))
            })
        };
        match self {
            Self::Email => Ok(vec![one("pii-email", "E-mail address", EMAIL, |text| {
                all(text, is_email)
            })?]),
            Self::Ip => Ok(vec![
                one("pii-ipv4", "Public IPv4 address", IPV4, |text| all(text, is_public_v4))?,
                one("pii-ipv6", "Public IPv6 address", IPV6, |text| all(text, is_public_v6))?,
            ]),
            Self::Card => Ok(vec![one("pii-card", "Number of a payment card", CARD, |text| {
                groups(text, is_card)
            })?]),
            Self::Iban => Ok(vec![one("pii-iban", "Bank account number (IBAN)", IBAN, |text| {
                groups(text, is_iban)
            })?]),
            Self::Phone => Ok(vec![one("pii-phone", "International phone number", PHONE, |text| {
                all(text, is_phone)
            })?]),
        }
    }
}

const EMAIL: &str =
    r"\b[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}\b";
const IPV4: &str = r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b";
const IPV6: &str = r"\b[0-9A-Fa-f]{1,4}:[0-9A-Fa-f:]{2,34}[0-9A-Fa-f]\b";
/// 13 to 19 digits, in groups or not (ISO/IEC 7812).
const CARD: &str = r"\b[2-6]\d{3}(?:[ -]?\d){9,15}\b";
const IBAN: &str = r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b";
/// E.164: at most 15 digits after the plus sign.
const PHONE: &str = r"\+[1-9](?:[ ().-]{0,2}\d){7,14}\b";

fn all(text: &[u8], is_one: fn(&[u8]) -> bool) -> Result<Range<usize>, usize> {
    is_one(text).then_some(0..text.len()).ok_or(text.len())
}

/// As much as is one, up to the end of a group of letters and digits. If nothing is, one may begin with the next group.
fn groups(text: &[u8], is_one: fn(&[u8]) -> bool) -> Result<Range<usize>, usize> {
    let is_end =
        |at: &usize| text[at - 1].is_ascii_alphanumeric() && !text.get(*at).is_some_and(u8::is_ascii_alphanumeric);
    let ends = || (1..=text.len()).filter(is_end);
    let found = ends().rev().find(|end| is_one(&text[..*end]));
    found
        .map(|end| 0..end)
        .ok_or_else(|| ends().next().unwrap_or(text.len()))
}

/// Addresses that belong to nobody: examples (RFC 2606), and what git and bots put where a person's would be.
fn is_email(text: &[u8]) -> bool {
    const NOBODY: [&str; 7] = [
        "example.com",
        "example.org",
        "example.net",
        "users.noreply.github.com",
        "noreply.github.com",
        "localhost.localdomain",
        "email.com",
    ];
    let text = String::from_utf8_lossy(text).to_ascii_lowercase();
    let Some((user, host)) = text.rsplit_once('@') else {
        return false;
    };
    let nobody = NOBODY
        .iter()
        .any(|name| host == *name || host.ends_with(&format!(".{name}")));
    // `git@github.com:` is how a repository is named, and `.png` after `@2x` names a file.
    let is_file = [
        "png", "jpg", "jpeg", "svg", "gif", "webp", "js", "ts", "css", "service", "example", "test", "invalid",
    ]
    .iter()
    .any(|end| host.rsplit('.').next() == Some(end));
    let is_role = matches!(user, "git" | "noreply" | "no-reply" | "root");
    !nobody && !is_file && !is_role && !user.ends_with('.') && !user.contains("..")
}

fn is_public_v4(text: &[u8]) -> bool {
    let address: Option<Ipv4Addr> = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    address.is_some_and(|address| {
        let [a, b, c, _] = address.octets();
        let is_special = a == 0
            || a >= 224
            || address.is_private()
            || address.is_loopback()
            || address.is_link_local()
            || address.is_documentation()
            // RFC 6598, RFC 6890 and RFC 2544.
            || (a == 100 && (64..128).contains(&b))
            || (a == 192 && b == 0 && c == 0)
            || (a == 198 && (b == 18 || b == 19));
        // Versions look like addresses: `1.0.0.0` and `2.0.0.1` are more often one.
        !(is_special || (b == 0 && c == 0))
    })
}

fn is_public_v6(text: &[u8]) -> bool {
    let text = std::str::from_utf8(text).unwrap_or_default();
    // A time, a MAC address or a hash is no address, though it has colons.
    let address: Option<Ipv6Addr> = text.parse().ok();
    // 2000::/3 is what is routed; 2001:db8::/32 is for documentation.
    address.is_some_and(|address| {
        let [first, second, ..] = address.segments();
        first & 0xe000 == 0x2000 && !(first == 0x2001 && second == 0x0db8)
    })
}

fn digits(text: &[u8]) -> impl DoubleEndedIterator<Item = u32> + '_ {
    text.iter()
        .filter(|byte| byte.is_ascii_digit())
        .map(|byte| u32::from(byte - b'0'))
}

/// Luhn's check digit (ISO/IEC 7812-1, annex B), for the ranges that cards are issued from.
fn is_card(text: &[u8]) -> bool {
    let number: Vec<u32> = digits(text).collect();
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 = number
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| if place % 2 == 1 { doubled(*digit) } else { *digit })
        .sum();
    let first_two = number.iter().take(2).fold(0, |value, digit| value * 10 + digit);
    let by_issuer = match first_two {
        34 | 37 => number.len() == 15,
        36 | 38 | 39 | 30 => number.len() == 14,
        40..=49 => matches!(number.len(), 13 | 16 | 19),
        22..=27 | 51..=55 => number.len() == 16,
        35 | 60 | 62 | 64 | 65 => (16..=19).contains(&number.len()),
        _ => false,
    };
    // A row of one digit passes the sum of zeros, and is nobody's card.
    let varies = number.windows(2).any(|pair| pair[0] != pair[1]);
    by_issuer && varies && sum.is_multiple_of(10)
}

/// The check digits of ISO 13616: the account moved to the front, letters as numbers, modulo 97.
fn is_iban(text: &[u8]) -> bool {
    /// Of countries that many accounts are in; others have between 15 and 34.
    const LENGTHS: [(&str, usize); 24] = [
        ("AT", 20),
        ("BE", 16),
        ("BG", 22),
        ("CH", 21),
        ("CY", 28),
        ("CZ", 24),
        ("DE", 22),
        ("DK", 18),
        ("EE", 20),
        ("ES", 24),
        ("FI", 18),
        ("FR", 27),
        ("GB", 22),
        ("GR", 27),
        ("IE", 22),
        ("IT", 27),
        ("LT", 20),
        ("LU", 20),
        ("LV", 21),
        ("NL", 18),
        ("NO", 15),
        ("PL", 28),
        ("PT", 25),
        ("SE", 24),
    ];
    let plain: Vec<u8> = text.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
    let Some((head, account)) = plain.split_at_checked(4) else {
        return false;
    };
    let country = String::from_utf8_lossy(&head[..2]);
    let length = LENGTHS
        .iter()
        .find(|(code, _)| *code == country)
        .map(|(_, length)| *length);
    if length.map_or(!(15..=34).contains(&plain.len()), |length| plain.len() != length) {
        return false;
    }
    let rest = account.iter().chain(head).fold(0_u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        letter => (rest * 100 + u32::from(letter - b'A') + 10) % 97,
    });
    rest == 1
}

fn is_phone(text: &[u8]) -> bool {
    let count = digits(text).count();
    // Without a separator, `+1234567890` is as often a number with a sign: that needs the length of a real one.
    let is_grouped = text.iter().any(|byte| matches!(byte, b' ' | b'-' | b'(' | b'.'));
    (8..=15).contains(&count) && (is_grouped || count >= 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(kind: Personal, text: &str) -> bool {
        kind.rules().unwrap().iter().any(|rule| {
            let regex = rule.pattern.as_ref().unwrap().check().unwrap();
            let check = rule.check.unwrap();
            let mut from = 0;
            while let Some(found) = regex.find(regex_automata::Input::new(text).range(from..)) {
                match check(&text.as_bytes()[found.range()]) {
                    Ok(_) => return true,
                    Err(past) => from = found.start() + past,
                }
            }
            false
        })
    }

    #[test]
    fn what_is_personal_is_found_and_what_looks_like_it_is_not() {
        use Personal::{Card, Email, Iban, Ip, Phone};
        for (kind, text) in [
            (Email, "to ann.o'neil+x@shop.acme.co.uk, at"),
            (Ip, "from 8.8.4.4:443"),
            (Ip, "[2606:4700:4700::1111]"),
            (Card, "card 4111 1111 1111 1111."),
            (Card, "3782-822463-10005"),
            (Iban, "DE89 3704 0044 0532 0130 00"),
            (Iban, "GB82WEST12345698765432"),
            (Iban, "DE89 3704 0044 0532 0130 00 AND MORE"),
            (Card, "4111111111111111 2026"),
            (Card, "order 2026 4111 1111 1111 1111"),
            (Iban, "AB12 DE89 3704 0044 0532 0130 00"),
            (Phone, "call +49 30 901820"),
            (Phone, "+14155550132"),
        ] {
            assert!(found(kind, text), "{text}");
        }
        for (kind, text) in [
            (Email, "git@github.com:acme/shop.git"),
            (Email, "ann@example.com"),
            (Email, "icon@2x.png"),
            (Email, "1+bot@users.noreply.github.com"),
            (Ip, "10.0.0.1 127.0.0.1 192.168.1.5 203.0.113.9 100.64.1.1"),
            (Ip, "version 2.0.0.1, 999.1.2.3"),
            (Ip, "12:34:56 fe80::1 2001:db8::1 00:11:22:33:44:55"),
            (Card, "4111 1111 1111 1112"),
            (Card, "4444444444444444 1234567890123456"),
            (Iban, "DE89 3704 0044 0532 0130 01"),
            (Iban, "SHA256ABCDEF0123456789"),
            (Phone, "+1234567"),
            (Phone, "10+20+30"),
        ] {
            assert!(!found(kind, text), "{text}");
        }
    }
}
