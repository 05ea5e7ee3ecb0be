//! `check`: is stageproof used correctly?

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::Value;
use stageproof::commands::check::{INTERFACES, RULES};
use stageproof::model::Severity;

use crate::gate::Gate;

pub const GOOD: &str = "on: push
permissions: {}
jobs:
  prove:
    runs-on: ubuntu-latest
    timeout-minutes: 10
    permissions:
      contents: read
    steps:
      - uses: stageproof/stageproof@0123456789abcdef0123456789abcdef01234567 # 0.1.0
        with:
          command: smoke
          url: ${{ vars.STAGING_URL }}
          within: 3m
";

/// An error and a warning.
pub const BROKEN: &str = "on: push
jobs:
  prove:
    runs-on: ubuntu-latest
    steps:
      - uses: stageproof/stageproof@v1
        with:
          command: smoke
          url: ${{ vars.STAGING_URL }}
          withn: 3m
";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// As it is in a clone of this repository.
fn own_repository() -> Gate {
    let gate = Gate::new();
    for folder in [".github/workflows", "examples/workflows", "prove", "."] {
        for entry in fs::read_dir(root().join(folder)).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let is_wanted = folder != "." || name == "action.yml";
            if is_wanted && path.is_file() {
                let there = match folder {
                    // Where a user puts it.
                    "examples/workflows" => format!(".github/workflows/example-{name}"),
                    _ => format!("{folder}/{name}"),
                };
                gate.write(&there, fs::read(&path).unwrap());
            }
        }
    }
    // What `rehearse` rehearses.
    gate.write(
        ".github/stageproof.yml",
        "version: 1\nsmoke:\n  url: https://staging.example.com\nrollback-dry-run:\n  tags: v*\n",
    );
    gate
}

/// What we give away, and what we use ourselves, is right.
#[test]
fn nothing_is_wrong_with_the_workflows_of_this_repository() {
    let gate = own_repository();
    let ran = gate.run(["check", "--format=json"]);
    ran.code(0);
    let report: Value = serde_json::from_str(&ran.stdout()).unwrap();
    let checks = report["checks"].as_array().unwrap();
    let titles: Vec<&str> = checks.iter().filter_map(|check| check["title"].as_str()).collect();
    for name in ["self-test.yml", "example-deploy-staging.yml"] {
        assert!(titles.iter().any(|title| title.contains(name)), "{titles:?}");
    }
    let findings: Vec<_> = checks
        .iter()
        .filter_map(|check| check["findings"].as_array())
        .flatten()
        .collect();
    assert!(findings.is_empty(), "{findings:#?}");
}

#[test]
fn a_workflow_that_is_right_passes_and_one_that_has_nothing_to_do_with_it_is_counted() {
    let gate = Gate::new();
    gate.write(".github/workflows/a.yml", "on: push\njobs: {a: {steps: [{run: ls}]}}\n");
    gate.run(["check"])
        .code(3)
        .says("nothing-checked")
        .says("1 file does not use stageproof");
    gate.write(".github/workflows/b.yaml", GOOD);
    gate.run(["check"])
        .code(0)
        .says("b.yaml uses stageproof correctly")
        .says("Verdict: pass.");
    gate.write(".github/workflows/c.yml", BROKEN.replace("withn", "within"));
    gate.run(["check"])
        .code(0)
        .says("Verdict: pass-weak")
        .says(".github/workflows/c.yml:6: ");
    let report = gate.root().join("artifacts");
    assert!(!report.exists(), "check writes nothing\n{}", gate.listing());
}

#[test]
fn what_cannot_be_read_does_not_hide_the_others() {
    let gate = Gate::new();
    gate.write(".github/workflows/a.yml", "on: push\njobs:\n\ta: 1\n")
        .write(".github/workflows/b.yml", b"on: push\n# \xff\n")
        .write(".github/workflows/c.yml", BROKEN)
        .write(
            ".github/workflows/d.yml",
            "a: &a [x]\n".to_owned() + &"b: [*a]\nb: [*a]\n".repeat(2),
        )
        .write("tools/x/action.yml", "name: [\n");
    gate.run(["check"])
        .code(1)
        .says(".github/workflows/a.yml:3: ")
        .says("use spaces")
        .says(".github/workflows/b.yml:2: it is not UTF-8 text")
        .says("did you mean `within`?")
        .says("duplicate key `b`")
        // It has nothing to do with stageproof.
        .never_says("tools/x");
}

#[test]
fn what_is_huge_or_endless_is_an_error_and_no_wait() {
    let gate = Gate::new();
    gate.write(".github/workflows/a.yml", "# filler\n".repeat(200_000))
        .write(".github/workflows/b.yml", GOOD);
    fs::create_dir_all(gate.path(".github/workflows/c.yml/x")).unwrap();
    symlink("nowhere", gate.path(".github/workflows/d.yml")).unwrap();
    gate.run(["check", "--sarif=all.sarif"])
        .code(4)
        .says("a.yml is larger than")
        .says("cannot open")
        .says("✓ .github/workflows/b.yml")
        .never_says("c.yml");
    let log: Value = serde_json::from_str(&gate.read("all.sarif")).unwrap();
    let results = log["runs"][0]["results"].as_array().unwrap();
    let files: Vec<&Value> = results
        .iter()
        .map(|result| &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
        .collect();
    assert_eq!(files, [".github/workflows/a.yml", ".github/workflows/d.yml"]);
    let bomb: String = (0..9).fold("a0: &a0 [x]\n".to_owned(), |bomb, n| {
        format!(
            "{bomb}a{}: &a{} [{}]\n",
            n + 1,
            n + 1,
            vec![format!("*a{n}"); 9].join(",")
        )
    });
    let gate = Gate::new();
    gate.write(".github/workflows/a.yml", bomb).write(
        ".github/workflows/b.yml",
        format!("jobs: {}1{}", "[".repeat(9_000), "]".repeat(9_000)),
    );
    gate.run(["check"])
        .code(1)
        .says("a.yml:7: it has too many values")
        .says("b.yml:1: ");
}

/// A pull request from anybody must not keep a job busy.
#[test]
fn hostile_workflows_end_soon() {
    let pin = "stageproof/stageproof@0123456789abcdef0123456789abcdef01234567";
    let guard = format!("{{uses: '{pin}', with: {{command: skip-guard, require: not-fork}}}}");
    let script = |lines: &str| format!("on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: |\n{lines}");
    let list = format!(
        "on: push\njobs:\n  a:\n    steps:\n      - uses: {pin}\n        with:\n          command: skip-guard\n          require: |\n"
    );
    let job = |n: usize| format!("  j{n}:\n    steps: [{guard}]\n");
    for (name, text, says) in [
        (
            "quote",
            script(&format!(
                "          echo 'open\n{}",
                "          stageproof x\n".repeat(30_000)
            )),
            "does not use stageproof",
        ),
        (
            "calls",
            script(&"          stageproof heartbeat -- x\n".repeat(20_000)),
            "more than 500 times",
        ),
        (
            "lines",
            list + &"            env:A\n".repeat(40_000),
            "`env:A` needs `A`",
        ),
        (
            "codes",
            script("          stageproof x\n") + "# stageproof: ignore[" + &"a,".repeat(400_000) + "]\n",
            "no finding has the code `a`",
        ),
        (
            "jobs",
            format!("on: push\njobs:\n{}", (0..7_000).map(job).collect::<String>()),
            "more than 500 times",
        ),
    ] {
        let gate = Gate::new();
        gate.write("w.yml", text);
        let began = std::time::Instant::now();
        gate.run(["check", "w.yml"]).says(says);
        assert!(began.elapsed().as_secs() < 60, "{name}: {:?}", began.elapsed());
    }
}

#[test]
fn the_configuration_is_checked_and_must_have_its_name() {
    let gate = Gate::new();
    gate.write(".github/stageproof.yaml", "version: 1\n");
    gate.run(["check"])
        .code(1)
        .says(".github/stageproof.yaml is ignored")
        .says("git mv .github/stageproof.yaml .github/stageproof.yml");
    let gate = Gate::new();
    gate.write(
        ".github/stageproof.yml",
        "version: 1\nsmoke:\n  url: https://h/\n  within: 3\n",
    );
    gate.run(["check"])
        .code(1)
        .says(".github/stageproof.yml:4: ")
        .says("has no unit");
    // A workflow is judged together with it.
    gate.write(
        ".github/stageproof.yml",
        "skip-guard:\n  require: ['env:DEPLOY_TOKEN']\n",
    )
    .write(
        ".github/workflows/a.yml",
        BROKEN
            .replace("smoke", "skip-guard")
            .replace("          url: ${{ vars.STAGING_URL }}\n          withn: 3m\n", ""),
    );
    gate.run(["check"])
        .code(1)
        .says("`env:DEPLOY_TOKEN` needs `DEPLOY_TOKEN`");
    // The container has no program to start the previous version with, and no history to count in.
    gate.write(
        ".github/stageproof.yml",
        "smoke:\n  url: http://127.0.0.1:1/\nrollback-dry-run:\n  image: a/b:1\n  rehearse: docker run {image}\n  migrations: [db]\n",
    )
    .write(
        ".github/workflows/a.yml",
        BROKEN
            .replace("smoke", "rollback-dry-run")
            .replace("          url: ${{ vars.STAGING_URL }}\n          withn: 3m\n", ""),
    );
    gate.run(["check"])
        .code(1)
        .says("`rehearse` needs a program, and the action's container has none")
        .says("`migrations` needs the repository's files");
}

#[test]
fn files_and_folders_can_be_named() {
    let gate = Gate::new();
    gate.write("a/.github/workflows/deploy.yml", BROKEN)
        .write("b/.github/workflows/deploy.yml", GOOD)
        .write("b/other.yml", "on: push\njobs: {}\n")
        .write("b/gate.yml", GOOD);
    gate.run(["check", "a"])
        .code(1)
        .says("a/.github/workflows/deploy.yml:10: ");
    gate.run(["check", "b"]).code(0).says("Verdict: pass.");
    gate.run(["check", "b/gate.yml", "b/other.yml"])
        .code(0)
        .says("b/gate.yml uses")
        .says("it does not use stageproof");
    gate.run(["check", "b/other.yml"]).code(3);
    gate.run_in("a", ["check", "../b/gate.yml"]).code(0);
    // What they are is told by what they hold.
    gate.write("b/staging.yml", "smoke:\n  within: 3\n")
        .write("b/stageproof.yml", BROKEN)
        .write("b/compose.yml", "version: '3'\nservices: {}\n");
    gate.run(["check", "b/staging.yml"])
        .code(1)
        .says("b/staging.yml is a valid configuration")
        .says("b/staging.yml:2: ");
    gate.run(["check", "b/stageproof.yml"])
        .code(1)
        .says("b/stageproof.yml uses stageproof correctly")
        .says("did you mean `within`?");
    gate.run(["check", "b/compose.yml"]).code(3);
    gate.run(["check", "none.yml"]).code(4).says("none.yml");
}

#[test]
fn findings_are_annotations_at_their_lines() {
    let gate = Gate::new()
        .on_runner("push", "{}")
        .env("INPUT_COMMAND", "check")
        .env("INPUT_PATHS", ".github/workflows/deploy.yml")
        .env("INPUT_SARIF", "out/stageproof.sarif");
    gate.write(".github/workflows/deploy.yml", BROKEN);
    let ran = gate.run([] as [&str; 0]);
    ran.code(1)
        .says("::error file=.github/workflows/deploy.yml,line=10,title=")
        .says("::warning file=.github/workflows/deploy.yml,line=6,title=");
    assert_eq!(gate.outputs()["verdict"], "fail");
    assert!(
        gate.read("runner/summary")
            .contains("`.github/workflows/deploy.yml:10`")
    );
    let log: Value = serde_json::from_str(&gate.read("out/stageproof.sarif")).unwrap();
    let results = log["runs"][0]["results"].as_array().unwrap();
    let places: Vec<_> = results
        .iter()
        .map(|result| {
            (
                &result["ruleId"],
                &result["locations"][0]["physicalLocation"]["region"]["startLine"],
            )
        })
        .collect();
    assert_eq!(
        places,
        [(&"unpinned".into(), &6.into()), (&"unknown-input".into(), &10.into())]
    );
}

/// A mistyped path must not cost a file that somebody needs.
#[test]
fn a_file_of_others_is_not_replaced_and_an_own_one_is() {
    let gate = Gate::new();
    gate.write(".github/workflows/deploy.yml", GOOD)
        .write("package.json", "{\n  \"name\": \"stageproof\"\n}\n");
    gate.run(["check", "--sarif=package.json"])
        .code(1)
        .says("package.json exists and was not written by stageproof")
        .never_says("Verdict");
    assert_eq!(gate.read("package.json"), "{\n  \"name\": \"stageproof\"\n}\n");
    for _ in 0..2 {
        gate.run(["check", "--sarif=new.sarif"]).code(0);
    }
    let log: Value = serde_json::from_str(&gate.read("new.sarif")).unwrap();
    assert_eq!(log["runs"][0]["results"], Value::Array(Vec::new()));
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), RULES.all.len());
}

/// The lists in the code are those of the files.
#[test]
fn the_composite_action_and_the_workflow_take_and_answer_what_is_known_of_them() {
    for interface in INTERFACES {
        let text = fs::read_to_string(root().join(interface.file)).unwrap();
        let whole: Value = serde_yaml::from_str(&text).unwrap();
        let of_workflow = &whole["on"]["workflow_call"];
        let top = if of_workflow.is_null() { &whole } else { of_workflow };
        let names = |key: &str, wanted: &dyn Fn(&Value) -> bool| -> BTreeSet<String> {
            let all = top[key].as_object().into_iter().flatten();
            all.filter(|(_, value)| wanted(value))
                .map(|(name, _)| name.clone())
                .collect()
        };
        let set = |list: &[&str]| -> BTreeSet<String> { list.iter().map(|name| (*name).to_owned()).collect() };
        assert_eq!(names("inputs", &|_| true), set(interface.inputs), "{}", interface.file);
        let is_required = |input: &Value| input["required"] == true;
        assert_eq!(
            names("inputs", &is_required),
            set(interface.required),
            "{}",
            interface.file
        );
        assert_eq!(
            names("secrets", &|_| true),
            set(interface.secrets),
            "{}",
            interface.file
        );
        assert_eq!(
            names("outputs", &|_| true),
            set(interface.outputs),
            "{}",
            interface.file
        );
    }
}

/// Where code scanning and findings lead to.
#[test]
fn the_guide_has_a_section_for_every_rule() {
    let text = fs::read_to_string(root().join("docs/guides/check.md")).unwrap();
    let (_, findings) = text.split_once("\n## Findings\n").unwrap();
    let findings = findings.split_once("\n## ").map_or(findings, |(findings, _)| findings);
    let sections: Vec<(&str, &str)> = findings
        .split("\n### ")
        .skip(1)
        .filter_map(|section| section.split_once('\n'))
        .collect();
    let codes: Vec<&str> = sections.iter().map(|(code, _)| *code).collect();
    let rules: Vec<&str> = RULES.all.iter().map(|rule| rule.code).collect();
    assert_eq!(codes, rules);
    for (rule, (_, section)) in RULES.all.iter().zip(sections) {
        let severity = match rule.severity {
            Severity::Error => "Error",
            Severity::Warning => "Warning",
            Severity::Note => "Note",
        };
        let begin = format!("{severity}. {} {}\n", rule.summary, rule.fix);
        let first = section
            .trim()
            .split("\n\n")
            .next()
            .unwrap_or_default()
            .replace('\n', " ");
        assert_eq!(first, begin.trim_end(), "{}", rule.code);
    }
}
