//! `waivers:` of the configuration.

use std::borrow::Cow;
use std::str::FromStr;

use jiff::civil::Date;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use crate::model::Class;
use crate::model::text;
use crate::model::waiver::{Match, NO_REASON, Waiver};

/// The variable that switches all waivers off, for a run that must be strict whatever the file says.
const SWITCH: &str = "STAGEPROOF_WAIVERS";

/// One waiver, as it is written: a class or a check id, a reason, the last day it holds.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Written")]
pub struct WaiverOption(Waiver);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    class: Option<Class>,
    check: Option<String>,
    reason: String,
    until: Day,
}

/// The last day, checked where it is written.
#[derive(Debug)]
struct Day(Date);

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let day = text.parse().map(Self);
        day.map_err(|_| format!("`until: {text}` is not a day; write it like 2026-12-31"))
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer)
    }
}

impl TryFrom<Written> for WaiverOption {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let matches = match (written.class, written.check) {
            (Some(class), None) => Match::Class(class),
            (None, Some(check)) if !check.trim().is_empty() => Match::Check(check),
            _ => return Err("a waiver names either a `class` (infra or app) or a `check` id".to_owned()),
        };
        if written.reason.trim().is_empty() {
            return Err("a waiver needs a reason".to_owned());
        }
        if written.reason.trim().eq_ignore_ascii_case(NO_REASON) {
            let of = match &matches {
                Match::Class(class) => format!("class {class}"),
                Match::Check(check) => text::one_line(check),
            };
            return Err(format!(
                "the waiver of {of} has no reason: write why the failure is accepted, instead of `{}`",
                written.reason.trim()
            ));
        }
        Ok(Self(Waiver {
            matches,
            reason: written.reason,
            until: written.until.0.to_string(),
        }))
    }
}

impl JsonSchema for WaiverOption {
    fn schema_name() -> Cow<'static, str> {
        "Waiver".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "A known failure that is accepted until a date.",
            "properties": {
                "class": { "enum": ["app", "infra"], "description": "Every failure of this class." },
                "check": { "type": "string", "minLength": 1, "description": "Every failure of the check with this id." },
                "reason": { "type": "string", "minLength": 1, "not": { "const": NO_REASON }, "description": "Why it is accepted." },
                "until": { "type": "string", "format": "date", "description": "Last day it applies, in UTC." },
            },
            "required": ["reason", "until"],
            "oneOf": [{ "required": ["class"] }, { "required": ["check"] }],
            "additionalProperties": false,
        })
    }
}

/// The waivers that hold in this run: none when it is strict.
pub fn in_force(options: &[WaiverOption], strict: bool) -> Vec<Waiver> {
    if strict {
        Vec::new()
    } else {
        options.iter().map(|option| option.0.clone()).collect()
    }
}

/// Whether the environment switches waivers off.
pub fn switched_off(env: &crate::world::Env) -> Result<bool, super::UsageError> {
    match env.get(SWITCH) {
        None | Some("on") => Ok(false),
        Some("off") => Ok(true),
        Some(other) => Err(super::UsageError::new(format!("{SWITCH} is `{other}`"))
            .help("set it to `off` to switch all waivers off, or leave it out")),
    }
}
