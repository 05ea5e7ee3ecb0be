//! A document read into types, as serde sees its tree.
//!
//! A type that wants text gets it as it is written. Otherwise plain scalars are what YAML's core schema says
//! (yaml.org/spec/1.2.2, 10.3.2), and `<<` merges mappings (yaml.org/type/merge.html). serde-saphyr does the same with
//! four times the code for each type; a test compares the two.

use std::collections::HashSet;
use std::fmt::Display;
use std::marker::PhantomData;
use std::vec;

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::{Content, Dialect, Node, Style, YamlError, documents, parse, wrong};

/// Reads the one document of a text.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, YamlError> {
    placed(&parse(text)?, Dialect::Core, PhantomData)
}

/// Reads every document as Kubernetes does.
pub fn read_manifest<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, YamlError> {
    let documents = documents(text, Dialect::Kubernetes)?;
    (documents.iter())
        .map(|document| placed(document, Dialect::Kubernetes, PhantomData))
        .collect()
}

impl de::Error for YamlError {
    fn custom<T: Display>(what: T) -> Self {
        Self {
            what: what.to_string(),
            ..Self::default()
        }
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        Self {
            unknown_key: Some((field.to_owned(), known)),
            ..Self::custom(format_args!("unknown key `{field}`"))
        }
    }
}

/// An error that has no place yet is about this node.
fn placed<'de, S: DeserializeSeed<'de>>(node: &Node, dialect: Dialect, seed: S) -> Result<S::Value, YamlError> {
    seed.deserialize(Typed(node, dialect))
        .map_err(|error| match error.line {
            0 => YamlError {
                line: node.place.line,
                column: node.place.column,
                ..error
            },
            _ => error,
        })
}

#[derive(Clone, Copy)]
struct Typed<'a>(&'a Node, Dialect);

enum Whole {
    Positive(u64),
    Negative(i64),
}

impl<'a> Typed<'a> {
    fn wrong<T>(self, what: &str) -> Result<T, YamlError> {
        Err(wrong(&self.0.place, what))
    }

    /// Of a scalar that is not quoted.
    fn plain(self) -> Option<&'a str> {
        match &self.0.content {
            Content::Scalar {
                text,
                style: Style::Plain,
            } => Some(text),
            _ => None,
        }
    }

    fn is_null(self) -> bool {
        let plain = self.plain();
        plain.is_some_and(|text| matches!(text, "" | "~") || text.eq_ignore_ascii_case("null"))
    }

    fn any<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
        match (&self.0.content, self.plain()) {
            (Content::List(_), _) => self.deserialize_seq(visitor),
            (Content::Map(_), _) => self.deserialize_map(visitor),
            _ if self.is_null() => visitor.visit_unit(),
            (Content::Scalar { text, .. }, None) => visitor.visit_str(text),
            (_, Some(text)) => match (self.boolean(text), self.whole(text), text.parse::<f64>()) {
                (Some(is), ..) => visitor.visit_bool(is),
                (_, Some(Whole::Positive(number)), _) => visitor.visit_u64(number),
                (_, Some(Whole::Negative(number)), _) => visitor.visit_i64(number),
                (.., Ok(number)) if number.is_finite() => visitor.visit_f64(number),
                _ => visitor.visit_str(text),
            },
        }
    }

    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
        let read = match self.0.text().and_then(|text| self.whole(text)) {
            Some(Whole::Positive(number)) => visitor.visit_u64::<YamlError>(number),
            Some(Whole::Negative(number)) => visitor.visit_i64(number),
            None => return self.wrong("expected a whole number"),
        };
        // It is too large for its type.
        read.or_else(|_| self.wrong("expected a whole number"))
    }

    /// What a mapping holds, with what it merges. Its own keys win, and what is merged first.
    fn entries(self) -> Result<Vec<(&'a Node, &'a Node)>, YamlError> {
        let Content::Map(entries) = &self.0.content else {
            return self.wrong("expected keys and values");
        };
        let (merged, mut all): (Vec<_>, Vec<_>) = entries
            .iter()
            .map(|(key, value)| (key, value))
            .partition(|(key, _)| Typed(key, self.1).plain() == Some("<<"));
        for (_, from) in merged {
            let several = match &from.content {
                Content::List(several) => several.as_slice(),
                _ => std::slice::from_ref(from),
            };
            for one in several {
                let known: HashSet<_> = all.iter().filter_map(|(key, _)| key.text()).collect();
                let mut more = Typed(one, self.1).entries()?;
                more.retain(|(key, _)| key.text().is_none_or(|key| !known.contains(key)));
                all.extend(more);
            }
        }
        Ok(all)
    }

    fn boolean(self, text: &str) -> Option<bool> {
        let is = |words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
        let (yes, no) = match self.1 {
            Dialect::Core => (["true"; 4], ["false"; 4]),
            Dialect::Kubernetes => (["true", "yes", "y", "on"], ["false", "no", "n", "off"]),
        };
        (is(yes) || is(no)).then(|| is(yes))
    }

    /// As programmers write numbers, too: `0x1f`, `0o17`, `0b1`, `1_000`.
    fn whole(self, text: &str) -> Option<Whole> {
        let (is_negative, number) = match text.strip_prefix('-') {
            Some(number) => (true, number),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let old_octal = || number.strip_prefix('0').filter(|digits| !digits.is_empty());
        let (radix, digits) = match number.get(..2).unwrap_or_default() {
            "0x" | "0X" => (16, &number[2..]),
            "0o" | "0O" => (8, &number[2..]),
            "0b" | "0B" => (2, &number[2..]),
            _ => match (old_octal(), self.1) {
                (None, _) => (10, number),
                (Some(digits), Dialect::Kubernetes) => (8, digits),
                (Some(_), Dialect::Core) => return None,
            },
        };
        if digits.starts_with(['_', '+', '-']) || digits.ends_with('_') || digits.contains("__") {
            return None;
        }
        let digits = digits.replace('_', "");
        match is_negative {
            true => i64::from_str_radix(&format!("-{digits}"), radix)
                .ok()
                .map(Whole::Negative),
            false => u64::from_str_radix(&digits, radix).ok().map(Whole::Positive),
        }
    }
}

impl<'de> Deserializer<'de> for Typed<'_> {
    type Error = YamlError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
        self.any(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
        match self.0.text().and_then(|text| self.boolean(text)) {
            Some(is) => visitor.visit_bool(is),
            None => self.wrong("expected true or false"),
        }
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
        self.number(visitor)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
        self.number(visitor)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
        self.number(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
        match self.0.text() {
            Some(text) if !self.is_null() => visitor.visit_str(text),
            _ => self.wrong("expected a string"),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
        self.deserialize_str(visitor)
    }

    /// A key.
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
        match self.is_null() {
            true => visitor.visit_none(),
            false => visitor.visit_some(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
        match &self.0.content {
            Content::List(items) => visitor.visit_seq(Items(items.iter(), self.1)),
            _ => self.wrong("expected a list: [one, two]"),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
        visitor.visit_map(Entries {
            rest: self.entries()?.into_iter(),
            value: self.0,
            dialect: self.1,
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, YamlError> {
        self.deserialize_map(visitor)
    }

    /// A word; nothing that is read so far has other variants.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, YamlError> {
        match self.0.text() {
            Some(text) => visitor.visit_enum(IntoDeserializer::<YamlError>::into_deserializer(text)),
            None => self.wrong("expected a string"),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, YamlError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, YamlError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i8 i16 i64 i128 u8 u16 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct
    }
}

struct Items<'a>(std::slice::Iter<'a, Node>, Dialect);

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = YamlError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, YamlError> {
        self.0.next().map(|item| placed(item, self.1, seed)).transpose()
    }
}

struct Entries<'a> {
    rest: vec::IntoIter<(&'a Node, &'a Node)>,
    /// Of the key that was read last.
    value: &'a Node,
    dialect: Dialect,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = YamlError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, YamlError> {
        let Some((key, value)) = self.rest.next() else {
            return Ok(None);
        };
        self.value = value;
        placed(key, self.dialect, seed).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, YamlError> {
        placed(self.value, self.dialect, seed)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn scalars_are_what_their_type_wants() {
        type Texts = BTreeMap<String, String>;
        let texts: Texts = read("{a: 1.10, b: true, 3: '', d: on, e: 2026-01-31}").unwrap();
        let expected = [
            ("3", ""),
            ("a", "1.10"),
            ("b", "true"),
            ("d", "on"),
            ("e", "2026-01-31"),
        ];
        assert_eq!(
            texts,
            expected.map(|(key, text)| (key.to_owned(), text.to_owned())).into()
        );
        assert_eq!(
            read::<(Option<u32>, Vec<Option<bool>>)>("[~, [TRUE, null]]").unwrap(),
            (None, vec![Some(true), None])
        );
        for (text, number) in [
            ("0x1f", 31),
            ("0o17", 15),
            ("0b11", 3),
            ("1_000", 1000),
            ("+7", 7),
            ("'8'", 8),
        ] {
            assert_eq!(read::<u64>(text).ok(), Some(number), "{text}");
        }
        for text in ["08", "1__0", "_1", "-1", "1.0", "99999999999999999999", "[1]", ""] {
            assert_eq!(read::<u64>(text).unwrap_err().what, "expected a whole number", "{text}");
        }
        assert_eq!(read::<u32>("5000000000").unwrap_err().what, "expected a whole number");
    }

    #[test]
    fn an_error_knows_what_it_is_about() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Known {
            #[serde(default)]
            spans: Vec<crate::model::TimeSpan>,
            needed: u32,
        }
        for (text, says, line, column) in [
            ("needed: 1\nodd: 2\n", "unknown key `odd`", 2, 1),
            ("needed:\n  - 1\n", "expected a whole number", 2, 3),
            ("spans: [1s, 2]\nneeded: 1\n", "`2` has no unit", 1, 13),
            ("spans: 1s\nneeded: 1\n", "expected a list", 1, 8),
            ("spans: [~]\nneeded: 1\n", "expected a string", 1, 9),
            ("\nspans: []\n", "missing field `needed`", 2, 1),
            ("needed: 1\n<<: 2\n", "expected keys and values", 2, 5),
        ] {
            let error = read::<Known>(text).unwrap_err();
            assert!(error.what.contains(says), "{text}: {error}");
            assert_eq!((error.line, error.column), (line, column), "{text}: {error}");
        }
        let known = read::<Known>("{needed: 1, spans: [1s]}").unwrap();
        assert_eq!((known.needed, known.spans.len()), (1, 1));
        assert_eq!(
            read::<Known>("odd: 1").unwrap_err().unknown_key.unwrap().1,
            ["spans", "needed"]
        );
    }

    #[test]
    fn a_mapping_has_what_it_merges() {
        let text = "a: &a {x: 1, y: 1}\nb: &b {<<: *a, y: 2, z: 2}\nc: {<<: [*b, *a], z: 3}\nd: {'<<': 4}\n";
        let expected = json!({
            "a": {"x": 1, "y": 1}, "b": {"x": 1, "y": 2, "z": 2}, "c": {"x": 1, "y": 2, "z": 3}, "d": {"<<": 4},
        });
        assert_eq!(read::<Value>(text).unwrap(), expected);
    }

    proptest! {
        /// Where both read a text, they read the same.
        #[test]
        fn it_is_read_as_saphyr_does(text in "(a|b|: |- |\n|\n---\n|yes|0644|\n  |[0-9]|0x|-|\\+|\\.|e|_|true|No|null|~|'|\"|\\[|\\]|\\{|\\}|, |&x |\\*x|<<: )*") {
            let options = serde_yaml::options! { strict_booleans: true };
            let other: Result<Value, _> = serde_yaml::from_str_with_options(&text, options);
            if let (Ok(one), Ok(other)) = (read::<Value>(&text), other) {
                prop_assert_eq!(one, other);
            }
            let options = serde_yaml::options! {
                legacy_octal_numbers: true,
                duplicate_keys: serde_yaml::options::DuplicateKeyPolicy::LastWins,
            };
            let other: Result<Vec<Value>, _> = serde_yaml::from_multiple_with_options(&text, options);
            if let (Ok(mut one), Ok(mut other)) = (read_manifest::<Value>(&text), other) {
                // It leaves some empty documents out.
                one.retain(|document| !document.is_null());
                other.retain(|document| !document.is_null());
                prop_assert_eq!(one, other);
            }
        }
    }
}
