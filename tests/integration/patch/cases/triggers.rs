//! `on:`.

use stageproof::model::workflow::patch::{Change, Trigger};

use super::{Case, case};

pub fn triggers() -> Vec<Case> {
    let on = |on: &str| {
        format!("name: x\non:{on}\njobs:\n  deploy:\n    runs-on: ubuntu-latest\n    steps:\n      - run: ls\n")
    };
    let add = || Change::Trigger(Trigger::AddEvent("pull_request".to_owned()));
    let remove = || Change::Trigger(Trigger::RemoveEvent("push".to_owned()));
    let replace = || {
        Change::Trigger(Trigger::ReplaceEvent {
            from: "push".to_owned(),
            to: "pull_request".to_owned(),
        })
    };
    let branch = |branch: &str| {
        Change::Trigger(Trigger::AddBranch {
            event: "push".to_owned(),
            branch: branch.to_owned(),
        })
    };
    let not_branch = || {
        Change::Trigger(Trigger::RemoveBranch {
            event: "push".to_owned(),
            branch: "main".to_owned(),
        })
    };
    let map = "\n  push: # each\n  # Nightly.\n  schedule:\n    - cron: 0 3 * * *\n  workflow_dispatch:\n";
    vec![
        case("on", "a string, add", on(" push # each"), add()),
        case("on", "a list, add", on(" [push, workflow_dispatch,]"), add()),
        case(
            "on",
            "a list of lines, add",
            on("\n  - push # each\n  - workflow_dispatch # by hand"),
            add(),
        ),
        case(
            "on",
            "a flush list of lines, add",
            on("\n- push\n- workflow_dispatch"),
            add(),
        ),
        case("on", "a map, add", on(map), add()),
        case(
            "on",
            "a map in braces, add",
            on(" { push: { branches: [main] } }"),
            add(),
        ),
        case("on", "quoted", on(" push").replace("\non:", "\n\"on\":"), add()),
        case("on", "a list, remove", on(" [push, workflow_dispatch]"), remove()),
        case(
            "on",
            "a list, remove the last",
            on(" [workflow_dispatch, push]"),
            remove(),
        ),
        case(
            "on",
            "a list of lines, remove",
            on("\n  - workflow_dispatch # by hand\n  # each\n  - push"),
            remove(),
        ),
        case("on", "a map, remove", on(map), remove()),
        case(
            "on",
            "a map, remove with its comment and filters",
            on(map),
            Change::Trigger(Trigger::RemoveEvent("schedule".to_owned())),
        ),
        case(
            "on",
            "a map in braces, remove",
            on(" { push: { branches: [main] }, workflow_dispatch: {} }"),
            remove(),
        ),
        case("on", "a string, replace", on(" push # each"), replace()),
        case("on", "a list, replace", on(" [push, workflow_dispatch]"), replace()),
        case("on", "a map, replace", on(map), replace()),
        case(
            "on",
            "refused: replace one with filters",
            on("\n  push:\n    tags: [v1]"),
            replace(),
        ),
        case("on", "a string, branch", on(" push # each"), branch("main")),
        case(
            "on",
            "a list, branch",
            on(" [push, workflow_dispatch]"),
            branch("release/**"),
        ),
        case(
            "on",
            "a list of lines, branch",
            on("\n  - push\n  - workflow_dispatch"),
            branch("main"),
        ),
        case(
            "on",
            "refused: a list with comments, branch",
            on("\n  - push # each\n  - workflow_dispatch"),
            branch("main"),
        ),
        case("on", "a map, branch", on(map), branch("main")),
        case(
            "on",
            "a map with branches, branch",
            on("\n  push:\n    branches: [main] # ours\n"),
            branch("**-staging"),
        ),
        case(
            "on",
            "a map with lines of branches, branch",
            on("\n  push:\n    branches:\n    - main\n    paths: [src/**]"),
            branch("1.0"),
        ),
        case(
            "on",
            "refused: branches-ignore",
            on("\n  push:\n    branches-ignore: [main]"),
            branch("next"),
        ),
        case(
            "on",
            "a map, remove a branch",
            on("\n  push:\n    branches:\n      - main # ours\n      - next\n"),
            not_branch(),
        ),
        case(
            "on",
            "refused: the only branch",
            on("\n  push:\n    branches: [main]"),
            not_branch(),
        ),
        case("on", "refused: the only event", on(" push"), remove()),
        case("on", "refused: there already", on(" [push, pull_request]"), add()),
        case(
            "on",
            "refused: no event",
            on(" push"),
            Change::Trigger(Trigger::AddEvent("push ${{ x }}".to_owned())),
        ),
        case(
            "on",
            "refused: no branches",
            on(" [push, schedule]"),
            Change::Trigger(Trigger::AddBranch {
                event: "schedule".to_owned(),
                branch: "main".to_owned(),
            }),
        ),
    ]
}
