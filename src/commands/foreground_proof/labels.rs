//! The records of all wrapped commands of a log, which stand in it as they happened, one between the other.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Rules;
use super::label::{self, LabelHistory};
use crate::model::capped::Capped;
use crate::model::heartbeat::Record;
use crate::model::text::nearest;
use crate::model::{Check, Finding};

/// A workflow wraps a handful of commands. Memory must not grow with what a stranger writes.
const MOST_LABELS: usize = 200;

#[derive(Default)]
pub struct Labels {
    stories: BTreeMap<String, LabelHistory>,
    /// There were more labels than are looked at, which was told.
    overflown: bool,
}

impl Labels {
    /// Takes a record in. What it answers is about the log as a whole.
    pub fn add(&mut self, line: u64, record: &Record, at: Timestamp, rules: &Rules) -> Option<Finding> {
        if !self.stories.contains_key(&record.label) {
            if self.stories.len() >= MOST_LABELS {
                if std::mem::replace(&mut self.overflown, true) {
                    return None;
                }
                let message = format!("too many labels: only {MOST_LABELS} are checked");
                return Some(
                    rules
                        .at(line, "too-many-labels", &message)
                        .help("give a command the same label in each run"),
                );
            }
            self.stories.insert(record.label.clone(), LabelHistory::default());
        }
        if let Some(story) = self.stories.get_mut(&record.label) {
            story.add(line, record, at, rules);
        }
        None
    }

    /// How many wrapped commands have records.
    pub fn count(&self) -> usize {
        self.stories.len()
    }

    /// The checks of each wrapped command that counts, and those that should be there.
    pub fn into_checks(self, rules: &Rules) -> Vec<Check> {
        let is_missing = |label: &&String| !self.stories.contains_key(*label);
        let missing: Vec<Check> = rules
            .labels
            .iter()
            .filter(is_missing)
            .map(|label| self.missing(label, rules))
            .collect();
        let counts = |label: &String| rules.labels.is_empty() || rules.labels.contains(label);
        let there = self.stories.into_iter().filter(|(label, _)| counts(label));
        let there = there.flat_map(|(label, story)| story.into_checks(&label, rules));
        missing.into_iter().chain(there).collect()
    }

    fn missing(&self, label: &str, rules: &Rules) -> Check {
        let known: Vec<&str> = self.stories.keys().map(String::as_str).collect();
        let has = match known.is_empty() {
            true => "it has no records".to_owned(),
            false => format!("it has records of {}", known.join(", ")),
        };
        let help = match nearest(label, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("run the step as `stageproof heartbeat --label {label} -- COMMAND`"),
        };
        let message = format!("there is no record of `{label}`; {has}");
        let mut findings = Capped::default();
        findings.add(rules.of_file("missing-label", &message).help(help));
        label::ended(label, findings)
    }
}
