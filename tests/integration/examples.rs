//! The examples that the help of each subcommand ends with do what they are there for.

use std::fs;

use stageproof::cli::command_tree;

use crate::newcomer::Newcomer;
use crate::servers::free_port;
use crate::smoke::has;

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

#[test]
fn every_example_of_the_help_works() {
    let mut newcomer = Newcomer::new();
    let root = newcomer.home().to_owned();
    let config = "version: 1\nsmoke:\n  url: https://staging.example.com\nrollback-dry-run:\n  platform: git\n";
    newcomer.write("staging.yml", config);
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
        "merge",
        "rehearse",
        "check",
        "scan",
        "diagnose",
        "install",
        "schema",
        "init",
        "completions",
    ] {
        if subcommand == "init" {
            fs::remove_dir_all(root.join(".github")).unwrap();
            // Nobody is asked which commit to pin.
            let nobody = format!("http://127.0.0.1:{}", free_port());
            newcomer.env.push(("GITHUB_API_URL", nobody));
        }
        if subcommand == "rehearse" {
            newcomer.write(".github/stageproof.yml", config);
        }
        if subcommand == "scan" {
            newcomer.write("build.log", "ok\n");
        }
        if subcommand == "diagnose" {
            newcomer.write("job.log", "##[group]Run make\nshell: bash\n##[endgroup]\nok\n");
        }
        if subcommand == "check" {
            newcomer.write(
                ".github/workflows/deploy-staging.yml",
                include_str!("../../examples/workflows/deploy-staging.yml"),
            );
        }
        let examples = examples(subcommand);
        assert_eq!(examples.len(), 2, "{subcommand}: {examples:?}");
        for line in examples {
            assert!(line.starts_with(&format!("stageproof {subcommand}")), "{line}");
            if line.contains("python3") && !has("python3") {
                continue;
            }
            let ran = newcomer.types(&line);
            let (out, err) = (
                String::from_utf8_lossy(&ran.stdout),
                String::from_utf8_lossy(&ran.stderr),
            );
            assert!(
                ran.status.success(),
                "{line}\n{}\n--- stdout\n{out}\n--- stderr\n{err}",
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
            newcomer.env.push(("BUNDLE_SHA256", hex::encode(hash)));
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
