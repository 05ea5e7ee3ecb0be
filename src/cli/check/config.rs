//! A configuration as a whole: each of its sections must make a plan, as in a run.

use std::collections::BTreeSet;
use std::path::Path;

use super::super::Command;
use super::super::config::Config;
use super::super::error::UsageError;
use super::language::{CommandLine, READ_FROM_FILES, refusal};
use super::needs::needs;
use crate::commands::check::{About, Meaning, Refusal};
use crate::model::text::one_line;
use crate::model::yaml::{self, Node};
use crate::world::files;

/// The sections, which are called as their commands, and what of them a step may give instead: the key, and any value
/// that is taken.
const SECTIONS: [(&str, &[(&str, &str)]); 6] = [
    (
        "skip-guard",
        &[("require", "--require=not-fork"), ("max-skips", "--max-skips=1")],
    ),
    (
        "smoke",
        &[
            ("url", "https://staging.example.com/"),
            ("url", "http://127.0.0.1:8080/"),
            ("expect-version", "--expect-version=1.0.0"),
            ("start", "--start=x"),
        ],
    ),
    (
        "rollback-dry-run",
        &[
            ("check", "--check=x"),
            ("image", "--image=ghcr.io/acme/shop:v1"),
            ("app", "--app=x"),
        ],
    ),
    ("foreground-proof", &[("log", "--log=x")]),
    ("evidence-bundle", &[]),
    ("verdict", &[]),
];

impl CommandLine {
    pub(super) fn configuration(&self, text: &str, name: &str) -> Vec<Refusal> {
        match Config::read(text, name) {
            Ok(_) => [self.sections(text, name), self.expired(text)].concat(),
            Err(errors) => errors.into_iter().map(|error| unread(error, name)).collect(),
        }
    }

    /// Waivers that waive nothing any more.
    fn expired(&self, text: &str) -> Vec<Refusal> {
        let Ok(root) = yaml::parse(text) else {
            return Vec::new();
        };
        let today = self.world.clock.date();
        let waivers = root.get("waivers").map_or(&[][..], Node::items).iter();
        let expired = waivers.filter_map(|waiver| {
            let until = waiver
                .get("until")
                .filter(|until| until.text().is_some_and(|day| day < &*today))?;
            let reason = waiver.get("reason").and_then(Node::text);
            Some(Refusal {
                about: About::Line(until.place.line),
                code: "waiver-expired",
                message: format!(
                    "the waiver `{}` expired on {}",
                    one_line(reason.unwrap_or_default()),
                    one_line(until.text().unwrap_or_default())
                ),
                help: None,
            })
        });
        expired.collect()
    }

    /// What is wrong with sections that can be read: those that no step can complete to a plan.
    fn sections(&self, text: &str, name: &str) -> Vec<Refusal> {
        let Ok(root) = yaml::parse(text) else {
            return Vec::new();
        };
        let common = Config::parse(text, name).and_then(|config| config.common.resolve(&self.world));
        if let Err(error) = common {
            return vec![placed(error, 1, &root)];
        }
        let sections = SECTIONS.iter().filter_map(|(command, missing)| {
            let (key, section) = root.entry(command)?;
            if section.is_null() || self.reads_what_is_not_there(section) {
                return None;
            }
            let absent = missing.iter().filter(|(key, _)| section.get(key).is_none());
            let flags: Vec<&str> = absent.map(|(_, flag)| *flag).collect();
            let error = self.section(command, &flags, section, (text, name)).err()?;
            Some(placed(error, key.place.line, section))
        });
        sections.collect()
    }

    /// Whether it names a file that a step may make before.
    fn reads_what_is_not_there(&self, section: &Node) -> bool {
        entries(section).into_iter().any(|(key, value)| {
            let path = value.text().unwrap_or_default();
            key.text().is_some_and(|key| READ_FROM_FILES.contains(&key))
                && !files::exists(&self.world.workspace.join(Path::new(path)))
        })
    }

    /// Whether there is a plan, with some of the flags. If not: what is wrong with what is written, rather than what is
    /// missing.
    fn section(
        &self,
        command: &str,
        flags: &[&str],
        section: &Node,
        (text, name): (&str, &str),
    ) -> Result<(), UsageError> {
        let mut errors = Vec::new();
        for chosen in 0..1_usize << flags.len() {
            let given = flags.iter().enumerate().filter(|(index, _)| chosen >> index & 1 == 1);
            let words = ["stageproof", command].into_iter().chain(given.map(|(_, flag)| *flag));
            let words: Vec<_> = words.map(Into::into).collect();
            // Two flags may exclude each other.
            let Ok((cli, _)) = Self::parse(&words) else { continue };
            let Command::Runnable(options) = cli.command else {
                continue;
            };
            let secrets = needs(&options, Config::parse(text, name)?, &mut Meaning::default());
            match self.plan(options, cli.common, Config::parse(text, name)?, secrets) {
                Ok(()) => return Ok(()),
                Err(error) => errors.push(error),
            }
        }
        let written = errors.iter().position(|error| line(section, &error.message).is_some());
        match errors.into_iter().nth(written.unwrap_or(0)) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

/// `NAME:LINE:COLUMN: WHAT`, and the line itself below.
fn unread(error: UsageError, name: &str) -> Refusal {
    let first = error.message.lines().next().unwrap_or_default();
    let place = first.strip_prefix(name).and_then(|rest| rest.strip_prefix(':'));
    let placed = place.and_then(|rest| {
        let (line, rest) = rest.split_once(':')?;
        let (_, what) = rest.split_once(": ")?;
        Some((line.parse().ok()?, what.to_owned()))
    });
    let (line, message) = placed.unwrap_or_else(|| {
        let what = first
            .strip_prefix(name)
            .map_or(first, |rest| rest.trim_start_matches(": "));
        (1, what.to_owned())
    });
    Refusal {
        about: About::Line(line),
        code: "config",
        message,
        help: error.help,
    }
}

fn placed(error: UsageError, otherwise: u32, section: &Node) -> Refusal {
    let line = line(section, &error.message).unwrap_or(otherwise);
    refusal(About::Line(line), "config", error)
}

/// The line of what the message is about: the key whose flag it names, best with the value that it repeats.
fn line(section: &Node, message: &str) -> Option<u32> {
    let probe = message.strip_prefix("the probe ").and_then(|rest| {
        let probes = section.get("probes").map_or(&[][..], Node::items);
        probes.iter().find(|probe| {
            let name = probe.get("name").and_then(Node::text);
            name.is_some_and(|name| rest.strip_prefix(name).is_some_and(|rest| rest.starts_with(':')))
        })
    });
    if let Some(line) = probe.and_then(|probe| line(probe, message)) {
        return Some(line);
    }
    let is_flag = |word: char| !word.is_ascii_lowercase() && word != '-';
    let flags: Vec<&str> = message
        .split(is_flag)
        .filter_map(|word| word.strip_prefix("--"))
        .collect();
    let quoted: BTreeSet<&str> = message.split('`').skip(1).step_by(2).collect();
    let score = |(key, value): &(&Node, &Node)| {
        let is_named = key.text().is_some_and(|key| flags.contains(&key));
        let values = value.scalars();
        let mut texts = values.iter().filter_map(|value| value.text());
        let is_repeated = texts.any(|text| !text.is_empty() && quoted.contains(text));
        u32::from(is_named) + 2 * u32::from(is_repeated)
    };
    let scored = entries(section)
        .into_iter()
        .map(|entry| (score(&entry), entry.0.place.line));
    let best = scored
        .filter(|(score, _)| *score > 0)
        .max_by_key(|(score, line)| (*score, std::cmp::Reverse(*line)));
    best.map(|(_, line)| line)
}

/// Keys and values below it.
fn entries(node: &Node) -> Vec<(&Node, &Node)> {
    let mut found = Vec::new();
    let mut left = vec![node];
    while let Some(node) = left.pop() {
        for (key, value) in node.entries() {
            found.push((key, value));
            left.push(value);
        }
        left.extend(node.items());
    }
    found
}
