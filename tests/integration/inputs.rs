//! Flags, action inputs and the configuration file: the same arguments from three places.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::gate::Gate;
use crate::servers::answer;
use crate::skipped::not_checked;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
const NO_ARGS: [&str; 0] = [];

fn action(gate: Gate, command: &str) -> Gate {
    gate.on_runner("push", "{}").env("INPUT_COMMAND", command)
}

#[test]
fn no_command_names_the_commands() {
    let gate = Gate::new();
    let tree = stageproof::cli::command_tree();
    let shown = tree.get_subcommands().filter(|command| !command.is_hide_set());
    let names: Vec<&str> = shown
        .map(clap::Command::get_name)
        .filter(|name| *name != "help")
        .collect();
    gate.run(NO_ARGS)
        .code(2)
        .says("no subcommand was given")
        .says(&format!("{};", names.join(", ")));
    gate.run(["smokee"]).code(2).says("smoke");
}

#[test]
fn an_unknown_command_input_is_an_annotation_and_a_usage_error() {
    for command in ["smokee", "supervise", "help", "schema", "completions"] {
        let gate = action(Gate::new(), command);
        gate.run(NO_ARGS)
            .code(2)
            .says(&format!("::error title=stageproof::the input `command` is `{command}`"));
    }
}

#[test]
fn inputs_are_the_flags_of_the_same_name() {
    let gate = action(Gate::new(), "smoke")
        .env("INPUT_URL", &answer(OK))
        .env("INPUT_PATH", "\n/\n  /healthz  \n\n")
        .env("INPUT_EXPECT-STATUS", "200")
        .env("INPUT_WITHIN", "5s")
        .env("INPUT_FOLLOW-REDIRECTS", "True")
        // Declared without a value: absent.
        .env("INPUT_EXPECT-BODY", "")
        .env("INPUT_INTERVAL", "  ")
        .env("INPUT_ARGS", "the runner's own")
        .env("INPUT_EVIDENCE-DIR", "proof/{environment}")
        .env("INPUT_ENVIRONMENT", "blue green");
    gate.run(NO_ARGS).code(0).says("2 passed");
    let outputs = gate.outputs();
    assert_eq!(outputs["report"], "proof/blue-green/reports/smoke.json");
    assert!(gate.read("proof/blue-green/reports/smoke.json").contains("/healthz"));
}

#[test]
fn a_flag_beats_an_input_beats_the_configuration() {
    let configured = "version: 1\nenvironment: from-file\nskip-guard:\n  require: [file:from-file]\n  strict: true\n";
    let gate = Gate::new().on_runner("push", "{}");
    gate.write(".github/stageproof.yml", configured);
    gate.run(["skip-guard"])
        .code(1)
        .says("from-file does not exist")
        .says("· from-file");

    let gate = Gate::new()
        .on_runner("push", "{}")
        .env("INPUT_REQUIRE", "file:from-input\nfile:from-input-2")
        .env("INPUT_STRICT", "false");
    gate.write(".github/stageproof.yml", configured);
    gate.run(["skip-guard"])
        .code(0)
        .says("from-input does not exist")
        .says("from-input-2 does not exist")
        .never_says("from-file does not exist");
    gate.run(["skip-guard", "--require=file:from-flag", "--strict=true"])
        .code(1)
        .says("from-flag does not exist")
        .never_says("from-input");
}

#[test]
fn an_input_that_would_be_ignored_is_an_error() {
    let gate = action(Gate::new(), "skip-guard")
        .env("INPUT_REQUIRE", "env:HOME")
        .env("INPUT_URL", "http://h/");
    gate.run(NO_ARGS)
        .code(2)
        .says("skip-guard has no input `url`")
        .says("it belongs to smoke");
    let gate = action(Gate::new(), "skip-guard").env("INPUT_REQUIER", "env:HOME");
    gate.run(NO_ARGS).code(2).says("did you mean `require`?");
    let gate = action(Gate::new(), "smoke").env("INPUT_URL", "http://a/\nhttp://b/");
    gate.run(NO_ARGS).code(2).says("takes one value");
}

#[test]
fn the_configuration_file_is_read_from_its_place_or_from_where_it_is_said_to_be() {
    let gate = Gate::new();
    gate.write("deploy/gate.yml", "skip-guard:\n  require: [file:deploy/gate.yml]\n");
    gate.run(["skip-guard", "--config=deploy/gate.yml"])
        .code(0)
        .says("Verdict: pass");
    gate.run(["skip-guard", "--config=deploy/none.yml"])
        .code(2)
        .says("cannot open")
        .says("deploy/none.yml");
}

#[test]
fn a_bad_configuration_is_named_with_its_place() {
    let gate = Gate::new();
    let bomb: String = (0..9).fold("a0: &a0 [x]\n".to_owned(), |bomb, n| {
        format!(
            "{bomb}a{}: &a{} [{}]\n",
            n + 1,
            n + 1,
            vec![format!("*a{n}"); 9].join(",")
        )
    });
    let huge = "# filler\n".repeat(10 << 17);
    let cases: [(&[u8], &str); 9] = [
        (
            b"smoke:\n  expect-statsu: 200\n",
            "c.yml:2:3: unknown key `expect-statsu`",
        ),
        (b"smoke:\n\turl: http://h\n", "YAML does not allow tabs"),
        (b"smoke:\n  url: [a, b]\n", "c.yml:2:8"),
        (b"smoke:\n  within: 30\n", "`30` has no unit"),
        (b"smoke: {url: 'http://h\n", "c.yml:"),
        (b"version: 7\n", "version 7"),
        (b"\x00\x01\x02ELF\xff\xfe", "is not UTF-8 text"),
        (bomb.as_bytes(), "c.yml:"),
        (huge.as_bytes(), "is larger than"),
    ];
    for (text, says) in cases {
        gate.write("c.yml", text);
        gate.run(["smoke", "http://127.0.0.1:9/", "--config=c.yml"])
            .code(2)
            .says(says)
            .says("next: ");
    }
    gate.write("c.yml", "");
    gate.run(["skip-guard", "--config=c.yml", "--require=env:PATH"]).code(0);
}

#[test]
fn a_read_only_place_for_evidence_is_found_out_before_the_work() {
    let gate = Gate::new();
    // A file where a folder should be: not even root can write below it.
    gate.write("blocked", "x");
    gate.run(["smoke", &answer(OK), "--evidence-dir=blocked/evidence"])
        .code(1)
        .says("cannot make the folder")
        .says("--evidence-dir")
        .never_says("Verdict");
}

#[test]
fn a_full_disk_is_an_error_and_the_old_report_stays_whole() {
    let gate = Gate::new();
    let Some(_disk) = SmallDisk::mount(&gate.path("artifacts/staging/77/x")) else {
        let why = "only root can mount a small file system";
        return not_checked("a full disk while a report is written", why, "STAGEPROOF_REQUIRE_MOUNT");
    };
    let folder = gate.root().join("artifacts/staging/77");
    let arguments = [
        "skip-guard",
        "--require=env:PATH",
        "--evidence-dir=artifacts/staging/77",
    ];
    gate.run(arguments).code(0);
    let files = || -> BTreeMap<PathBuf, Vec<u8>> {
        let reports = fs::read_dir(folder.join("reports")).unwrap();
        reports
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect()
    };
    let before = files();
    let mut filler = fs::File::create(folder.join("filler")).unwrap();
    while filler.write_all(&[0; 4096]).is_ok() {}
    gate.run(arguments)
        .code(1)
        .says("cannot write")
        .says("reports/skip-guard.json")
        .says("No space left on device")
        .never_says("Verdict: pass");
    assert_eq!(files(), before, "the old report, and nothing half-written beside it");
}

/// A later step reads the outputs, and must not take for proved what was not kept.
#[test]
fn a_result_that_was_not_kept_is_no_pass_in_the_outputs() {
    let gate = Gate::new().on_runner("push", "{}");
    let Some(_disk) = SmallDisk::mount(&gate.path("proof/x")) else {
        let why = "only root can mount a small file system";
        return not_checked("a full disk at the end", why, "STAGEPROOF_REQUIRE_MOUNT");
    };
    let mut filler = fs::File::create(gate.path("proof/filler")).unwrap();
    while filler.write_all(&[0; 4096]).is_ok() {}
    let full = filler.metadata().unwrap().len();
    filler.set_len(full.saturating_sub(16 << 10)).unwrap();
    let url = answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    let paths: Vec<String> = (0..60).map(|n| format!("--path=/{n}")).collect();
    let mut arguments = vec!["smoke", &url, "--evidence-dir=proof"];
    arguments.extend(paths.iter().map(String::as_str));
    gate.run(arguments)
        .code(1)
        .says("No space left on device")
        .never_says("Verdict: pass");
    assert_eq!(gate.outputs()["verdict"], "inconclusive");
}

/// A file system of 64 KiB, for as long as the value lives.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// In the folder of `inside`. `None` if this user may not.
    fn mount(inside: &Path) -> Option<Self> {
        let folder = inside.parent()?.to_owned();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
            .arg(&folder)
            .output();
        mounted
            .is_ok_and(|output| output.status.success())
            .then_some(Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, so that it goes even while something in it is open.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn outputs_that_lead_nowhere_are_an_error_and_a_summary_that_does_is_a_warning() {
    for (name, code, kind) in [
        ("GITHUB_OUTPUT", 1, "::error "),
        ("GITHUB_STEP_SUMMARY", 0, "::warning "),
    ] {
        let gate = Gate::new().on_runner("push", "{}").env(name, "/nowhere/at/all");
        gate.run(["skip-guard", "--require=env:PATH"])
            .code(code)
            .says(kind)
            .says("Verdict: pass")
            .says(name)
            .says("/nowhere/at/all");
        assert_eq!(gate.report("skip-guard")["verdict"], "pass");
    }
}

#[test]
fn json_on_standard_output_is_the_report_and_nothing_else() {
    let gate = Gate::new();
    let ran = gate.run(["smoke", &answer(OK), "--format=json", "--label=blue"]);
    ran.code(0);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout()).unwrap();
    assert_eq!(report["label"], "blue");
    assert_eq!(report, gate.report("smoke-blue"));
    gate.run(["smoke", "http://h/", "--label=../x"]).code(2).says("--label");
}

#[test]
fn secrets_in_the_environment_reach_neither_output_nor_report() {
    let secret = "fo1_VerySecretValue99";
    let body: &'static str =
        Box::leak(format!("HTTP/1.1 500 Oops\r\nConnection: close\r\n\r\ntoken {secret} refused").into_boxed_str());
    let gate = Gate::new().on_runner("push", "{}").env("FLY_API_TOKEN", secret);
    gate.run(["smoke", &answer(body), "--within=300ms"])
        .code(1)
        .says("token *** refused")
        .never_says(secret);
    for file in ["smoke.json", "smoke.junit.xml"] {
        let text = fs::read_to_string(gate.evidence().join("reports").join(file)).unwrap();
        assert!(text.contains("token ***") && !text.contains(secret), "{text}");
    }
    assert!(!gate.read("runner/summary").contains(secret));
}

#[test]
fn colors_are_for_terminals_and_githubs_log() {
    const GUARD: [&str; 2] = ["skip-guard", "--require=env:PATH"];
    let on_runner = [("GITHUB_ACTIONS", "true"), ("NO_COLOR", "")];
    let gate = Gate::new();
    for (env, flags, expected) in [
        (&[][..], &[][..], false),
        (&[], &["--color=always"], true),
        (&[("FORCE_COLOR", "1")], &[], true),
        (&[("FORCE_COLOR", "1")], &["--color=never"], false),
        (&on_runner, &[], true),
        (&on_runner, &["--format=json"], false),
        (&[on_runner[0], ("NO_COLOR", "1")], &[], false),
        (&[on_runner[0], ("INPUT_COLOR", "never")], &[], false),
        (&[("INPUT_COLOR", "always")], &[], true),
    ] {
        let ran = gate.run_with(env, "", [&GUARD, flags].concat());
        let is_colored = ran.stdout().contains("\u{1b}[32m");
        assert_eq!(is_colored, expected, "{env:?} {flags:?}\n{}", ran.explain());
    }
    let wrapped = gate.run(["heartbeat", "--color=always", "--", "echo", "plain"]);
    assert_eq!(wrapped.stdout(), "plain\n");
    let lines = wrapped.stderr();
    assert!(
        lines
            .lines()
            .all(|l| l.starts_with("\u{1b}[2m20") && l.contains("heartbeat echo:\u{1b}[0m ")),
        "{lines}"
    );
}

#[test]
fn only_booleans_are_read_as_booleans() {
    let gate = Gate::new().on_runner("push", "{}").env("INPUT_EXPECT-BODY", "TRUE");
    gate.run(["smoke", &answer(OK), "--within=300ms"])
        .code(1)
        .says("/TRUE/");
}

#[test]
fn a_value_that_looks_like_the_subcommand_moves_nothing() {
    let gate = Gate::new().on_runner("push", "{}").env("INPUT_WITHIN", "5s");
    gate.run(["--label", "smoke", "smoke", "--", &answer(OK)]).code(0);
    assert_eq!(gate.report("smoke-smoke")["verdict"], "pass");
}

#[test]
fn json_on_a_runner_is_alone_on_standard_output_too() {
    let gate = Gate::new().on_runner("push", "{}");
    let ran = gate.run(["smoke", &answer(OK), "--format=json"]);
    ran.code(0);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout()).unwrap();
    assert_eq!(report["verdict"], "pass");
    assert!(ran.stderr().contains("::stop-commands::"), "{}", ran.explain());
}

#[test]
fn a_result_that_cannot_be_said_is_not_green() {
    if !Path::new("/dev/full").exists() {
        not_checked(
            "a full standard output",
            "there is no /dev/full",
            "STAGEPROOF_REQUIRE_TOOLS",
        );
        return;
    }
    let gate = Gate::new();
    let full = || fs::File::options().write(true).open("/dev/full").unwrap();
    for args in [vec!["skip-guard", "--require=env:PATH"], vec!["schema", "report"]] {
        let output = gate.command(&args).stdout(full()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("standard output"), "{said}");
    }
    // A reader that went away is not a failure.
    let mut child = gate
        .command(["skip-guard", "--require=env:PATH"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn an_output_that_would_hold_a_secret_is_empty_instead_of_wrong() {
    let gate = Gate::new()
        .on_runner("push", "{}")
        .env("RELEASE_TOKEN", "release-42-name");
    gate.run([
        "rollback-dry-run",
        "--check=true",
        "--rollback-command=deploy --release release-42-name",
    ])
    .code(0)
    .says("The output `command` is left empty")
    .never_says("release-42-name");
    assert_eq!(gate.outputs()["command"], "");
}

#[test]
fn a_run_that_was_killed_leaves_no_report_of_the_run_before() {
    let gate = Gate::new();
    let url = answer(OK);
    gate.run(["smoke", &url]).code(0);
    let hanging = crate::servers::serve(crate::servers::hang);
    let mut child = gate
        .command(["smoke", &hanging, "--timeout=60s"])
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    crate::servers::eventually("the second run has begun", || {
        gate.report("smoke")["verdict"] == "inconclusive"
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let report = gate.report("smoke");
    assert!(
        report["reason"].as_str().unwrap().contains("did not finish"),
        "{report}"
    );
}

#[test]
fn every_section_that_is_written_down_runs_or_is_an_error() {
    for (section, says) in [
        (
            "rollback-dry-run: {rollback-command: ./deploy}",
            "is not in a git repository",
        ),
        ("rollback-dry-run: {}", "is not in a git repository"),
        ("rollback-dry-run: {expect-output: x}", ""),
        ("smoke: {path: [/healthz]}", "smoke has no URL"),
        ("smoke: {}", "smoke has no URL"),
    ] {
        let gate = Gate::new();
        gate.write(".github/stageproof.yml", format!("{section}\n"));
        let ran = gate.run(["rehearse"]);
        assert_ne!(ran.output.status.code(), Some(0), "{section}\n{}", ran.explain());
        ran.says(says);
    }
}

/// Two steps of one run, before and after midnight, as the runner's clock has it.
#[test]
fn a_run_across_midnight_stays_in_the_folder_it_began_in() {
    let gate = Gate::new().on_runner("push", "{}");
    gate.run(["skip-guard", "--require=env:PATH"]).code(0);
    let began = gate.evidence();
    let yesterday = began.with_file_name(yesterday(began.file_name().unwrap().to_str().unwrap()));
    fs::rename(&began, &yesterday).unwrap();
    gate.run(["smoke", &answer(OK)]).code(0);
    assert!(yesterday.join("reports/smoke.json").exists(), "{}", gate.listing());
    // Another run does not go on there.
    let other = gate.env("GITHUB_RUN_ID", "78");
    other.run(["smoke", &answer(OK)]).code(0);
    assert!(began.join("reports/smoke.json").exists(), "{}", other.listing());
}

fn yesterday(date: &str) -> String {
    let date: jiff::civil::Date = date.parse().unwrap();
    date.yesterday().unwrap().to_string()
}
