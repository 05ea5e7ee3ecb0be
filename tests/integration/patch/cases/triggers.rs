//! `on:`.

use stageproof::model::workflow::patch::Change;

use super::{Case, case};

pub fn triggers() -> Vec<Case> {
    let on = |on: &str| {
        format!("name: x\non:{on}\njobs:\n  deploy:\n    runs-on: ubuntu-latest\n    steps:\n      - run: ls\n")
    };
    let by = |to: &str| Change::Trigger {
        from: "push".to_owned(),
        to: to.to_owned(),
    };
    let replace = || by("pull_request");
    let map = "\n  push: # each\n  # Nightly.\n  schedule:\n    - cron: 0 3 * * *\n  workflow_dispatch:\n";
    vec![
        case("on", "a string", on(" push # each"), replace()),
        case("on", "quoted", on(" push").replace("\non:", "\n\"on\":"), replace()),
        case("on", "a list", on(" [push, workflow_dispatch,]"), replace()),
        case(
            "on",
            "a list of lines",
            on("\n  - push # each\n  - workflow_dispatch # by hand"),
            replace(),
        ),
        case(
            "on",
            "a flush list of lines",
            on("\n- workflow_dispatch\n- push"),
            replace(),
        ),
        case("on", "a map", on(map), replace()),
        case(
            "on",
            "a map in braces",
            on(" { push: , workflow_dispatch: {} }"),
            replace(),
        ),
        case(
            "on",
            "refused: one with filters",
            on("\n  push:\n    tags: [v1]"),
            replace(),
        ),
        case("on", "refused: not there", on(" [schedule]"), replace()),
        case("on", "refused: there already", on(" [push, pull_request]"), replace()),
        case("on", "refused: no event", on(" push"), by("push ${{ x }}")),
    ]
}
