//! Logs to causes: each is diagnosed, and those with the same cause are one.

use super::keep::Keeper;
use super::place::Wanted;
use super::{Green, NO_MARKS, Named, Plan, read};
use crate::model::diagnose::{Diagnosis, Rules, judge};
use crate::model::text::count;
use crate::world::World;
use crate::world::cores;
use crate::world::job_log::Source;
use crate::world::scan::Hide;
use crate::world::secrets::Part;

/// Bytes of a line that are shown.
pub const LONGEST: usize = 400;

/// The beginning of a line, which may have been cut.
pub fn part(text: &[u8]) -> Part<'_> {
    Part::beginning(text)
}

/// Before lines are shortened: of half a token nobody knows that it is one.
fn hide_tokens(found: &mut Diagnosis, hide: &Hide) {
    let told = found.evidence.iter_mut().chain(&mut found.against);
    for text in told
        .chain([&mut found.sentence, &mut found.step])
        .chain(&mut found.context.job)
    {
        *text = hide.text(text);
    }
    let shown = found.lines.iter_mut().map(|line| &mut line.text);
    for text in shown.chain(found.around.iter_mut().map(|(_, text)| text)) {
        let read = String::from_utf8_lossy(text);
        let hidden = hide.text(&read);
        if hidden != read {
            *text = hidden.into_bytes();
        }
    }
}

/// A log, and what was made of it.
pub struct Entry {
    pub named: Named,
    pub found: Diagnosis,
    /// Where it is kept, or why not.
    pub kept: Option<Result<String, String>>,
    /// The number and the name of the step at GitHub.
    pub step: Option<String>,
}

impl Entry {
    /// The page of the line that explains most.
    pub fn link(&self) -> Option<String> {
        let line = self.found.lines.first().map_or(1, |line| line.number);
        self.named.origin.as_ref()?.link(line)
    }

    pub fn wanted(&self) -> Wanted<'_> {
        let origin = self.named.origin.as_ref();
        let step = origin.and_then(|origin| origin.step.as_ref());
        let repository = origin.and_then(|origin| origin.of.run.repository.as_ref());
        Wanted {
            job: self.found.context.job.as_deref(),
            title: &self.found.step,
            name: step.map(|step| &*step.name),
            own: repository.map(|repository| &*repository.full_name),
        }
    }
}

/// What all logs say.
#[derive(Default)]
pub struct Cases {
    /// Failures of one cause each.
    pub causes: Vec<Vec<Entry>>,
    /// Logs in which nothing failed.
    pub fine: Vec<String>,
    /// Logs that say nothing.
    pub unread: Vec<Unread>,
}

pub struct Unread {
    pub name: String,
    pub why: String,
    pub help: String,
    /// As of an entry.
    pub kept: Option<Result<String, String>>,
}

impl Cases {
    pub fn of(plan: &Plan, rules: &Rules, green: Option<&Green>, world: &World) -> Result<Self, (String, String)> {
        let mut keeper = Keeper::new(plan.kept.clone());
        let hide = Hide::builtin();
        let mut cases = Self::default();
        let mut logs = Vec::new();
        for named in &plan.logs {
            match read::each(named) {
                Ok(inside) => logs.extend(inside),
                Err(why) => cases.unread(&named.name, why, None),
            }
        }
        for mut named in logs {
            named.name = hide.text(&named.name);
            let mut log = match read::log(&named, world) {
                Ok(log) => log,
                Err(why) if world.interrupt.received().is_some() => return Err(why),
                Err(why) => {
                    cases.unread(&named.name, why, None);
                    continue;
                }
            };
            let kept = match (&named.origin, &named.source) {
                (Some(origin), Source::Memory(bytes)) => Some(keeper.keep(origin, bytes, world)),
                _ => None,
            };
            let origin = named.origin.as_deref();
            if let Some(step) = origin.and_then(|origin| origin.step.as_ref()) {
                step.clear_other_errors(&mut log);
            }
            // One that cannot be read compares with nothing.
            let own = origin.and_then(|origin| read::green(origin.green.as_ref()?, world).ok());
            let found = cores::each(&log.pieces(), || (), |(), piece| rules.look(&log, piece)).concat();
            match judge(&log, rules, &found, own.as_ref().or(green), plan.context) {
                Some(mut found) => {
                    if let Some(origin) = origin {
                        found.context.job = Some(origin.job.name.clone());
                    }
                    hide_tokens(&mut found, &hide);
                    let step = origin.and_then(|origin| origin.step.as_ref());
                    let step = step.map(|step| hide.text(&format!("{} {}", step.number, step.name)));
                    cases.add(Entry {
                        named,
                        found,
                        kept,
                        step,
                    });
                }
                None => {
                    let why = match origin {
                        Some(origin) => origin.unexplained(),
                        None if log.has_marks => {
                            cases
                                .fine
                                .push(format!("{} ({})", named.name, count(log.lines, "line")));
                            continue;
                        }
                        // What a step wrote does not say whether it failed.
                        None => {
                            let why = format!("nothing in {} is known to explain a failure", named.name);
                            (why, NO_MARKS.to_owned())
                        }
                    };
                    cases.unread(&named.name, why, kept);
                }
            }
        }
        Ok(cases)
    }

    fn unread(&mut self, name: &str, (why, help): (String, String), kept: Option<Result<String, String>>) {
        let name = name.to_owned();
        self.unread.push(Unread { name, why, help, kept });
    }

    fn add(&mut self, entry: Entry) {
        let same = |cause: &&mut Vec<Entry>| {
            cause
                .iter()
                .any(|other| other.found.fingerprint == entry.found.fingerprint)
        };
        match self.causes.iter_mut().find(same) {
            Some(cause) => cause.push(entry),
            None => self.causes.push(vec![entry]),
        }
    }
}
