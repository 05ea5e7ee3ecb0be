//! The few facts of a server's certificate that a probe reports. Whether it is trusted is rustls' to say; it does not tell
//! these.
//!
//! RFC 5280 4.1 is the structure, X.690 its encoding (DER).

use jiff::civil::{Date, DateTime};

/// What a server's certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Valid from then, in seconds since 1970-01-01 00:00 UTC.
    pub not_before: i64,
    /// Valid until then, in seconds since 1970-01-01 00:00 UTC.
    pub not_after: i64,
    /// Its issuer is its subject. It does not say that nobody trusts it.
    pub self_issued: bool,
}

/// When the first of the certificates that were shown stops being valid, and whose that is. They are those of every
/// server on the way, each with what it sent along: an authority between that expires takes the server down as well.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expiry {
    /// In seconds since 1970-01-01 00:00 UTC.
    pub at: i64,
    /// Not the server's own one.
    pub is_authority: bool,
    pub host: String,
}

/// A tag, and the content.
type Element<'d> = (u8, &'d [u8]);

const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The version, which is left out of the oldest.
const VERSION: u8 = 0xa0;

impl Certificate {
    /// Reads an X.509 certificate; `None` if it is none.
    pub fn from_der(der: &[u8]) -> Option<Self> {
        let mut rest = der;
        let mut whole = expect(SEQUENCE, &mut rest)?;
        let mut fields = expect(SEQUENCE, &mut whole)?;
        if fields.first() == Some(&VERSION) {
            element(&mut fields)?;
        }
        expect(INTEGER, &mut fields)?;
        expect(SEQUENCE, &mut fields)?;
        let issuer = expect(SEQUENCE, &mut fields)?;
        let mut validity = expect(SEQUENCE, &mut fields)?;
        let subject = expect(SEQUENCE, &mut fields)?;
        Some(Self {
            not_before: seconds(element(&mut validity)?)?,
            not_after: seconds(element(&mut validity)?)?,
            self_issued: issuer == subject,
        })
    }
}

/// Day and UTC, as people write it; for an error message.
pub fn date(seconds: i64) -> String {
    let at = EPOCH.checked_add(jiff::SignedDuration::from_secs(seconds));
    at.map_or_else(
        |_| format!("second {seconds} of the Unix epoch"),
        |at| at.date().to_string(),
    )
}

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

fn expect<'d>(tag: u8, rest: &mut &'d [u8]) -> Option<&'d [u8]> {
    element(rest)
        .filter(|(found, _)| *found == tag)
        .map(|(_, content)| content)
}

/// The next element, taken off.
fn element<'d>(rest: &mut &'d [u8]) -> Option<Element<'d>> {
    let (&tag, after) = rest.split_first()?;
    let (&first, mut after) = after.split_first()?;
    // From 128 on the first byte counts those that hold the length; there are no certificates beyond four.
    let mut length = usize::from(first);
    if first >= 0x80 {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 {
            return None;
        }
        let (bytes, behind) = after.split_at_checked(count)?;
        length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        after = behind;
    }
    let (content, behind) = after.split_at_checked(length)?;
    *rest = behind;
    Some((tag, content))
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ` (RFC 5280 4.1.2.5).
fn seconds((tag, text): Element<'_>) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let digits: Vec<i8> = text
        .bytes()
        .map(|byte| i8::try_from(byte.checked_sub(b'0').filter(|digit| *digit < 10)?).ok())
        .collect::<Option<_>>()?;
    let pair = |at: usize| digits[at] * 10 + digits[at + 1];
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) if pair(0) >= 50 => (1900 + i16::from(pair(0)), 2),
        (UTC_TIME, 12) => (2000 + i16::from(pair(0)), 2),
        (GENERALIZED_TIME, 14) => (i16::from(pair(0)) * 100 + i16::from(pair(2)), 4),
        _ => return None,
    };
    let date = Date::new(year, pair(rest), pair(rest + 2)).ok()?;
    let time = jiff::civil::Time::new(pair(rest + 4), pair(rest + 6), pair(rest + 8), 0).ok()?;
    // The last second of the year 9999 stands for no end, and is beyond what a time zone could shift.
    Some(date.to_datetime(time).duration_since(EPOCH).as_secs())
}

#[cfg(test)]
mod tests;
