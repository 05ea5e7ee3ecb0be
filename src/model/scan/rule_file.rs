//! A rule file in gitleaks' TOML.
//!
//! gitleaks ignores what it does not know; here it is an error, because a rule that is read otherwise than it was written
//! finds less than its author thinks.

use serde::Deserialize;
use toml::{Table, Value};

use super::allowlist::{Allowlist, Target};
use super::builtin;
use super::filter::{self, Of, Term};
use super::private_key;
use super::rule::{Check, Pattern, Required, Rule, RuleSet, regex};

/// A file may extend another that extends a third, as in gitleaks.
const DEEPEST: usize = 2;

/// Where the text of a rule file is from.
pub trait Source {
    /// The text of the file that `[extend] path` names.
    ///
    /// # Errors
    /// Says why it cannot be read.
    fn read(&self, path: &str) -> Result<String, String>;
}

/// Why a rule file cannot be used, with the rule or the key that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}{what}")]
pub struct RuleFileError {
    /// "line 3: ", "rule `x`: ", or nothing.
    pub place: String,
    pub what: String,
    pub help: &'static str,
}

const FORMAT: &str = "the format is that of gitleaks' .gitleaks.toml";

fn wrong(place: impl Into<String>, what: impl Into<String>) -> RuleFileError {
    RuleFileError {
        place: place.into(),
        what: what.into(),
        help: FORMAT,
    }
}

/// The parts of a file, merged with what it extends, before they are made into rules.
#[derive(Default)]
struct Parts {
    rules: Vec<RawRule>,
    allowlists: Vec<RawAllowlist>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawFile {
    #[serde(rename = "title")]
    _title: String,
    #[serde(rename = "description")]
    _description: String,
    #[serde(rename = "minversion")]
    _minversion: String,
    #[serde(rename = "betterleaksminversion")]
    _betterleaksminversion: String,
    prefilter: String,
    filter: String,
    extend: RawExtend,
    rules: Vec<Value>,
    allowlist: Option<RawAllowlist>,
    allowlists: Vec<RawAllowlist>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawExtend {
    path: String,
    usedefault: bool,
    disabledrules: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawRule {
    id: String,
    description: String,
    regex: String,
    path: String,
    secretgroup: usize,
    entropy: f64,
    keywords: Vec<String>,
    tags: Vec<String>,
    allowlist: Option<RawAllowlist>,
    allowlists: Vec<RawAllowlist>,
    required: Vec<RawRequired>,
    skipreport: bool,
    prefilter: String,
    filter: String,
    /// How to ask the issuer. Nothing is sent anywhere, so what is found is reported either way.
    #[serde(rename = "validate")]
    _validate: String,
    /// Of a built-in rule.
    #[serde(skip)]
    check: Option<Check>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawRequired {
    id: String,
    withinlines: Option<u64>,
    withincolumns: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawAllowlist {
    #[serde(rename = "description")]
    _description: String,
    condition: String,
    commits: Vec<String>,
    paths: Vec<String>,
    regexes: Vec<String>,
    regextarget: String,
    stopwords: Vec<String>,
    targetrules: Vec<String>,
}

impl RuleSet {
    /// The built-in rules.
    ///
    /// # Errors
    /// Never, as a test shows; they are read like any other file.
    pub fn builtin() -> Result<Self, RuleFileError> {
        made(builtin_parts()?, false)
    }

    /// The rules of a file. `[extend] useDefault` extends the built-in rules.
    ///
    /// # Errors
    /// Names the rule and the key that cannot be used.
    pub fn parse(text: &str, source: &dyn Source) -> Result<Self, RuleFileError> {
        made(parts(text, source, 0)?, true)
    }

    /// The same rules and these.
    ///
    /// # Errors
    /// Says why they cannot be looked for together.
    pub fn with(mut self, more: Vec<Rule>) -> Result<Self, RuleFileError> {
        self.rules.extend(more);
        Self::new(self.rules, self.allowlists).map_err(|what| wrong("", what))
    }
}

fn builtin_parts() -> Result<Parts, RuleFileError> {
    struct Nothing;
    impl Source for Nothing {
        fn read(&self, _: &str) -> Result<String, String> {
            Err("the built-in rules extend nothing".to_owned())
        }
    }
    let mut parts = parts(builtin::RULES, &Nothing, 0)?;
    for rule in parts.rules.iter_mut().filter(|rule| rule.id == "private-key") {
        rule.check = Some(private_key::place);
    }
    Ok(parts)
}

fn parts(text: &str, source: &dyn Source, depth: usize) -> Result<Parts, RuleFileError> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map(|span| {
            let before = text.get(..span.start).unwrap_or_default();
            format!("line {}: ", before.matches('\n').count() + 1)
        });
        wrong(line.unwrap_or_default(), error.message())
    })?;
    let file: RawFile = typed("", lower_keys(table)?)?;
    let mut own = Vec::new();
    for (index, rule) in file.rules.into_iter().enumerate() {
        let id = rule.get("id").and_then(Value::as_str);
        let place = match id.filter(|id| !id.is_empty()) {
            Some(id) => format!("rule `{id}`: "),
            None => return Err(wrong(format!("rule {}: ", index + 1), "`id` is missing or empty")),
        };
        let Value::Table(table) = rule else {
            return Err(wrong(place, "a rule is a table"));
        };
        let mut rule = typed::<RawRule>(&place, table)?;
        for (key, text) in [
            ("prefilter", std::mem::take(&mut rule.prefilter)),
            ("filter", std::mem::take(&mut rule.filter)),
        ] {
            let (entropy, lists) = filtered(&place, key, &text)?;
            rule.entropy = rule.entropy.max(entropy);
            if !lists.is_empty() {
                rule.allowlists.extend(rule.allowlist.take().into_iter().chain(lists));
            }
        }
        own.push(rule);
    }
    let mut allowlists = one_kind("", file.allowlist, file.allowlists)?;
    for (key, text) in [("prefilter", &file.prefilter), ("filter", &file.filter)] {
        let (entropy, lists) = filtered("", key, text)?;
        if entropy > 0.0 {
            return Err(wrong("", format!("`{key}`: an entropy belongs to a rule")));
        }
        allowlists.extend(lists);
    }
    let base = extended(&file.extend, source, depth)?;
    merged(base, own, allowlists, &file.extend.disabledrules)
}

/// What an expression of betterleaks says, as an entropy and allowlists.
fn filtered(place: &str, key: &str, text: &str) -> Result<(f64, Vec<RawAllowlist>), RuleFileError> {
    let (mut entropy, mut lists) = (0.0_f64, Vec::new());
    if text.is_empty() {
        return Ok((entropy, lists));
    }
    let terms = filter::parse(text).map_err(|why| RuleFileError {
        help: "say it with `entropy` and `allowlists`, which betterleaks reads, too",
        ..wrong(place, format!("`{key}`: {why}"))
    })?;
    for term in terms {
        match term {
            Term::Entropy(most) => entropy = entropy.max(most),
            Term::Any(Of::Path, paths) => lists.push(RawAllowlist {
                paths,
                ..RawAllowlist::default()
            }),
            Term::Any(of, regexes) => lists.push(RawAllowlist {
                regexes,
                regextarget: match of {
                    Of::Match => "match".to_owned(),
                    Of::Line => "line".to_owned(),
                    Of::Secret | Of::Path => String::new(),
                },
                ..RawAllowlist::default()
            }),
        }
    }
    Ok((entropy, lists))
}

fn extended(extend: &RawExtend, source: &dyn Source, depth: usize) -> Result<Parts, RuleFileError> {
    if extend.usedefault && !extend.path.is_empty() {
        return Err(wrong("[extend]: ", "`path` and `useDefault` exclude each other"));
    }
    if extend.usedefault {
        return builtin_parts();
    }
    if extend.path.is_empty() {
        return Ok(Parts::default());
    }
    if depth >= DEEPEST {
        return Err(wrong(
            "[extend]: ",
            format!("more than {DEEPEST} files extend each other"),
        ));
    }
    let text = source
        .read(&extend.path)
        .map_err(|why| wrong(format!("[extend] path `{}`: ", extend.path), why))?;
    parts(&text, source, depth + 1).map_err(|error| RuleFileError {
        place: format!("[extend] path `{}`: {}", extend.path, error.place),
        ..error
    })
}

/// What the file says overrides what it extends; keywords, tags and allowlists are added to it.
fn merged(
    base: Parts,
    own: Vec<RawRule>,
    allowlists: Vec<RawAllowlist>,
    disabled: &[String],
) -> Result<Parts, RuleFileError> {
    for id in disabled {
        if !base.rules.iter().any(|rule| rule.id == *id) {
            return Err(wrong("[extend] disabledRules: ", format!("no rule has the id `{id}`")));
        }
    }
    let mut rules: Vec<RawRule> = base
        .rules
        .into_iter()
        .filter(|rule| !disabled.contains(&rule.id))
        .collect();
    let extended = rules.len();
    for rule in own {
        match rules.iter().position(|known| known.id == rule.id) {
            Some(index) if index >= extended => {
                return Err(wrong(format!("rule `{}`: ", rule.id), "two rules have this id"));
            }
            Some(index) => override_with(&mut rules[index], rule)?,
            None => rules.push(rule),
        }
    }
    Ok(Parts {
        rules,
        allowlists: base.allowlists.into_iter().chain(allowlists).collect(),
    })
}

fn override_with(base: &mut RawRule, own: RawRule) -> Result<(), RuleFileError> {
    let replace = |old: &mut String, new: String| {
        if !new.is_empty() {
            *old = new;
        }
    };
    if !own.regex.is_empty() {
        base.check = None;
    }
    replace(&mut base.description, own.description);
    replace(&mut base.regex, own.regex);
    replace(&mut base.path, own.path);
    if own.entropy > 0.0 {
        base.entropy = own.entropy;
    }
    if own.secretgroup > 0 {
        base.secretgroup = own.secretgroup;
    }
    base.keywords.extend(own.keywords);
    base.tags.extend(own.tags);
    base.required.extend(own.required);
    base.skipreport |= own.skipreport;
    let place = format!("rule `{}`: ", base.id);
    let mut allowlists = one_kind(&place, base.allowlist.take(), std::mem::take(&mut base.allowlists))?;
    allowlists.extend(one_kind(&place, own.allowlist, own.allowlists)?);
    base.allowlists = allowlists;
    Ok(())
}

/// The older form has one table, the newer a list.
fn one_kind(
    place: &str,
    one: Option<RawAllowlist>,
    many: Vec<RawAllowlist>,
) -> Result<Vec<RawAllowlist>, RuleFileError> {
    match one {
        Some(_) if !many.is_empty() => Err(wrong(place, "`allowlist` and `allowlists` exclude each other")),
        Some(one) => Ok(vec![one]),
        None => Ok(many),
    }
}

fn made(parts: Parts, compile: bool) -> Result<RuleSet, RuleFileError> {
    let mut rules = Vec::new();
    let ids: Vec<String> = parts.rules.iter().map(|rule| rule.id.clone()).collect();
    for raw in parts.rules {
        rules.push(rule(raw, &ids, compile)?);
    }
    let mut global = Vec::new();
    for raw in parts.allowlists {
        let of_rules = raw.targetrules.clone();
        let list = allowlist("[[allowlists]]: ", raw)?;
        if of_rules.is_empty() {
            global.push(list);
            continue;
        }
        for id in of_rules {
            let known = rules.iter_mut().find(|rule| rule.id == id);
            known
                .ok_or_else(|| wrong("[[allowlists]] targetRules: ", format!("no rule has the id `{id}`")))?
                .allowlists
                .push(list.clone());
        }
    }
    RuleSet::new(rules, global).map_err(|what| wrong("", what))
}

fn rule(raw: RawRule, ids: &[String], compile: bool) -> Result<Rule, RuleFileError> {
    let place = format!("rule `{}`: ", raw.id);
    if raw.regex.is_empty() && raw.path.is_empty() {
        return Err(wrong(place, "it has neither `regex` nor `path`"));
    }
    let pattern = match raw.regex.as_str() {
        "" => None,
        text => {
            let pattern = Pattern::parse(text).map_err(|why| wrong(format!("{place}regex: "), why))?;
            if compile || raw.secretgroup > 0 {
                let regex = pattern.check().map_err(|why| wrong(format!("{place}regex: "), why))?;
                if raw.secretgroup >= regex.captures_len() {
                    let groups = regex.captures_len() - 1;
                    let what = format!(
                        "`secretGroup` is {}, but the regex has {groups} groups",
                        raw.secretgroup
                    );
                    return Err(wrong(place, what));
                }
            }
            Some(pattern)
        }
    };
    let path = match raw.path.as_str() {
        "" => None,
        text => Some(regex(text).map_err(|why| wrong(format!("{place}path: "), why))?),
    };
    let mut required = Vec::new();
    for other in raw.required {
        if !ids.contains(&other.id) {
            return Err(wrong(
                place,
                format!("it requires the rule `{}`, which does not exist", other.id),
            ));
        }
        required.push(Required {
            id: other.id,
            within_lines: other.withinlines,
            within_columns: other.withincolumns,
        });
    }
    let mut allowlists = Vec::new();
    for raw in one_kind(&place, raw.allowlist, raw.allowlists)? {
        allowlists.push(allowlist(&place, raw)?);
    }
    if raw.keywords.iter().any(String::is_empty) {
        return Err(wrong(place, "a keyword is empty"));
    }
    Ok(Rule {
        id: raw.id,
        description: raw.description,
        pattern,
        path,
        secret_group: raw.secretgroup,
        entropy: raw.entropy,
        keywords: raw.keywords.iter().map(|word| word.to_lowercase()).collect(),
        tags: raw.tags,
        allowlists,
        required,
        is_part: raw.skipreport,
        check: raw.check,
    })
}

fn allowlist(place: &str, raw: RawAllowlist) -> Result<Allowlist, RuleFileError> {
    let wrong = |what: String| wrong(format!("{place}allowlist: "), what);
    let all = match raw.condition.to_ascii_uppercase().as_str() {
        "" | "OR" | "||" => false,
        "AND" | "&&" => true,
        other => return Err(wrong(format!("the condition `{other}` is neither OR nor AND"))),
    };
    let target = match raw.regextarget.to_ascii_lowercase().as_str() {
        "" | "secret" => Target::Secret,
        "match" => Target::Match,
        "line" => Target::Line,
        other => {
            return Err(wrong(format!(
                "the regexTarget `{other}` is none of secret, match and line"
            )));
        }
    };
    if raw.commits.is_empty() && raw.paths.is_empty() && raw.regexes.is_empty() && raw.stopwords.is_empty() {
        return Err(wrong("it has no commits, paths, regexes or stopwords".to_owned()));
    }
    if raw.stopwords.iter().any(String::is_empty) {
        return Err(wrong("a stopword is empty, and would allow everything".to_owned()));
    }
    let compiled = |texts: &[String]| {
        let one = |text: &String| regex(text).map_err(|why| wrong(format!("`{text}`: {why}")));
        texts.iter().map(one).collect::<Result<Vec<_>, _>>()
    };
    Ok(Allowlist {
        all,
        paths: compiled(&raw.paths)?,
        regexes: compiled(&raw.regexes)?,
        target,
        stopwords: raw.stopwords.iter().map(|word| word.to_lowercase()).collect(),
        has_commits: !raw.commits.is_empty(),
    })
}

fn typed<'de, T: Deserialize<'de>>(place: &str, table: Table) -> Result<T, RuleFileError> {
    Value::Table(table)
        .try_into()
        .map_err(|error: toml::de::Error| wrong(place, error.message()))
}

/// gitleaks reads keys in any case.
fn lower_keys(table: Table) -> Result<Table, RuleFileError> {
    fn lower(value: Value) -> Result<Value, RuleFileError> {
        Ok(match value {
            Value::Table(table) => Value::Table(lower_keys(table)?),
            Value::Array(values) => Value::Array(values.into_iter().map(lower).collect::<Result<_, _>>()?),
            other => other,
        })
    }
    let mut lowered = Table::new();
    for (key, value) in table {
        if lowered.insert(key.to_lowercase(), lower(value)?).is_some() {
            return Err(wrong(
                "",
                format!("the key `{key}` is there in upper and in lower case"),
            ));
        }
    }
    Ok(lowered)
}
