//! A value that a guard looks for: the variable, and the secret or setting that it gets its value from.

use super::Refusal;
use crate::model::text::one_line;
use crate::model::workflow::expression::{condition, insides};
use crate::model::yaml::Node;

/// A value that the step needs, and where it comes from.
pub struct Needed {
    /// The variable in which the guard looks.
    pub variable: String,
    /// `${{ secrets.NAME }}`
    pub expression: String,
    pub is_secret: bool,
    /// Whether the job or the workflow sets this variable, so that the guard has it.
    pub is_inherited: bool,
}

impl Needed {
    pub fn requirement(&self) -> String {
        let kind = if self.is_secret { "env" } else { "var" };
        format!("{kind}:{}", self.variable)
    }

    /// Whether a step names it, by its variable or by where it comes from.
    pub fn is_in(&self, step: &Node) -> bool {
        let settings = ["secrets", "vars"].into_iter().flat_map(|kind| {
            let names = super::secret::names(&self.expression, kind);
            names.into_iter().filter_map(|range| self.expression.get(range))
        });
        let wanted: Vec<&str> = settings.chain([&*self.variable]).collect();
        let of_env = step.get("env").into_iter().flat_map(Node::entries);
        let said = step.scalars().into_iter().chain(of_env.map(|(key, _)| key));
        let mut said = said.filter_map(Node::text);
        said.any(|text| wanted.iter().any(|name| text.contains(name)))
    }

    /// Where a value comes from that is missing, by the name of its variable, input or secret.
    pub fn of(root: &Node, job: &Node, step: &Node, name: &str) -> Result<Self, Refusal> {
        let always = |setting: &str| {
            let why = "is in every run, so what is missing is something else";
            match setting.eq_ignore_ascii_case("GITHUB_TOKEN") {
                true => Err(Refusal(format!("`secrets.GITHUB_TOKEN` {why}"))),
                false => Ok(()),
            }
        };
        let maps = [
            (step.get("env"), false),
            (step.get("with"), false),
            (job.get("env"), true),
            (root.get("env"), true),
        ];
        for (map, is_inherited) in maps {
            let entry = map
                .into_iter()
                .flat_map(Node::entries)
                .find(|(key, _)| key.text() == Some(name));
            let Some(value) = entry.and_then(|(_, value)| value.text()) else {
                continue;
            };
            if let Some((kind, setting)) = setting(value) {
                // What is an input is no variable.
                let is_variable = step.get("with").is_none_or(|with| with.get(name).is_none()) || is_inherited;
                let is_step = step.get("env").is_some_and(|env| env.get(name).is_some());
                let variable = if is_variable || is_step { name } else { setting };
                always(setting)?;
                return Ok(needed(variable, kind, setting, is_inherited));
            }
            // `secrets.A || vars.A` is missing only if both are.
            let has = |kind| !super::secret::names(value, kind).is_empty();
            let is_variable = map.is_some_and(|map| step.get("with").is_none_or(|with| !std::ptr::eq(map, with)));
            if !is_variable || !(has("secrets") || has("vars")) || value.contains('\n') {
                return Err(Refusal(format!(
                    "`{name}` gets its value from the expression `{}`, which the guard cannot check",
                    one_line(value)
                )));
            }
            let lower = value.to_ascii_lowercase();
            if ["github.token", "github_token", "'"]
                .iter()
                .any(|part| lower.contains(part))
            {
                return Err(Refusal(format!(
                    "`{name}` always has a value, by `{}`, so what is missing is something else",
                    one_line(value)
                )));
            }
            return Ok(Self {
                variable: name.to_owned(),
                expression: value.to_owned(),
                is_secret: has("secrets"),
                is_inherited,
            });
        }
        let scalars = step.scalars().into_iter().chain(job.scalars());
        let named = scalars
            .filter_map(Node::text)
            .flat_map(|text| match insides(text).as_slice() {
                [] => vec![condition(text)],
                some => some.to_vec(),
            });
        let named: Vec<&str> = named.collect();
        for kind in ["secrets", "vars"] {
            let is_used = |inside: &&str| {
                super::secret::names(inside, kind)
                    .into_iter()
                    .any(|range| inside.get(range).is_some_and(|used| used.eq_ignore_ascii_case(name)))
            };
            if named.iter().any(is_used) {
                always(name)?;
                if named
                    .iter()
                    .filter(|inside| is_used(inside))
                    .any(|inside| inside.contains("||"))
                {
                    let name = one_line(name);
                    return Err(Refusal(format!(
                        "`{name}` is one of several values of an expression, and another may be there"
                    )));
                }
                return Ok(needed(name, kind, name, false));
            }
        }
        let name = one_line(name);
        Err(Refusal(format!(
            "`{name}` gets its value from no secret or variable of this job"
        )))
    }
}

fn needed(variable: &str, kind: &str, setting: &str, is_inherited: bool) -> Needed {
    Needed {
        variable: variable.to_owned(),
        expression: format!("${{{{ {kind}.{setting} }}}}"),
        is_secret: kind == "secrets",
        is_inherited,
    }
}

/// The secret or variable that is the whole of a value.
fn setting(value: &str) -> Option<(&'static str, &str)> {
    let inside = match insides(value).as_slice() {
        [inside] if inside.len() + "${{}}".len() == value.trim().len() => inside.trim(),
        _ => return None,
    };
    ["secrets", "vars"]
        .into_iter()
        .find_map(|kind| match super::secret::names(inside, kind).as_slice() {
            [range] => {
                let name = inside.get(range.clone())?;
                let is_whole = inside == format!("{kind}.{name}") || inside == format!("{kind}['{name}']");
                is_whole.then_some((kind, name))
            }
            _ => None,
        })
}
