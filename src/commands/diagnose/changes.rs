//! The changes of workflows that the diagnoses call for: each as a patch, and all of them together.

use std::collections::BTreeMap;

use super::cases::{Entry, LONGEST, part};
use super::patch::About;
use super::place::find;
use super::workflow_file::WorkflowFile;
use super::{Named, Plan};
use crate::model::text::one_line;
use crate::model::workflow::patch::pull_request::{self, Evidence};
use crate::model::workflow::patch::{self, Change, Refusal};
use crate::world::World;
use crate::world::files;
use crate::world::job_log::Source;

pub struct Changes<'a> {
    plan: &'a Plan,
    world: &'a World,
    /// Those that were named.
    given: Vec<WorkflowFile>,
    /// Those of the work tree that runs used.
    local: Vec<WorkflowFile>,
    /// By name, the old text, and the file as it is with all changes so far.
    changed: BTreeMap<String, (String, WorkflowFile)>,
    /// A text for each change.
    texts: Vec<String>,
}

/// What a failure means for its workflow.
pub struct Proposed {
    /// The file and the line of the step.
    pub place: Option<(String, u32)>,
    /// A diff, or why there is none. Nothing if no workflow is known.
    pub patch: Option<Result<String, Refusal>>,
}

impl<'a> Changes<'a> {
    pub fn new(plan: &'a Plan, world: &'a World) -> Result<Self, (String, String)> {
        let given = plan
            .workflow_files
            .iter()
            .map(WorkflowFile::read)
            .collect::<Result<Vec<_>, _>>()?;
        let mut local: Vec<WorkflowFile> = Vec::new();
        let origins = plan
            .logs
            .iter()
            .filter_map(|log| log.origin.as_ref())
            .filter(|origin| origin.of.is_here);
        // Also if the token may not read the one of the commit.
        let names = origins.flat_map(|origin| {
            origin
                .of
                .files
                .iter()
                .map(|file| &*file.name)
                .chain(origin.of.run.file())
        });
        for name in names {
            let path = world.workspace.join(name);
            let is_known = local.iter().any(|file| file.name == name);
            if !is_known && name.starts_with(".github/") && files::exists(&path) {
                let named = Named::new(Source::File(path), name);
                // One that is being edited and cannot be read is not what ran.
                local.extend(WorkflowFile::read(&named));
            }
        }
        Ok(Self {
            plan,
            world,
            given,
            local,
            changed: BTreeMap::new(),
            texts: Vec::new(),
        })
    }

    /// For one failure. What has the path of the run's workflow in the work tree comes first, as only it can be changed.
    pub fn propose(&mut self, entry: &Entry) -> Proposed {
        let origin = entry.named.origin.as_deref();
        let path = origin.and_then(|origin| origin.of.run.file());
        let fetched = origin.map(|origin| &*origin.of.files).unwrap_or_default();
        let known: Vec<&WorkflowFile> = self.given.iter().chain(&self.local).chain(fetched).collect();
        let Some(path) = path
            .filter(|path| known.iter().any(|file| file.name == *path))
            .map(Some)
            .or((!self.given.is_empty()).then_some(None))
        else {
            let unread = origin.and_then(|origin| origin.of.unread.as_deref());
            let refusal = unread.map(|why| Err(Refusal(one_line(why))));
            return Proposed {
                place: None,
                patch: refusal,
            };
        };
        let wanted = entry.wanted();
        let place = match find(&known, path, &wanted) {
            Ok(place) => place,
            Err(refusal) => {
                return Proposed {
                    place: None,
                    patch: Some(Err(refusal)),
                };
            }
        };
        let about = about(self.plan, entry);
        let at = Some((place.file.name.clone(), place.line));
        let patch = place.patch(&entry.found, about).map(|(change, patch)| {
            let (name, file) = (&place.file.name, place.file.path.clone());
            let joined = match self.changed.get(name) {
                None => Ok(patch.text),
                // Two failures may need the same change, which is made once.
                Some((_, now)) => {
                    let of_now = known.iter().map(|file| if file.name == *name { now } else { *file });
                    let known: Vec<&WorkflowFile> = of_now.collect();
                    let again = find(&known, path, &wanted);
                    again
                        .and_then(|place| place.patch(&entry.found, about))
                        .map(|(_, patch)| patch.text)
                }
            };
            if let Some(file) = joined.ok().and_then(|text| WorkflowFile::parse(name, file, text).ok()) {
                self.texts.push(text_of(entry, &change, name, self.world));
                let before = self.changed.remove(name).map(|(before, _)| before);
                let before = before.unwrap_or_else(|| place.file.text.clone());
                self.changed.insert(name.clone(), (before, file));
            }
            patch.diff
        });
        Proposed {
            place: at,
            patch: Some(patch),
        }
    }

    /// All changes as one patch.
    pub fn diff(&self) -> String {
        let diffs = self
            .changed
            .iter()
            .map(|(name, (old, file))| patch::diff(old, &file.text, name));
        diffs.flatten().collect()
    }

    /// Writes what was asked for: the changed workflows, and the text of a pull request. Says what it wrote.
    pub fn write(&self) -> Result<Vec<String>, (String, String)> {
        let failed = |error: anyhow::Error| (format!("{error:#}"), "check the path and its permissions".to_owned());
        let mut written = Vec::new();
        for (name, (_, file)) in self.changed.iter().filter(|_| self.plan.write) {
            match &file.path {
                Some(path) => {
                    files::replace_with_its_mode(path, file.text.as_bytes()).map_err(failed)?;
                    written.push(format!("the change was made in {name}"));
                }
                None => written.push(format!(
                    "{name} was not changed: the work tree does not have it, or not with this step"
                )),
            }
        }
        if let Some(path) = self.plan.pr_text.as_deref().filter(|_| !self.texts.is_empty()) {
            files::replace(path, self.texts.join("\n").as_bytes()).map_err(failed)?;
            written.push(format!("the text of a pull request was written to {}", path.display()));
        }
        Ok(written)
    }
}

fn about<'a>(plan: &'a Plan, entry: &'a Entry) -> About<'a> {
    match &entry.named.origin {
        Some(origin) => About {
            event: origin.of.run.event.as_deref(),
            is_fork: origin.of.run.is_from_fork(),
            is_dependabot: origin.of.run.is_of_dependabot(),
        },
        None => About {
            event: plan.event.as_deref(),
            ..About::default()
        },
    }
}

fn text_of(entry: &Entry, change: &Change, file: &str, world: &World) -> String {
    let found = &entry.found;
    let short = |text: &str| world.secrets.shorten(text, LONGEST);
    let lines = found.lines.iter();
    let lines: Vec<(u64, String)> = lines
        .map(|line| (line.number as u64, world.secrets.shorten(part(&line.text), LONGEST)))
        .collect();
    let lines: Vec<(u64, &str)> = lines.iter().map(|(number, text)| (*number, &**text)).collect();
    let (cause, step, link) = (short(&found.sentence), short(&found.step), entry.link());
    let evidence = Evidence {
        run: link.as_deref(),
        job: &entry.named.name,
        step: Some(&*step).filter(|step| !step.is_empty()),
        cause: &cause,
        lines: &lines,
    };
    pull_request::text(change, file, &evidence)
}
