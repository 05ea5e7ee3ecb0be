//! `environment:NAME`: it exists.

use super::mock::Mock;

fn ask(name: &str) -> [String; 2] {
    ["skip-guard".to_owned(), format!("--require=environment:{name}")]
}

#[test]
fn one_that_exists_is_met_in_any_case() {
    let mock = Mock::new().environments(["Staging", "eu/west 1"]);
    for name in ["staging", "eu/west 1"] {
        mock.gate().run(ask(name)).code(0).says("Verdict: pass");
    }
    mock.was_asked_properly();
    assert_eq!(
        mock.asked()[1],
        "/repos/acme/shop/environments/eu%2Fwest%201",
        "one part of the path"
    );
}

#[test]
fn a_misspelt_one_names_the_nearest_of_all_pages() {
    let many = (0..25).map(|n| format!("review-{n}")).chain(["staging".to_owned()]);
    let mock = Mock::new().environments(many).pages_of(10);
    let gate = mock.gate();
    gate.run(ask("stagign"))
        .code(0)
        .says("Verdict: skip")
        .says("the environment stagign does not exist in acme/shop")
        .says("Did you mean `staging`?");
    assert_eq!(gate.outputs()["missing"], r#"["environment:stagign"]"#);
    mock.was_asked_properly();
    assert_eq!(mock.asked().len(), 4, "one look, and three pages");
    // It should exist, so a manual run fails.
    let gate = mock.gate().env("GITHUB_EVENT_NAME", "workflow_dispatch");
    gate.run(ask("stagign")).code(1).says("Verdict: fail");
}

#[test]
fn without_a_near_one_it_names_what_there_is() {
    let mock = Mock::new().environments(["production", "qa"]);
    mock.gate()
        .run(ask("staging"))
        .code(0)
        .says("There is `production`, `qa`.");
    let mock = Mock::new();
    mock.gate().run(ask("staging")).code(0).says("has no environments");
}
