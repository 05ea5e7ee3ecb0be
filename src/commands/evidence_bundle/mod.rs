//! What is the proof? Copies in what is named, hashes everything, indexes it and packs it.

mod attest;
#[cfg(test)]
mod corpus;
mod earlier;
mod found;
mod gather;
mod index;
mod inventory;
mod pattern;
mod rules;
mod safe_name;
mod scrub;
mod scrubbed;
mod seal;
mod select;
mod store;
mod upload;

use std::path::{Path, PathBuf};
use std::time::Instant;

pub use pattern::{Exclude, Pattern, PatternError, has_magic};
pub use scrub::Scrub;
pub use store::Storing;
pub use upload::{Upload, Whether};

use crate::commands::{Keep, ReportHome, Running, Subcommand};
use crate::engine;
use crate::model::evidence::{COPIES, LARGEST_TEXT, Redact};
use crate::model::rule::Rules;
use crate::model::scan::{self, PUBLISHED};
use crate::model::{Check, Ended, Fact, Finding, Outcome, Output, Subject};
use crate::world::workspace;
use crate::world::{Clock, World};
use found::Found;
use seal::{Bundle, Halt, Ready};
use select::{Matched, Selection};

const STAGE: &str = "evidence";

#[derive(Clone)]
pub struct Plan {
    pub workspace: PathBuf,
    pub evidence_dir: PathBuf,
    /// What is copied in. What is in the evidence directory is sealed in any case.
    pub files: Vec<Pattern>,
    /// What of it is left out.
    pub exclude: Exclude,
    /// Whether hidden files and folders are copied, too.
    pub hidden: bool,
    /// Of all that is copied.
    pub max_size: Option<u64>,
    /// What must be among what is sealed.
    pub requires: Vec<Pattern>,
    /// The zip.
    pub output: PathBuf,
    pub scrub: Scrub,
    /// A file for code scanning.
    pub sarif: Option<PathBuf>,
    pub subject: Subject,
    /// What tells the jobs of a matrix apart.
    pub matrix: Option<String>,
    /// What stamps the index; fixed, the same files make the same bundle.
    pub clock: Clock,
    /// `None`: it stays on this machine.
    pub upload: Option<Upload>,
    /// `None`: in no store.
    pub store: Option<Storing>,
    /// The variable that holds the key to sign with.
    pub sign_key_env: Option<String>,
}

impl Subcommand for Plan {
    fn report_home(&self) -> ReportHome {
        ReportHome::Beside
    }

    fn replaces_its_report(&self) -> bool {
        true
    }

    fn writes(&self) -> Option<(&'static str, &Path)> {
        Some(("--output", &self.output))
    }

    fn sarif(&self) -> Option<(&Path, &Rules)> {
        self.sarif.as_deref().map(|file| (file, &PUBLISHED))
    }

    fn run<'a>(&'a self, world: &'a World, _: Keep<'a>) -> Running<'a> {
        Box::pin(run(self, world))
    }
}

pub async fn run(plan: &Plan, world: &World) -> Outcome {
    let (own_plan, own_world) = (plan.clone(), world.clone());
    let mut outcome = engine::blocking((STAGE, "evidence-bundle", PACKED), move || {
        seal_all(&own_plan, &own_world)
    })
    .await;
    if let Some(upload) = &plan.upload {
        upload::upload(plan, upload, world, &mut outcome).await;
    }
    if let Some(storing) = &plan.store {
        store::store(plan, storing, world, &mut outcome).await;
    }
    outcome
}

const NO_VALUES: &str = "No variable of this step holds a secret, so no values were searched for, only what the rules \
                         describe. Name a variable with --mask-env to search for its value.";
const HASHED: &str = "The evidence is hashed";
const PACKED: &str = "The bundle is packed";

fn seal_all(plan: &Plan, world: &World) -> Outcome {
    let stop = || world.interrupt.received().is_some();
    let (mut selection, mut found) = (Selection::default(), Found::default());
    let started = Instant::now();
    let prepared = seal::prepare(plan, world, &mut selection, &mut found, &stop);
    let mut outcome = Outcome::default();
    let interrupted = match &prepared {
        Err(Halt::Stopped(signal)) => Some(*signal),
        _ => None,
    };
    let hidden: &[String] = match &prepared {
        Err(Halt::Secrets(_, hidden)) => hidden,
        _ => &[],
    };
    outcome.checks.extend(
        selection
            .patterns
            .into_iter()
            .map(|pattern| pattern_check(pattern, interrupted, hidden)),
    );
    match prepared {
        Ok(None) => {
            outcome.checks.extend(required(plan, &[]));
            let dir = workspace::shown(&plan.evidence_dir, &plan.workspace);
            let reason = format!("there is nothing to seal: {dir} has no files, and none were copied in");
            outcome
                .checks
                .push(Check::skipped(STAGE, "evidence-hashed", HASHED, reason));
        }
        Err(halt) => {
            let reason = "the evidence was not hashed";
            if matches!(halt, Halt::Secrets(..) | Halt::Rules(_)) {
                let title = searched_title(&plan.scrub);
                outcome.checks.push(check(SEARCHED, &title, halted(halt), started));
                let reason = "nothing is sealed after a failed search for secrets";
                outcome
                    .checks
                    .push(Check::skipped(STAGE, "evidence-hashed", HASHED, reason));
            } else {
                outcome
                    .checks
                    .push(check("evidence-hashed", HASHED, halted(halt), started));
            }
            outcome
                .checks
                .push(Check::skipped(STAGE, "evidence-bundle", PACKED, reason));
        }
        Ok(Some(mut ready)) => {
            outcome
                .checks
                .extend(required(plan, &ready.paths().collect::<Vec<_>>()));
            outcome.checks.extend(searched_check(&plan.scrub, &mut ready, started));
            let note = match plan.scrub.redact {
                Redact::Off => Some("The files were not searched for secrets (--redact off)."),
                Redact::Mask | Redact::Fail if !world.secrets.is_of_step() => Some(NO_VALUES),
                Redact::Mask | Redact::Fail => None,
            };
            outcome.notes.extend(note.map(str::to_owned));
            outcome.checks.push(hashed_check(&ready, found, started));
            let started = Instant::now();
            let manifest_sha256 = ready.manifest_sha256.clone();
            match seal::finish(plan, world, ready, &stop) {
                Err(halt) => outcome
                    .checks
                    .push(check("evidence-bundle", PACKED, halted(halt), started)),
                Ok(bundle) => {
                    outcome.checks.push(bundle_check(plan, &bundle, started));
                    outcome.append(attest::attest(plan, world, &bundle.sha256, &manifest_sha256));
                    outcome.outputs.extend(outputs(plan, manifest_sha256, bundle.sha256));
                }
            }
        }
    }
    outcome
}

/// What it says of paths is said without what is `hidden`.
fn pattern_check(pattern: Matched, interrupted: Option<&str>, hidden: &[String]) -> Check {
    let mut findings = pattern.found.findings.into_vec();
    for finding in &mut findings {
        for secret in hidden {
            finding.message = finding.message.replace(secret, "***");
        }
    }

    let ended = match interrupted {
        Some(signal) => Ended::Errored {
            cause: format!("interrupted by {signal} before it ended"),
            help: None,
        },
        None => Ended::Looked(findings),
    };
    let id = format!("{STAGE}:{}", pattern.text);
    let title = format!("`{}` matches files", pattern.text);
    let mut check = Check::new(STAGE, id, title, ended, pattern.took);
    check.facts = vec![Fact::new("files", pattern.files.to_string())];
    check
}

/// Paths in the bundle, or in the workspace for copies.
fn required(plan: &Plan, sealed: &[&str]) -> Vec<Check> {
    let look = |pattern: &Pattern| {
        let is_it = |path: &&&str| {
            let copied = Path::new(path).strip_prefix(COPIES).ok();
            pattern.covers(Path::new(path)) || copied.is_some_and(|path| pattern.covers(path))
        };
        let files = sealed.iter().filter(is_it).count();
        let missing = Finding::error(
            "required-missing",
            format!("no file in the evidence matches `{}`", pattern.text),
        )
        .help("check the output of earlier steps; the bundle is complete but for that");
        let findings = if files == 0 { vec![missing] } else { Vec::new() };
        let (id, title) = (
            format!("{STAGE}:requires:{}", pattern.text),
            format!("`{}` is in the evidence", pattern.text),
        );
        let mut check = check(&id, &title, Ended::Looked(findings), Instant::now());
        check.facts = vec![Fact::new("files", files.to_string())];
        check
    };
    plan.requires.iter().map(look).collect()
}

const SEARCHED: &str = "evidence-redacted";
/// What the seal hides was to be read before.
const REVOKE: &str = "revoke what is masked here at its issuer: it was readable in the files of this job; for what is no \
                      secret, add an allowlist to a rule file (--rules)";

fn searched_title(scrub: &Scrub) -> String {
    match scrub.redact {
        Redact::Mask | Redact::Fail => format!("{} in the evidence", scan::nothing(&scrub.wanted.personal)),
        Redact::Off => "The evidence has nothing that is forbidden".to_owned(),
    }
}

/// Notes and warnings only: with an error, nothing is sealed.
fn searched_check(scrub: &Scrub, ready: &mut Ready, started: Instant) -> Option<Check> {
    let redact = scrub.redact;
    let (findings, masked) = ready.searched.take()?;
    let mut findings = findings.into_vec();
    let first = findings
        .iter_mut()
        .find(|finding| finding.is_of_rule() && !scan::is_personal(&finding.code));
    if let Some(first) = first {
        first.help = Some(REVOKE.to_owned());
    }
    let ended = Ended::Looked(findings);
    let mut title = searched_title(scrub);
    if masked > 0 {
        title.push_str(&format!(", {masked} masked"));
    }
    let mut check = check(SEARCHED, &title, ended, started);
    check.facts = vec![Fact::new("files", (ready.count() - 1).to_string())];
    if redact == Redact::Mask {
        check.facts.push(Fact::new("masked", masked.to_string()));
    }
    Some(check)
}

fn hashed_check(ready: &Ready, found: Found, started: Instant) -> Check {
    let mut check = check(
        "evidence-hashed",
        HASHED,
        Ended::Looked(found.findings.into_vec()),
        started,
    );
    check.facts = vec![
        Fact::new("files", ready.count().to_string()),
        Fact::new("bytes", ready.bytes.to_string()),
        Fact::new("manifest sha256", &ready.manifest_sha256),
    ];
    check
}

fn bundle_check(plan: &Plan, bundle: &Bundle, started: Instant) -> Check {
    let replaced = bundle.replaced.as_ref().map(|sha256| {
        let path = workspace::shown(&plan.output, &plan.workspace);
        let message = format!("{path} replaces a bundle with SHA-256 {sha256}, which is gone");
        Finding::note("replaced", message).help("name another file with --output to keep each bundle")
    });
    let ended = Ended::Looked(replaced.into_iter().collect());
    let mut check = check("evidence-bundle", PACKED, ended, started);
    check.facts = vec![
        Fact::new("path", workspace::shown(&plan.output, &plan.workspace)),
        Fact::new("bytes", bundle.size.to_string()),
        Fact::new("sha256", &bundle.sha256),
    ];
    check
}

fn outputs(plan: &Plan, manifest_sha256: String, bundle_sha256: String) -> [(String, Output); 4] {
    let manifest = plan.evidence_dir.join(crate::model::evidence::MANIFEST);
    [
        ("manifest", Output::path(workspace::shown(&manifest, &plan.workspace))),
        ("manifest-sha256", Output::exact(manifest_sha256)),
        ("bundle", Output::path(workspace::shown(&plan.output, &plan.workspace))),
        ("bundle-sha256", Output::exact(bundle_sha256)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
}

fn halted(halt: Halt) -> Ended {
    match halt {
        Halt::Changed(name) => Ended::Looked(vec![
            Finding::error(
                "changed-while-sealing",
                format!("{name} changed while it was being sealed, so its hash would be wrong"),
            )
            .help("wait for its writer to finish before sealing; an earlier bundle is unchanged"),
        ]),
        Halt::ChangedSince(findings) => Ended::Looked(findings.into_vec()),
        Halt::Secrets(findings, _) => {
            let mut findings = findings.into_vec();
            let first = findings
                .iter_mut()
                .find(|finding| finding.is_of_rule() && finding.fails());
            if let Some(first) = first {
                first.help = Some(scan::next_step(&first.code).to_owned());
            }
            Ended::Looked(findings)
        }
        Halt::Rules(error) => errored(error.to_string(), error.help),
        Halt::Busy => errored(
            "another stageproof is sealing the same evidence directory",
            "wait for it to finish, or give each its own --evidence-dir",
        ),
        Halt::TooMany(name) => Ended::Looked(vec![
            Finding::error(
                "too-many-files",
                format!(
                    "{name} would be larger than {} MiB, which verify does not read",
                    LARGEST_TEXT >> 20
                ),
            )
            .help("exclude folders with --exclude, or pack them into one file in an earlier step"),
        ]),
        Halt::Failed(error) => errored(
            format!("{error:#}"),
            "fix that, or check permissions and free space; an earlier bundle is unchanged",
        ),
        Halt::Stopped(signal) => errored(
            format!("interrupted by {signal} before it ended"),
            "run it again; an earlier bundle is unchanged",
        ),
    }
}

fn errored(cause: impl Into<String>, help: &str) -> Ended {
    Ended::Errored {
        cause: cause.into(),
        help: Some(help.to_owned()),
    }
}

fn check(id: &str, title: &str, ended: Ended, started: Instant) -> Check {
    Check::new(STAGE, id, title, ended, started.elapsed())
}
