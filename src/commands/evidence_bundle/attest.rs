//! The statement about the zip: what its tests came to, in the form that in-toto gives it, signed if there is a key.
//!
//! What is attested is read from the zip, and so is what others find in it.

use std::collections::HashSet;
use std::io::{BufReader, Read as _};
use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;

use super::{Plan, check, errored};
use crate::model::attest::envelope::{Envelope, PAYLOAD_TYPE, pae};
use crate::model::attest::{
    ENVELOPE_FILE, FILES, PREDICATE_FILE, PREDICATE_TYPE, Resource, STATEMENT_FILE, Statement, Tests, beside, junit,
};
use crate::model::evidence::{LARGEST_TEXT, MANIFEST};
use crate::model::{Ended, Fact, Outcome, Output, Report, report};
use crate::world::archive::{Archive, Member};
use crate::world::files::{self, Links};
use crate::world::signing::SigningKey;
use crate::world::walk::Kind;
use crate::world::{World, paths, workspace};

const STATED: &str = "A statement about the bundle is written (not signed)";
const SIGNED: &str = "The statement about the bundle is signed";
/// Of JUnit XML; what is longer counts as failed.
const LONGEST_JUNIT: u64 = 256 << 20;

/// A statement with the result of the tests in the bundle. It is written in any case: without a usable key, it is not
/// signed, and the check says so.
pub fn attest(plan: &Plan, world: &World, bundle_sha256: &str, manifest_sha256: &str) -> Outcome {
    let started = Instant::now();
    let mut outcome = Outcome::default();
    let mut facts = Vec::new();
    let ended = match state(plan, world, bundle_sha256, manifest_sha256, &mut facts) {
        Ok(statement) => {
            let [statement_file, predicate_file, envelope_file] =
                FILES.map(|file| Output::path(workspace::shown(&beside(&plan.output, file), &plan.workspace)));
            facts.push(Fact::new("statement", &*statement_file));
            outcome.outputs.insert("statement".to_owned(), statement_file);
            outcome.outputs.insert("predicate".to_owned(), predicate_file);
            let kind = ("predicate-type".to_owned(), Output::exact(PREDICATE_TYPE));
            outcome.outputs.extend([kind]);
            match plan
                .sign_key_env
                .as_deref()
                .map(|name| sign(name, plan, world, &statement))
            {
                None => Ended::Looked(Vec::new()),
                Some(Ok(keyid)) => {
                    facts.push(Fact::new("signed by", keyid));
                    outcome.outputs.insert("signature".to_owned(), envelope_file);
                    Ended::Looked(Vec::new())
                }
                Some(Err(ended)) => ended,
            }
        }
        Err(error) => errored(
            format!("{error:#}"),
            "fix that, or check permissions and free space; the bundle is complete",
        ),
    };
    let title = if plan.sign_key_env.is_some() { SIGNED } else { STATED };
    let mut attested = check("evidence-attested", title, ended, started);
    attested.facts = facts;
    outcome.checks.push(attested);
    outcome
}

/// Writes the statement and its predicate.
fn state(
    plan: &Plan,
    world: &World,
    bundle_sha256: &str,
    manifest_sha256: &str,
    facts: &mut Vec<Fact>,
) -> anyhow::Result<Vec<u8>> {
    // One of an earlier zip would be believed to be about this one.
    files::remove_file(&beside(&plan.output, ENVELOPE_FILE))?;
    let tests = tests(plan, world)?;
    let (passed, warned, failed) = (tests.passed.count, tests.warned.count, tests.failed.count);
    facts.extend([
        Fact::new("test result", tests.result()),
        Fact::new("tests", format!("{passed} passed, {warned} warned, {failed} failed")),
    ]);
    if tests.left_out() > 0 {
        facts.push(Fact::new("tests not named", tests.left_out().to_string()));
    }
    let (configuration, url) = tested(plan, world);
    let predicate = tests.into_predicate(configuration, url);
    let zip = plan.output.file_name().unwrap_or_default().to_string_lossy();
    let subjects = vec![
        Resource::of_sha256(zip, bundle_sha256),
        Resource::of_sha256(MANIFEST, manifest_sha256),
    ];
    let statement = json(&Statement::new(subjects, &predicate))?;
    files::replace(&beside(&plan.output, PREDICATE_FILE), &json(&predicate)?)?;
    files::replace(&beside(&plan.output, STATEMENT_FILE), &statement)?;
    Ok(statement)
}

/// Answers with the key's id.
fn sign(name: &str, plan: &Plan, world: &World, statement: &[u8]) -> Result<String, Ended> {
    let Some(text) = world.env.get(name) else {
        return Err(errored(
            format!("the statement is not signed: {name} is not set or empty"),
            &format!(
                "map the key into the step: `env: {name}: ${{{{ secrets.{name} }}}}`; or leave out --sign-key-env"
            ),
        ));
    };
    let key = SigningKey::parse(text)
        .map_err(|bad| errored(format!("the statement is not signed: {name} {}", bad.why), &bad.help))?;
    let signature = key.sign(&pae(PAYLOAD_TYPE, statement));
    let envelope = Envelope::new(statement, key.keyid(), &signature);
    json(&envelope)
        .and_then(|bytes| files::replace(&beside(&plan.output, ENVELOPE_FILE), &bytes))
        .map_err(|error| {
            errored(
                format!("{error:#}"),
                "check permissions and free space; the bundle is complete",
            )
        })?;
    Ok(key.keyid())
}

/// The results in the zip: our reports in its folder of reports, and JUnit XML anywhere.
fn tests(plan: &Plan, world: &World) -> anyhow::Result<Tests> {
    let wrong = || format!("cannot read back {}", plan.output.display());
    let zip = Archive::open(&plan.output).with_context(wrong)?;
    let names: HashSet<&str> = zip.members().iter().map(Member::name).collect();
    let mut tests = Tests::default();
    for member in zip.members() {
        let name = member.name();
        let ours = name.strip_suffix(".junit.xml").map(|stem| format!("{stem}.json"));
        let in_reports = name
            .strip_prefix(report::FOLDER)
            .is_some_and(|rest| rest.starts_with('/'));
        if in_reports && name.ends_with(".json") {
            let report = zip.read(member, LARGEST_TEXT).map_err(|error| error.to_string());
            match report.and_then(|bytes| Report::parse(&bytes).map_err(|error| error.to_string())) {
                Ok(report) => tests.report(name, &report),
                Err(why) => tests.unreadable(name, &world.secrets.redact(&why)),
            }
        } else if name.to_ascii_lowercase().ends_with(".xml")
            && !(in_reports && ours.is_some_and(|report| names.contains(report.as_str())))
        {
            let input = BufReader::new(zip.content(member).with_context(wrong)?.take(LONGEST_JUNIT));
            match junit::read(input) {
                Ok(cases) => {
                    let cases = cases.unwrap_or_default().into_iter();
                    tests.junit(name, cases.map(|(test, case)| (world.secrets.redact(&test), case)));
                }
                Err(why) => tests.unreadable(name, &world.secrets.redact(&why)),
            }
        }
    }
    Ok(tests)
}

/// The commit that was tested and the run that did, where the runner names them.
fn tested(plan: &Plan, world: &World) -> (Vec<Resource>, Option<String>) {
    let subject = &plan.subject;
    let repository = world.env.get("GITHUB_SERVER_URL").zip(subject.repository.as_deref());
    let repository = repository.map(|(server, name)| format!("{server}/{name}"));
    let commit = subject.sha.as_ref().map(|sha| Resource {
        name: None,
        uri: repository.as_ref().map(|repository| match &subject.git_ref {
            Some(name) => format!("git+{repository}@{name}"),
            None => format!("git+{repository}"),
        }),
        digest: [("gitCommit".to_owned(), sha.clone())].into(),
    });
    let run = repository.zip(subject.run_id.as_ref()).map(|(repository, id)| {
        let attempt = subject
            .run_attempt
            .as_ref()
            .map(|attempt| format!("/attempts/{attempt}"));
        format!("{repository}/actions/runs/{id}{}", attempt.unwrap_or_default())
    });
    (commit.into_iter().collect(), run)
}

/// What is replaced must be what an earlier seal wrote.
pub fn refuse_others(output: &Path) -> anyhow::Result<()> {
    for path in FILES.map(|file| beside(output, file)) {
        let there = paths::kind(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let is_ours = match there {
            None => true,
            Some(Kind::File) => {
                let head = files::head(&path, 64, Links::Refuse)?;
                let words: [&[u8]; 3] = [b"\"_type\"", b"\"result\"", b"\"payload\""];
                head.is_empty() || words.iter().any(|word| memchr::memmem::find(&head, word).is_some())
            }
            Some(_) => false,
        };
        anyhow::ensure!(
            is_ours,
            "{} exists and was not written by stageproof; name another zip with --output, or remove it",
            path.display()
        );
    }
    Ok(())
}

fn json(value: &impl serde::Serialize) -> anyhow::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value).context("the statement cannot be written as JSON")?;
    bytes.push(b'\n');
    Ok(bytes)
}
