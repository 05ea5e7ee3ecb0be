//! GitHub's expressions, as far as our workflows use them. What is not known here is a panic: a test must not take a
//! misspelt name for an empty text, as GitHub does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

/// How the job, or the composite action, stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct Status {
    pub failed: bool,
    pub cancelled: bool,
}

/// What an expression may name where it is written.
#[derive(Clone, Default)]
pub struct Scope {
    pub contexts: BTreeMap<&'static str, Value>,
    /// Contexts in which a name that does not exist is nothing.
    pub open: BTreeSet<&'static str>,
    /// Where functions such as `always()` are known.
    pub status: Option<Status>,
    pub workspace: PathBuf,
}

impl Scope {
    pub fn with(mut self, name: &'static str, value: Value) -> Self {
        self.contexts.insert(name, value);
        self
    }

    /// Without contexts that GitHub does not know there.
    pub fn only(mut self, names: &[&str]) -> Self {
        self.contexts.retain(|name, _| names.contains(name));
        self
    }

    /// The text with what its `${{ … }}` amount to.
    pub fn fill(&self, text: &str) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, inside)) = rest.split_once("${{") {
            let (expression, after) = inside.split_once("}}").unwrap_or_else(|| panic!("no end: {text}"));
            filled += before;
            filled += &shown(&self.value(expression));
            rest = after;
        }
        filled + rest
    }

    /// An `if`. Without a function that asks for the status, what came before must have succeeded.
    pub fn holds(&self, condition: Option<&str>) -> bool {
        let text = condition.unwrap_or("success()").trim();
        let text = text
            .strip_prefix("${{")
            .and_then(|text| text.strip_suffix("}}"))
            .unwrap_or(text);
        let asks = ["always()", "cancelled()", "failure()", "success()"]
            .iter()
            .any(|name| text.contains(name));
        let status = self.status.expect("an `if` has a status");
        (asks || !(status.failed || status.cancelled)) && truthy(&self.value(text))
    }

    fn value(&self, expression: &str) -> Value {
        let tokens = tokens(expression);
        let mut parser = Parser {
            scope: self,
            tokens: &tokens,
        };
        let value = parser.or();
        assert!(parser.tokens.is_empty(), "`{expression}`: {:?} is left", parser.tokens);
        value
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Text(String),
    Name(String),
    Sign(&'static str),
}

fn tokens(expression: &str) -> Vec<Token> {
    const SIGNS: [&str; 9] = ["==", "!=", "&&", "||", "!", ".", "(", ")", ","];
    let mut tokens = Vec::new();
    let mut rest = expression.trim();
    while !rest.is_empty() {
        let length = if let Some(text) = rest.strip_prefix('\'') {
            let end = text
                .find('\'')
                .unwrap_or_else(|| panic!("`{expression}`: a text does not end"));
            tokens.push(Token::Text(text[..end].to_owned()));
            end + 2
        } else if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            tokens.push(Token::Sign(sign));
            sign.len()
        } else {
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            assert!(end > 0, "`{expression}`: {rest}");
            tokens.push(Token::Name(rest[..end].to_owned()));
            end
        };
        rest = rest[length..].trim_start();
    }
    tokens
}

struct Parser<'a> {
    scope: &'a Scope,
    tokens: &'a [Token],
}

impl Parser<'_> {
    fn takes(&mut self, sign: &'static str) -> bool {
        let there = self.tokens.first() == Some(&Token::Sign(sign));
        if there {
            self.tokens = &self.tokens[1..];
        }
        there
    }

    fn or(&mut self) -> Value {
        let mut left = self.and();
        while self.takes("||") {
            let right = self.and();
            left = if truthy(&left) { left } else { right };
        }
        left
    }

    fn and(&mut self) -> Value {
        let mut left = self.equal();
        while self.takes("&&") {
            let right = self.equal();
            left = if truthy(&left) { right } else { left };
        }
        left
    }

    fn equal(&mut self) -> Value {
        let left = self.unary();
        // Texts are compared without regard to case, and nothing is an empty text.
        if self.takes("==") {
            return Value::Bool(shown(&left).eq_ignore_ascii_case(&shown(&self.unary())));
        }
        if self.takes("!=") {
            return Value::Bool(!shown(&left).eq_ignore_ascii_case(&shown(&self.unary())));
        }
        left
    }

    fn unary(&mut self) -> Value {
        if self.takes("!") {
            return Value::Bool(!truthy(&self.unary()));
        }
        if self.takes("(") {
            let value = self.or();
            assert!(self.takes(")"), "`)` is missing before {:?}", self.tokens);
            return value;
        }
        let (first, rest) = self.tokens.split_first().expect("an expression goes on");
        self.tokens = rest;
        match first {
            Token::Text(text) => Value::String(text.clone()),
            Token::Name(name) if self.takes("(") => self.call(name),
            Token::Name(name) => self.look_up(name),
            Token::Sign(sign) => panic!("unexpected `{sign}`"),
        }
    }

    fn call(&mut self, name: &str) -> Value {
        let mut given = Vec::new();
        while !self.takes(")") {
            given.push(shown(&self.or()));
            self.takes(",");
        }
        let status = || {
            self.scope
                .status
                .unwrap_or_else(|| panic!("{name}() is not known here"))
        };
        match (name, &given[..]) {
            ("always", []) => Value::Bool(self.scope.status.is_some()),
            ("cancelled", []) => Value::Bool(status().cancelled),
            ("success", []) => Value::Bool(!status().failed && !status().cancelled),
            ("failure", []) => Value::Bool(status().failed),
            ("hashFiles", [path]) => match self.scope.workspace.join(path).is_file() {
                true => "5c1e".into(),
                false => "".into(),
            },
            ("format", [form, values @ ..]) => {
                let fill =
                    |form: String, (number, value): (usize, &String)| form.replace(&format!("{{{number}}}"), value);
                values.iter().enumerate().fold(form.clone(), fill).into()
            }
            _ => panic!("{name} with {} arguments is not known", given.len()),
        }
    }

    fn look_up(&mut self, context: &str) -> Value {
        let contexts = &self.scope.contexts;
        let mut value = contexts
            .get(context)
            .unwrap_or_else(|| panic!("`{context}` is not known here"))
            .clone();
        let mut path = context.to_owned();
        while self.takes(".") {
            let Some((Token::Name(name), rest)) = self.tokens.split_first() else {
                panic!("`{path}.` does not go on")
            };
            self.tokens = rest;
            path = format!("{path}.{name}");
            value = match value.get(name) {
                Some(found) => found.clone(),
                None if self.scope.open.contains(context) => Value::Null,
                None => panic!("there is no `{path}`"),
            };
        }
        value
    }
}

fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(is) => *is,
        Value::String(text) => !text.is_empty(),
        other => panic!("{other} is neither true nor false"),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(is) => is.to_string(),
        Value::String(text) => text.clone(),
        other => panic!("{other} is no text"),
    }
}

#[test]
fn expressions_mean_what_they_mean_to_github() {
    let status = Status {
        failed: true,
        cancelled: false,
    };
    let scope = Scope {
        status: Some(status),
        open: BTreeSet::from(["vars"]),
        ..Scope::default()
    }
    .with("vars", serde_json::json!({"A": "a"}))
    .with(
        "steps",
        serde_json::json!({"one": {"outputs": {"is-there": "true", "no": ""}}}),
    );
    for (text, filled) in [
        ("x ${{ vars.A }}-${{ vars.B || 'b' }} y", "x a-b y"),
        ("${{ steps.one.outputs.is-there == 'TRUE' && 'yes' || 'no' }}", "yes"),
        ("${{ vars.B == '' && 'none' || '' }}", "none"),
        (
            "${{ format('{0}-{1}', vars.A, 'z') }}${{ hashFiles('no-such') }}",
            "a-z",
        ),
    ] {
        assert_eq!(scope.fill(text), filled, "{text}");
    }
    for (condition, holds) in [
        (None, false),
        (Some("vars.A == 'a'"), false),
        (Some("always()"), true),
        (Some("${{ !cancelled() && steps.one.outputs.no != 'x' }}"), true),
        (Some("failure() && !(vars.A == 'a')"), false),
    ] {
        assert_eq!(scope.holds(condition), holds, "{condition:?}");
    }
    let misspelt = std::panic::catch_unwind(|| scope.fill("${{ steps.one.outputs.is-their }}"));
    assert!(misspelt.is_err(), "a misspelt name is not an empty text");
}
