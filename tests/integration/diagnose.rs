//! `diagnose`: why a job failed.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::gate::Gate;

/// The log of a run without secrets.
pub const RED: &str = "\
2026-07-30T10:33:36.0000000Z Secret source: None
2026-07-30T10:33:37.0000000Z ##[group]Run actions/checkout@v4
2026-07-30T10:33:37.0000000Z with:
2026-07-30T10:33:37.0000000Z   token: ***
2026-07-30T10:33:37.0000000Z ##[endgroup]
2026-07-30T10:33:38.0000000Z ##[group]Run ./deploy.sh staging
2026-07-30T10:33:38.0000000Z \u{1b}[36;1m./deploy.sh staging\u{1b}[0m
2026-07-30T10:33:38.0000000Z shell: /usr/bin/bash -e {0}
2026-07-30T10:33:38.0000000Z env:
2026-07-30T10:33:38.0000000Z   DEPLOY_TOKEN: 
2026-07-30T10:33:38.0000000Z ##[endgroup]
2026-07-30T10:33:39.0000000Z Deploying
2026-07-30T10:33:39.0000000Z ./deploy.sh: line 3: DEPLOY_TOKEN: unbound variable
2026-07-30T10:33:39.0000000Z ##[error]Process completed with exit code 1.
2026-07-30T10:33:40.0000000Z Post job cleanup.
";

const WORKFLOW: &str = "on: push
jobs:
  deploy:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: ./deploy.sh staging
";

fn check(gate: &Gate) -> Value {
    gate.report("diagnose")["checks"][0].clone()
}

#[test]
fn a_failure_is_explained_with_its_line_its_class_and_its_fix() {
    let gate = Gate::new().on_runner("push", "{}");
    gate.write("red.log", RED).write(".github/workflows/d.yml", WORKFLOW);
    gate.run(["diagnose", "--log=red.log", "--workflow-file=.github/workflows/d.yml"])
        .code(1)
        .says("missing-secret: The variable DEPLOY_TOKEN is not set")
        .says("file=.github/workflows/d.yml,line=7")
        .says("stageproof skip-guard --require env:DEPLOY_TOKEN")
        .says("the job could not succeed in this run");
    let outputs = gate.outputs();
    for (name, value) in [
        ("class", "missing-secret"),
        ("confidence", "sure"),
        ("fix", "skip-guard"),
        ("line", "./deploy.sh: line 3: DEPLOY_TOKEN: unbound variable"),
        ("verdict", "fail"),
    ] {
        assert_eq!(outputs[name], value, "{name}");
    }
    assert_eq!(check(&gate)["id"], format!("diagnose:{}", outputs["fingerprint"]));
    assert_eq!(check(&gate)["findings"][0]["class"], "infra");
}

/// As many as are asked for, of whatever step, but none of another job.
#[test]
fn the_context_is_the_lines_of_the_log_around_the_best_one() {
    let gate = Gate::new();
    let around = |log: &str, lines: usize| {
        gate.write("red.log", log);
        gate.run(["diagnose", "--log=red.log", &format!("--context={lines}")])
            .code(1);
        let excerpt = check(&gate)["findings"][0]["excerpt"].as_str().unwrap().to_owned();
        let (_, around) = excerpt.split_once("lines around line ").unwrap();
        let numbers = around
            .lines()
            .skip(1)
            .map(|line| line.split_whitespace().next().unwrap().to_owned());
        numbers.collect::<Vec<_>>().join(" ")
    };
    let all = |to: usize| (1..=to).map(|number| number.to_string()).collect::<Vec<_>>().join(" ");
    assert_eq!(around(RED, 2), "11 12 13 14 15");
    assert_eq!(around(RED, 200), all(15));
    let start = "2026-07-30T10:33:35.0000000Z Current runner version: '2.330.0'\n";
    let green = format!("{start}2026-07-30T10:33:36.0000000Z all is well\n");
    assert_eq!(around(&format!("{start}{RED}{green}"), 200), all(16));
    let joined = around(&format!("{green}{start}{RED}"), 200);
    assert!(joined.starts_with("3 4 ") && joined.ends_with(" 18"), "{joined}");
    let of_gh = |job: &str, log: &str| -> String {
        log.lines()
            .map(|line| format!("{job}\tUNKNOWN STEP\t{line}\n"))
            .collect()
    };
    let joined = of_gh("lint", &green) + &of_gh("deploy", RED) + &of_gh("test", &green);
    assert_eq!(
        around(&joined, 200),
        (3..=17).map(|n| n.to_string()).collect::<Vec<_>>().join(" ")
    );
}

/// By GitHub's word, by the workflow, or as GitHub would call it.
#[test]
fn a_step_is_called_as_github_shows_it() {
    let gate = Gate::new().on_runner("push", "{}");
    let named = UNGUARDED.replace("      - run:", "      - name: Deploy it\n        run:");
    let computed = named.replace("Deploy it", "Deploy ${{ matrix.it }}");
    gate.write("red.log", RED)
        .write("bare.yml", UNGUARDED)
        .write("named.yml", named)
        .write("computed.yml", computed);
    for (workflow, step) in [
        ("bare.yml", "Run ./deploy.sh staging"),
        ("named.yml", "Deploy it"),
        ("computed.yml", "Run ./deploy.sh staging"),
    ] {
        let pr_text = format!("{workflow}.md");
        gate.run([
            "diagnose",
            "--log=red.log",
            "--event=push",
            &format!("--workflow-file={workflow}"),
            &format!("--pr-text={pr_text}"),
        ])
        .code(1)
        .says(&format!("`{step}` failed (red.log)"));
        assert!(
            gate.read(&pr_text).contains(&format!("the step `{step}`")),
            "{}",
            gate.read(&pr_text)
        );
    }
    let of_gh: String = RED.lines().map(|line| format!("deploy\tDeploy it\t{line}\n")).collect();
    gate.write("gh.log", of_gh);
    gate.run(["diagnose", "--log=gh.log"])
        .code(1)
        .says("`Deploy it` failed (gh.log)");
}

/// More time helps only what still goes on.
#[test]
fn a_step_that_hung_gets_no_more_time() {
    let gate = Gate::new();
    let workflow = "on: push\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n      - run: make test\n        timeout-minutes: 40\n";
    let at = |minute: u32, text: &str| format!("2026-07-30T10:{minute:02}:37.0347135Z {text}\n");
    let header = ["##[group]Run make test", "shell: bash", "##[endgroup]"]
        .map(|text| at(0, text))
        .concat();
    let end = at(
        40,
        "##[error]The action 'Run make test' has timed out after 40 minutes.",
    );
    let goes_on: String = (1..40).map(|minute| at(minute, &format!("test_{minute} ok"))).collect();
    gate.write("w.yml", workflow);
    let run = |lines: &str| {
        gate.write("red.log", format!("{header}{lines}{end}"));
        gate.run(["diagnose", "--log=red.log", "--workflow-file=w.yml"])
    };
    run(&goes_on)
        .code(1)
        .says("next: raise timeout-minutes, or split the step, which still printed progress until the end")
        .says("note: the step still printed progress until the end")
        .says("+        timeout-minutes: ");
    run(&at(2, "test_1 ok"))
        .code(1)
        .says("next: find what the step waits for, because it printed nothing for the last 38m")
        .says("no patch: the log does not show that more time would help: the step printed nothing for the last 38m")
        .never_says("this change would help");
}

#[test]
fn what_is_advised_is_a_command_that_can_be_used() {
    let gate = Gate::new().on_runner("push", "{}");
    let log = RED
        .replace(
            "  DEPLOY_TOKEN: ",
            "  DEPLOY_USER_TOKEN: \n2026-07-30T10:33:38.0000000Z   DEPLOY_KEY: ",
        )
        .replace(
            "./deploy.sh: line 3: DEPLOY_TOKEN: unbound variable",
            "curl: (22) The requested URL returned error: 401",
        );
    gate.write("red.log", log);
    gate.run(["diagnose", "--log=red.log"])
        .code(1)
        .says("stageproof skip-guard --require env:DEPLOY_USER_TOKEN --require env:DEPLOY_KEY");
    // Not every next step is a change of the workflow.
    for (line, next) in [
        (
            "./smoke.sh: line 1: ./deploy.sh: Permission denied",
            "git update-index --chmod=+x ./deploy.sh",
        ),
        (
            "curl: (7) Failed to connect to a.example port 8080",
            "check that a deploy ran before this job",
        ),
    ] {
        gate.write(
            "red.log",
            RED.replace("./deploy.sh: line 3: DEPLOY_TOKEN: unbound variable", line),
        );
        gate.run(["diagnose", "--log=red.log"]).code(1).says(next);
    }
}

#[test]
fn a_token_in_the_log_that_nobody_named_is_shown_nowhere() {
    let gate = Gate::new().on_runner("push", "{}");
    let token = format!("ghp_{}", "JO8Xm0qPz4LbT7vWc2RnYk5HsD1gFa3eUiB9");
    let log = RED.replace(
        "line 3: DEPLOY_TOKEN: unbound variable",
        &format!("fatal: login with {token} failed {}{token}", ".".repeat(341)),
    );
    gate.write("red.log", log);
    gate.run(["diagnose", "--log=red.log", "--context=3"])
        .code(1)
        .says("login with *** failed")
        .never_says(&token);
    let shown = format!("{:?}{}", gate.outputs(), gate.report("diagnose"));
    assert!(!shown.contains(&token[..12]), "{shown}");
}

#[test]
fn a_key_of_several_lines_and_a_token_in_a_fix_are_shown_nowhere() {
    let gate = Gate::new().on_runner("push", "{}");
    let lines = ["MIIEowIBAAKCAQEAuV4JO8Xm0qPz4LbT7vWc2RnYk5HsD1gFa3eUiB9kQ0xZt6yM"; 3];
    let lines = lines.join("\n2026-07-30T10:33:39.0000000Z ");
    let key = format!(
        "-----BEGIN RSA PRIVATE KEY-----\n2026-07-30T10:33:39.0000000Z {lines}\n\
         2026-07-30T10:33:39.0000000Z -----END RSA PRIVATE KEY-----"
    );
    let token = format!("ghp_{}", "JO8Xm0qPz4LbT7vWc2RnYk5HsD1gFa3eUiB9");
    let command = format!("line 3: {}-{token}: command not found", "x".repeat(355));
    for (log, secret) in [
        (RED.replace("Deploying", &key), "MIIEowIBAAKCA"),
        // It is the last that the step wrote.
        (
            RED.replace("./deploy.sh: line 3: DEPLOY_TOKEN: unbound variable", &key),
            "MIIEowIBAAKCA",
        ),
        (
            RED.replace("line 3: DEPLOY_TOKEN: unbound variable", &command),
            &token[..12],
        ),
    ] {
        gate.write("red.log", log);
        gate.run(["diagnose", "--log=red.log", "--context=10"])
            .code(1)
            .never_says(secret);
        let shown = format!("{:?}{}", gate.outputs(), gate.report("diagnose"));
        assert!(!shown.contains(secret), "{shown}");
    }
}

/// A job that deploys with a secret that a push to main does not have.
const UNGUARDED: &str = "name: staging
on: [push, pull_request]
permissions: {}
jobs:
  deploy: # to staging
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: ./deploy.sh staging
        env:
          DEPLOY_TOKEN: ${{ secrets.DEPLOY_TOKEN }}
";

#[test]
fn the_smallest_change_of_the_workflow_is_a_patch() {
    let gate = Gate::new().on_runner("push", "{}");
    gate.write("red.log", RED.replace("Secret source: None", "Secret source: Actions"))
        .write("d.yml", UNGUARDED);
    let args = ["diagnose", "--log=red.log", "--workflow-file=d.yml"];
    gate.run(args)
        .code(1)
        .says("this change would help; apply it with git apply or --write")
        .says("+        uses: stageproof/stageproof@v");
    let patch = gate.outputs()["patch"].clone();
    let summary = gate.read("runner/summary");
    assert!(
        summary.contains(&format!(
            "<summary>The change</summary>\n\n```diff\n{}\n```\n",
            patch.trim_end()
        )),
        "{summary}"
    );
    gate.write("fix.patch", &patch);
    assert_eq!(gate.read("d.yml"), UNGUARDED, "without --write it stays");
    let git = |args: &[&str]| {
        let ran = std::process::Command::new("git")
            .args(args)
            .current_dir(gate.root())
            .status();
        assert!(ran.unwrap().success(), "git {args:?}\n{patch}");
    };
    git(&["init", "--quiet"]);
    git(&["apply", "fix.patch"]);
    let applied = gate.read("d.yml");
    assert!(
        applied.contains("deploy: # to staging") && applied.contains("env:DEPLOY_TOKEN"),
        "{applied}"
    );
    gate.write("d.yml", UNGUARDED);
    let file = gate.root().join("d.yml");
    let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o664);
    gate.run([&args[..], &["--write", "--pr-text=pr.md"]].concat())
        .code(1)
        .says("the change was made in d.yml")
        .never_says("this change would help")
        .says("the text of a pull request was written to");
    assert_eq!(gate.read("d.yml"), applied);
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o664);
    let text = gate.read("pr.md");
    assert!(
        text.starts_with("d.yml: skip deploy if DEPLOY_TOKEN is not set\n\n"),
        "{text}"
    );
    for part in [
        "DEPLOY_TOKEN: unbound variable",
        "A new step 2 of the job `deploy` runs `stageproof skip-guard`",
        "the old step 2 becomes step 3",
        "third-party action `stageproof/stageproof@v",
        "Revert the commit of this pull request",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // The workflow has it now.
    gate.run([&args[..], &["--write"]].concat())
        .code(1)
        .says("next: start a new run: the workflow has this change already")
        .says("is a skip-guard and requires env:DEPLOY_TOKEN already; nothing to change")
        .says("nothing was written: there is no patch");
    gate.write(
        "d.yml",
        applied.replace("        if: steps.guard.outputs.ready == 'true'\n", ""),
    );
    gate.run(args)
        .code(1)
        .says("the step that failed has no `if: steps.guard.outputs.ready == 'true'`");
    gate.write(
        "d.yml",
        applied.replace("require: env:DEPLOY_TOKEN", "require: var:OTHER"),
    );
    gate.run(args)
        .code(1)
        .says("is a skip-guard; add env:DEPLOY_TOKEN to its `require`");
    // Of a fork, the secret cannot exist, and nothing depends on the step.
    gate.write("red.log", RED).write("d.yml", UNGUARDED);
    gate.run(args).code(1).says("+        if: github.repository == ");
    // It is made once.
    gate.write(
        "d.yml",
        UNGUARDED.replace("run: ./deploy.sh staging", "run: ./other.sh"),
    );
    gate.run(args)
        .code(1)
        .never_says("this change would help")
        .says("no patch: the step is not found in the workflow");
    // A patch with such a path is for nobody's repository.
    std::fs::create_dir(gate.root().join("a")).unwrap();
    gate.write("d.yml", UNGUARDED);
    gate.run(["diagnose", "--log=red.log", "--workflow-file=a/../d.yml", "--write"])
        .code(1)
        .says("no patch: a patch cannot name a path with `..`");
    assert_eq!(gate.read("d.yml"), UNGUARDED);
    gate.run(["diagnose", "--log=red.log", "--write"])
        .code(2)
        .says("--write and --pr-text need a workflow");
}

#[test]
fn a_waiver_covers_this_cause_and_no_other() {
    let gate = Gate::new();
    gate.write("red.log", RED);
    gate.run(["diagnose", "--log=red.log"]).code(1);
    let id = check(&gate)["id"].as_str().unwrap().to_owned();
    let of_class = "version: 1\nwaivers: [{class: infra, reason: the balancer flaps, until: 2999-12-31}]\n";
    gate.write(".github/stageproof.yml", of_class);
    gate.run(["diagnose", "--log=red.log"]).code(1);
    // The waiver is shown as it can be written.
    let facts = check(&gate)["facts"].clone();
    let waiver = facts
        .as_array()
        .unwrap()
        .iter()
        .find(|fact| fact["name"] == "waive-with");
    let waiver = waiver.unwrap()["value"].as_str().unwrap();
    assert!(waiver.contains(&id), "{waiver}");
    let config = |waiver: &str| {
        gate.write(".github/stageproof.yml", format!("version: 1\n{waiver}\n"));
    };
    // Somebody has to write the reason.
    config(waiver);
    for command in [&["diagnose", "--log=red.log"][..], &["verdict"]] {
        gate.run(command)
            .code(2)
            .says(&format!("the waiver of {id} has no reason"))
            .says("instead of `say why`");
    }
    gate.run(["check"]).code(1).says("has no reason");
    let waiver = waiver.replace("say why", "the token is ordered");
    let (_, until) = waiver.split_once("until: ").unwrap();
    let past = waiver.replace(until, "2026-01-31}]");
    config(&past);
    gate.run(["diagnose", "--log=red.log"])
        .code(1)
        .says("a waiver for this expired on 2026-01-31: the token is ordered");
    gate.run(["check"])
        .code(0)
        .says("stageproof.yml:2")
        .says("the waiver `the token is ordered`")
        .says("expired on 2026-01-31");
    config(&waiver);
    gate.run(["check"]).code(0).never_says("expired");
    gate.run(["diagnose", "--log=red.log"])
        .code(0)
        .says("the token is ordered")
        .never_says("waive-with");
    gate.write(
        "red.log",
        RED.replace("line 3: DEPLOY_TOKEN: unbound variable", "jq: command not found"),
    );
    gate.run(["diagnose", "--log=red.log"])
        .code(1)
        .says("jq is not installed");
}

#[test]
fn a_secret_is_not_shown() {
    let gate = Gate::new().env("DEPLOY_TOKEN", "s3cr3t-v4lue-0815");
    gate.write(
        "red.log",
        RED.replace("Deploying", "error: login with s3cr3t-v4lue-0815 failed"),
    );
    for args in [vec!["--context=3"], vec!["--format=json"]] {
        gate.run(["diagnose", "--log=red.log"].into_iter().chain(args))
            .code(1)
            .says("login with ***")
            .never_says("s3cr3t-v4lue");
    }
}

#[test]
fn logs_with_one_cause_are_one_entry_and_what_passed_is_told() {
    let gate = Gate::new();
    gate.write("a.log", RED)
        .write("b.log", RED)
        .write("c.log", "2026-07-30T10:33:36.0000000Z all is well\n");
    gate.run(["diagnose", "--log=a.log", "--log=b.log", "--log=c.log"])
        .code(1)
        .says("also the cause in b.log")
        .says("Nothing failed in c.log (1 line)");
    assert_eq!(
        gate.report("diagnose")["counts"]["failed"],
        1,
        "that the job could not run is not another failure"
    );
}

#[test]
fn lines_that_a_green_run_has_too_explain_nothing() {
    let gate = Gate::new();
    let red = "##[group]Run make\nshell: bash\n##[endgroup]\nERROR: cache 17 is cold\nthe widget is upside down\n\
        ##[error]Process completed with exit code 1.\n";
    gate.write("red.log", red)
        .write("green.log", "ERROR: cache 4 is cold\n");
    gate.run(["diagnose", "--log=red.log"]).code(1).says("cache 17 is cold");
    gate.run(["diagnose", "--log=red.log", "--green=green.log"])
        .code(1)
        .says("the widget is upside down");
}

#[test]
fn rules_of_a_project_are_used_and_a_wrong_one_is_refused() {
    let gate = Gate::new();
    let rule = "tool: acme\nrules:\n- id: widget\n  any: [widget]\n  line: 'widget is (?P<how>.+)'\n  class: policy-gate\n  \
        weight: 95\n  cause: 'The widget is {how}'\n  hit: 'widget is red'\n  miss: 'widgets'\n";
    gate.write(
        "red.log",
        "the widget is upside down\n##[error]Process completed with exit code 1.\n",
    )
    .write(".github/stageproof-rules.yml", rule);
    gate.run(["diagnose", "--log=red.log"])
        .code(1)
        .says("policy-gate: The widget is upside down");
    gate.write("other.yml", rule.replace("hit: 'widget is red'", "hit: 'no'"));
    gate.run(["diagnose", "--log=red.log", "--rules=other.yml"])
        .code(4)
        .says("rule `widget`: it does not match its `hit`: no");
    for (within, code, says) in [
        (200, 1, "policy-gate: The widget is upside down"),
        (201, 4, "rule `widget`: `within` is more than 200"),
    ] {
        gate.write(
            "far.yml",
            rule.replace("  weight", &format!("  within: {within}\n  weight")),
        );
        gate.run(["diagnose", "--log=red.log", "--rules=far.yml"])
            .code(code)
            .says(says);
    }
}

/// The archive of a run has a log of each job, and a folder for each with the same once more.
#[test]
fn the_logs_of_a_run_are_read_from_their_archive() {
    let gate = Gate::new();
    gate.write("0_build.txt", "2026-07-30T10:33:36.0000000Z all is well\n")
        .write("1_deploy.txt", RED)
        .write("deploy/1_Set up job.txt", "Secret source: None\n")
        .write("notes.md", "");
    let zip = "import zipfile,sys\nz=zipfile.ZipFile(sys.argv[1],'w',zipfile.ZIP_DEFLATED)\n[z.write(f) for f in sys.argv[2:]]";
    let pack = |name: &str, files: &[&str]| {
        let mut python = std::process::Command::new("python3");
        let ran = python
            .args(["-c", zip, name])
            .args(files)
            .current_dir(gate.root())
            .status();
        assert!(ran.unwrap().success());
    };
    pack(
        "logs.zip",
        &["0_build.txt", "1_deploy.txt", "deploy/1_Set up job.txt", "notes.md"],
    );
    gate.run(["diagnose", "--log=logs.zip"])
        .code(1)
        .says("The variable DEPLOY_TOKEN is not set")
        .says("(logs.zip!1_deploy.txt)")
        .says("Nothing failed in logs.zip!0_build.txt (1 line)")
        .never_says("Set up job");
    pack("other.zip", &["notes.md"]);
    gate.run(["diagnose", "--log=other.zip"])
        .code(4)
        .says("other.zip has no logs");
}

/// A log is written by whoever wrote the step, and by anybody who hands one in.
#[test]
fn a_log_grants_no_right_that_the_failed_step_does_not_need() {
    let gate = Gate::new().on_runner("push", "{}");
    let workflow = |on_push: &str| {
        format!(
            "on: push\njobs:\n  other:\n    runs-on: ubuntu-latest\n    steps:\n      - run: make release\n  tag:\n    \
             runs-on: ubuntu-latest\n    steps:\n      - run: |\n          make release\n          {on_push}\n"
        )
    };
    let setup = "##[group]GITHUB_TOKEN Permissions\nContents: read\nMetadata: read\nPackages: write\n##[endgroup]\n";
    let log = |setup: &str, job: &str, who: &str| {
        format!(
            "{setup}Complete job name: {job}\n##[group]Run make release\nshell: /usr/bin/bash -e {{0}}\n##[endgroup]\n\
             remote: Permission to a/b.git denied to {who}.\n##[error]Process completed with exit code 128.\n"
        )
    };
    let bot = "github-actions[bot]";
    let run = |log: String, workflow: String| {
        gate.write("red.log", log).write("d.yml", workflow);
        gate.run(["diagnose", "--log=red.log", "--workflow-file=d.yml"])
    };
    run(log(setup, "tag", bot), workflow("git push --tags"))
        .code(1)
        .says("this change would help")
        .says("+      contents: write")
        .says("+      packages: write")
        .never_says("+      metadata");
    for (log, workflow, says) in [
        (
            log("", "tag", bot),
            workflow("git push"),
            "does not list the permissions",
        ),
        (
            log(setup, "tag", bot),
            workflow("true"),
            "does not look as if it needs `contents`",
        ),
        (
            log(setup, "tag", "mallory"),
            workflow("git push"),
            "no change of the workflow",
        ),
        (
            log(setup, "gone", bot),
            workflow("git push"),
            "the job that the log names is not found",
        ),
        (
            log(setup, "other", bot),
            workflow("git push"),
            "does not look as if it needs `contents`",
        ),
    ] {
        run(log, workflow)
            .code(1)
            .says(says)
            .never_says("this change would help");
    }
}

#[test]
fn a_log_that_cannot_be_read_or_says_nothing_does_not_hide_the_others() {
    let gate = Gate::new();
    gate.write("a.log", "all is well\n").write("red.log", RED);
    gate.run(["diagnose", "--log=a.log"])
        .code(4)
        .says("nothing in a.log is known to explain a failure");
    gate.run(["diagnose", "--log=none.log", "--log=a.log", "--log=red.log"])
        .code(1)
        .says("none.log does not exist")
        .says("nothing in a.log is known")
        .says("The variable DEPLOY_TOKEN is not set");
}

#[test]
fn what_cannot_be_read_is_refused() {
    let gate = Gate::new();
    gate.write("empty.log", "")
        .write("a.zip", b"PK\x03\x04rest")
        .write("folder/x", "")
        .write("red.log", RED);
    for (args, code, says) in [
        (vec![], 2, "no log was given"),
        (
            vec!["red.log"],
            2,
            "name a log with --log: stageproof diagnose --log red.log",
        ),
        (vec!["--log=none.log"], 4, "none.log does not exist"),
        (
            vec!["--log=."],
            4,
            ". cannot be read: it is a folder, not a regular file",
        ),
        (vec!["--log=folder"], 4, "folder cannot be read: it is a folder"),
        (
            vec!["--log=red.log", "--event=pull_requests"],
            2,
            "did you mean `pull_request`?",
        ),
        (vec!["--log=empty.log"], 4, "empty.log is empty"),
        (vec!["--log=a.zip"], 4, "a.zip cannot be read"),
        (vec!["--log=-", "--log=-"], 2, "--log - is given twice"),
        (
            vec!["--log=red.log", "--context=201"],
            2,
            "--context 201 is more than 200",
        ),
        // The log is diagnosed all the same.
        (
            vec!["--log=red.log", "--workflow-file=red.log"],
            1,
            "The workflow can be read",
        ),
        (vec!["--log=red.log", "--green=none.log"], 1, "or leave out --green"),
        (vec!["--log=red.log", "--rules=none.yml"], 4, "The rules can be read"),
        (
            vec!["--log=red.log", "--workflow-file=w.yml", "--pr-text=folder/../red.log"],
            2,
            "--pr-text would overwrite an input",
        ),
    ] {
        gate.run(["diagnose"].into_iter().chain(args)).code(code).says(says);
    }
}

/// The failure is in the part that is lost.
#[test]
fn a_damaged_gzip_log_says_nothing() {
    let gate = Gate::new();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(RED.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    gate.write("whole.gz", &packed)
        .write("cut.gz", &packed[..packed.len() * 2 / 3])
        .write("red.log", RED);
    gate.run(["diagnose", "--log=whole.gz"]).code(1);
    gate.run(["diagnose", "--log=cut.gz"])
        .code(4)
        .says("cut.gz cannot be read: it is damaged");
    gate.run(["diagnose", "--log=red.log", "--green=cut.gz"])
        .code(1)
        .says("cut.gz cannot be read: it is damaged");
}

#[test]
fn what_to_do_about_a_secret_depends_on_which_secrets_the_run_got() {
    let gate = Gate::new();
    let workflow = UNGUARDED.replace("secrets.DEPLOY_TOKEN", "secrets.FLY_TOKEN");
    gate.write("w.yml", &workflow)
        .write("crlf.yml", workflow.replace('\n', "\r\n"));
    for (source, says, never) in [
        (
            "Actions",
            "next: set the secret FLY_TOKEN, or skip the job without it",
            "could not succeed",
        ),
        (
            "None",
            "next: skip the step in runs without secrets, as the patch does",
            "next: set",
        ),
        (
            "Dependabot",
            "next: set the secret FLY_TOKEN as a Dependabot secret, or skip the step",
            "set DEPLOY_TOKEN",
        ),
    ] {
        let log = RED.replace("Secret source: None", &format!("Secret source: {source}"));
        gate.write("red.log", log);
        gate.run([
            "diagnose",
            "--log=red.log",
            "--workflow-file=w.yml",
            "--event=pull_request",
        ])
        .code(1)
        .says(says)
        .says("apply it with git apply or --write")
        .never_says(never);
    }
    gate.run([
        "diagnose",
        "--log=red.log",
        "--workflow-file=crlf.yml",
        "--event=pull_request",
    ])
    .code(1)
    .says("make it with --write: the file has CRLF");
}

#[test]
fn what_is_not_known_has_no_class_and_nobody_is_at_fault() {
    let gate = Gate::new().on_runner("push", "{}");
    gate.write(
        "red.log",
        "##[group]Run ./widget\nshell: bash\n##[endgroup]\nthe widget is upside down\n##[error]Process completed with exit code 1.\n",
    );
    let ran = gate.run(["diagnose", "--log=red.log", "--verbose"]);
    ran.code(1).says("the cause is not known").says("confidence: unknown");
    assert_eq!(gate.outputs()["confidence"], "unknown");
    let summary = gate.read("runner/summary");
    for shown in [ran.stdout(), summary] {
        for word in ["script-bug", "class", "whose", "infra", "`app`"] {
            assert!(!shown.contains(word), "{word}: {shown}");
        }
    }
    assert!(check(&gate)["findings"][0].get("class").is_none(), "{}", check(&gate));
}

#[test]
fn what_was_to_be_written_and_could_not_is_told() {
    let gate = Gate::new().on_runner("push", "{}");
    gate.write(
        "red.log",
        RED.replace("DEPLOY_TOKEN: unbound variable", "jq: command not found"),
    )
    .write("d.yml", UNGUARDED);
    for asked in ["--write", "--pr-text=pr.md"] {
        gate.run(["diagnose", "--log=red.log", "--workflow-file=d.yml", asked])
            .code(1)
            .says("nothing was written: there is no patch");
    }
    assert!(!gate.root().join("pr.md").exists());
}

/// A step can be called as somebody likes.
#[test]
fn the_text_of_a_pull_request_names_the_job_and_no_token() {
    let gate = Gate::new().on_runner("push", "{}");
    let token = format!("ghp_{}", "JO8Xm0qPz4LbT7vWc2RnYk5HsD1gFa3eUiB9");
    let red = RED.replace("Secret source: None", "Secret source: Actions");
    gate.write("some/red.log", &red).write("d.yml", UNGUARDED);
    let args = [
        "diagnose",
        "--log=some/red.log",
        "--workflow-file=d.yml",
        "--pr-text=pr.md",
    ];
    gate.run(args).code(1);
    let text = gate.read("pr.md");
    assert!(text.contains("The job `deploy` failed in the step"), "{text}");
    assert!(!text.contains("red.log"), "{text}");
    let job = UNGUARDED.replace("  deploy:", &format!("  {token}:"));
    gate.write("d.yml", job);
    gate.run(args).code(1);
    let text = gate.read("pr.md");
    assert!(text.contains("The job `***`") && !text.contains(&token), "{text}");
}
