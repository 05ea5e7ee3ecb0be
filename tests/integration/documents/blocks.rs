//! Every code block of the README and of `docs` is run or parsed. What is done with it is written behind its language:
//!
//! | block | treatment |
//! |---|---|
//! | `yaml,workflow` | actionlint, and each step of the action through the parser of inputs |
//! | `yaml,job`, `yaml,steps` | the same, as a part of a workflow |
//! | `toml,rules` | the parser of rule files |
//! | `yaml,diagnose-rules` | the parser of the rules of `diagnose` |
//! | `yaml,config` | the parser of the configuration; with `,saved` the next commands of the page find it |
//! | `yaml,any` | parses |
//! | `sh,run` | runs and ends with 0; with `,run=N` with N |
//! | `text,output` | the block before it printed these lines, in this order; `…` is anything |
//! | `sh,parse` | is a script, and its `stageproof` commands are known to the command line |
//! | `sh,clone` | is for a clone of this repository: cargo, and its `stageproof` commands are known |
//! | `text` | is no code |

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};
use regex::Regex;
use serde_json::Value;
use stageproof::cli::{Config, command_tree};
use stageproof::model::scan::{RuleSet, Source};

use super::generated::{pages, shown};
use super::root;
use crate::newcomer::Newcomer;
use crate::smoke::has;

pub struct Block {
    /// `docs/page.md:LINE`
    pub place: String,
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

pub fn all_blocks() -> Vec<Block> {
    pages().iter().flat_map(|page| blocks_of(page)).collect()
}

#[test]
fn every_block_has_a_treatment() {
    let known = Regex::new(
        "^(toml,rules|yaml,(workflow|job|steps|config|config,saved|any|diagnose-rules)|sh,(run|run=[0-9]+|parse|clone)|text|text,output)$",
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

#[test]
fn rules_of_diagnose_can_be_used() {
    let mut read = 0;
    for block in all_blocks().iter().filter(|block| block.is("yaml,diagnose-rules")) {
        let rules = stageproof::model::diagnose::Rules::new(Some(&block.text));
        assert!(rules.is_ok(), "{}: {}", block.place, rules.unwrap_err());
        read += 1;
    }
    assert!(read > 0, "{read}");
}

#[test]
fn rule_files_can_be_used() {
    struct NoFiles;
    impl Source for NoFiles {
        fn read(&self, path: &str) -> Result<String, String> {
            Err(path.to_owned())
        }
    }
    let blocks = all_blocks();
    let files: Vec<&Block> = blocks.iter().filter(|block| block.is("toml,rules")).collect();
    assert!(!files.is_empty());
    for block in files {
        let rules = RuleSet::parse(&block.text, &NoFiles);
        assert!(rules.is_ok(), "{}: {}", block.place, rules.unwrap_err());
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
