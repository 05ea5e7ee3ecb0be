//! Logs to causes: each is diagnosed, and those with the same cause are one.

use super::keep::Keeper;
use super::place::Wanted;
use super::{Green, NO_MARKS, Named, Plan, read};
use crate::model::cores;
use crate::model::diagnose::{Diagnosis, Fix, Log, Rules, judge};
use crate::model::text::count;
use crate::world::World;
use crate::world::job_log::Source;
use crate::world::scan::Hide;
use crate::world::secrets::Part;

/// Bytes of a line that are shown.
pub const LONGEST: usize = 400;

/// The beginning of a line, which may have been cut.
pub fn part(text: &[u8]) -> Part<'_> {
    Part::beginning(text)
}

/// More than any secret: so much before and after a line is searched, too.
const MARGIN: usize = 64 << 10;

/// Before lines are shortened: half a token is not recognized.
fn hide_tokens(found: &mut Diagnosis, log: &Log, hide: &Hide) {
    let alone = hide.text(&String::from_utf8_lossy(&found.lines[0].text));
    for line in &mut found.lines {
        hide_lines(log, line.number, [&mut line.text].into_iter(), hide);
    }
    let mut around = &mut *found.around;
    while let Some((first, _)) = around.first() {
        let mut same = log.excerpts().filter(|excerpt| excerpt.index(*first).is_some());
        let count = same.next().map_or(1, |excerpt| {
            around
                .iter()
                .take_while(|(number, _)| excerpt.index(*number).is_some())
                .count()
        });
        let (lines, rest) = around.split_at_mut(count);
        hide_lines(log, lines[0].0, lines.iter_mut().map(|(_, text)| text), hide);
        around = rest;
    }
    let is_whole = String::from_utf8_lossy(&found.lines[0].text) == alone;
    // What a sentence repeats of a key of several lines looks like any word.
    if !is_whole {
        found.sentence = String::from_utf8_lossy(&found.lines[0].text).into_owned();
        found.evidence.clear();
        found.fix = None;
    }
    match &mut found.fix {
        Some(Fix::Edit { text }) => *text = hide.text(text),
        Some(Fix::SkipGuard { names }) => names.retain(|name| hide.text(name) == *name),
        _ => {}
    }
    let told = found.evidence.iter_mut().chain(&mut found.against);
    let context = [
        &mut found.context.job,
        &mut found.context.image,
        &mut found.could_not_run,
    ];
    for text in told
        .chain([&mut found.sentence, &mut found.step, &mut found.name])
        .chain(context.into_iter().flatten())
    {
        *text = hide.text(text);
    }
}

/// Hides what of a secret is in these lines of one excerpt, the first of which has this number, where it begins or ends in
/// others.
fn hide_lines<'a>(log: &Log, first: usize, lines: impl ExactSizeIterator<Item = &'a mut Vec<u8>>, hide: &Hide) {
    let found = log
        .excerpts()
        .find_map(|excerpt| Some((excerpt, excerpt.index(first)?)));
    let Some((body, index)) = found else { return };
    let (bytes, at) = (body.bytes(), body.range(&(index..index + lines.len())));
    let from = at.start.saturating_sub(MARGIN);
    let hidden = hide.text(&String::from_utf8_lossy(
        &bytes[from..(at.end + MARGIN).min(bytes.len())],
    ));
    let before = bytes[from..at.start].iter().filter(|byte| **byte == b'\n').count();
    for (line, hidden) in lines.zip(hidden.split('\n').skip(before)) {
        if String::from_utf8_lossy(line) != hidden {
            *line = hidden.as_bytes().to_vec();
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
    /// Its name, by GitHub, by the workflow, or by the log.
    pub step_name: String,
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
            name: Some(step.map_or(&*self.found.name, |step| &*step.name)),
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
                    hide_tokens(&mut found, &log, &hide);
                    let step = origin.and_then(|origin| origin.step.as_ref());
                    let step_name = step.map_or_else(|| found.name.clone(), |step| hide.text(&step.name));
                    let step = step.map(|step| hide.text(&format!("{} {}", step.number, step.name)));
                    cases.add(Entry {
                        named,
                        found,
                        kept,
                        step,
                        step_name,
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
