//! `if:`.

use stageproof::model::workflow::patch::{At, Condition};

use super::{Case, case, job, linux, only};

pub fn conditions() -> Vec<Case> {
    let fork = || only(At::job("deploy"), Condition::NotFork);
    let push = || only(At::job("deploy"), Condition::Events(vec!["push".to_owned()]));
    let both = || {
        only(
            At::job("deploy"),
            Condition::Events(vec!["push".to_owned(), "schedule".to_owned()]),
        )
    };
    let on = |line: &str| {
        job(&format!(
            "    name: Deploy\n    if: {line}\n    runs-on: ubuntu-latest\n"
        ))
    };
    let step = |steps: &str, condition| ("if", linux(steps), only(At::step("deploy", 0), condition));
    let mut cases = vec![
        case(
            "if",
            "new, behind the name",
            job("    name: Deploy # the only one\n    runs-on: ubuntu-latest\n"),
            fork(),
        ),
        case(
            "if",
            "new, behind needs over several lines",
            "on: [push, pull_request]\njobs:\n  build:\n    runs-on: ubuntu-latest\n    steps: [{ run: ls }]\n  deploy:\n    needs:\n      - build # first\n    # Where it runs.\n    runs-on: ubuntu-latest\n    steps:\n      - run: ls\n",
            push(),
        ),
        case(
            "if",
            "new, above the comments of the first key",
            job("    # Where it runs.\n    runs-on: ubuntu-latest\n"),
            fork(),
        ),
        case(
            "if",
            "new, a job in braces",
            "on: [push, pull_request]\njobs: { deploy: { runs-on: ubuntu-latest, steps: [{ run: ls }] } }\n",
            push(),
        ),
        case("if", "bare", on("github.actor != 'x' # never x"), fork()),
        case(
            "if",
            "bare with ||",
            on("github.actor == 'x' || github.actor == 'y'"),
            both(),
        ),
        case(
            "if",
            "bare with || in parentheses and in a text",
            on("(github.actor == 'x' || github.actor == 'y') && github.ref != 'a||b'"),
            fork(),
        ),
        case("if", "in ${{ }}", on("${{ !cancelled() }}"), both()),
        case(
            "if",
            "in ${{ }} without spaces, with ||",
            on("${{github.actor == 'x' || always()}}"),
            fork(),
        ),
        case(
            "if",
            "in single quotes",
            on("'!startsWith(github.ref, ''refs/tags/'')'"),
            push(),
        ),
        case(
            "if",
            "in double quotes",
            on("\"github.actor != 'x' || github.ref == 'y'\""),
            push(),
        ),
        case(
            "if",
            "a block",
            on("|\n      github.actor != 'x' ||\n      github.ref == 'y'"),
            push(),
        ),
        case(
            "if",
            "a folded block with ${{ }}",
            on(">-\n      ${{\n        github.actor != 'x' &&\n        github.ref == 'y'\n      }}"),
            push(),
        ),
        case(
            "if",
            "a bare condition on two lines",
            on("github.actor != 'x' &&\n      github.ref == 'y'"),
            push(),
        ),
        case("if", "refused: always true", on("${{ github.actor }} != 'x'"), push()),
        case(
            "if",
            "refused: a block that is always true",
            on("|\n      ${{ github.actor != 'x' }}"),
            push(),
        ),
        case(
            "if",
            "refused: says so already",
            on("${{ github.event_name == 'push' }}"),
            push(),
        ),
        case("if", "refused: no value", on(""), push()),
        case(
            "if",
            "refused: no such job",
            job("    runs-on: ubuntu-latest\n"),
            only(At::job("deplyo"), Condition::NotFork),
        ),
        case(
            "if",
            "a job that calls a workflow",
            job("    uses: ./.github/workflows/called.yml\n"),
            push(),
        ),
        case(
            "if",
            "refused: a step of a called workflow",
            job("    uses: ./.github/workflows/called.yml\n"),
            only(At::step("deploy", 0), Condition::NotFork),
        ),
        case(
            "if",
            "a step between others",
            linux(
                "      - run: ls\n      - run: |\n          ./deploy.sh staging\n          # - run: no step\n      - uses: actions/checkout@v4\n",
            ),
            only(At::step("deploy", 1), Condition::NotFork),
        ),
        case(
            "if",
            "refused: holds on every event",
            job("    runs-on: ubuntu-latest\n"),
            only(
                At::job("deploy"),
                Condition::Events(vec!["push".to_owned(), "pull_request".to_owned()]),
            ),
        ),
        case(
            "if",
            "refused: no such step",
            linux("      - run: ls\n"),
            only(At::step("deploy", 1), Condition::NotFork),
        ),
        case(
            "if",
            "a matrix job",
            "on: [push, pull_request]\njobs:\n  deploy:\n    strategy:\n      matrix:\n        os: [ubuntu-latest, macos-latest]\n    runs-on: ${{ matrix.os }}\n    steps:\n    - name: Deploy\n      run: ls\n",
            only(At::step("deploy", 0), Condition::NotDependabot),
        ),
        case(
            "if",
            "a step of a composite action",
            "name: x\ndescription: x\nruns:\n  using: composite\n  steps:\n    - run: ls\n      shell: bash\n",
            only(
                At {
                    job: None,
                    step: Some(0),
                },
                Condition::NotFork,
            ),
        ),
        case(
            "if",
            "refused: a job of an action",
            "name: x\ndescription: x\nruns:\n  using: composite\n  steps:\n    - run: ls\n      shell: bash\n",
            fork(),
        ),
    ];
    for (name, steps) in [
        (
            "a step that begins with a name",
            "      - name: Deploy\n        id: deploy\n        run: ls\n",
        ),
        (
            "a step that begins with one line",
            "      - run: ls # all\n        env: { A: b }\n",
        ),
        (
            "a step that begins with a script",
            "      - run: |\n          ls\n\n      # Another.\n      - run: ls\n",
        ),
        ("a step in braces", "      - { run: ls }\n"),
        ("steps in brackets", ""),
    ] {
        let (kind, mut text, change) = step(steps, Condition::NotDependabot);
        if steps.is_empty() {
            text = job("    runs-on: ubuntu-latest\n    steps: [{ run: ls }, { run: 'a, b', }]\n");
        }
        cases.push(case(kind, name, text, change));
    }
    cases
}
