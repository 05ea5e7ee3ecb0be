//! What holds for every change of every workflow, looked at with another parser and another comparison than those that
//! the patch itself uses.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;
use crate::model::workflow::Workflow;
use crate::model::yaml;

/// Each kind of change, at each job and step, and where it may show: the beginnings of paths.
fn changes(text: &str) -> Vec<(Change, Vec<String>)> {
    let Ok(root) = yaml::parse(text) else { return Vec::new() };
    let pin = Some(Pin {
        at: "0".repeat(40),
        note: Some("0.1.0".to_owned()),
    });
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let mut changes = vec![(
        Change::Trigger {
            from: "push".to_owned(),
            to: "merge_group".to_owned(),
        },
        texts(&["/on"]),
    )];
    let jobs: Vec<_> = Workflow::of(&root).into_iter().flat_map(Workflow::jobs).collect();
    for job in jobs {
        let (id, at) = (job.id, At::job(job.id));
        let here = |below: &str| format!("/jobs/{id}{below}");
        let events = Condition::Events(texts(&["push", "schedule"]));
        let granted = Some(vec![("contents".to_owned(), Access::Read)]);
        changes.extend([
            (
                Change::Only {
                    at: at.clone(),
                    condition: events,
                },
                vec![here("/if")],
            ),
            (
                Change::TimeLimit {
                    at: at.clone(),
                    minutes: 77,
                },
                vec![here("/timeout-minutes")],
            ),
            (
                Change::Permission {
                    job: id.to_owned(),
                    scope: "packages".to_owned(),
                    access: Access::Write,
                    granted,
                },
                vec![here("/permissions")],
            ),
            (
                Change::SecretName {
                    job: id.to_owned(),
                    from: "GITHUB_TOKEN".to_owned(),
                    to: "OTHER".to_owned(),
                },
                vec![here("/")],
            ),
        ]);
        for step in job.steps() {
            let (at, index) = (At::step(id, step.index), step.index);
            let below = |key: &str| here(&format!("/steps/{index}/{key}"));
            let names = step.node.get("env").into_iter().flat_map(yaml::Node::entries);
            let names = names.filter_map(|(key, _)| key.text().map(str::to_owned)).collect();
            changes.extend([
                (
                    Change::Only {
                        at: at.clone(),
                        condition: Condition::NotFork,
                    },
                    vec![below("if")],
                ),
                (
                    Change::TimeLimit {
                        at: at.clone(),
                        minutes: 77,
                    },
                    vec![below("timeout-minutes")],
                ),
                (Change::FetchDepth(at.clone()), vec![here("/steps/")]),
                // The steps behind it move, and other jobs may need this one.
                (
                    Change::SkipGuard {
                        at: at.clone(),
                        names,
                        pin: pin.clone(),
                    },
                    texts(&["/jobs/"]),
                ),
                (
                    Change::Retry {
                        at,
                        retries: 2,
                        pin: pin.clone(),
                    },
                    vec![here("/steps")],
                ),
            ]);
        }
    }
    changes
}

fn read(text: &str) -> Json {
    serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The paths at which two documents differ.
fn differences(old: &Json, new: &Json, at: &str, found: &mut BTreeSet<String>) {
    match (old, new) {
        (Json::Object(a), Json::Object(b)) => {
            for key in a.keys().chain(b.keys()) {
                let at = format!("{at}/{key}");
                match (a.get(key), b.get(key)) {
                    (Some(old), Some(new)) => differences(old, new, &at, found),
                    _ => drop(found.insert(at)),
                }
            }
        }
        (Json::Array(a), Json::Array(b)) if a.len() == b.len() => {
            for (index, (old, new)) in a.iter().zip(b).enumerate() {
                differences(old, new, &format!("{at}/{index}"), found);
            }
        }
        (old, new) if old == new => {}
        _ => {
            found.insert(at.to_owned());
        }
    }
}

/// Lines that are comments, which no change may lose.
fn comments(text: &str) -> Vec<&str> {
    text.lines()
        .map(str::trim)
        .filter(|line| line.starts_with('#'))
        .collect()
}

/// How many changes of a file had a patch, and how many had none.
fn look(name: &str, text: &str) -> (usize, usize) {
    let (mut made, mut refused, old) = (0, 0, yaml::parse(text).map(|_| read(text)).unwrap_or_default());
    for (change, places) in changes(text) {
        let Ok(Patch { text: new, diff }) = patch(text.as_bytes(), ".github/workflows/x.yml", &change) else {
            refused += 1;
            continue;
        };
        made += 1;
        let mut found = BTreeSet::new();
        differences(&old, &read(&new), "", &mut found);
        let is_foreign = |at: &&String| !places.iter().any(|place| at.starts_with(place.as_str()));
        let foreign: Vec<_> = found.iter().filter(is_foreign).collect();
        assert!(
            !found.is_empty() && foreign.is_empty(),
            "{name}: {change:?}: {foreign:?}\n{diff}"
        );
        assert_eq!(comments(text), comments(&new), "{name}: {change:?}\n{diff}");
        let (carriage, was) = (new.matches("\r\n").count(), text.matches("\r\n").count());
        assert!(
            was == 0 || carriage == new.matches('\n').count(),
            "{name}: {change:?}\n{diff}"
        );
        assert!(was > 0 || carriage == 0, "{name}: {change:?}");
        assert_eq!(text.ends_with('\n'), new.ends_with('\n'), "{name}: {change:?}\n{diff}");
        // A change that is there already is none.
        if let Ok(again) = patch(new.as_bytes(), "x.yml", &change) {
            assert!(
                !matches!(
                    change,
                    Change::TimeLimit { .. } | Change::Permission { .. } | Change::FetchDepth(_)
                ),
                "{name}: {change:?}\n{}",
                again.diff
            );
        }
    }
    (made, refused)
}

fn workflows() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [".github/workflows", "examples/workflows"];
    let files = folders
        .into_iter()
        .flat_map(|folder| fs::read_dir(root.join(folder)).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}

#[test]
fn nothing_else_changes_in_real_workflows() {
    let mut made = 0;
    for path in workflows() {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.display().to_string();
        for text in [text.clone(), text.replace('\n', "\r\n"), text.trim_end().to_owned()] {
            made += look(&name, &text).0;
        }
    }
    assert!(made > 500, "only {made} patches");
}

/// A workflow in a layout that is put together by chance.
fn layout() -> impl Strategy<Value = String> {
    let on = prop_oneof![
        Just("on: push # each\n"),
        Just("\"on\": [push, pull_request ,]\n"),
        Just("on:\n- push\n# c\n- schedule\n"),
        Just("on:\n    push:\n    # c\n    pull_request: {branches: [main]}\n"),
        Just("on: {push: {branches: [main , 'x']}, pull_request: }\n"),
        Just("on:\n  push:\n    branches:\n    - main\n    - x # c\n  schedule: [{cron: '1 1 * * *'}]\n"),
    ];
    let top = prop_oneof![
        Just(""),
        Just("permissions: {}\n"),
        Just("permissions: read-all # c\n"),
        Just("permissions:\n  contents: read\n"),
        Just("env: {A: &a b}\n")
    ];
    let condition = prop_oneof![
        Just(""),
        Just("~if: a || b # c\n"),
        Just("~if: ${{ !a }}\n"),
        Just("~if: 'a == ''b'''\n"),
        Just("~if: \"a == 'b'\"\n"),
        Just("~if: >-\n~  a\n\n~  || b\n"),
        Just("~if: |\n~   a\n~\n"),
        Just("~if: a &&\n~  b\n"),
    ];
    let own = prop_oneof![
        Just(""),
        Just("~permissions: read-all\n"),
        Just("~permissions:\n~  # c\n~  packages: read\n"),
        Just("~permissions: {contents: read,}\n"),
        Just("~timeout-minutes: 5 # c\n"),
        Just("~env: {A: *a}\n")
    ];
    let step = prop_oneof![
        Just("~- run: ls # c\n"),
        Just("~- name: a\n~  id: b\n~  # c\n~  run: |\n~    a\n\n~    # no comment\n\n"),
        Just("~- uses: actions/checkout@v4\n~  with: {path: x, }\n"),
        Just("~- uses: actions/checkout@v4\n~  with:\n~    # c\n~    fetch-depth: 1\n\n"),
        Just("~- {run: ls, env: {T: '${{ secrets.T }}'}}\n"),
        Just("~-   env:\n~      T: ${{ secrets.GITHUB_TOKEN }}\n~    run: >\n~      a\n~      b\n"),
        Just("~-\n~  if: always()\n~  run: ls\n"),
        Just("\n~# c\n~- uses: actions/setup-node@v4 # c\n~  with:\n~    node-version: '2'\n"),
    ];
    let shape = (any::<bool>(), any::<bool>(), any::<bool>(), 1..4_usize);
    (on, top, condition, own, prop::collection::vec(step, 1..4), shape).prop_map(|(on, top, condition, own, steps, (crlf, ends, deep, unit))| {
        let unit = " ".repeat(unit * 2);
        let keys = unit.repeat(2);
        let list = if deep { format!("{keys}{unit}") } else { keys.clone() };
        let body = |text: &str, indent: &str| text.replace('~', indent);
        let steps: String = steps.iter().map(|step| body(step, &list)).collect();
        let text = format!(
            "{on}{top}# c\njobs:\n{unit}one:\n{}{keys}# c\n{keys}runs-on: ubuntu-latest\n{}{keys}steps: # c\n{steps}{unit}two:\n{keys}needs: one\n\
             {keys}runs-on: [self-hosted, linux]\n{keys}steps:\n{keys}- run: ls\n",
            body(condition, &keys),
            body(own, &keys),
        );
        let text = if ends { text } else { text.trim_end().to_owned() };
        if crlf { text.replace('\n', "\r\n") } else { text }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn nothing_else_changes_in_any_layout(text in layout()) {
        if yaml::parse(&text).is_ok() {
            let (made, _) = look("a layout", &text);
            prop_assert!(made > 4, "{}\n{:?}", text, changes(&text).len());
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "(on|jobs|a|steps|run|if|uses|env|permissions|[&*]a|<<|\\$\\{\\{|[-&*!|>\\[\\]{}:?,'\"#% \n\t\r\u{feff}é])*") {
        let text = format!("on: push\njobs:\n  a:\n    steps:\n      - run: {text}\n");
        for (change, _) in changes(&text) {
            let _ = patch(text.as_bytes(), "x.yml", &change);
        }
    }
}
