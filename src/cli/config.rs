//! `.github/stageproof.yml`.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_yaml::Error as YamlError;

use super::common::CommonOptions;
use super::error::UsageError;
use super::evidence_bundle::EvidenceBundleOptions;
use super::foreground_proof::ForegroundProofOptions;
use super::rollback_dry_run::RollbackDryRunOptions;
use super::skip_guard::SkipGuardOptions;
use super::smoke::SmokeOptions;
use super::verdict::VerdictOptions;
use super::waivers::WaiverOption;
use crate::model::text::{cut, nearest, one_line};
use crate::world::files::{self, Links};
use crate::world::paths;

/// Where the configuration is looked for when nobody names it.
pub const DEFAULT: &str = ".github/stageproof.yml";
/// What is easily mistaken for it, and would be ignored.
pub const MISNAMED: [&str; 3] = [".github/stageproof.yaml", "stageproof.yml", "stageproof.yaml"];
/// A configuration is written by people. 1 MiB is far beyond the largest sensible one.
pub const LARGEST: u64 = 1 << 20;
/// More errors than this are not told at once.
const MOST_ERRORS: usize = 20;

/// The configuration of stageproof, `.github/stageproof.yml`. Every key is optional.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
#[schemars(title = "stageproof configuration")]
pub struct Config {
    /// The version of this format: 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: Option<u32>,
    #[serde(skip)]
    #[schemars(skip)]
    pub common: CommonOptions,
    /// Environment that was deployed to. Default: staging.
    environment: Option<String>,
    /// Directory for reports, logs and the sealed evidence. Default: artifacts/{environment}/{date}.
    evidence_dir: Option<String>,
    /// Options of skip-guard: can this job run here?
    pub skip_guard: Option<SkipGuardOptions>,
    /// Options of smoke: does the deployment answer?
    pub smoke: Option<SmokeOptions>,
    /// Options of rollback-dry-run: is a rollback possible?
    pub rollback_dry_run: Option<RollbackDryRunOptions>,
    /// Options of foreground-proof: does the log prove that long steps ran to their end?
    pub foreground_proof: Option<ForegroundProofOptions>,
    /// Options of evidence-bundle: what is sealed?
    pub evidence_bundle: Option<EvidenceBundleOptions>,
    /// Options of verdict: did everything pass?
    pub verdict: Option<VerdictOptions>,
    /// Known failures that are accepted until a date. They apply to smoke and verdict, and those with check to
    /// diagnose; --strict and STAGEPROOF_WAIVERS=off disable them.
    pub waivers: Vec<WaiverOption>,
}

impl Config {
    /// Reads the named file, or the default one if there is one. A file that was named must exist.
    pub fn load(named: Option<&Path>, workspace: &Path) -> Result<Self, UsageError> {
        let path = named.unwrap_or(Path::new(DEFAULT));
        let full: PathBuf = workspace.join(path);
        if named.is_none() && matches!(paths::is_absent(&full), Ok(true)) {
            if let Some(other) = MISNAMED.iter().find(|name| files::exists(&workspace.join(name))) {
                return Err(
                    UsageError::new(format!("{other} is ignored: the configuration file is {DEFAULT}"))
                        .help(format!("rename it, or name it with --config={other}")),
                );
            }
            return Ok(Self::default());
        }
        let text = files::read_text(&full, LARGEST, Links::Follow).map_err(|error| {
            UsageError::new(format!("the configuration cannot be read: {error:#}"))
                .help("name a YAML file with --config; `stageproof schema config` prints its format")
        })?;
        Self::parse(&text, &path.display().to_string())
    }

    pub(super) fn parse(text: &str, name: &str) -> Result<Self, UsageError> {
        Self::read(text, name).map_err(UsageError::all)
    }

    /// The configuration, or all that is wrong with it.
    pub(super) fn read(text: &str, name: &str) -> Result<Self, Vec<UsageError>> {
        let mut errors: Vec<UsageError> = Vec::new();
        let mut left = text.to_owned();
        loop {
            // An empty file, or one of comments only, sets nothing.
            let read = match left.lines().map(str::trim).all(|line| is_empty(line) || line == "---") {
                true => Ok(Self::default()),
                false => serde_yaml::from_str_with_options(
                    &left,
                    serde_yaml::options! { with_snippet: false, strict_booleans: true },
                ),
            };
            match read {
                Ok(config) if errors.is_empty() => return config.of_this_version(name).map_err(|error| vec![error]),
                Ok(_) => return Err(errors),
                Err(error) => {
                    let error = error.without_snippet();
                    let told = wrong(error, text, name);
                    let goes_on = is_local(error) && errors.iter().all(|known| known.message != told.message);
                    if goes_on || errors.is_empty() {
                        errors.push(told);
                    }
                    let at = error.location().and_then(|at| usize::try_from(at.line()).ok());
                    let at = at.filter(|_| goes_on && errors.len() < MOST_ERRORS);
                    match at.and_then(|line| without(&left, line)) {
                        Some(rest) => left = rest,
                        None => return Err(errors),
                    }
                }
            }
        }
    }

    fn of_this_version(mut self, name: &str) -> Result<Self, UsageError> {
        if let Some(version) = self.version
            && version != 1
        {
            return Err(UsageError::new(format!(
                "{name}: unsupported configuration version {version}; this build reads version 1"
            ))
            .help("set `version: 1`, or use a newer stageproof"));
        }
        self.common.environment = self.environment.take();
        self.common.evidence_dir = self.evidence_dir.take();
        Ok(self)
    }
}

/// Whether only a key or a value is wrong, so that the rest can be read.
fn is_local(error: &YamlError) -> bool {
    matches!(
        error,
        YamlError::Message { .. }
            | YamlError::Unexpected { .. }
            | YamlError::InvalidScalar { .. }
            | YamlError::InvalidBooleanStrict { .. }
            | YamlError::DuplicateMappingKey { .. }
            | YamlError::SerdeInvalidType { .. }
            | YamlError::SerdeInvalidValue { .. }
            | YamlError::SerdeUnknownVariant { .. }
            | YamlError::SerdeUnknownField { .. }
            | YamlError::SerdeMissingField { .. }
    )
}

/// The text with blank lines in place of what is wrong: a key and what is below it. An entry of a list is left out as a
/// whole, because the rest of it may need that key, and a key with nothing else below it, too. `None` if a bracket that
/// opens there closes elsewhere.
fn without(text: &str, line: usize) -> Option<String> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let is_item = |line: &str| line.trim_start().starts_with("- ");
    let mut lines: Vec<&str> = text.lines().collect();
    let mut first = line.clamp(1, lines.len().max(1)) - 1;
    let mut level = lines.get(first).map_or(0, |line| indent(line));
    if !lines.get(first).is_some_and(|line| is_item(line)) {
        for (at, line) in lines.iter().enumerate().take(first).rev() {
            if !is_empty(line) && indent(line) < level {
                level = indent(line);
                if is_item(line) {
                    first = at;
                    break;
                }
            }
        }
    }
    while let Some(level) = lines.get(first).map(|line| indent(line)) {
        let below = lines
            .iter()
            .skip(first + 1)
            .take_while(|line| is_empty(line) || indent(line) > level);
        let behind = first + 1 + below.count();
        let count = |brackets: [char; 2]| lines[first..behind].concat().matches(brackets).count();
        if count(['[', '{']) != count([']', '}']) {
            return None;
        }
        lines[first..behind].fill("");
        let above = lines[..first].iter().rposition(|line| !is_empty(line));
        let is_alone = |line: &str| {
            let next = lines[behind..].iter().find(|line| !is_empty(line));
            line.trim_end().ends_with(':') && next.is_none_or(|next| indent(next) <= indent(line) && !is_item(next))
        };
        match above.filter(|above| is_alone(lines[*above])) {
            Some(above) => first = above,
            None => break,
        }
    }
    Some(lines.join("\n"))
}

fn is_empty(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

/// An error with file, line, column and the line itself, and the nearest known key.
fn wrong(error: &YamlError, text: &str, name: &str) -> UsageError {
    let (what, help) = describe(error, text);
    let told = |message: String| UsageError { message, help };
    let Some(location) = error.location() else {
        return told(format!("{name}: {what}"));
    };
    let (line, column) = (location.line(), location.column());
    let mut message = format!("{name}:{line}:{column}: {what}");
    let source = usize::try_from(line)
        .ok()
        .and_then(|line| text.lines().nth(line.saturating_sub(1)));
    if let Some(source) = source {
        let gutter = line.to_string();
        let before = usize::try_from(column).unwrap_or(1).saturating_sub(1);
        #[expect(
            clippy::disallowed_methods,
            reason = "a line of the user's own file, which is committed"
        )]
        // Tabs become one space, so the caret stands where the column says.
        let shown = cut(&one_line(source.trim_end()), 200);
        message.push_str(&format!(
            "\n{gutter} | {shown}\n{} | {}^",
            " ".repeat(gutter.len()),
            " ".repeat(before.min(200))
        ));
    }
    told(message)
}

fn describe(error: &YamlError, text: &str) -> (String, Option<String>) {
    let schema = Some("`stageproof schema config` prints every key with its type".to_owned());
    let one_of = |word: &str, expected: &[&str]| match nearest(word, expected.iter().copied()) {
        Some(known) => Some(format!("did you mean `{known}`?")),
        None if expected.is_empty() => schema.clone(),
        None => Some(format!("expected one of {}", expected.join(", "))),
    };
    match error {
        YamlError::SerdeUnknownField { field, expected, .. } => {
            (format!("unknown key `{}`", one_line(field)), one_of(field, expected))
        }
        YamlError::SerdeUnknownVariant { variant, expected, .. } => (
            format!("unknown value `{}`", one_line(variant)),
            one_of(variant, expected),
        ),
        YamlError::SerdeMissingField { field, .. } => (format!("the key `{field}` is missing"), schema),
        // What reads the value says how it is written.
        YamlError::Message { .. } => {
            let whole = in_our_words(error);
            match whole.split_once("; ") {
                Some((what, next)) => (what.to_owned(), Some(next.to_owned())),
                None => (whole, schema),
            }
        }
        other => {
            let line = other
                .location()
                .and_then(|at| usize::try_from(at.line()).ok())
                .and_then(|line| text.lines().nth(line.saturating_sub(1)))
                .unwrap_or_default();
            let help = if line.starts_with('\t') || line.trim_start_matches(' ').starts_with('\t') {
                Some("YAML does not allow tabs for indentation; use spaces".to_owned())
            } else {
                schema
            };
            (in_our_words(other), help)
        }
    }
}

/// The parser speaks to programmers: it repeats the position, and advises on its own options.
fn in_our_words(error: &YamlError) -> String {
    let ours = match error {
        YamlError::Unexpected { expected, .. } => match *expected {
            "sequence start" => "expected a list: [one, two]",
            "mapping start" => "expected `key: value` lines",
            "string scalar" => "expected a string",
            _ => "",
        },
        YamlError::InvalidScalar { ty: "u32" | "u64", .. } => "expected a whole number",
        YamlError::InvalidBooleanStrict { .. } => "expected true or false",
        YamlError::DuplicateMappingKey { key: Some(key), .. } => return format!("duplicate key `{}`", one_line(key)),
        YamlError::DuplicateMappingKey { .. } => "duplicate key",
        YamlError::MultipleDocuments { .. } => "expected a single YAML document",
        _ => "",
    };
    if !ours.is_empty() {
        return ours.to_owned();
    }
    let text = error.to_string();
    let text = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
    one_line(text.split(" at line ").next().unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn error(text: &str) -> String {
        Config::parse(text, "s.yml").unwrap_err().to_string()
    }

    #[test]
    fn nothing_in_it_sets_nothing() {
        for text in ["", "\n\n", "# only a comment\n", "---\n"] {
            assert!(Config::parse(text, "s.yml").is_ok(), "{text:?}");
        }
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place_and_the_nearest_one() {
        let error = error("version: 1\nsmoke:\n  expect-statsu: 200\n");
        assert!(error.starts_with("s.yml:3:3: unknown key `expect-statsu`"), "{error}");
        assert!(error.contains("3 |   expect-statsu: 200\n  |   ^"), "{error}");
        assert!(error.contains("did you mean `expect-status`?"), "{error}");
    }

    #[test]
    fn a_wrong_value_is_named_with_its_place() {
        let text = error("smoke:\n  within: 30\n");
        assert!(text.starts_with("s.yml:2:11: "), "{text}");
        assert!(text.contains("`30` has no unit"), "{text}");
        let text = error("skip-guard:\n  strict: maybe\n");
        assert!(text.starts_with("s.yml:2:"), "{text}");
        let text = error("- a\n- list\n");
        assert!(text.starts_with("s.yml:1:"), "{text}");
    }

    /// The wording of the parser's errors belongs to another crate; this test notices an update that changes it.
    #[test]
    fn what_is_of_another_kind_is_said_in_our_words() {
        for (text, says) in [
            ("smoke:\n  path: /x\n", "expected a list: [one, two]"),
            ("smoke: yes\n", "expected `key: value` lines"),
            ("environment: [a]\n", "expected a string"),
            ("smoke:\n  parallel: many\n", "expected a whole number"),
            ("smoke:\n  strict: maybe\n", "expected true or false"),
            ("environment: a\nenvironment: b\n", "duplicate key `environment`"),
            ("waivers: [{reason: r}]\n", "the key `until` is missing"),
            ("version: 1\n---\nversion: 1\n", "expected a single YAML document"),
        ] {
            let error = error(text);
            assert!(error.contains(&format!(": {says}")), "{text}: {error}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let text = "environment: [a]\nsmoke:\n  within: 30\n  probes:\n    - url: http://x\n      steady: 4\n\
                    waivers:\n  - class: infar\n    reason: r\n    until: 2026-12-31\n  # later\n  - check: x\n    \
                    until: tomorrow\n    reason: r\n  - check: y\n    until: 2026-12-31\nsmokee: {}\n\
                    skip-guard:\n  require:\n    - secret:X\n    - env:A\n    - nothing\n  strict: maybe\nverdict:\n  \
                    strict: true\n";
        let all = Config::read(text, "s").unwrap_err();
        let all: Vec<String> = all.iter().map(ToString::to_string).collect();
        let mut first: Vec<&str> = all.iter().filter_map(|error| error.lines().next()).collect();
        first.sort_by_key(|line| line.split(':').nth(1).unwrap().parse::<u32>().unwrap());
        assert_eq!(
            first,
            [
                "s:1:14: expected a string",
                "s:3:11: `30` has no unit",
                "s:6:15: `4` has no unit",
                "s:8:12: unknown value `infar`",
                "s:13:12: `until: tomorrow` is not a day",
                "s:16:5: the key `reason` is missing",
                "s:17:1: unknown key `smokee`",
                "s:20:7: `secret:X` is not a prerequisite",
                "s:22:7: `nothing` is not a prerequisite",
                "s:23:11: expected true or false",
            ]
        );
        assert!(
            all.iter().any(|error| error.ends_with("did you mean `infra`?")),
            "{all:?}"
        );
        let one = Config::parse(text, "s").unwrap_err().to_string();
        assert!(all.iter().all(|error| one.contains(error)), "{one}");
    }

    #[test]
    fn what_may_be_no_yaml_any_more_is_not_read_on() {
        for text in [
            "smoke: [\nwaivers: 3\n",
            "smoke: {within: 3,\nsteady: 4}\nenvironmen: a\n",
        ] {
            assert_eq!(Config::read(text, "s").unwrap_err().len(), 1, "{text}");
        }
    }

    #[test]
    fn a_tab_is_named() {
        let text = error("smoke:\n\turl: http://x\n");
        assert!(text.contains("tabs"), "{text}");
    }

    #[test]
    fn a_key_twice_is_an_error() {
        let text = error("environment: a\nenvironment: b\n");
        assert!(text.contains("s.yml:2:"), "{text}");
    }

    #[test]
    fn an_alias_bomb_ends_quickly_in_an_error() {
        let mut bomb = String::from("a: &a [x,x,x,x,x,x,x,x,x]\n");
        for (last, next) in ('a'..='i').zip('b'..='j') {
            bomb.push_str(&format!(
                "{next}: &{next} [{}]\n",
                vec![format!("*{last}"); 9].join(",")
            ));
        }
        assert!(Config::parse(&bomb, "s.yml").is_err());
    }

    #[test]
    fn another_version_is_refused() {
        assert!(error("version: 2\n").contains("version 2"));
    }

    proptest! {
        #[test]
        fn never_panics(text in "[\\PC\n\t]{0,200}") {
            let _ = Config::parse(&text, "s.yml");
        }

        #[test]
        fn never_panics_on_nearly_yaml(text in "(smoke|version|skip-guard|url|[&*!|>\\-\\[\\]{}:?,'\"# \n\t])*") {
            let _ = Config::parse(&text, "s.yml");
        }
    }
}
