//! Usage errors repeat a value that arrived packed with others in one variable.

use super::*;

#[track_caller]
fn refused(packed: &str, words: &[&str], says: &str) {
    for gate in [Gate::new(), Gate::new().on_runner("push", PUSH)] {
        let gate = gate.env("DE", &format!("{packed}={SECRET}"));
        let ran = gate.run(words);
        ran.code(2).says(says);
        assert_eq!(part_of_secret(&said(&ran)), None, "{}", ran.explain());
    }
}

#[test]
fn a_variable_that_was_unpacked_and_has_a_meaning() {
    for words in [
        &["smoke", "http://127.0.0.1:1/", "--env-from=DE"][..],
        &["skip-guard", "--require=not-fork", "--env-from=DE"],
        &["verdict", "--env-from=DE"],
    ] {
        refused("STAGEPROOF_WAIVERS", words, "STAGEPROOF_WAIVERS is `***`");
    }
}

#[test]
fn a_flag_that_repeats_what_was_unpacked() {
    let words = ["skip-guard", "--require=not-fork", "--env-from=DE", "--label", SECRET];
    refused("KEY_OF_TEST", &words, "--label `***`");
}
