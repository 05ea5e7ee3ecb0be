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
        // An empty file, or one of comments only, sets nothing.
        if text.lines().all(|line| {
            let line = line.trim();
            line.is_empty() || line.starts_with('#') || line == "---"
        }) {
            return Ok(Self::default());
        }
        let options = serde_yaml::options! {
            with_snippet: false,
            strict_booleans: true,
        };
        let mut config: Self =
            serde_yaml::from_str_with_options(text, options).map_err(|error| wrong(&error, text, name))?;
        if let Some(version) = config.version
            && version != 1
        {
            return Err(UsageError::new(format!(
                "{name}: unsupported configuration version {version}; this build reads version 1"
            ))
            .help("set `version: 1`, or use a newer stageproof"));
        }
        config.common.environment = config.environment.take();
        config.common.evidence_dir = config.evidence_dir.take();
        Ok(config)
    }
}

/// An error with file, line, column and the line itself, and the nearest known key.
fn wrong(error: &YamlError, text: &str, name: &str) -> UsageError {
    let error = error.without_snippet();
    let (what, help) = describe(error, text);
    let Some(location) = error.location() else {
        return UsageError::new(format!("{name}: {what}")).help(help);
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
    UsageError::new(message).help(help)
}

fn describe(error: &YamlError, text: &str) -> (String, String) {
    let schema = "`stageproof schema config` prints every key with its type".to_owned();
    match error {
        YamlError::SerdeUnknownField { field, expected, .. } => {
            let help = match nearest(field, expected.iter().copied()) {
                Some(known) => format!("did you mean `{known}`?"),
                None if expected.is_empty() => schema,
                None => format!("expected one of {}", expected.join(", ")),
            };
            (format!("unknown key `{}`", one_line(field)), help)
        }
        other => {
            let line = other
                .location()
                .and_then(|at| usize::try_from(at.line()).ok())
                .and_then(|line| text.lines().nth(line.saturating_sub(1)))
                .unwrap_or_default();
            let help = if line.starts_with('\t') || line.trim_start_matches(' ').starts_with('\t') {
                "YAML does not allow tabs for indentation; use spaces".to_owned()
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
            "mapping start" => "expected keys and values",
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
            ("smoke: yes\n", "expected keys and values"),
            ("environment: [a]\n", "expected a string"),
            ("smoke:\n  parallel: many\n", "expected a whole number"),
            ("smoke:\n  strict: maybe\n", "expected true or false"),
            ("environment: a\nenvironment: b\n", "duplicate key `environment`"),
            ("version: 1\n---\nversion: 1\n", "expected a single YAML document"),
        ] {
            let error = error(text);
            assert!(error.contains(&format!(": {says}")), "{text}: {error}");
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
