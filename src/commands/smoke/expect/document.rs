//! A JSON body as it is written: no number is rounded, and no key counts twice.
//!
//! Reading it is one pass over the text, and a look at it one more for each step of the way. How deep it may be nested is
//! bounded by serde_json.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fmt;

use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::value::RawValue;

use super::decimal::Decimal;
use crate::model::text::one_line;

#[derive(Clone, Copy, Debug)]
pub struct Document<'b>(&'b str);

/// A value in a document.
#[derive(Clone, Copy, Debug)]
pub struct Found<'b>(&'b RawValue);

/// What a value is, with what is in it as it is written.
enum Kind<'b> {
    Text(String),
    Number(Decimal),
    List(Vec<&'b RawValue>),
    Object(BTreeMap<String, &'b RawValue>),
    /// `true`, `false` or `null`.
    Word(&'b str),
}

impl<'b> Document<'b> {
    /// Reads all of it once. A duplicate key in an object is an error: readers disagree on which one counts. The
    /// error names it, however long it is.
    pub fn parse(body: &'b [u8]) -> Result<Self, serde_json::Error> {
        let text = std::str::from_utf8(body).map_err(serde_json::Error::custom)?;
        serde_json::from_str::<Checked>(text)?;
        Ok(Self(text))
    }

    /// What a JSON pointer (RFC 6901) leads to.
    pub fn at(self, pointer: &str) -> Option<Found<'b>> {
        let mut found = Found(serde_json::from_str(self.0).ok()?);
        for token in pointer.split('/').skip(1) {
            let token = token.replace("~1", "/").replace("~0", "~");
            found = Found(match found.kind()? {
                Kind::Object(mut members) => members.remove(&token)?,
                Kind::List(items) => items.get(index(&token)?)?,
                Kind::Text(_) | Kind::Number(_) | Kind::Word(_) => return None,
            });
        }
        Some(found)
    }
}

/// RFC 6901 4: no sign, and no leading zero.
fn index(token: &str) -> Option<usize> {
    let digits = token.bytes().all(|byte| byte.is_ascii_digit());
    token
        .parse()
        .ok()
        .filter(|_| digits && (token == "0" || !token.starts_with('0')))
}

impl<'b> Found<'b> {
    /// As it is written.
    pub fn json(self) -> &'b str {
        self.0.get()
    }

    /// A text as it is, anything else as it is written.
    pub fn text(self) -> Cow<'b, str> {
        match self.kind() {
            Some(Kind::Text(text)) => text.into(),
            _ => self.json().into(),
        }
    }

    pub fn is_text(self) -> bool {
        self.json().starts_with('"')
    }

    pub fn number(self) -> Option<Decimal> {
        match self.kind()? {
            Kind::Number(number) => Some(number),
            _ => None,
        }
    }

    /// Whether both are the same value: `1` is `1.0`, and the order of keys does not matter.
    pub fn is(self, other: &RawValue) -> bool {
        let (Some(one), Some(other)) = (self.kind(), Found(other).kind()) else {
            return false;
        };
        match (one, other) {
            (Kind::Text(one), Kind::Text(other)) => one == other,
            (Kind::Number(one), Kind::Number(other)) => one == other,
            (Kind::Word(one), Kind::Word(other)) => one == other,
            (Kind::List(one), Kind::List(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(one, other)| Self(one).is(other))
            }
            (Kind::Object(one), Kind::Object(other)) => {
                one.len() == other.len()
                    && one
                        .iter()
                        .zip(&other)
                        .all(|(one, other)| one.0 == other.0 && Self(one.1).is(other.1))
            }
            _ => false,
        }
    }

    fn kind(self) -> Option<Kind<'b>> {
        let json = self.json();
        Some(match json.bytes().next()? {
            b'"' => Kind::Text(serde_json::from_str(json).ok()?),
            b'[' => Kind::List(serde_json::from_str(json).ok()?),
            b'{' => Kind::Object(serde_json::from_str(json).ok()?),
            b't' | b'f' | b'n' => Kind::Word(json),
            _ => Kind::Number(json.parse().ok()?),
        })
    }
}

/// A value in which no object has a key twice.
struct Checked;

impl<'de> Deserialize<'de> for Checked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Checked {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut keys = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if keys.contains(&key) {
                return Err(A::Error::custom(format!("duplicate key `{}`", one_line(&key))));
            }
            keys.insert(key);
            map.next_value::<Self>()?;
        }
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self, E> {
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at<'b>(body: &'b str, pointer: &str) -> Option<&'b str> {
        Document::parse(body.as_bytes()).unwrap().at(pointer).map(Found::json)
    }

    #[test]
    fn a_pointer_leads_to_a_value_as_it_is_written() {
        let body = r#"{"a": {"b/c": [1.10, {"~": "x"}, [null]]}, "": 0, "d": "\u0041"}"#;
        for (pointer, expected) in [
            ("", Some(body)),
            ("/a/b~1c/0", Some("1.10")),
            ("/a/b~1c/1/~0", Some("\"x\"")),
            ("/a/b~1c/2", Some("[null]")),
            ("/a/b~1c/2/0", Some("null")),
            ("/a/b~1c/3", None),
            ("/a/b~1c/-", None),
            ("/a/b~1c/00", None),
            ("/a/b~1c/+1", None),
            ("/", Some("0")),
            ("/d", Some(r#""\u0041""#)),
            ("/d/0", None),
            ("/x", None),
        ] {
            assert_eq!(at(body, pointer), expected, "{pointer}");
        }
    }

    #[test]
    fn a_key_that_stands_twice_is_an_error_wherever_it_is() {
        for (body, key) in [
            (r#"{"status":"failed","status":"ok"}"#, "status"),
            (r#"{"a":[{"b":1,"c":{},"b":2}]}"#, "b"),
            (r#"{"s":1,"\u0073":2}"#, "s"),
            (r#"{"":1,"":1}"#, ""),
        ] {
            let error = Document::parse(body.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(&format!("duplicate key `{key}`")), "{body}: {error}");
        }
        for body in [
            r#"{"a":{"a":1},"b":{"a":1}}"#,
            r#"[{"a":1},{"a":1}]"#,
            r#"{"a":1,"A":1}"#,
        ] {
            assert!(Document::parse(body.as_bytes()).is_ok(), "{body}");
        }
    }

    #[test]
    fn what_is_nested_without_end_is_an_error_and_a_large_body_is_read_in_one_pass() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let deep = format!("{}0{}", open.repeat(100_000), close.repeat(100_000));
            assert!(Document::parse(deep.as_bytes()).is_err());
        }
        let keys: Vec<String> = (0..60_000).map(|n| format!("\"k{n}\":{n}")).collect();
        let large = format!("{{{}}}", keys.join(","));
        let began = std::time::Instant::now();
        assert_eq!(at(&large, "/k59999"), Some("59999"));
        assert!(
            began.elapsed() < std::time::Duration::from_secs(5),
            "{:?}",
            began.elapsed()
        );
    }

    proptest! {
        /// What serde_json finds, where it does not round.
        #[test]
        fn finds_what_serde_json_finds(
            keys in prop::collection::btree_map("[a-c~/0-2]{0,2}", 0u32..9, 0..4), pointer in "(/[a-c0-2]{0,2}){0,2}"
        ) {
            let value = serde_json::json!({"a": keys, "b": [keys.len(), keys], "1": "x"});
            let body = value.to_string();
            let found = Document::parse(body.as_bytes()).unwrap().at(&pointer);
            prop_assert_eq!(found.map(|found| found.json().to_owned()), value.pointer(&pointer).map(ToString::to_string));
        }

        #[test]
        fn never_panics(body in "[\\[\\]{}:,\"0-9eE.+\\-a-c \\\\]{0,60}", pointer in "[/~0-9a-c]{0,8}") {
            if let Ok(document) = Document::parse(body.as_bytes()) && let Some(found) = document.at(&pointer) {
                let _ = (found.text(), found.number(), found.is(found.0));
            }
        }
    }
}
