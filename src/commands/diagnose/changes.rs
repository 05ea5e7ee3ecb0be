//! The changes of workflows that the diagnoses call for: each as a patch, and all of them together.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::PathBuf;

use super::cases::{Entry, LONGEST, part};
use super::misspelt::{self, Name, Uses};
use super::patch::About;
use super::place::{Place, find};
use super::workflow_file::{self, LARGEST, WorkflowFile};
use super::{Named, Plan};
use crate::model::Finding;
use crate::model::diagnose::{Diagnosis, Fix};
use crate::model::text::one_line;
use crate::model::workflow::Workflow;
use crate::model::workflow::patch::pull_request::{self, Entry as Told, Evidence};
use crate::model::workflow::patch::{self, Change, Refusal};
use crate::model::workflow::secrets::held_by;
use crate::model::yaml::Node;
use crate::world::files::{self, Links};
use crate::world::job_log::Source;
use crate::world::scan::Hide;
use crate::world::{World, workspace};

pub struct Changes<'a> {
    plan: &'a Plan,
    world: &'a World,
    /// Those that were named.
    given: Vec<WorkflowFile>,
    /// Those of the work tree that runs used.
    local: Vec<WorkflowFile>,
    /// All of the work tree, once somebody asks.
    others: OnceCell<Vec<WorkflowFile>>,
    /// By name and path: that of the commit and that of the work tree may differ.
    changed: BTreeMap<(String, Option<PathBuf>), Changed>,
    /// What a pull request says of each change.
    told: Vec<Told>,
}

/// A file with all changes so far.
struct Changed {
    before: String,
    now: WorkflowFile,
    /// Each change, as if it were the only one.
    diffs: Vec<String>,
}

/// What a failure means for its workflow.
#[derive(Default)]
pub struct Proposed {
    /// The file and the line of the step.
    pub place: Option<(String, u32)>,
    /// A diff, or why there is none. Nothing if no workflow is known.
    pub patch: Option<Result<String, Refusal>>,
    /// The name of the secret that is missing.
    pub secret: Option<Name>,
    /// The secrets that the missing values are.
    pub held: Vec<String>,
    /// The prerequisites by which a guard looks for them.
    pub required: Vec<String>,
    /// What the patch does.
    pub change: Option<Change>,
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
            others: OnceCell::new(),
            changed: BTreeMap::new(),
            told: Vec::new(),
        })
    }

    /// For one failure. What has the path of the run's workflow in the work tree comes first, as only it can be changed.
    /// For a waived one, the patch is shown and not made.
    pub fn propose(&mut self, entry: &mut Entry, is_waived: bool) -> Proposed {
        let origin = entry.named.origin.clone();
        let origin = origin.as_deref();
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
                patch: refusal,
                ..Proposed::default()
            };
        };
        let place = match find(&known, path, &entry.wanted()) {
            Ok(place) => place,
            Err(refusal) => {
                return Proposed {
                    patch: Some(Err(refusal)),
                    ..Proposed::default()
                };
            }
        };
        let (held, required) = missing(&entry.found, &place);
        if !held.is_empty() {
            entry.found.heed_secrets(&held);
        }
        // GitHub's own word is better, and an expression is no name.
        if entry.step.is_none()
            && let Some(name) = place
                .node
                .get("name")
                .and_then(Node::text)
                .filter(|name| !name.contains("${{"))
        {
            name.clone_into(&mut entry.step_name);
        }
        let entry = &*entry;
        let existing = origin.and_then(|origin| origin.of.secrets.get());
        let uses = || {
            let is_here = origin.is_none_or(|origin| origin.of.is_here);
            let others = is_here.then(|| self.others.get_or_init(|| workflow_file::all(self.world)));
            Uses::of(known.iter().copied().chain(others.into_iter().flatten()))
        };
        let secret = misspelt::look(&entry.found, &place, existing, uses);
        let about = About {
            misspelt: secret.as_ref().and_then(Name::misspelt),
            ..about(self.plan, entry)
        };
        let at = Some((place.file.name.clone(), place.line));
        let key = (place.file.name.clone(), place.file.path.clone());
        let mut proposed = None;
        let patch = place.patch(&entry.found, about).and_then(|(change, patch)| {
            proposed = Some(change.clone());
            let earlier = self.changed.get(&key);
            // Two failures may need the same change, which is made once.
            if is_waived || earlier.is_some_and(|earlier| earlier.diffs.contains(&patch.diff)) {
                return Ok(patch.diff);
            }
            let text = match earlier {
                None => patch.text,
                Some(Changed { now, .. }) => {
                    let is_it = |file: &WorkflowFile| file.name == now.name && file.path == now.path;
                    let of_now = known.iter().map(|file| if is_it(file) { now } else { *file });
                    let of_now: Vec<&WorkflowFile> = of_now.collect();
                    let again = find(&of_now, path, &entry.wanted()).and_then(|place| match is_it(place.file) {
                        true => place.patch(&entry.found, about),
                        false => Err(Refusal::new("the step is then found in another file")),
                    });
                    let no = |why| Refusal(format!("it does not go with an earlier change of the file: {why}"));
                    again.map_err(no)?.1.text
                }
            };
            let now = WorkflowFile::parse(&key.0, key.1.clone(), text).map_err(Refusal)?;
            self.told.push(told(entry, &change, &patch.diff, &place, self.world));
            let (before, mut diffs) = match self.changed.remove(&key) {
                Some(earlier) => (earlier.before, earlier.diffs),
                None => (place.file.text.clone(), Vec::new()),
            };
            diffs.push(patch.diff.clone());
            self.changed.insert(key, Changed { before, now, diffs });
            Ok(patch.diff)
        });
        Proposed {
            place: at,
            change: proposed.filter(|_| patch.is_ok()),
            patch: Some(patch),
            secret,
            held,
            required,
        }
    }

    /// All changes as one patch: of a file that the work tree has in another version, those of that one.
    pub fn diff(&self) -> String {
        let is_local = |(name, path): &(String, Option<PathBuf>)| {
            path.is_some() || !self.changed.keys().any(|(other, path)| other == name && path.is_some())
        };
        let diffs = self
            .changed
            .iter()
            .filter(|(key, _)| is_local(key))
            .map(|((name, _), file)| patch::diff(&file.before, &file.now.text, name));
        diffs.flatten().collect()
    }

    /// Writes what was asked for: the text of a pull request, and the changed workflows. Says what became of each, with the
    /// workflow's name, or why there is none: `is_waived` tells whether a failure with a patch is.
    pub fn write(&self, is_waived: bool) -> Vec<(Option<&str>, Finding)> {
        let is_asked = self.plan.write || self.plan.pr_text.is_some();
        if is_asked && self.changed.is_empty() {
            let why = if is_waived {
                "the failure is waived"
            } else {
                "there is no patch"
            };
            return vec![(
                None,
                Finding::note("not-written", format!("nothing was written: {why}")),
            )];
        }
        let mut said = Vec::new();
        let mut add = |name, written: anyhow::Result<()>, text: String| {
            let short = |text: String| self.world.secrets.shorten(&*text, LONGEST);
            let finding = match written {
                Ok(()) => Finding::note("written", short(text)),
                Err(error) => Finding::error("not-written", short(format!("{error:#}")))
                    .help("check the path and its permissions"),
            };
            said.push((name, finding));
        };
        if let Some(path) = &self.plan.pr_text {
            // The workflow names things, too, and so nothing in it is trusted.
            let text = Hide::builtin().text(&self.world.secrets.redact(&pull_request::text(&self.told)));
            let written = files::replace(path, text.as_bytes());
            let text = format!(
                "the text of a pull request was written to {}",
                workspace::shown(path, &self.world.workspace)
            );
            add(None, written, text);
        }
        for ((name, path), file) in self.changed.iter().filter(|_| self.plan.write) {
            let of = Some(&**name);
            let Some(path) = path else {
                let text = format!("{name} was not changed: the work tree does not have it, or not with this step");
                add(of, Ok(()), text);
                continue;
            };
            match files::read_text(path, LARGEST, Links::Follow) {
                Ok(text) if text == file.before => {
                    let written = files::replace_with_its_mode(path, file.now.text.as_bytes());
                    add(of, written, format!("the change was made in {name}"));
                }
                Ok(_) => add(
                    of,
                    Ok(()),
                    format!("{name} was not changed: it was edited after it was read"),
                ),
                Err(error) => add(of, Err(error), String::new()),
            }
        }
        said
    }
}

/// The secrets that the missing values are, if all of them are one, and the prerequisites of a guard for them.
fn missing(found: &Diagnosis, place: &Place<'_>) -> (Vec<String>, Vec<String>) {
    let job = Workflow::of(&place.file.root).and_then(|workflow| workflow.job(place.job));
    let (Some(Fix::SkipGuard { names }), Some(job)) = (&found.fix, job) else {
        return Default::default();
    };
    let secrets = names.iter().map(|name| held_by(name, place.node, job));
    let required = names
        .iter()
        .map(|name| patch::requirement(&place.file.root, job.node, place.node, name));
    (
        secrets.collect::<Option<_>>().unwrap_or_default(),
        required.collect::<Result<_, _>>().unwrap_or_default(),
    )
}

fn about<'a>(plan: &'a Plan, entry: &'a Entry) -> About<'a> {
    match &entry.named.origin {
        Some(origin) => About {
            event: origin.of.run.event.as_deref(),
            is_fork: origin.of.run.is_from_fork(),
            is_dependabot: origin.of.run.is_of_dependabot(),
            misspelt: None,
        },
        None => About {
            event: plan.event.as_deref(),
            ..About::default()
        },
    }
}

fn told(entry: &Entry, change: &Change, diff: &str, place: &Place<'_>, world: &World) -> Told {
    let found = &entry.found;
    let short = |text: &str| world.secrets.shorten(text, LONGEST);
    let lines = found.lines.iter();
    let lines: Vec<(u64, String)> = lines
        .map(|line| (line.number as u64, world.secrets.shorten(part(&line.text), LONGEST)))
        .collect();
    let lines: Vec<(u64, &str)> = lines.iter().map(|(number, text)| (*number, &**text)).collect();
    let (cause, step, link) = (short(&found.sentence), short(&entry.step_name), entry.link());
    let job = short(found.context.job.as_deref().unwrap_or(place.job));
    let evidence = Evidence {
        run: link.as_deref(),
        job: &job,
        step: Some(&*step).filter(|step| !step.is_empty()),
        cause: &cause,
        lines: &lines,
    };
    Told::new(change, &place.file.name, diff, &evidence)
}
