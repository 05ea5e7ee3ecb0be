//! Where steps run one after the other, a job or a composite action, and which of them are stageproof's.

use super::findings::Findings;
use super::interfaces::{PROVE, STAGING};
use super::language::{About, Input, Language, Meaning, Needed, Place, Refusal};
use crate::model::workflow::reference::{Reference, STAGEPROOF};
use crate::model::workflow::script;
use crate::model::workflow::{Job, Step, Workflow};
use crate::model::yaml::Node;

/// The action's image.
const IMAGE: &str = "ghcr.io/stageproof/stageproof";
/// The composite action, below the repository's top.
pub const PROVE_PATH: &str = "prove";
/// So many uses of one file are judged.
pub const MOST_USES: usize = 500;
/// As it is called in a script.
const PROGRAM: &str = "stageproof";

/// What of stageproof a `uses:` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The action, or its image: one command.
    Action,
    /// The composite action.
    Prove,
    /// The workflow that is called.
    Staging,
    /// Something else of the repository.
    Other,
}

/// Which part of stageproof this is, if it is one. `is_own` says that this is stageproof's own repository.
pub fn part(reference: &Reference<'_>, is_own: bool) -> Option<Part> {
    let path = match reference {
        Reference::Repository { repository, path, .. } if repository.eq_ignore_ascii_case(STAGEPROOF) => *path,
        Reference::Image { name, .. } if name.eq_ignore_ascii_case(IMAGE) => "",
        Reference::Local(path) if is_own => *path,
        _ => return None,
    };
    match path.trim_matches('/') {
        "" => Some(Part::Action),
        PROVE_PATH => Some(Part::Prove),
        path if path == STAGING.file => Some(Part::Staging),
        _ if matches!(reference, Reference::Local(_)) => None,
        _ => Some(Part::Other),
    }
}

/// A job, or a composite action.
pub struct Scope<'a> {
    pub workflow: Option<Workflow<'a>>,
    pub job: Option<Job<'a>>,
    pub steps: Vec<Step<'a>>,
    pub uses: Vec<Use<'a>>,
}

/// A step, or a call in its script, that is stageproof's.
pub struct Use<'a> {
    pub step: Step<'a>,
    pub how: How,
    pub line: u32,
    pub meaning: Meaning,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Action,
    Prove,
    Call,
}

impl Use<'_> {
    pub fn is_command(&self, names: &[&str]) -> bool {
        self.meaning
            .command
            .as_deref()
            .is_some_and(|command| names.contains(&command))
    }

    /// The line of what asks for something: that of the input which is called so, or of the one that says so. With a
    /// variable, of the input that names it.
    pub fn line_of(&self, because: &str, variable: Option<&str>) -> u32 {
        let is_it = |line: &str| match variable {
            Some(variable) => line
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .any(|word| word == variable),
            None => line.trim() == because,
        };
        for (key, value) in self.step.inputs() {
            if key.text() == Some(because) {
                return value.place.line;
            }
            let mut lines = value.text().unwrap_or_default().lines();
            if let Some(index) = lines.position(is_it) {
                return value.line_of(index);
            }
        }
        self.line
    }
}

impl<'a> Scope<'a> {
    /// Reads it, and tells what is wrong with each use by itself.
    pub fn read(
        workflow: Option<Workflow<'a>>,
        job: Option<Job<'a>>,
        steps: Vec<Step<'a>>,
        (language, is_own): (&dyn Language, bool),
        left: &mut usize,
        findings: &mut Findings<'_>,
    ) -> Self {
        if let Some(uses) = job.and_then(|job| job.node.get("uses"))
            && let Some(reference) = uses.text().and_then(Reference::parse)
            && part(&reference, is_own) == Some(Part::Staging)
            && let Some(job) = job
            && *left > 0
        {
            spend(left, uses.place.line, findings);
            STAGING.look(job.node, uses.place.line, language, findings);
        }
        let mut uses: Vec<Use<'a>> = Vec::new();
        let mut made = Place::Top;
        for step in &steps {
            if step.index > 0 && changes_files(steps[step.index - 1]) {
                made = Place::Elsewhere;
            }
            if *left == 0 {
                break;
            }
            if let Some(used) = action(*step, language, (is_own, made), findings) {
                spend(left, used.line, findings);
                uses.push(used);
            }
            let Some(run) = step.node.get("run").filter(|_| is_posix(*step)) else {
                continue;
            };
            let is_below = [
                Some(step.node),
                job.map(|job| job.node),
                workflow.map(|workflow| workflow.node),
            ]
            .into_iter()
            .flatten()
            .any(works_below);
            let place = match is_below || run.text().is_some_and(|script| script.contains("cd ")) {
                true => Place::Elsewhere,
                false => made,
            };
            let calls = script::calls(run.text().unwrap_or_default(), PROGRAM);
            for call in calls.into_iter().take(*left) {
                let line = run.line_of(call.line);
                spend(left, line, findings);
                let meaning = language.words(&call.words, place);
                for refusal in &meaning.refusals {
                    findings.add(refusal.code, line, refusal.message.clone(), refusal.help.clone());
                }
                uses.push(Use {
                    step: *step,
                    how: How::Call,
                    line,
                    meaning,
                });
            }
        }
        Self {
            workflow,
            job,
            steps,
            uses,
        }
    }

    /// The steps before this one.
    pub fn before(&self, step: Step<'a>) -> &[Step<'a>] {
        self.steps.get(..step.index).unwrap_or_default()
    }

    /// The steps after this one.
    pub fn after(&self, step: Step<'a>) -> &[Step<'a>] {
        self.steps.get(step.index + 1..).unwrap_or_default()
    }

    /// The use of a step with this id, if it is stageproof's.
    pub fn use_of(&self, id: &str) -> Option<&Use<'a>> {
        let has_id = |used: &&Use<'a>| used.step.id().is_some_and(|own| own.eq_ignore_ascii_case(id));
        self.uses.iter().filter(|used| used.how != How::Call).find(has_id)
    }
}

/// Each use is parsed as a command line, and a file may hold only so many.
fn spend(left: &mut usize, line: u32, findings: &mut Findings<'_>) {
    *left = left.saturating_sub(1);
    if *left == 0 {
        let message = format!("the file uses stageproof more than {MOST_USES} times; the rest is not judged");
        findings.add("more", line, message, Some("split the file".to_owned()));
    }
}

/// Whether a step may bring another configuration than the one that is in the repository now.
fn changes_files(step: Step<'_>) -> bool {
    let of_another = step
        .inputs()
        .any(|(key, _)| matches!(key.text(), Some("repository" | "path")));
    let is_checkout = step
        .text("uses")
        .is_some_and(|uses| uses.to_ascii_lowercase().contains("checkout"));
    (is_checkout && of_another) || step.text("run").is_some_and(|script| script.contains("stageproof.y"))
}

/// Whether its script is one that is split into commands here.
fn is_posix(step: Step<'_>) -> bool {
    step.text("shell")
        .is_none_or(|shell| shell.starts_with("bash") || shell.starts_with("sh"))
}

/// Whether scripts run in a folder of their own, by the step or by the defaults of what it is in.
fn works_below(node: &Node) -> bool {
    let of_defaults = || node.get("defaults")?.get("run")?.get("working-directory");
    node.get("working-directory").or_else(of_defaults).is_some()
}

fn action<'a>(
    step: Step<'a>,
    language: &dyn Language,
    (is_own, place): (bool, Place),
    findings: &mut Findings<'_>,
) -> Option<Use<'a>> {
    let uses = step.node.get("uses")?;
    let reference = Reference::parse(uses.text()?)?;
    let how = match part(&reference, is_own)? {
        Part::Action => How::Action,
        Part::Prove => How::Prove,
        Part::Staging | Part::Other => return None,
    };
    let line = uses.place.line;
    let meaning = match how {
        // GitHub hands these to an image in place of the action's own arguments.
        How::Action if matches!(reference, Reference::Image { .. }) && step.inputs().any(is_of_the_runner) => {
            arguments(step, (language, place), findings)
        }
        How::Action => inputs(step, line, (language, place), findings),
        How::Prove | How::Call => {
            PROVE.look(step.node, line, language, findings);
            let mut needs = language.inputs("rollback-dry-run", &[], place).needs;
            needs.retain(|need| matches!(need.what, Needed::Checkout | Needed::History));
            needs.iter_mut().for_each(|need| need.because = PROVE_PATH.to_owned());
            Meaning {
                needs,
                ..Meaning::default()
            }
        }
    };
    Some(Use {
        step,
        how,
        line,
        meaning,
    })
}

/// `entrypoint` or `args`, which are no inputs of the command.
fn is_of_the_runner((key, _): (&Node, &Node)) -> bool {
    key.text()
        .is_some_and(|key| key.eq_ignore_ascii_case("entrypoint") || key.eq_ignore_ascii_case("args"))
}

/// Judges `args` as a command line, if they are all that is given and a shell would read them as Docker does.
fn arguments(step: Step<'_>, (language, place): (&dyn Language, Place), findings: &mut Findings<'_>) -> Meaning {
    let inputs: Vec<_> = step.inputs().collect();
    let [(key, args)] = inputs.as_slice() else {
        return Meaning::default();
    };
    let text = args.text().unwrap_or_default().trim();
    let is_plain = !text.is_empty()
        && !text
            .replace("${{", "")
            .contains(['\'', '`', '\\', '$', ';', '|', '&', '<', '>', '#', '\n']);
    if !is_plain || !key.text().is_some_and(|key| key.eq_ignore_ascii_case("args")) {
        return Meaning::default();
    }
    let calls = script::calls(&format!("{PROGRAM} {text}"), PROGRAM);
    let Some(call) = calls.first() else {
        return Meaning::default();
    };
    let meaning = language.words(&call.words, place);
    for refusal in &meaning.refusals {
        findings.add(
            refusal.code,
            args.place.line,
            refusal.message.clone(),
            refusal.help.clone(),
        );
    }
    meaning
}

fn inputs(
    step: Step<'_>,
    line: u32,
    (language, place): (&dyn Language, Place),
    findings: &mut Findings<'_>,
) -> Meaning {
    // Input names are taken in any case.
    let named = |name: &str| {
        step.inputs()
            .find(|(key, _)| key.text().is_some_and(|key| key.eq_ignore_ascii_case(name)))
    };
    let command = named("command")
        .and_then(|(_, value)| value.text())
        .unwrap_or_default()
        .trim();
    let mut tell = |refusal: &Refusal| {
        let (code, message, help) = (refusal.code, refusal.message.clone(), refusal.help.clone());
        let line = match &refusal.about {
            About::Whole => line,
            About::Line(line) => *line,
            About::Input(name) => named(name).map_or(line, |(key, _)| key.place.line),
            About::Value(name, index) => named(name).map_or(line, |(_, value)| value.line_of(*index)),
        };
        findings.add(code, line, message, help);
    };
    if crate::model::workflow::expression::is_dynamic(command) {
        return Meaning::default();
    }
    if let Some(refusal) = language.command(command) {
        tell(&refusal);
        return Meaning::default();
    }
    let inputs = step.inputs().filter_map(|(key, value)| {
        let (name, value) = (key.text()?, text_of(value)?);
        (!name.eq_ignore_ascii_case("command")).then_some(Input { name, value })
    });
    let meaning = language.inputs(command, &inputs.collect::<Vec<_>>(), place);
    meaning.refusals.iter().for_each(&mut tell);
    meaning
}

/// What the runner makes of a value: nothing of `~` and `null`.
fn text_of(value: &Node) -> Option<&str> {
    match value.is_null() {
        true => Some(""),
        false => value.text(),
    }
}
