//! `completions`: scripts that a shell reads, of everything that is typed and nothing else.

use std::io::Write as _;
use std::process::{Command, Stdio};

use stageproof::cli::typed_tree;

use crate::gate::Gate;

#[test]
fn bash_offers_the_subcommands_and_their_flags() {
    let script = Gate::new().run(["completions", "bash"]).code(0).stdout();
    let offered = |words: &[&str]| {
        let ask = format!(
            "{script}\nCOMP_WORDS=({} ''); COMP_CWORD={}; _stageproof stageproof '' {}; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            words.join(" "),
            words.len(),
            words.last().unwrap(),
        );
        let mut shell = Command::new("bash");
        let mut shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        shell.stdin.take().unwrap().write_all(ask.as_bytes()).unwrap();
        let output = shell.wait_with_output().unwrap();
        String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let top = offered(&["stageproof"]);
    for subcommand in typed_tree().get_subcommands() {
        assert!(
            top.iter().any(|word| word == subcommand.get_name()),
            "{subcommand}: {top:?}"
        );
    }
    assert!(
        !top.iter().any(|word| word == "supervise" || word == "on-terminal"),
        "{top:?}"
    );
    let smoke = offered(&["stageproof", "smoke"]);
    assert!(smoke.iter().any(|word| word == "--expect-body"), "{smoke:?}");
}

#[test]
fn each_shell_has_a_script_and_another_one_is_named() {
    let gate = Gate::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = gate.run(["completions", shell]).code(0).stdout();
        assert!(
            script.contains("rollback-dry-run") && !script.contains("on-terminal"),
            "{shell}"
        );
    }
    gate.run(["completions", "tcsh"]).code(2).says("tcsh").says("fish");
}
