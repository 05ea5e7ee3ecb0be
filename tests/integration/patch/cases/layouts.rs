//! Ways in which a file is written.

use stageproof::model::workflow::patch::{At, Change, Condition};

use super::{Case, case, guard, linux, only, pin};

pub fn layouts() -> Vec<Case> {
    let fork = || only(At::step("deploy", 1), Condition::NotFork);
    let steps = "      - uses: actions/checkout@v4\n      - run: ls\n";
    vec![
        case("layout", "CRLF", linux(steps).replace('\n', "\r\n"), guard_in_script()),
        case("layout", "no line break at the end", linux(steps).trim_end(), fork()),
        case(
            "layout",
            "four spaces",
            "on: [push, pull_request]\njobs:\n    deploy:\n        runs-on: ubuntu-latest\n        steps:\n            -   uses: actions/checkout@v4\n            -   run: git describe\n",
            Change::FetchDepth(At::step("deploy", 1)),
        ),
        case(
            "layout",
            "flush lists",
            "on: [push, pull_request]\njobs:\n  deploy:\n    runs-on: ubuntu-latest\n    steps:\n    - uses: actions/checkout@v4\n    - run: echo ${{ secrets.A }}\n",
            guard(1, &["A"]),
        ),
        case(
            "layout",
            "quoted keys",
            "\"on\": [push, pull_request]\n\"jobs\":\n  \"deploy\":\n    'runs-on': ubuntu-latest\n    'steps':\n      - 'uses': actions/checkout@v4\n      - \"run\": ls\n",
            fork(),
        ),
        case(
            "layout",
            "the dash on its own line",
            linux("      -\n        uses: actions/checkout@v4\n      -\n        run: ls\n"),
            fork(),
        ),
        case(
            "layout",
            "comments between keys, and a byte order mark",
            format!(
                "\u{feff}{}",
                linux(
                    "      # one\n      - uses: actions/checkout@v4\n\n      # two\n\n      # three\n      - # four\n        run: ls\n      # five\n"
                )
            ),
            fork(),
        ),
        case(
            "layout",
            "refused: an alias of steps",
            "on: [push, pull_request]\njobs:\n  other:\n    runs-on: ubuntu-latest\n    steps: &steps\n      - run: ls\n      - run: ls\n  deploy:\n    runs-on: ubuntu-latest\n    steps: *steps\n",
            fork(),
        ),
        case(
            "layout",
            "refused: an anchor that others use",
            "on: [push, pull_request]\njobs:\n  deploy:\n    runs-on: ubuntu-latest\n    steps: &steps\n      - run: ls\n      - run: ls\n  other:\n    runs-on: ubuntu-latest\n    steps: *steps\n",
            fork(),
        ),
        case(
            "layout",
            "refused: a merge key",
            "on: [push, pull_request]\nx: &x { runs-on: ubuntu-latest }\njobs:\n  deploy:\n    <<: *x\n    steps:\n      - run: ls\n      - run: ls\n",
            fork(),
        ),
        case(
            "layout",
            "refused: a duplicate key",
            "on: [push, pull_request]\njobs:\n  deploy:\n    runs-on: a\n    runs-on: b\n",
            fork(),
        ),
        case(
            "layout",
            "refused: a tab",
            "on: [push, pull_request]\njobs:\n\tdeploy:\n",
            fork(),
        ),
        case(
            "layout",
            "refused: a carriage return alone",
            "on: push\rjobs:\r",
            fork(),
        ),
        case(
            "layout",
            "refused: control characters",
            linux(steps),
            only(At::step("deploy", 1), Condition::Events(vec!["a\u{7}".to_owned()])),
        ),
    ]
}

fn guard_in_script() -> Change {
    Change::Retry {
        at: At::step("deploy", 1),
        retries: 1,
        pin: pin(),
    }
}
