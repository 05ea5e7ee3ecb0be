//! The examples that the help of each subcommand ends with do what they are there for.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use stageproof::cli::command_tree;

use crate::repo::Repo;
use crate::servers::{free_port, serve};
use crate::smoke::has;

const HEALTHY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 15\r\nConnection: close\r\n\r\n{\"status\":\"ok\"}";

fn examples(subcommand: &str) -> Vec<String> {
    let tree = command_tree();
    let help = tree
        .find_subcommand(subcommand)
        .unwrap()
        .get_after_help()
        .unwrap()
        .to_string();
    let lines = help.lines().filter_map(|line| line.strip_prefix("  "));
    lines.map(str::to_owned).collect()
}

/// As a person types it, in a shell, with stageproof on the PATH.
fn typed(line: &str, home: &Path, env: &[(&str, String)]) -> Output {
    let binary = assert_cmd::cargo::cargo_bin!("stageproof");
    let path = std::env::join_paths(
        [binary.parent().unwrap().to_owned()]
            .into_iter()
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).current_dir(home).env_clear();
    shell.env("PATH", path.unwrap()).env("HOME", home);
    shell.envs(env.iter().map(|(name, value)| (name, value)));
    shell.output().unwrap()
}

#[test]
fn every_example_of_the_help_works() {
    let repo = Repo::with_releases();
    let root = repo.root();
    let write = |name: &str, text: &str| {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    let staging = serve(|mut stream| {
        crate::servers::read_head(&mut stream);
        let _ = std::io::Write::write_all(&mut stream, HEALTHY.as_bytes());
    });
    write("dist/app.js", "ok");
    write("releases/previous", "v1");
    write("test-results/a.xml", "<testsuite/>");
    write("build.sh", "#!/bin/sh\necho built\n");
    write("deploy.sh", "#!/bin/sh\necho deployed to \"$1\"\n");
    let config = format!("version: 1\nsmoke:\n  url: {staging}\nrollback-dry-run:\n  platform: git\n");
    write("staging.yml", &config);
    let mut env = vec![("STAGING_URL", staging.clone())];
    // Each works with what those before it left.
    for subcommand in [
        "skip-guard",
        "smoke",
        "rollback-dry-run",
        "heartbeat",
        "foreground-proof",
        "verdict",
        "evidence-bundle",
        "verify",
        "rehearse",
        "install",
        "schema",
        "completions",
    ] {
        if subcommand == "rehearse" {
            write(".github/stageproof.yml", &config);
        }
        let examples = examples(subcommand);
        assert_eq!(examples.len(), 2, "{subcommand}: {examples:?}");
        for line in examples {
            assert!(line.starts_with(&format!("stageproof {subcommand}")), "{line}");
            if line.contains("python3") && !has("python3") {
                continue;
            }
            let here = line
                .replace("https://staging.example.com", staging.trim_end_matches('/'))
                .replace("8080", &free_port().to_string());
            let ran = typed(&here, root, &env);
            let (out, err) = (
                String::from_utf8_lossy(&ran.stdout),
                String::from_utf8_lossy(&ran.stderr),
            );
            assert!(
                ran.status.success(),
                "{here}\n{}\n--- stdout\n{out}\n--- stderr\n{err}",
                ran.status
            );
        }
        if subcommand == "heartbeat" {
            let evidence = fs::read_dir(root.join("artifacts/staging")).unwrap().next().unwrap();
            let log = evidence.unwrap().path().join("logs/heartbeat.log");
            fs::copy(log, root.join("artifacts/heartbeat.log")).unwrap();
        }
        if root.join("evidence.zip").exists() {
            let zip = fs::read(root.join("evidence.zip")).unwrap();
            let hash = <sha2::Sha256 as sha2::Digest>::digest(&zip);
            env.push(("BUNDLE_SHA256", hex::encode(hash)));
        }
    }
}

#[test]
fn every_subcommand_has_two() {
    for command in command_tree()
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
    {
        if command.get_name() != "help" {
            assert_eq!(examples(command.get_name()).len(), 2, "{}", command.get_name());
        }
    }
}
