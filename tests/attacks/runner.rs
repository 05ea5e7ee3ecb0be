//! What the runner does to paths, files and folders around a step.

mod paths;

mod ownership {
    //! The action's container is root, the runner and its steps are not.

    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, lchown, symlink};
    use std::os::unix::process::CommandExt as _;
    use std::path::Path;
    use std::process::{Command, Output, Stdio};

    use crate::gate::Gate;
    use crate::servers::{answer, eventually, free_port, hello_server};
    use crate::skipped::not_checked;

    const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    /// The user of GitHub's hosted runners.
    const RUNNER: u32 = 1001;
    const REQUIRED: &str = "STAGEPROOF_REQUIRE_ROOT";

    /// Every path below a folder, and the folder.
    fn all(folder: &Path) -> impl Iterator<Item = walkdir::DirEntry> {
        walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap)
    }

    /// A workspace as a runner's user has it, with a repository and a release in it. `None` without root, which is said.
    fn workspace(test: &str) -> Option<Gate> {
        let gate = Gate::new().on_runner("push", r#"{"repository":{"fork":false}}"#);
        let temp = gate.path("temp/x").parent().unwrap().display().to_string();
        let gate = gate
            .env("RUNNER_TEMP", &temp)
            .env("GITHUB_PATH", &format!("{temp}/path"));
        gate.write("temp/path", "").write("notes.txt", "seen");
        let script = "git init -q -b main . && git config user.name t && git config user.email t@example.com
            printf 'temp\\nrunner\\nartifacts\\n' > .git/info/exclude
            mkdir bin && echo 1 > bin/app && chmod +x bin/app && ln -s app bin/link && git add bin/app bin/link
            git commit -q -m first && git tag v1.0.0 && echo 2 > bin/app && git commit -q -a -m second";
        let mut git = Command::new("sh");
        git.args(["-ec", script])
            .current_dir(gate.root())
            .env("GIT_CONFIG_GLOBAL", "/dev/null");
        let made = git.output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        if !give(&gate) {
            not_checked(test, "this does not run as root", REQUIRED);
            return None;
        }
        Some(gate)
    }

    fn give(gate: &Gate) -> bool {
        all(gate.root()).all(|entry| lchown(entry.path(), Some(RUNNER), Some(RUNNER)).is_ok())
    }

    #[track_caller]
    fn belongs_to_the_runner(gate: &Gate, after: &str) {
        let others: Vec<String> = all(gate.root())
            .filter(|entry| {
                let meta = entry.metadata().unwrap();
                (meta.uid(), meta.gid()) != (RUNNER, RUNNER)
            })
            .map(|entry| entry.path().display().to_string())
            .collect();
        assert!(
            others.is_empty(),
            "after {after} these are not the runner's: {others:#?}"
        );
    }

    fn as_runner(mut command: Command) -> Output {
        command.uid(RUNNER).gid(RUNNER).env("HOME", "/nowhere");
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap()
    }

    #[track_caller]
    fn succeeds(output: &Output) {
        let (out, err) = (&output.stdout, &output.stderr);
        let said = format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err));
        assert!(output.status.success(), "{}\n{said}", output.status);
    }

    /// A copy of the example's server in the workspace, since a build may be where only its owner can look.
    fn server(gate: &Gate) -> String {
        fs::copy(hello_server(), gate.path("temp/hello-server")).unwrap();
        fs::write(gate.path("temp/site/index.html"), "ok").unwrap();
        give(gate);
        let port = free_port();
        format!("temp/hello-server 127.0.0.1:{port} temp/site|http://127.0.0.1:{port}/")
    }

    #[test]
    fn what_root_makes_belongs_to_the_owner_of_the_folder_whatever_the_command() {
        let Some(gate) = workspace("the owner of what root makes") else {
            return;
        };
        let url = answer(OK);
        gate.write("odd/reports/x.log", "x")
            .write("odd/a\nb.log", "x")
            .write("odd/c:d/e.log", "x");
        symlink("../../notes.txt", gate.path("odd/logs/link.log")).unwrap();
        gate.write(
            "fix.yml",
            "skip-guard:\n  require:\n    - require: file:made\n      fix: echo tried\n",
        );
        let config = format!(
            "version: 1\nskip-guard: {{require: [\"env:PATH\"]}}\nsmoke: {{url: \"{url}\", within: 5s}}\n\
             rollback-dry-run: {{tags: \"v*\"}}\nevidence-bundle: {{files: [notes.txt]}}\n"
        );
        gate.write("rehearsal.yml", config);
        give(&gate);
        let started = server(&gate);
        let (server, started_url) = started.split_once('|').unwrap();
        let start = format!("--start={server}");
        let commands: [(&[&str], i32); 16] = [
            (&["install"], 0),
            (&["install", "--to=my/new tools"], 0),
            (&["heartbeat", "--label=build", "--", "true"], 0),
            (
                &[
                    "heartbeat",
                    "--label=deploy",
                    "--evidence-dir=new/deep/evidence",
                    "--",
                    "false",
                ],
                1,
            ),
            (&["foreground-proof", "--log=new/deep/evidence/logs/heartbeat.log"], 1),
            (&["skip-guard", "--require=env:PATH"], 0),
            (&["skip-guard", "--config=fix.yml", "--fix", "--label=fixed"], 1),
            (&["smoke", &url], 0),
            (&["smoke", started_url, "--label=started", "--within=20s", &start], 0),
            (&["rollback-dry-run", "--tags=v*"], 0),
            (&["verdict", "--require=smoke", "--status-file=status/verdict.md"], 1),
            (&["evidence-bundle", "notes.txt", "--output=out/new/e.zip"], 0),
            (&["evidence-bundle", "--evidence-dir=odd"], 0),
            (&["evidence-bundle", "--evidence-dir=odd", "bin/app"], 0),
            (&["verify", "out/new/e.zip"], 0),
            (
                &[
                    "rehearse",
                    "--config=rehearsal.yml",
                    "--evidence-dir=artifacts/rehearsed",
                ],
                0,
            ),
        ];
        for (args, code) in commands {
            let ran = gate.run(args);
            ran.code(code);
            belongs_to_the_runner(&gate, &args.join(" "));
        }
        assert!(gate.root().join("out/new/e.zip").is_file() && gate.root().join("status/verdict.md").is_file());
    }

    #[test]
    fn a_step_of_the_runners_user_goes_on_where_root_began_and_the_next_checkout_cleans_it() {
        let Some(gate) = workspace("a host step after the container") else {
            return;
        };
        gate.run(["install"]).code(0);
        gate.run(["skip-guard", "--require=env:PATH"]).code(0);
        let url = answer(OK);
        gate.run(["smoke", &url]).code(0);
        let binary = gate.path("temp/stageproof-bin/stageproof");
        let step = |args: &[&str]| {
            let mut command = gate.command(args);
            let env: Vec<_> = command
                .get_envs()
                .map(|(n, v)| (n.to_owned(), v.map(ToOwned::to_owned)))
                .collect();
            command = Command::new(&binary);
            command.args(args).current_dir(gate.root()).stdin(Stdio::null());
            for (name, value) in env {
                match value {
                    Some(value) => command.env(name, value),
                    None => command.env_remove(name),
                };
            }
            as_runner(command)
        };
        succeeds(&step(&["heartbeat", "--label=deploy", "--", "true"]));
        let started = server(&gate);
        let (server, started_url) = started.split_once('|').unwrap();
        succeeds(&step(&[
            "smoke",
            started_url,
            "--within=20s",
            &format!("--start={server}"),
        ]));
        // And root goes on where the runner's user was.
        gate.run(["rollback-dry-run", "--tags=v*"]).code(0);
        gate.run(["evidence-bundle", "notes.txt"]).code(0);
        gate.run(["evidence-bundle", "notes.txt"]).code(0);
        belongs_to_the_runner(&gate, "all of them");
        let mut clean = Command::new("git");
        clean.args(["clean", "-ffdx"]).current_dir(gate.root());
        succeeds(&as_runner(clean));
        assert!(!gate.root().join("artifacts").exists(), "{}", gate.listing());
    }

    #[test]
    fn a_killed_root_leaves_nothing_that_the_runners_user_cannot_remove() {
        let Some(gate) = workspace("what a killed root leaves") else {
            return;
        };
        gate.write("big.log", vec![b'x'; 20 << 20]);
        give(&gate);
        for args in [
            &["evidence-bundle", "big.log", "--evidence-dir=e"][..],
            &["rollback-dry-run", "--tags=v*"],
        ] {
            let mut child = gate
                .command(args)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let temporary = || {
                let mut names = all(gate.root()).filter(|entry| entry.depth() > 0);
                names.any(|entry| entry.file_name().to_string_lossy().starts_with(".stageproof-"))
            };
            eventually("it works on something", || {
                std::panic::catch_unwind(temporary).unwrap_or(false) || child.try_wait().unwrap().is_some()
            });
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let mut clean = Command::new("git");
        clean.args(["clean", "-ffdx"]).current_dir(gate.root());
        succeeds(&as_runner(clean));
    }

    #[test]
    fn a_folder_of_root_in_the_workspace_keeps_its_owner() {
        let Some(gate) = workspace("folders of root") else {
            return;
        };
        fs::create_dir(gate.root().join("roots")).unwrap();
        gate.run(["skip-guard", "--require=env:PATH", "--evidence-dir=roots/e"])
            .code(0);
        for path in ["roots", "roots/e", "roots/e/reports/skip-guard.json"] {
            assert_eq!(fs::metadata(gate.path(path)).unwrap().uid(), 0, "{path}");
        }
        // Behind a link, the folder that is meant is the one it leads to.
        symlink("roots", gate.root().join("link")).unwrap();
        lchown(gate.root().join("link"), Some(RUNNER), Some(RUNNER)).unwrap();
        gate.run(["skip-guard", "--require=env:PATH", "--evidence-dir=link/f"])
            .code(0);
        assert_eq!(
            fs::metadata(gate.path("roots/f/reports/skip-guard.json"))
                .unwrap()
                .uid(),
            0
        );
    }

    #[test]
    fn an_evidence_directory_that_only_root_may_enter_stops_a_rehearsal_of_others_before_it_begins() {
        let Some(gate) = workspace("a folder of root") else {
            return;
        };
        gate.run(["install", "--to=bin2"]).code(0);
        gate.write(
            "rehearsal.yml",
            "version: 1\nrollback-dry-run: {check: touch was-run}\n",
        );
        lchown(gate.root().join("artifacts"), Some(0), Some(0)).unwrap();
        fs::set_permissions(gate.root().join("artifacts"), fs::Permissions::from_mode(0o700)).unwrap();
        let mut command = Command::new(gate.root().join("bin2/stageproof"));
        command
            .args(["rehearse", "--config=rehearsal.yml"])
            .current_dir(gate.root());
        let output = as_runner(command);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains("the report cannot be written") && said.contains("Permission denied"),
            "{said}"
        );
        assert!(!gate.root().join("was-run").exists());
    }
}

mod command_files {
    use std::fs;

    use crate::gate::Gate;

    #[test]
    fn what_an_earlier_program_left_without_a_line_end_stays_a_line_of_its_own() {
        let gate = Gate::new().on_runner("push", "{}");
        gate.write("runner/output", "version=3")
            .write("runner/summary", "# Build");
        let script = "printf kept=1 >> \"$GITHUB_OUTPUT\"; printf '| a | b |' >> \"$GITHUB_STEP_SUMMARY\"";
        gate.run(["heartbeat", "--", "sh", "-c", script]).code(0);
        let outputs = gate.read("runner/output");
        assert!(outputs.starts_with("version=3kept=1\n"), "{outputs}");
        let summary = gate.read("runner/summary");
        assert!(summary.starts_with("# Build| a | b |\n\n#### "), "{summary}");
        // Nothing is put between lines that are whole.
        gate.run(["skip-guard", "--require=env:PATH"]).code(0);
        let outputs = gate.read("runner/output");
        assert!(!outputs.contains("\n\n"), "{outputs}");
    }

    #[test]
    fn the_path_file_gets_a_line_of_its_own() {
        let gate = Gate::new().on_runner("push", "{}");
        gate.write("path", "/opt/tool");
        let path = gate.path("path").display().to_string();
        let gate = gate.env("GITHUB_PATH", &path);
        gate.run(["install", "--to=bin"]).code(0);
        let told = gate.read("path");
        assert_eq!(told, format!("/opt/tool\n{}\n", gate.root().join("bin").display()));
    }

    #[test]
    fn a_summary_that_cannot_be_written_is_a_warning_and_outputs_that_cannot_are_an_error() {
        for (name, code) in [("GITHUB_STEP_SUMMARY", 0), ("GITHUB_OUTPUT", 1)] {
            for target in ["missing/file", "folder", "link"] {
                let gate = Gate::new().on_runner("push", "{}");
                fs::create_dir(gate.path("folder")).unwrap();
                std::os::unix::fs::symlink("nowhere", gate.path("link")).unwrap();
                let file = gate.root().join(target).display().to_string();
                let gate = gate.env(name, &file);
                let ran = gate.run(["skip-guard", "--require=env:PATH"]);
                ran.code(code).says("Verdict: pass").says(name);
                assert_eq!(ran.stdout().contains("::warning"), code == 0, "{}", ran.explain());
                let ran = gate.run(["heartbeat", "--", "true"]);
                ran.code(if code == 0 { 0 } else { 125 }).says(name);
            }
        }
    }

    #[test]
    fn a_summary_that_nobody_reads_is_not_waited_for() {
        let gate = Gate::new().on_runner("push", "{}");
        let fifo = gate.path("fifo");
        assert!(
            std::process::Command::new("mkfifo")
                .arg(&fifo)
                .status()
                .unwrap()
                .success()
        );
        let gate = gate.env("GITHUB_STEP_SUMMARY", &fifo.display().to_string());
        gate.run(["skip-guard", "--require=env:PATH"]).code(0).says("::warning");
    }
}
