//! `oidc`: the job may get a token to log in with.

use crate::gate::Gate;

const ASK: [&str; 2] = ["skip-guard", "--require=oidc"];
const PUSH: &str = r#"{"repository":{"fork":false,"full_name":"acme/shop"}}"#;
const FORK: &str = r#"{"pull_request":{"head":{"repo":{"full_name":"eve/shop"}},
    "base":{"repo":{"full_name":"acme/shop"}}}}"#;

#[test]
fn both_variables_are_what_it_takes() {
    let gate = Gate::new()
        .on_runner("push", PUSH)
        .env("ACTIONS_ID_TOKEN_REQUEST_URL", "https://token.example.com/x")
        .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "eyJ0eXAiOiJKV1Qi");
    gate.run(ASK)
        .code(0)
        .says("Verdict: pass")
        .never_says("eyJ0eXAiOiJKV1Qi");
    let half = Gate::new()
        .on_runner("push", PUSH)
        .env("ACTIONS_ID_TOKEN_REQUEST_URL", "https://token.example.com/x");
    half.run(ASK)
        .code(0)
        .says("Verdict: skip")
        .says("Add `id-token: write`");
}

#[test]
fn a_fork_cannot_have_it_and_everybody_else_should() {
    let fork = Gate::new().on_runner("pull_request", FORK);
    fork.run(ASK)
        .code(0)
        .says("::notice title=Skipped")
        .says("from the fork eve/shop");
    let target = Gate::new().on_runner("pull_request_target", FORK);
    target.run(ASK).code(0).says("::warning title=Skipped");
    let manual = Gate::new().on_runner("workflow_dispatch", PUSH);
    manual.run(ASK).code(1).says("may not get an OpenID Connect token");
}

#[test]
fn where_it_comes_from_must_be_known() {
    Gate::new().on_runner("pull_request", "{}").run(ASK).code(4);
    Gate::new().run(ASK).code(0).says("not in a workflow run");
}
