//! One prerequisite as it is configured: what is looked up, and what repairs it.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::requirement::{Requirement, RequirementError};
use crate::model::{TimeSpan, text};

/// An installer fetches something and unpacks it; one that takes longer says so with `fix-within`.
const FIX_WITHIN: Duration = Duration::from_secs(5 * 60);

/// What must be there, and the command that repairs it. On the command line it is a requirement alone.
#[derive(Clone, Debug)]
pub struct Prerequisite {
    pub requirement: Requirement,
    pub fix: Option<Fix>,
}

impl Prerequisite {
    /// That this variable holds a secret.
    pub fn secret(name: String) -> Self {
        Self {
            requirement: Requirement::Env(name),
            fix: None,
        }
    }

    /// As it is meant by somebody who typed it in `folder`.
    pub fn typed_in(mut self, folder: &Path) -> Self {
        match &mut self.requirement {
            Requirement::File(path) => *path = folder.join(&path),
            Requirement::Command(name) if name.contains('/') => {
                if let Some(path) = folder.join(&name).to_str() {
                    *name = path.to_owned();
                }
            }
            // It is looked for in the folders above as well.
            Requirement::NotFrozen(_) => {}
            Requirement::Env(_)
            | Requirement::Var(_)
            | Requirement::Group(_)
            | Requirement::Command(_)
            | Requirement::Event(_)
            | Requirement::Ref(_)
            | Requirement::NotFork
            | Requirement::Url(_)
            | Requirement::Tcp { .. }
            | Requirement::Oidc
            | Requirement::GitHub(_) => {}
        }
        self
    }
}

/// A command that repairs a prerequisite.
#[derive(Clone, Debug)]
pub struct Fix {
    /// A program and its arguments.
    pub command: Vec<String>,
    /// How long it may take.
    pub within: Duration,
}

impl fmt::Display for Fix {
    /// As one would type it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |word: &String| shlex::try_quote(word).map_or_else(|_| word.clone(), Cow::into_owned);
        let words: Vec<String> = self.command.iter().map(quoted).collect();
        f.write_str(&words.join(" "))
    }
}

/// A prerequisite that can be repaired, as it is written in the configuration.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "RepairableRequirement")]
struct Written {
    /// What must be there.
    require: Requirement,
    /// The command that repairs it, split into words as a shell would, but without a shell. Only --fix runs it.
    #[serde(default)]
    fix: Option<Words>,
    /// How long the fix may take. Default: 5m.
    #[serde(default)]
    fix_within: Option<TimeSpan>,
}

/// Why what is written together does not fit together.
#[derive(Debug, thiserror::Error)]
enum Misfit {
    #[error("`fix-within` needs a `fix`")]
    NoFix,
    #[error("`fix-within` must be longer than 0s")]
    NoTime,
    #[error("`{0}` cannot have a `fix`: {1}")]
    BeyondRepair(String, &'static str),
}

impl TryFrom<Written> for Prerequisite {
    type Error = Misfit;

    fn try_from(written: Written) -> Result<Self, Misfit> {
        let fix = match (written.fix, written.fix_within) {
            (None, Some(_)) => return Err(Misfit::NoFix),
            (Some(_), Some(TimeSpan(within))) if within.is_zero() => return Err(Misfit::NoTime),
            (None, None) => None,
            (Some(Words(command)), within) => Some(Fix {
                command,
                within: within.map_or(FIX_WITHIN, |within| within.0),
            }),
        };
        if let (Some(_), Some(why)) = (&fix, beyond_repair(&written.require)) {
            return Err(Misfit::BeyondRepair(written.require.to_string(), why));
        }
        Ok(Self {
            requirement: written.require,
            fix,
        })
    }
}

/// Why no command could repair it.
fn beyond_repair(requirement: &Requirement) -> Option<&'static str> {
    match requirement {
        Requirement::Env(_) | Requirement::Var(_) | Requirement::Group(_) => {
            Some("a command cannot set variables of the step that starts it")
        }
        Requirement::Event(_) | Requirement::Ref(_) | Requirement::NotFork => {
            Some("a command cannot change where a run comes from")
        }
        Requirement::NotFrozen(_) => Some("only its author may lift a freeze"),
        _ => None,
    }
}

/// A command, split as a shell would split it.
#[derive(Debug)]
struct Words(Vec<String>);

#[derive(Debug, thiserror::Error)]
enum NoWords {
    #[error("a `fix` must not be empty")]
    Empty,
    #[error("the fix `{0}` has an unclosed quote or ends in a backslash")]
    Open(String),
}

impl FromStr for Words {
    type Err = NoWords;

    fn from_str(text: &str) -> Result<Self, NoWords> {
        match shlex::split(text) {
            Some(words) if !words.is_empty() => Ok(Self(words)),
            Some(_) => Err(NoWords::Empty),
            None => Err(NoWords::Open(text.to_owned())),
        }
    }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer)
    }
}

impl JsonSchema for Words {
    fn schema_name() -> Cow<'static, str> {
        "Command".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1 })
    }
}

impl FromStr for Prerequisite {
    type Err = RequirementError;

    fn from_str(text: &str) -> Result<Self, RequirementError> {
        Ok(Self {
            requirement: text.parse()?,
            fix: None,
        })
    }
}

impl<'de> Deserialize<'de> for Prerequisite {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Prerequisite;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("KIND:VALUE, or `require`, `fix` and `fix-within`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Prerequisite, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Prerequisite, A::Error> {
                let written = Written::deserialize(MapAccessDeserializer::new(map))?;
                Prerequisite::try_from(written).map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for Prerequisite {
    fn schema_name() -> Cow<'static, str> {
        "Prerequisite".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (plain, repairable) = (
            generator.subschema_for::<Requirement>(),
            generator.subschema_for::<Written>(),
        );
        json_schema!({ "anyOf": [plain, repairable] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> Result<Prerequisite, String> {
        serde_yaml::from_str_with_options(yaml, serde_yaml::options! { with_snippet: false })
            .map_err(|error: serde_yaml::Error| error.to_string())
    }

    #[test]
    fn both_forms_are_read() {
        let plain = read("env:TOKEN").unwrap();
        assert_eq!(plain.requirement.to_string(), "env:TOKEN");
        assert!(plain.fix.is_none());
        let fix = read("{require: 'command:flyctl', fix: \"./get 'fly ctl' --yes\"}")
            .unwrap()
            .fix
            .unwrap();
        assert_eq!(fix.command, ["./get", "fly ctl", "--yes"]);
        assert_eq!(fix.within, FIX_WITHIN);
        assert_eq!(fix.to_string(), "./get 'fly ctl' --yes");
        let fix = read("require: file:x\nfix: touch x\nfix-within: 90s\n")
            .unwrap()
            .fix
            .unwrap();
        assert_eq!(fix.within, Duration::from_secs(90));
        assert!(read("require: file:x").unwrap().fix.is_none());
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        for (yaml, says) in [
            ("{require: 'file:x', fix-within: 1m}", "needs a `fix`"),
            ("{require: 'file:x', fix: a, fix-within: 0s}", "longer than 0s"),
            ("{require: 'file:x', fix: a, fix-within: 30}", "has no unit"),
            ("{require: 'file:x', fix: ' '}", "must not be empty"),
            ("{require: 'file:x', fix: \"sh -c 'x\"}", "an unclosed quote"),
            ("{require: 'env:X', fix: a}", "cannot set variables"),
            ("{require: 'group:X,Y', fix: a}", "cannot set variables"),
            ("{require: not-fork, fix: a}", "where a run comes from"),
            ("{require: 'not-frozen:f', fix: rm f}", "only its author may lift"),
            ("{fix: a}", "require"),
            ("{require: 'nonsense:x'}", "write one of"),
            ("[a]", "KIND:VALUE, or `require`"),
        ] {
            let error = read(yaml).unwrap_err();
            assert!(error.contains(says), "{yaml}: {error}");
        }
    }
}
