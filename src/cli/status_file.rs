//! Which status file a `verdict` with a usage error would have written.
//!
//! Other gates read that file, so it must not keep an earlier verdict when a usage error prevents a new one. Its path is
//! found with as little as possible: the raw arguments, the inputs, and whatever can be read of the configuration.

use std::ffi::OsString;
use std::path::PathBuf;

use serde::Deserialize;

use super::common::CommonOptions;
use super::config;
use super::inputs;
use crate::world::World;
use crate::world::files::{self, Links};

/// What the configuration says about it; other errors in it are ignored.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Loose {
    environment: Option<String>,
    evidence_dir: Option<String>,
    verdict: LooseVerdict,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct LooseVerdict {
    status_file: Option<PathBuf>,
}

/// `None` if this is not a `verdict` that writes one.
pub fn of_unread(argv: &[OsString], world: &World) -> Option<PathBuf> {
    let words: Vec<&str> = argv
        .iter()
        .skip(1)
        .map(|word| word.to_str().unwrap_or_default())
        .collect();
    let given = |flag: &str| {
        let flag = format!("--{flag}");
        let at = words
            .iter()
            .rposition(|word| *word == flag || word.starts_with(&format!("{flag}=")))?;
        match words[at].split_once('=') {
            Some((_, value)) => Some(value.to_owned()),
            None => words.get(at + 1).map(|value| (*value).to_owned()),
        }
    };
    // A blank input is one that was not set.
    let input = |flag: &str| world.env.get(&inputs::variable(flag)).map(str::trim);
    let value = |flag: &str| given(flag).or_else(|| input(flag).filter(|text| !text.is_empty()).map(str::to_owned));
    if command(&words).or_else(|| world.env.get(inputs::COMMAND)) != Some("verdict") || value("read").is_some() {
        return None;
    }
    // As it is typed, or as the host names it.
    let path = |flag: &str| value(flag).map(|path| world.folder.join(world.host.inside(&path)));
    let config = path("config").unwrap_or_else(|| world.workspace.join(config::DEFAULT));
    let loose: Loose = files::read_text(&config, config::LARGEST, Links::Follow)
        .ok()
        .and_then(|text| serde_yaml::from_str(&text).ok())
        .unwrap_or_default();
    if let Some(file) = path("status-file") {
        return Some(file);
    }
    if let Some(file) = loose.verdict.status_file {
        return Some(world.workspace.join(file));
    }
    let typed = path("evidence-dir").and_then(|folder| folder.to_str().map(str::to_owned));
    let common = CommonOptions {
        environment: value("environment").or(loose.environment),
        evidence_dir: typed.or(loose.evidence_dir),
        ..CommonOptions::default()
    };
    Some(
        common
            .resolve(world)
            .ok()?
            .evidence_dir
            .join(super::verdict::STATUS_FILE),
    )
}

/// The first word that is neither a flag nor the value of one that every subcommand has.
fn command<'a>(words: &[&'a str]) -> Option<&'a str> {
    const WITH_VALUE: [&str; 6] = [
        "--config",
        "--environment",
        "--evidence-dir",
        "--label",
        "--format",
        "--color",
    ];
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if WITH_VALUE.contains(word) {
            words.next();
        } else if !word.starts_with('-') {
            return Some(word);
        }
    }
    None
}
