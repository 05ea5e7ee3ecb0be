//! What is written down equals what the code does: action.yml, README and docs, examples, schemas, the report.
//!
//! `STAGEPROOF_UPDATE=1 cargo test --test integration documents` writes the generated parts again.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use stageproof::cli::{Config, NOT_IN_THE_ACTION, SchemaOf, command_tree, input_name, is_input, schema_of};
use stageproof::model::latency::{Latency, Point};
use stageproof::model::report::Frame;
use stageproof::model::timeline::SpanState;
use stageproof::model::{Check, Class, Ended, Fact, Finding, Outcome, Output, Reason, Report, Span, Subject, finding};

use crate::gate::Gate;
use crate::skipped::not_checked;

mod blocks;
mod generated;
mod links;
mod picture;
mod schema_tables;
mod tables;
mod workflows;

/// action.yml, as far as it is compared.
#[derive(serde::Deserialize)]
struct Action {
    name: String,
    description: String,
    inputs: Ordered<Described>,
    outputs: Ordered<Described>,
    runs: BTreeMap<String, Value>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Described {
    description: String,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    default: Option<String>,
}

/// A mapping in the order it is written, which is the order a reader meets it in.
struct Ordered<T>(Vec<(String, T)>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(std::marker::PhantomData<T>);
        impl<'de, T: DeserializeOwned> Visitor<'de> for Entries<T> {
            type Value = Ordered<T>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a mapping")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Ordered(entries))
            }
        }
        deserializer.deserialize_map(Entries(std::marker::PhantomData))
    }
}

impl<T> Ordered<T> {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

#[test]
fn every_input_is_the_flag_of_its_name() {
    let action = action();
    let commands = subcommands();
    for (name, input) in &action.inputs.0 {
        assert_eq!(input.required, name == "command", "{name}");
        // A default would be an input that commands which do not have it refuse; these are known to all.
        let has_default = name.starts_with("host-") || name == "committed-since";
        assert_eq!(input.default.is_some(), has_default, "{name}");
        // The container is told of its host by arguments of its own (cli/inputs.rs).
        let of_the_action = name == "command" || name.starts_with("host-");
        let known = of_the_action || !commands_with(name, &commands).is_empty();
        assert!(known, "action.yml: no subcommand has a flag or an argument `{name}`");
    }
    let runnable = commands_of_the_action(&action);
    let positional = commands
        .iter()
        .filter(|command| runnable.contains(&command.get_name()))
        .flat_map(clap::Command::get_positionals);
    for argument in positional.filter(|argument| is_input(argument)) {
        let name = input_name(argument);
        let declared = action.inputs.names().any(|input| input == name);
        assert!(
            declared,
            "action.yml: the argument `{name}` can be given in no other way"
        );
    }
}

#[test]
fn what_an_input_says_is_a_sentence_and_one_line() {
    let action = action();
    for (name, described) in action.inputs.0.iter().chain(&action.outputs.0) {
        let text = &described.description;
        assert!(text.ends_with('.') && !text.contains('\n'), "{name}: {text}");
    }
    assert_eq!(action.name, "stageproof");
    // The marketplace cuts what is longer.
    assert!(action.description.len() <= 125, "{}", action.description.len());
    let list: Vec<&str> = commands_of_the_action(&action);
    let visible: Vec<String> = subcommands().iter().map(|c| c.get_name().to_owned()).collect();
    let visible: Vec<&str> = visible
        .iter()
        .map(String::as_str)
        .filter(|c| !NOT_IN_THE_ACTION.contains(c))
        .collect();
    assert_eq!(
        list, visible,
        "action.yml: the description of `command` lists the commands as the help does, without `cli::NOT_IN_THE_ACTION`"
    );
}

#[test]
fn each_prerequisite_is_in_the_help_and_in_the_guide() {
    let schema: Value = serde_json::from_str(&schema_of(SchemaOf::Config)).unwrap();
    let described = schema["$defs"]["Requirement"]["description"].as_str().unwrap();
    let forms = described
        .trim_start_matches("One of ")
        .trim_end_matches('.')
        .split(", ");
    let commands = subcommands();
    let guard = commands.iter().find(|c| c.get_name() == "skip-guard").unwrap();
    let require = guard.get_arguments().find(|a| a.get_id() == "require").unwrap();
    let help = require.get_long_help().or(require.get_help()).unwrap().to_string();
    let guide = fs::read_to_string(root().join("docs/guides/skip-guard.md")).unwrap();
    for form in forms {
        assert!(
            help.contains(form),
            "src/cli/skip_guard.rs: `require` does not describe {form}"
        );
        assert!(
            guide.contains(&format!("`{form}`")),
            "docs/guides/skip-guard.md does not describe {form}"
        );
    }
}

#[test]
fn the_action_is_a_container_that_is_told_everything_by_inputs() {
    let runs = action().runs;
    assert_eq!(runs["using"], "docker");
    assert_eq!(runs["image"], "Dockerfile");
    // What users write would be spliced, and a quote in it break. The runner's own paths must not be translated.
    assert_eq!(runs.len(), 3, "{runs:?}");
    let args = ["host-temp", "host-workspace"].map(|name| format!("--{name}=${{{{ inputs.{name} }}}}"));
    assert_eq!(runs["args"], serde_json::json!(args));
}

/// Phrases that readers stumble over, and what to write instead.
const NEVER_AGAIN: [(&str, &str); 9] = [
    ("and its kin", "and the related options"),
    ("belongs here", "expected a string"),
    ("was ended after", "timed out after"),
    ("mend", "fix"),
    ("mends", "fixes"),
    ("stands here", "duplicate key"),
    ("left alone", "unchanged"),
    ("took the trouble", "say what happened"),
    ("could not look", "could not check"),
];

#[test]
fn no_phrase_that_was_replaced_comes_back() {
    let mut texts: Vec<(PathBuf, String)> = Vec::new();
    for path in generated::pages().into_iter().chain([root().join("action.yml")]) {
        let text = fs::read_to_string(&path).unwrap();
        texts.push((path, text));
    }
    for folder in ["schemas", "examples"] {
        files_below(&root().join(folder), &mut texts);
    }
    let mut sources = Vec::new();
    files_below(&root().join("src"), &mut sources);
    let is_test = |path: &Path| {
        path.components()
            .any(|part| part.as_os_str().to_string_lossy().starts_with("tests"))
    };
    sources.retain(|(path, _)| path.extension().is_some_and(|ext| ext == "rs") && !is_test(path));
    assert!(sources.len() > 100, "{}", sources.len());
    // Of comments, the help and the schemas are read by users.
    for (path, text) in &mut sources {
        let is_public = path.starts_with(root().join("src/cli")) || path.starts_with(root().join("src/model"));
        let lines = text
            .lines()
            .map(str::trim)
            .filter_map(|line| match line.strip_prefix("///") {
                Some(line) => is_public.then_some(line),
                None => (!line.starts_with("//")).then(|| line.trim_end_matches('\\')),
            });
        *text = lines.collect::<Vec<_>>().join("\n");
    }
    texts.append(&mut sources);
    let mut found = String::new();
    for (path, text) in &texts {
        // Over line ends, and by whole words: `recommend` is fine.
        let words: Vec<&str> = text
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .filter(|word| !word.is_empty())
            .collect();
        let text = format!(" {} ", words.join(" ").to_lowercase());
        for (phrase, better) in NEVER_AGAIN {
            if text.contains(&format!(" {phrase} ")) {
                let _ = writeln!(found, "{}: `{phrase}`; write something like `{better}`", path.display());
            }
        }
    }
    assert!(found.is_empty(), "{found}");
}

fn files_below(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else if let Ok(text) = fs::read_to_string(&path) {
            found.push((path, text));
        }
    }
}

#[test]
fn the_schemas_are_the_published_ones() {
    for (name, of) in [
        ("report", SchemaOf::Report),
        ("evidence", SchemaOf::Evidence),
        ("config", SchemaOf::Config),
    ] {
        let schema = schema_of(of);
        let file = format!("schemas/{name}-v1.json");
        let parsed: Value = serde_json::from_str(&schema).unwrap();
        assert!(parsed["$id"].as_str().unwrap().ends_with(&file), "{}", parsed["$id"]);
        generated(&file, &schema);
        // A binary that was built before the update has the file of before.
        if std::env::var_os("STAGEPROOF_UPDATE").is_none() {
            let printed = Gate::new().run(["schema", name]).code(0).stdout();
            assert!(printed == schema, "{name}");
        }
    }
}

/// The contract between steps, jobs and tools. A change that a reader cannot ignore raises the schema's version.
#[test]
fn the_report_is_frozen() {
    let text = serde_json::to_string_pretty(&full_report()).unwrap() + "\n";
    generated("tests/integration/snapshots/report.json", &text);
    let back = Report::parse(text.as_bytes()).unwrap();
    assert_eq!(back, full_report(), "what is written is read back");
}

#[test]
fn reports_are_what_the_schema_says() {
    if !python_has_jsonschema() {
        let why = "python3 with the package jsonschema is not installed";
        not_checked("reports against the schema", why, "STAGEPROOF_REQUIRE_TOOLS");
        return;
    }
    let gate = Gate::new();
    gate.run(["skip-guard", "--strict", "--require=env:ABSENT", "--require=not-fork"])
        .code(1);
    let real = fs::read_to_string(gate.evidence().join("reports/skip-guard.json")).unwrap();
    let schema = gate.run(["schema", "report"]).code(0).stdout();
    gate.write("schema.json", &schema)
        .write("real.json", &real)
        .write("full.json", serde_json::to_string(&full_report()).unwrap())
        .write("wrong.json", real.replace("\"failed\"", "\"fialed\""));
    for (report, right) in [("real.json", true), ("full.json", true), ("wrong.json", false)] {
        let output = Command::new("python3")
            .args(["-c", VALIDATE, "schema.json", report])
            .current_dir(gate.root())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), right, "{report}: {said}");
    }
}

const VALIDATE: &str = "import json, sys, jsonschema
schema, report = (json.load(open(path)) for path in sys.argv[1:])
cls = jsonschema.validators.validator_for(schema)
cls.check_schema(schema)
cls(schema).validate(report)";

fn python_has_jsonschema() -> bool {
    let tried = Command::new("python3")
        .args(["-c", "import jsonschema"])
        .stderr(Stdio::null())
        .status();
    tried.is_ok_and(|status| status.success())
}

#[test]
fn every_example_can_be_read() {
    let mut read = 0;
    for entry in walkdir::WalkDir::new(root().join("examples")).sort_by_file_name() {
        let path = entry.unwrap().into_path();
        if !path.extension().is_some_and(|e| e == "yml" || e == "yaml") {
            continue;
        }
        read += 1;
        let text = fs::read_to_string(&path).unwrap();
        let parsed: Result<Value, _> = serde_yaml::from_str(&text);
        assert!(parsed.is_ok(), "{}: {}", path.display(), parsed.unwrap_err());
        if path.file_name().is_some_and(|name| name == "stageproof.yml") {
            let loaded = Config::load(Some(&path), &root());
            assert!(loaded.is_ok(), "{}", loaded.unwrap_err());
        }
    }
    assert!(read > 0, "there are no examples");
}

/// A workflow to copy must not name a flag that does not exist, or an action by a name that can be moved.
#[test]
fn workflows_use_known_inputs_and_pinned_actions() {
    let action = action();
    for folder in ["examples/workflows", ".github/workflows"] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            let workflow: Value = serde_yaml::from_str(&text).unwrap();
            let mut steps = Vec::new();
            collect_steps(&workflow, &mut steps);
            assert!(!steps.is_empty(), "{}", path.display());
            for step in steps {
                let uses = step["uses"].as_str().unwrap();
                let (name, pin) = uses.split_once('@').unwrap_or((uses, ""));
                let commit = pin.len() == 40 && pin.bytes().all(|b| b.is_ascii_hexdigit());
                assert!(
                    commit || name.starts_with("./"),
                    "{}: {uses} is not pinned",
                    path.display()
                );
                if name == "./" || name.ends_with("/stageproof") {
                    let given = step["with"].as_object().unwrap();
                    for input in given.keys() {
                        let known = action.inputs.names().any(|known| known == input);
                        assert!(known, "{}: there is no input `{input}`", path.display());
                    }
                }
            }
        }
    }
}

/// Every step that uses an action, wherever it is.
fn collect_steps<'a>(value: &'a Value, steps: &mut Vec<&'a Value>) {
    match value {
        Value::Object(map) if map.get("uses").is_some_and(Value::is_string) => steps.push(value),
        Value::Object(map) => map.values().for_each(|value| collect_steps(value, steps)),
        Value::Array(list) => list.iter().for_each(|value| collect_steps(value, steps)),
        _ => {}
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn action() -> Action {
    serde_yaml::from_str(&fs::read_to_string(root().join("action.yml")).unwrap()).unwrap()
}

/// The subcommands people see, in their order.
fn subcommands() -> Vec<clap::Command> {
    let tree = command_tree();
    let visible = tree
        .get_subcommands()
        .filter(|c| !c.is_hide_set() && c.get_name() != "help");
    visible.cloned().collect()
}

fn commands_with<'a>(input: &str, commands: &'a [clap::Command]) -> Vec<&'a str> {
    commands
        .iter()
        .filter(|c| c.get_arguments().any(|a| is_input(a) && input_name(a) == input))
        .map(clap::Command::get_name)
        .collect()
}

/// What the description of `command` lists.
fn commands_of_the_action(action: &Action) -> Vec<&str> {
    let (_, described) = &action.inputs.0[0];
    let (_, list) = described.description.split_once("one of ").unwrap();
    list.trim_end_matches('.').split(", ").collect()
}

fn generated(file: &str, text: &str) {
    let path = root().join(file);
    let before = fs::read_to_string(&path).unwrap_or_default();
    equal_or_updated(&path, &before, text);
}

#[track_caller]
fn equal_or_updated(path: &Path, before: &str, now: &str) {
    if before == now {
        return;
    }
    if std::env::var_os("STAGEPROOF_UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, now).unwrap();
        eprintln!("written: {}", path.display());
        return;
    }
    let mut diff = String::new();
    let old: Vec<&str> = before.lines().collect();
    let new: Vec<&str> = now.lines().collect();
    for line in old.iter().filter(|line| !new.contains(line)) {
        let _ = writeln!(diff, "- {line}");
    }
    for line in new.iter().filter(|line| !old.contains(line)) {
        let _ = writeln!(diff, "+ {line}");
    }
    panic!(
        "{} is not what the code says:\n{diff}\nif that is wanted: STAGEPROOF_UPDATE=1 cargo test --test integration \
         documents",
        path.display()
    );
}

/// A report in which every field that can be there is there.
fn full_report() -> Report {
    let text = |text: &str| Some(text.to_owned());
    let waived = finding::Waived {
        reason: "the balancer is being replaced".to_owned(),
        until: "2026-02-28".to_owned(),
    };
    let check = |id: &str, stage: &str, title: &str, ended: Ended| {
        Check::new(stage, id, title, ended, Duration::from_millis(12))
    };
    let mut failed = check(
        "smoke:https://staging.example.com/",
        "smoke",
        "GET / answers 200",
        Ended::Looked(vec![
            Finding::error("unexpected-status", "https://staging.example.com/ answered 502")
                .help("look at the log of what stands in front of the application")
                .because(Class::Infra, Reason::Gateway5xx)
                .excerpt("<h1>Bad Gateway</h1>")
                .at("deploy/staging.yml", Some(7)),
            Finding::warning("slow", "the answer took 4.2 s"),
            Finding::note("attempts", "it was asked 3 times"),
        ]),
    );
    failed.facts.push(Fact::new("address", "192.0.2.1:443"));
    failed.latency = Some(Latency {
        count: 1,
        median_us: 4_200_000,
        p95_us: 4_200_000,
        max_us: 4_200_000,
        points: vec![Point {
            at_ms: 0,
            good: 1,
            failed: 2,
            mean_us: 4_200_000,
            max_us: 4_200_000,
        }],
    });
    let mut excused = Finding::error("unexpected-status", "https://staging.example.com/beta answered 503");
    excused.waived = Some(waived);
    let mut outcome = Outcome {
        checks: vec![
            failed,
            check(
                "smoke:beta",
                "smoke",
                "GET /beta answers 200",
                Ended::Looked(vec![excused]),
            ),
            check("guard:env:TOKEN", "guard", "TOKEN is set", Ended::Looked(Vec::new())),
            Check::skipped(
                "rollback",
                "rollback",
                "The rollback is possible",
                "it is not configured",
            ),
            check(
                "evidence:manifest",
                "evidence",
                "The manifest is written",
                Ended::Errored {
                    cause: "the disk is full".to_owned(),
                    help: text("free some space"),
                },
            ),
        ],
        skip: None,
        notes: vec!["The rollback was not rehearsed.".to_owned()],
        timeline: vec![Span {
            name: "attempt 1".to_owned(),
            from_ms: 3,
            to_ms: 5003,
            state: SpanState::Failed,
        }],
        ..Outcome::default()
    };
    outcome.outputs.insert("ready".to_owned(), Output::exact("true"));
    let subject = Subject {
        environment: "staging".to_owned(),
        repository: text("acme/shop"),
        sha: text("0123456789abcdef0123456789abcdef01234567"),
        git_ref: text("refs/heads/main"),
        workflow: text("deploy"),
        job: text("smoke"),
        run_id: text("77"),
        run_attempt: text("1"),
        event: text("push"),
        actor: text("ada"),
        runner: text("runner-1 Linux X64"),
    };
    let mut report = Report::judge(
        Frame {
            command: "rehearse".to_owned(),
            label: text("blue"),
            subject,
            started_at: "2026-01-31T12:00:00.000Z".to_owned(),
            finished_at: "2026-01-31T12:00:05.250Z".to_owned(),
            took_ms: 5250,
        },
        outcome,
    );
    // A release of stageproof is no change of the contract.
    report.tool.version = "0.0.0".to_owned();
    report
}
