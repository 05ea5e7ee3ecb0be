//! `token-permission:SCOPE:read`: the token may read this.

use super::mock::{Mock, TOKEN};
use crate::gate::Gate;

const SCOPES: [&str; 8] = [
    "actions",
    "checks",
    "contents",
    "deployments",
    "issues",
    "packages",
    "pull-requests",
    "statuses",
];

fn ask(scope: &str) -> [String; 2] {
    [
        "skip-guard".to_owned(),
        format!("--require=token-permission:{scope}:read"),
    ]
}

#[test]
fn each_scope_is_met_when_it_is_granted_and_only_then() {
    for scope in SCOPES {
        let granted = scope.replace('-', "_");
        let mock = Mock::new().grants(&[granted.as_str()]);
        mock.gate()
            .run(ask(scope))
            .code(0)
            .says("Verdict: pass")
            .never_says(TOKEN);
        mock.was_asked_properly();
        let others: Vec<String> = SCOPES
            .iter()
            .filter(|other| **other != scope)
            .map(|s| s.replace('-', "_"))
            .collect();
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        let mock = Mock::new().grants(&others);
        mock.gate()
            .run(ask(scope))
            .code(0)
            .says("::warning title=Skipped")
            .says(&format!("the token lacks the permission {scope}: read"))
            .says(&format!("Add `{scope}: read` to `permissions:`"));
        mock.was_asked_properly();
    }
}

#[test]
fn packages_are_the_owners_whoever_that_is() {
    let mock = Mock::new().owned_by("User");
    mock.gate().run(ask("packages")).code(0).says("Verdict: pass");
    assert_eq!(mock.asked(), ["/repos/acme/shop", "/users/acme/packages"]);
}

#[test]
fn a_repository_that_cannot_be_seen_says_nothing_about_permissions() {
    let mock = Mock::new().invisible();
    mock.gate().run(ask("contents")).code(4).says("may not see it (404)");
}

#[test]
fn what_cannot_be_found_out_by_reading_is_a_usage_error() {
    let gate = Gate::new();
    for (scope, says) in [
        ("pages:read", "these can: actions, checks, contents"),
        (
            "packages:write",
            "check read access with token-permission:packages:read",
        ),
        ("id-token:write", "checked by `oidc`"),
        ("packages", "write token-permission:SCOPE:read"),
    ] {
        gate.run(["skip-guard".to_owned(), format!("--require=token-permission:{scope}")])
            .code(2)
            .says(says);
    }
}
