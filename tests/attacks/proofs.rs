//! `foreground-proof`: logs of other changes, older logs under new names, logs that the pull request does not show.

use serde_json::{Value, json};

use crate::gate::{Gate, Ran};
use crate::repo::Repo;

const LOG: &str = "proof/heartbeat.log";

/// A log that no other one is equal to.
fn new_log(repo: &Repo, number: u32) -> String {
    let home = format!("--evidence-dir={}", repo.outside(&format!("run-{number}")).display());
    let _ = repo.gate.run(["heartbeat", &home, "--label=build", "--", "true"]);
    std::fs::read_to_string(repo.outside(&format!("run-{number}/logs/heartbeat.log"))).unwrap()
}

/// main begins with an app and no log.
fn start() -> Repo {
    let repo = Repo::empty();
    repo.gate.write(".git/info/exclude", "/artifacts\n/runner\n");
    repo.commit("app", "one");
    repo
}

fn switch(repo: &Repo, branch: &str) {
    repo.git(&["checkout", "--quiet", branch]);
}

fn branch(repo: &Repo, name: &str) {
    repo.git(&["checkout", "--quiet", "-b", name]);
}

fn merge(repo: &Repo, other: &str) {
    repo.git(&["merge", "--quiet", "--no-ff", "-m", &format!("merge {other}"), other]);
}

/// As actions/checkout has a pull request: the merge of it into main, on no branch.
fn test_merge(repo: &Repo, change: &str) {
    repo.git(&["checkout", "--quiet", "--detach", "main"]);
    merge(repo, change);
}

fn prove<'a>(gate: &'a Gate, since: &str) -> Ran<'a> {
    gate.run(["foreground-proof", "--log", LOG, &format!("--committed-since={since}")])
}

/// The same in the run of a pull request whose event says so.
fn prove_in_event(repo: &Repo, since: &str, request: &Value) -> i32 {
    let event = repo.outside("event.json");
    std::fs::write(&event, json!({"pull_request": request}).to_string()).unwrap();
    let since = format!("--committed-since={since}");
    let mut command = repo.gate.command(["foreground-proof", "--log", LOG, &since]);
    let command = command
        .env("GITHUB_EVENT_NAME", "pull_request")
        .env("GITHUB_EVENT_PATH", event);
    let output = command.output().unwrap();
    eprintln!("{}", String::from_utf8_lossy(&output.stdout));
    output.status.code().unwrap()
}

fn request(repo: &Repo, base: &str, change: &str) -> Value {
    json!({"base": {"sha": base, "ref": "main"}, "head": {"sha": repo.id(change)}})
}

/// The base of the event, main with another pull request's log, and a change that has none.
fn stale_base() -> (Repo, String) {
    let repo = start();
    let base = repo.id("HEAD");
    branch(&repo, "change");
    repo.commit("feature", "mine");
    switch(&repo, "main");
    branch(&repo, "other");
    repo.commit(LOG, &new_log(&repo, 1));
    switch(&repo, "main");
    merge(&repo, "other");
    (repo, base)
}

#[test]
fn a_merge_with_main_does_not_take_another_pull_requests_log() {
    let (repo, base) = stale_base();
    test_merge(&repo, "change");
    prove(&repo.gate, &base).code(1).says("`HEAD^1`");
    let change = request(&repo, &base, "change");
    assert_eq!(prove_in_event(&repo, &base, &change), 1);
    // Also if the event says less.
    assert_eq!(prove_in_event(&repo, &base, &json!({"base": {"sha": base}})), 1);
    assert_eq!(prove_in_event(&repo, &base, &json!({})), 1);
}

#[test]
fn a_merge_on_a_branch_does_not_either() {
    let (repo, base) = stale_base();
    switch(&repo, "main");
    merge(&repo, "change");
    prove(&repo.gate, &base).code(1);
}

#[test]
fn a_change_with_a_log_of_its_own_is_proved_on_the_merge_and_on_its_branch() {
    let (repo, base) = stale_base();
    switch(&repo, "change");
    merge(&repo, "main");
    repo.commit(LOG, &new_log(&repo, 2));
    let change = request(&repo, &base, "change");
    prove(&repo.gate, &base).code(0);
    prove(&repo.gate, "main").code(0);
    assert_eq!(prove_in_event(&repo, &base, &change), 0);
    switch(&repo, "main");
    repo.commit("app", "two");
    test_merge(&repo, "change");
    prove(&repo.gate, &base).code(0);
    assert_eq!(prove_in_event(&repo, &base, &change), 0);
}

#[test]
fn the_branch_itself_with_main_merged_into_it_does_not_take_mains_log() {
    let (repo, base) = stale_base();
    switch(&repo, "change");
    merge(&repo, "main");
    for text in ["", "later"] {
        if !text.is_empty() {
            repo.commit("feature", text);
        }
        let change = request(&repo, &base, "change");
        assert_eq!(prove_in_event(&repo, &base, &change), 1);
    }
}

#[test]
fn the_branch_itself_keeps_its_log_when_main_is_merged_into_it_last() {
    let (repo, base) = stale_base();
    switch(&repo, "change");
    merge(&repo, "main");
    repo.commit(LOG, &new_log(&repo, 2));
    switch(&repo, "main");
    repo.commit("app", "two");
    switch(&repo, "change");
    merge(&repo, "main");
    let change = request(&repo, &base, "change");
    assert_eq!(prove_in_event(&repo, &base, &change), 0);
    // A branch that is named is taken by its word, on a laptop.
    prove(&repo.gate, "main").code(0);
}

#[test]
fn a_checkout_of_something_else_than_the_pull_request_proves_nothing() {
    let (repo, base) = stale_base();
    let change = request(&repo, &base, "change");
    // pull_request_target checks main out.
    assert_eq!(prove_in_event(&repo, &base, &change), 4);
    switch(&repo, "change");
    let elsewhere = json!({"base": {"sha": base, "ref": "gone"}, "head": {"sha": repo.id("change")}});
    repo.commit(LOG, &new_log(&repo, 3));
    assert_eq!(
        prove_in_event(&repo, &base, &elsewhere),
        4,
        "the base branch is not there"
    );
    for head in ["", "main", "zzz", "0123456789012345678901234567890123456789"] {
        let odd = json!({"base": {"sha": base, "ref": "main"}, "head": {"sha": head}});
        assert_eq!(prove_in_event(&repo, &base, &odd), 4, "{head}");
    }
}

#[test]
fn the_base_branch_is_origins_where_there_is_one() {
    let (repo, base) = stale_base();
    switch(&repo, "change");
    merge(&repo, "main");
    repo.git(&["update-ref", "refs/remotes/origin/main", "main"]);
    repo.git(&["branch", "--quiet", "-f", "main", &base]);
    let change = request(&repo, &base, "change");
    assert_eq!(prove_in_event(&repo, &base, &change), 1);
}

#[test]
fn a_push_is_compared_with_what_it_names() {
    let (repo, base) = stale_base();
    let since = format!("--committed-since={base}");
    let mut command = repo.gate.command(["foreground-proof", "--log", LOG, &since]);
    let status = command.env("GITHUB_EVENT_NAME", "push").status().unwrap();
    assert_eq!(status.code(), Some(0), "the pull request was merged by this push");
}

#[test]
fn an_older_log_under_a_new_name_is_not_new() {
    let repo = start();
    let old = new_log(&repo, 1);
    repo.commit("old/of-another.txt", &old);
    branch(&repo, "change");
    for moved in ["renamed", "copied"] {
        if moved == "renamed" {
            repo.gate.path(LOG);
            repo.git(&["mv", "old/of-another.txt", LOG]);
            repo.git(&["commit", "--quiet", "-m", moved]);
        } else {
            repo.git(&["reset", "--quiet", "--hard", "main"]);
            repo.commit(LOG, &old);
        }
        prove(&repo.gate, "main").code(1).says("under this name or another");
    }
    repo.commit(LOG, &new_log(&repo, 2));
    prove(&repo.gate, "main").code(0);
}

#[test]
fn an_empty_committed_since_is_an_error_as_flag_and_as_input() {
    let gate = Gate::new();
    prove(&gate, "").code(2).says("--committed-since is empty");
    prove(&gate, " ").code(2);
    let gate = gate.env("INPUT_COMMAND", "foreground-proof").env("INPUT_LOG", LOG);
    let none: [&str; 0] = [];
    let gate = gate.env("INPUT_COMMITTED-SINCE", "");
    gate.run(none).code(2).says("--committed-since is empty");
    // Not set at all, by the default that action.yml has.
    let gate = gate.env("INPUT_COMMITTED-SINCE", "-");
    gate.run(none).code(1).says("there is no such file");
    let gate = Gate::new()
        .env("INPUT_COMMAND", "verdict")
        .env("INPUT_COMMITTED-SINCE", "-");
    gate.run(none).code(3).says("Nothing was checked");
}

#[test]
fn only_what_the_pull_request_shows_names_the_log() {
    let repo = start();
    repo.gate.write(LOG, new_log(&repo, 1));
    let event = repo.outside("event.json");
    let sha256 = {
        use sha2::Digest as _;
        hex::encode(sha2::Sha256::digest(repo.gate.read(LOG)))
    };
    for (text, code) in [
        ("It ran: PATH", 0),
        ("[log](PATH)", 0),
        ("<details><summary>Proof</summary>\n<code>PATH</code></details>", 0),
        ("[//]: # (PATH)", 1),
        ("[log]: PATH", 1),
        ("<a name=\"PATH\"></a>", 1),
        ("<img alt=\"PATH\" src=\"PATH\">", 1),
        ("<p title='>PATH'>x</p>", 1),
        ("![PATH](PATH)", 1),
        ("<!-- PATH -->", 1),
        ("<span hidden>PATH</span>", 1),
        ("", 1),
    ] {
        for shown in [LOG, &sha256] {
            let body = text.replace("PATH", shown);
            std::fs::write(&event, json!({"pull_request": {"body": body}}).to_string()).unwrap();
            let mut command = repo.gate.command(["foreground-proof", "--log", LOG, "--in-pr-body"]);
            let command = command
                .env("GITHUB_EVENT_NAME", "pull_request")
                .env("GITHUB_EVENT_PATH", &event);
            assert_eq!(command.output().unwrap().status.code(), Some(code), "{body}");
        }
    }
    let body = format!("x{sha256} {sha256}0");
    std::fs::write(&event, json!({"pull_request": {"body": body}}).to_string()).unwrap();
    let mut command = repo.gate.command(["foreground-proof", "--log", LOG, "--in-pr-body"]);
    let command = command
        .env("GITHUB_EVENT_NAME", "pull_request")
        .env("GITHUB_EVENT_PATH", &event);
    assert_eq!(
        command.output().unwrap().status.code(),
        Some(1),
        "a part of a longer word is another"
    );
}
