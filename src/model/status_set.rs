//! Which HTTP statuses are right.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A list of statuses and classes: `200`, `2xx`, `200,204,3xx`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusSet(Vec<Accepted>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Accepted {
    One(u16),
    Class(u16),
}

/// Why a text is not a list of statuses.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an HTTP status; write statuses from 100 to 599 or classes: 200, 2xx or 200,204")]
pub struct StatusSetError(String);

impl StatusSet {
    pub fn ok() -> Self {
        Self(vec![Accepted::One(200)])
    }

    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|accepted| match accepted {
            Accepted::One(one) => *one == status,
            Accepted::Class(class) => status / 100 == *class,
        })
    }
}

impl FromStr for StatusSet {
    type Err = StatusSetError;

    fn from_str(text: &str) -> Result<Self, StatusSetError> {
        text.split(',')
            .map(|item| {
                let item = item.trim();
                let wrong = || StatusSetError(item.to_owned());
                let bytes = item.as_bytes();
                if bytes.len() != 3 || !(b'1'..=b'5').contains(&bytes[0]) {
                    return Err(wrong());
                }
                if bytes[1..].eq_ignore_ascii_case(b"xx") {
                    return Ok(Accepted::Class(u16::from(bytes[0] - b'0')));
                }
                if !bytes.iter().all(u8::is_ascii_digit) {
                    return Err(wrong());
                }
                item.parse().map(Accepted::One).map_err(|_| wrong())
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl fmt::Display for StatusSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, accepted) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            match accepted {
                Accepted::One(one) => write!(f, "{one}")?,
                Accepted::Class(class) => write!(f, "{class}xx")?,
            }
        }
        Ok(())
    }
}

impl Serialize for StatusSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StatusSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// YAML reads `200` as a number and `2xx` as a text; both mean what they say.
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "expected a status such as 200, a class such as 2xx, or a list of them"
        )]
        enum Form {
            Number(u16),
            Text(String),
            List(Vec<Form>),
        }
        fn flatten(form: Form) -> String {
            match form {
                Form::Number(number) => number.to_string(),
                Form::Text(text) => text,
                Form::List(list) => list.into_iter().map(flatten).collect::<Vec<_>>().join(","),
            }
        }
        flatten(Form::deserialize(deserializer)?)
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for StatusSet {
    fn schema_name() -> Cow<'static, str> {
        "StatusSet".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let one = json_schema!({ "anyOf": [
            { "type": "integer", "minimum": 100, "maximum": 599 },
            { "type": "string", "pattern": "^ *[1-5]([0-9]{2}|[xX]{2}) *(, *[1-5]([0-9]{2}|[xX]{2}) *)*$" },
        ]});
        json_schema!({
            "description": "A status, a class such as 2xx, or a list of them.",
            "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lists_and_classes() {
        let set: StatusSet = "200, 204,3xx".parse().unwrap();
        for (status, expected) in [(200, true), (201, false), (204, true), (302, true), (404, false)] {
            assert_eq!(set.contains(status), expected, "{status}");
        }
        assert_eq!(set.to_string(), "200,204,3xx");
    }

    #[test]
    fn refuses_what_no_server_sends() {
        for text in ["", "20", "2000", "600", "0xx", "xxx", "200,", "+20", "2x0", "ok"] {
            let error = text.parse::<StatusSet>().unwrap_err();
            assert!(error.to_string().contains("2xx"), "{text}: {error}");
        }
    }

    #[test]
    fn a_number_a_text_and_a_list_of_them_are_read_from_a_configuration() {
        for (json, expected) in [
            ("200", "200"),
            ("\"2xx\"", "2xx"),
            ("\"200, 3XX\"", "200,3xx"),
            ("[200, \"2xx\", [404]]", "200,2xx,404"),
        ] {
            let set: StatusSet = serde_json::from_str(json).unwrap();
            assert_eq!(set.to_string(), expected, "{json}");
            assert_eq!(serde_json::to_value(&set).unwrap(), expected, "{json}");
        }
        for (json, says) in [
            ("99", "`99` is not an HTTP status"),
            ("600", "`600`"),
            ("[]", "``"),
            ("true", "expected a status such as 200"),
        ] {
            let error = serde_json::from_str::<StatusSet>(json).unwrap_err().to_string();
            assert!(error.contains(says), "{json}: {error}");
        }
        assert!(StatusSet::ok().contains(200) && !StatusSet::ok().contains(204));
    }

    /// An editor that knows the schema marks what would be refused, and nothing else.
    #[test]
    fn the_schema_and_the_reader_agree() {
        let schema = schemars::schema_for!(StatusSet);
        assert_eq!(schema.get("title").unwrap(), "StatusSet");
        let pattern = schema.as_value().pointer("/anyOf/0/anyOf/1/pattern").unwrap();
        let pattern = regex::Regex::new(pattern.as_str().unwrap()).unwrap();
        for (text, right) in [
            ("200", true),
            ("2xx", true),
            ("200, 204,3XX", true),
            ("600", false),
            ("20", false),
            ("2x0", false),
            ("200,", false),
        ] {
            assert_eq!(text.parse::<StatusSet>().is_ok(), right, "{text}");
            assert_eq!(pattern.is_match(text), right, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(codes in proptest::collection::vec(100u16..600, 1..6)) {
            let text = codes.iter().map(u16::to_string).collect::<Vec<_>>().join(",");
            let set: StatusSet = text.parse().unwrap();
            prop_assert_eq!(set.to_string(), text);
            for code in 100..600 {
                prop_assert_eq!(set.contains(code), codes.contains(&code));
            }
        }
    }
}
