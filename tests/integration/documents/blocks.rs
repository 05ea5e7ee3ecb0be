//! Every code block of the README and of `docs` is run or parsed. What is done with it is written behind its language:
//!
//! | block | treatment |
//! |---|---|
//! | `yaml,workflow` | actionlint, and each step of the action through the parser of inputs |
//! | `yaml,job`, `yaml,steps` | the same, as a part of a workflow |
//! | `yaml,config` | the parser of the configuration; with `,saved` the next commands of the page find it |
//! | `yaml,any` | parses |
//! | `sh,run` | runs and ends with 0; with `,run=N` with N |
//! | `text,output` | the block before it printed these lines, in this order; `…` is anything |
//! | `sh,parse` | is a script, and its `stageproof` commands are known to the command line |
//! | `sh,clone` | is for a clone of this repository: cargo, and its `stageproof` commands are known |
//! | `text` | is no code |

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};
use regex::Regex;
use serde_json::Value;
use stageproof::cli::{self, Config, Invocation, Stop, command_tree};
use stageproof::world::{Clock, Env, Host, Interrupt, Progress, Runner, World};

use super::generated::{pages, shown};
use super::{action, collect_steps, root};
use crate::newcomer::Newcomer;
use crate::skipped::not_checked;
use crate::smoke::has;

pub struct Block {
    /// `docs/page.md:LINE`
    place: String,
    pub info: String,
    pub text: String,
}

impl Block {
    fn is(&self, info: &str) -> bool {
        self.info == info
    }
}

pub fn blocks_of(page: &Path) -> Vec<Block> {
    let text = fs::read_to_string(page).unwrap();
    let mut blocks: Vec<Block> = Vec::new();
    let mut inside = false;
    for (event, range) in Parser::new(&text).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let line = text[..range.start].lines().count() + 1;
                let info = match kind {
                    CodeBlockKind::Fenced(info) => info.to_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                blocks.push(Block {
                    place: format!("{}:{line}", shown(page)),
                    info,
                    text: String::new(),
                });
                inside = true;
            }
            Event::Text(part) if inside => blocks.last_mut().unwrap().text.push_str(&part),
            Event::End(TagEnd::CodeBlock) => inside = false,
            _ => {}
        }
    }
    blocks
}

fn all_blocks() -> Vec<Block> {
    pages().iter().flat_map(|page| blocks_of(page)).collect()
}

#[test]
fn every_block_has_a_treatment() {
    let known = Regex::new(
        "^(yaml,(workflow|job|steps|config|config,saved|any)|sh,(run|run=[0-9]+|parse|clone)|text|text,output)$",
    );
    let known = known.unwrap();
    let mut wrong = String::new();
    for block in all_blocks().iter().filter(|block| !known.is_match(&block.info)) {
        let _ = writeln!(wrong, "{}: `{}`", block.place, block.info);
    }
    assert!(
        wrong.is_empty(),
        "tests/integration/documents/blocks.rs lists what can be done with a block:\n{wrong}"
    );
}

/// Who follows a page from its beginning sees what it says.
#[test]
fn what_a_page_runs_ends_as_it_says() {
    let pages = pages();
    let runs: usize = std::thread::scope(|scope| {
        let readers: Vec<_> = pages.iter().map(|page| scope.spawn(|| follow(page))).collect();
        readers.into_iter().map(|reader| reader.join().unwrap()).sum()
    });
    assert!(runs > 15, "{runs}");
}

fn follow(page: &Path) -> usize {
    let newcomer = Newcomer::new();
    let (mut printed, mut runs) = (String::new(), 0);
    for block in blocks_of(page) {
        if block.is("yaml,config,saved") {
            newcomer.write(".github/stageproof.yml", &block.text);
        }
        if block.is("text,output") {
            shows(&block, &printed);
        }
        let Some(expected) = block.info.strip_prefix("sh,run") else {
            continue;
        };
        if block.text.contains("python3") && !has("python3") {
            continue;
        }
        let ran = newcomer.types(&block.text);
        printed = format!(
            "{}{}",
            String::from_utf8_lossy(&ran.stdout),
            String::from_utf8_lossy(&ran.stderr)
        );
        let expected = expected.strip_prefix('=').unwrap_or("0").parse().ok();
        assert_eq!(
            ran.status.code(),
            expected,
            "{}\n{}\n{printed}",
            block.place,
            block.text
        );
        runs += 1;
    }
    runs
}

/// That each line of a block was printed, in the order of the block.
fn shows(block: &Block, printed: &str) {
    let mut lines = printed.lines();
    for wanted in block
        .text
        .lines()
        .filter(|line| !line.trim().is_empty() && *line != "…")
    {
        let parts: Vec<String> = wanted.split('…').map(regex::escape).collect();
        let pattern = Regex::new(&format!("^{}$", parts.join(".*"))).unwrap();
        let found = lines.any(|line| pattern.is_match(line));
        assert!(
            found,
            "{}: this line was not printed, or not here: {wanted}\n{printed}",
            block.place
        );
    }
}

#[test]
fn what_is_not_run_is_known_to_the_command_line() {
    let mut commands = 0;
    for block in all_blocks() {
        if block.info.starts_with("yaml,") {
            let parsed: Value = serde_yaml::from_str(&block.text).unwrap_or_else(|e| panic!("{}: {e}", block.place));
            commands += commands_of(&parsed)
                .iter()
                .map(|script| known(&block, script))
                .sum::<usize>();
        }
        if !block.info.starts_with("sh,") {
            continue;
        }
        let script = Command::new("sh").args(["-nc", &block.text]).output().unwrap();
        let said = String::from_utf8_lossy(&script.stderr);
        assert!(script.status.success(), "{}: {said}", block.place);
        commands += known(&block, &block.text);
        if block.is("sh,clone") {
            let is_cargo = block.text.lines().all(|line| line.starts_with("cargo "));
            assert!(is_cargo, "{}", block.place);
        }
    }
    assert!(commands > 30, "{commands}");
}

/// How many commands of stageproof a script has, all of which parse.
fn known(block: &Block, script: &str) -> usize {
    let begins = Regex::new(r"^(?:exec |cargo run -- )?(?:stageproof )?").unwrap();
    let mut commands = 0;
    for line in script.replace("\\\n", " ").lines().map(str::trim) {
        let ours = ["stageproof ", "exec stageproof ", "cargo run -- "];
        if !ours.iter().any(|ours| line.starts_with(ours)) {
            continue;
        }
        let words = shlex::split(&begins.replace(line, "stageproof ")).unwrap_or_else(|| panic!("{}", block.place));
        let words = words
            .into_iter()
            .take_while(|word| !matches!(word.as_str(), ">" | "|" | "&&"));
        let parsed = command_tree().try_get_matches_from(words);
        let is_fine = parsed.as_ref().map_or_else(|error| !error.use_stderr(), |_| true);
        assert!(is_fine, "{}: {line}\n{}", block.place, parsed.unwrap_err());
        commands += 1;
    }
    commands
}

/// The text of every `run:`.
fn commands_of(value: &Value) -> Vec<String> {
    match value {
        Value::Object(map) => {
            let own = map.get("run").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(map.values().flat_map(commands_of)).collect()
        }
        Value::Array(list) => list.iter().flat_map(commands_of).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn what_a_configuration_sets_can_be_set() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stageproof.yml");
    let mut read = 0;
    for block in all_blocks()
        .iter()
        .filter(|block| block.info.starts_with("yaml,config"))
    {
        fs::write(&file, &block.text).unwrap();
        let loaded = Config::load(Some(&file), &root());
        assert!(loaded.is_ok(), "{}: {}", block.place, loaded.unwrap_err());
        read += 1;
    }
    assert!(read > 5, "{read}");
}

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

/// `.ci/run` takes the first for what a newcomer types first.
#[test]
fn the_first_commands_of_the_readme_run_the_main_job_and_the_tests() {
    let blocks = blocks_of(&root().join("README.md"));
    let shell: Vec<&str> = blocks
        .iter()
        .filter(|b| b.info.starts_with("sh"))
        .map(|b| b.text.trim())
        .collect();
    let first = "cargo run -- rehearse --config examples/quickstart/stageproof.yml";
    assert_eq!(shell.get(..2), Some(&[first, "cargo test"][..]));
}

#[test]
fn the_readme_is_short() {
    let bytes = fs::metadata(root().join("README.md")).unwrap().len();
    assert!(
        bytes <= 9 * 1024,
        "{bytes} bytes: what a newcomer does not need at once goes to docs/"
    );
}
