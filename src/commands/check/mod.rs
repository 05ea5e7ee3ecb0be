//! Is stageproof used correctly? Reads the configuration, the workflows and the actions of a repository, offline,
//! and runs nothing. A check for each file that uses stageproof.
//!
//! What a workflow passes to stageproof is judged by stageproof's own command line, which `cli` lends ([`Language`]); how
//! the parts of a workflow fit together, by the files of [`inspect`].

mod files;
mod findings;
mod inspect;
mod interfaces;
mod language;
mod rules;
mod scope;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::commands::{Keep, ReportHome, Running, Subcommand};
use crate::engine;
use crate::model::rule::Rules;
use crate::model::text::count;
use crate::model::workflow::{Workflow, composite_steps};
use crate::model::yaml::{self, Node};
use crate::model::{Check, Ended, Fact, Finding, Outcome};
use crate::world::World;
use crate::world::files::{Links, exists, read};
pub use files::File;
use files::Repository;
use findings::Findings;
use inspect::Document;
pub use interfaces::ALL as INTERFACES;
pub use language::{About, Input, Language, LanguageOf, Meaning, Need, Needed, Place, Refusal};
pub use rules::RULES;
use scope::Scope;

const STAGE: &str = "check";
/// A workflow is written by people; GitHub's own limit is lower.
const LARGEST: u64 = 1 << 20;

#[derive(Clone)]
pub struct Plan {
    /// Files, and folders of repositories. Empty: the repository of the current folder.
    pub paths: Vec<PathBuf>,
    /// The configuration, relative to its repository, and the names it must not have.
    pub config: PathBuf,
    pub misnamed: &'static [&'static str],
    pub language: LanguageOf,
    /// A file for code scanning.
    pub sarif: Option<PathBuf>,
}

impl Subcommand for Plan {
    fn report_home(&self) -> ReportHome {
        ReportHome::None
    }

    fn sarif(&self) -> Option<(&Path, &Rules)> {
        self.sarif.as_deref().map(|file| (file, &RULES))
    }

    fn run<'a>(&'a self, world: &'a World, _: Keep<'a>) -> Running<'a> {
        Box::pin(async move {
            let (own_plan, own_world) = (self.clone(), world.clone());
            engine::blocking((STAGE, "check:files", "The files can be read"), move || {
                check(&own_plan, &own_world)
            })
            .await
        })
    }
}

fn check(plan: &Plan, world: &World) -> Outcome {
    let repositories: Vec<Repository> = match plan.paths.as_slice() {
        [] => vec![files::of_world(world, &plan.config)],
        paths => paths
            .iter()
            .map(|path| files::named(path, world, &plan.config))
            .collect(),
    };
    let mut outcome = Outcome::default();
    let mut others = 0;
    for repository in &repositories {
        let language = (plan.language)(&repository.top);
        let surroundings = Surroundings {
            language: &*language,
            is_own: is_own(&repository.top),
        };
        if plan.paths.is_empty() || !repository.files.iter().any(|file| file.is_named) {
            outcome.checks.extend(misnamed(repository, plan));
        }
        for file in &repository.files {
            if let Some(signal) = world.interrupt.received() {
                let ended = Ended::errored(format!("interrupted by {signal} before it ended"));
                let title = "All files are checked";
                let check = Check::new(STAGE, "check:files", title, ended, Duration::ZERO);
                outcome.checks.push(check);
                return outcome;
            }
            match look(file, &surroundings) {
                Some(check) => outcome.checks.push(check),
                None => others += 1,
            }
        }
        for trouble in &repository.troubles {
            let ended = Ended::with_help(
                format!("cannot look for workflows and actions: {trouble}"),
                "name the files to check: stageproof check .github/workflows/deploy.yml",
            );
            let id = format!("check:trouble:{}", outcome.checks.len());
            outcome
                .checks
                .push(Check::new(STAGE, id, "All files can be found", ended, Duration::ZERO));
        }
    }
    if others > 0 {
        let verb = if others == 1 { "does" } else { "do" };
        outcome
            .notes
            .push(format!("{} {verb} not use stageproof.", count(others, "file")));
    }
    if outcome.checks.is_empty() {
        outcome.notes.push(format!(
            "There is nothing to check: no {}, and no workflow or action that uses stageproof.",
            plan.config.display()
        ));
    }
    outcome
}

/// What every file of a repository is judged with.
pub struct Surroundings<'a> {
    pub language: &'a dyn Language,
    /// This is stageproof's own repository, in which `./` is the action.
    pub is_own: bool,
}

/// By its action.
fn is_own(top: &Path) -> bool {
    let text = read(&top.join("action.yml"), LARGEST, Links::Follow).ok();
    let root = text.and_then(|bytes| yaml::parse(&String::from_utf8(bytes).ok()?).ok());
    root.is_some_and(|root| {
        let inputs = root.get("inputs");
        let has = |name| inputs.is_some_and(|inputs| inputs.get(name).is_some());
        root.get("name").and_then(Node::text) == Some("stageproof") && has("command") && has("evidence-dir")
    })
}

/// A configuration that is not read, because of its name.
fn misnamed(repository: &Repository, plan: &Plan) -> Option<Check> {
    if exists(&repository.top.join(&plan.config)) || repository.files.iter().any(|file| file.is_config) {
        return None;
    }
    let name = plan.misnamed.iter().find(|name| exists(&repository.top.join(name)))?;
    let config = plan.config.display();
    let mut findings = Findings::of(name, "");
    let message = format!("{name} is ignored: the configuration file is {config}");
    findings.add(
        "config-name",
        1,
        message,
        Some(format!("rename it: git mv {name} {config}")),
    );
    Some(ended(
        name,
        "is the configuration",
        Instant::now(),
        findings,
        Vec::new(),
    ))
}

/// `None` if the file does not use stageproof.
fn look(file: &File, surroundings: &Surroundings<'_>) -> Option<Check> {
    let started = Instant::now();
    match read(&file.path, LARGEST, Links::Follow) {
        Ok(bytes) => judge(file, &bytes, surroundings),
        Err(error) => {
            let ended = Ended::with_help(
                format!("{error:#}"),
                "name a YAML file of at most 1 MiB that this user may read",
            );
            let title = title(&file.shown, "can be read");
            Some(Check::new(STAGE, id(&file.shown), title, ended, started.elapsed()))
        }
    }
}

/// Judges what a file holds; `None` if it does not use stageproof.
pub fn judge(file: &File, bytes: &[u8], surroundings: &Surroundings<'_>) -> Option<Check> {
    let started = Instant::now();
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            let line = u32::try_from(line).unwrap_or(u32::MAX);
            let mut findings = Findings::of(&file.shown, "");
            findings.add(
                "yaml",
                line,
                "it is not UTF-8 text",
                Some("save the file as UTF-8".to_owned()),
            );
            return Some(ended(&file.shown, "is YAML", started, findings, Vec::new()));
        }
    };
    let mut findings = Findings::of(&file.shown, text);
    let parsed = yaml::parse(text);
    if let Ok(root) = &parsed {
        findings.knows(root);
    }
    if is_config(file, parsed.as_ref().ok(), surroundings.language) {
        for refusal in surroundings.language.config(text, &file.shown) {
            let line = match refusal.about {
                About::Line(line) => line,
                _ => 1,
            };
            findings.add_with_excerpt(refusal.code, line, refusal.message, refusal.help);
        }
        return Some(ended(
            &file.shown,
            "is a valid configuration",
            started,
            findings,
            Vec::new(),
        ));
    }
    let root = match parsed {
        Ok(root) => root,
        // An action that has nothing to do with stageproof is its author's concern.
        Err(_) if !file.is_named && is_action(file) && !text.contains("stageproof") => return None,
        Err(error) => {
            let help = text
                .contains('\t')
                .then(|| "YAML does not allow tabs for indentation; use spaces".to_owned());
            findings.add_with_excerpt("yaml", error.line, error.what, help);
            return Some(ended(&file.shown, "is YAML", started, findings, Vec::new()));
        }
    };
    let document = document(&root, surroundings, &mut findings);
    const CLAIM: &str = "uses stageproof correctly";
    let uses = document.uses();
    if uses == 0 {
        let why = "it does not use stageproof";
        return file
            .is_named
            .then(|| Check::skipped(STAGE, id(&file.shown), title(&file.shown, CLAIM), why));
    }
    inspect::all(&document, &mut findings);
    let facts = vec![Fact::new("uses", uses.to_string())];
    Some(ended(&file.shown, CLAIM, started, findings, facts))
}

/// What a file is that somebody named, is told by its keys, and only then by its name.
fn is_config(file: &File, root: Option<&Node>, language: &dyn Language) -> bool {
    let Some(root) = root.filter(|_| file.is_named) else {
        return file.is_config;
    };
    let keys: Vec<&str> = root.entries().filter_map(|(key, _)| key.text()).collect();
    let has = |known: &[&str]| keys.iter().any(|key| known.contains(key));
    // `version` is a key of many formats.
    let known = language.config_keys();
    let is_known = |key: &&str| *key != "version" && known.iter().any(|known| known == key);
    !has(&["jobs", "on", "runs"]) && (file.is_config || keys.iter().any(is_known))
}

fn is_action(file: &File) -> bool {
    file.path.file_stem().is_some_and(|name| name == "action")
}

fn document<'a>(root: &'a Node, surroundings: &Surroundings<'_>, findings: &mut Findings<'_>) -> Document<'a> {
    let judge = (surroundings.language, surroundings.is_own);
    let mut left = scope::MOST_USES;
    let scopes = match (Workflow::of(root), composite_steps(root)) {
        (Some(workflow), _) => {
            let jobs = workflow.jobs();
            jobs.map(|job| Scope::read(Some(workflow), Some(job), job.steps(), judge, &mut left, findings))
                .collect()
        }
        (None, Some(steps)) => vec![Scope::read(None, None, steps, judge, &mut left, findings)],
        (None, None) => Vec::new(),
    };
    Document {
        root,
        scopes,
        is_own: surroundings.is_own,
    }
}

fn ended(shown: &str, claim: &str, started: Instant, mut findings: Findings<'_>, mut facts: Vec<Fact>) -> Check {
    findings.unknown_codes();
    if findings.ignored() > 0 {
        facts.push(Fact::new("ignored findings", findings.ignored().to_string()));
    }
    let findings: Vec<Finding> = findings.into_vec();
    let ended = Ended::Looked(findings);
    let mut check = Check::new(STAGE, id(shown), title(shown, claim), ended, started.elapsed());
    check.facts = facts;
    check
}

fn id(shown: &str) -> String {
    format!("check:{shown}")
}

fn title(shown: &str, claim: &str) -> String {
    format!("{shown} {claim}")
}
