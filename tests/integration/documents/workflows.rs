//! The workflows in the README and in `docs`, and parts of workflows: actionlint reads them, and each step that uses the
//! action is understood by the code that reads its inputs.

use std::ffi::OsString;
use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;

use regex::Regex;
use serde_json::Value;
use stageproof::cli::{self, Invocation, Stop};
use stageproof::world::{Clock, Env, Host, Interrupt, Progress, Runner, World};

use super::blocks::{Block, all_blocks};
use super::{action, collect_steps, root};
use crate::skipped::not_checked;

/// The workflows of all pages, the parts of workflows made whole.
fn workflows() -> Vec<(Block, String)> {
    const AROUND_JOB: &str = "on: push\njobs:\n  job:\n    runs-on: ubuntu-latest\n";
    let indented = |text: &str, by: &str| text.lines().map(|line| format!("{by}{line}\n")).collect::<String>();
    let whole = |block: &Block| match block.info.as_str() {
        "yaml,workflow" => Some(block.text.clone()),
        "yaml,job" => Some(format!("{AROUND_JOB}{}", indented(&block.text, "    "))),
        // What a matrix or an earlier step sets is not in a list of steps.
        "yaml,steps" => Some(format!(
            "{AROUND_JOB}    strategy: {{matrix: {{environment: [a]}}}}\n    steps:\n{}",
            indented(&block.text, "      ")
        )),
        _ => None,
    };
    let blocks = all_blocks().into_iter();
    blocks
        .filter_map(|block| whole(&block).map(|text| (block, text)))
        .collect()
}

#[test]
fn every_workflow_is_one_for_actionlint() {
    if Command::new("actionlint")
        .arg("-version")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        not_checked(
            "workflows in the documents",
            "actionlint is not installed",
            "STAGEPROOF_REQUIRE_TOOLS",
        );
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let workflows = workflows();
    assert!(workflows.len() > 10, "{}", workflows.len());
    let mut lint = Command::new("actionlint");
    lint.args(["-no-color", "-oneline"]).current_dir(folder.path());
    for (block, text) in &workflows {
        let file = format!("{}.yml", block.place.replace(['/', ':'], "-"));
        fs::write(folder.path().join(&file), text).unwrap();
        lint.arg(file);
    }
    let output = lint.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn every_step_of_the_action_can_be_understood() {
    let mut steps_read = 0;
    for (block, text) in workflows() {
        let workflow: Value = serde_yaml::from_str(&text).unwrap();
        let mut steps = Vec::new();
        collect_steps(&workflow, &mut steps);
        for step in steps {
            let uses = step["uses"].as_str().unwrap();
            let (name, pin) = uses.split_once('@').unwrap();
            assert_eq!(pin.len(), 40, "{}: {uses} is not pinned", block.place);
            if name == "stageproof/stageproof" {
                understood(&block, step);
                steps_read += 1;
            } else if let Some(part) = name.strip_prefix("stageproof/stageproof/") {
                has_inputs(&block, part, step);
            }
        }
    }
    assert!(steps_read > 15, "{steps_read}");
}

/// The step, as the action's container gets it, becomes a plan.
fn understood(block: &Block, step: &Value) {
    let folder = tempfile::tempdir().unwrap();
    let values = step["with"].as_object().unwrap();
    let text = |value: &Value| plausible(value.as_str().map_or_else(|| value.to_string(), str::to_owned).trim());
    let declared = action();
    let mut env = vec![("GITHUB_ACTIONS".to_owned(), "true".to_owned())];
    for (name, value) in values {
        let is_input = declared.inputs.names().any(|input| input == name);
        assert!(is_input, "{}: action.yml has no input `{name}`", block.place);
        env.push((format!("INPUT_{}", name.to_uppercase()), text(value)));
    }
    for (name, value) in step["env"].as_object().into_iter().flatten() {
        env.push((name.clone(), text(value)));
    }
    let config = values.get("config").and_then(Value::as_str).unwrap_or(cli::CONFIG);
    let file = folder.path().join(config);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, "smoke:\n  url: https://staging.example.com\n").unwrap();
    let env: Env = env
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let world = World {
        runner: Arc::new(Runner::from_env(&env)),
        env: Arc::new(env),
        clock: Clock::default(),
        interrupt: Interrupt::never(),
        progress: Progress::silent(),
        secrets: Arc::default(),
        workspace: folder.path().to_owned(),
        folder: folder.path().to_owned(),
        host: Arc::new(Host::default()),
    };
    match cli::parse(vec![OsString::from("stageproof")], &world) {
        Ok(Invocation::Run(_)) => {}
        Err(Stop::Usage(error)) => panic!("{}: {error}", block.place),
        _ => panic!("{}: {step}", block.place),
    }
}

/// What an expression is like when the runner has evaluated it.
fn plausible(text: &str) -> String {
    let expression = Regex::new(r"\$\{\{ *([^}]*?) *\}\}").unwrap();
    let value = |found: &regex::Captures<'_>| {
        let name = found[1].to_lowercase();
        match &*name {
            name if name.ends_with("sha") => "0123456789abcdef0123456789abcdef01234567",
            name if name.ends_with("url") => "https://staging.example.com",
            name if name.starts_with("secrets.") => "somebody:something",
            _ => "1",
        }
    };
    expression.replace_all(text, value).into_owned()
}

/// The inputs of a reusable workflow or of an action in a folder of this repository.
fn has_inputs(block: &Block, part: &str, step: &Value) {
    let file = match part.ends_with(".yml") {
        true => root().join(part),
        false => root().join(part).join("action.yml"),
    };
    let text = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {}: {e}", block.place, file.display()));
    let called: Value = serde_yaml::from_str(&text).unwrap();
    let inputs = [&called["inputs"], &called["on"]["workflow_call"]["inputs"]];
    for name in step["with"].as_object().into_iter().flat_map(|with| with.keys()) {
        let declared = inputs.iter().any(|inputs| inputs.get(name).is_some());
        assert!(declared, "{}: {part} has no input `{name}`", block.place);
    }
}
