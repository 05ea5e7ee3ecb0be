//! Steps that are put in front of others.

use stageproof::model::workflow::patch::{At, Change};

use super::{Case, case, guard, job, linux, pin};

pub fn guards() -> Vec<Case> {
    let deploy = "      - name: Deploy\n        env:\n          TOKEN: ${{ secrets.FLY_API_TOKEN }}\n          URL: ${{ vars.URL }}\n        run: ./deploy.sh\n";
    vec![
        case(
            "skip-guard",
            "one name, the last step",
            linux(&format!("      - uses: actions/checkout@v4\n{deploy}")),
            guard(1, &["TOKEN"]),
        ),
        case(
            "skip-guard",
            "a secret and a variable, and steps behind",
            linux(&format!(
                "      - run: make\n\n      # Here it goes.\n{deploy}\n      - name: Smoke\n        if: github.actor != 'x'\n        run: ./smoke.sh\n\n      - if: failure()\n        run: ./report.sh\n"
            )),
            guard(1, &["TOKEN", "URL"]),
        ),
        case(
            "skip-guard",
            "an input of an action",
            linux("      - uses: some/action@v1\n        with:\n          token: ${{ secrets.NPM_TOKEN }}\n"),
            guard(0, &["token"]),
        ),
        case(
            "skip-guard",
            "by the name of the secret, in a script",
            linux("      - run: echo ${{ secrets['NPM_TOKEN'] }} | ./deploy.sh\n"),
            guard(0, &["NPM_TOKEN"]),
        ),
        case(
            "skip-guard",
            "a variable of the job",
            job(
                "    runs-on: ubuntu-latest\n    env:\n      TOKEN: ${{ secrets.TOKEN }}\n    steps:\n      - run: ./deploy.sh\n",
            ),
            guard(0, &["TOKEN"]),
        ),
        case(
            "skip-guard",
            "other jobs need it",
            format!(
                "{}  smoke:\n    needs: [deploy]\n    runs-on: ubuntu-latest\n    steps:\n      - run: ls\n  all:\n    needs: [deploy, smoke]\n    if: always()\n    runs-on: ubuntu-latest\n    steps:\n      - run: ls\n",
                linux(deploy)
            ),
            guard(0, &["TOKEN"]),
        ),
        case(
            "skip-guard",
            "named as the file names it already",
            format!(
                "{}  smoke:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: stageproof/stageproof@v0.1.0\n        with: {{ command: smoke, url: \"https://example.com\" }}\n",
                linux(deploy)
            ),
            guard(0, &["TOKEN"]),
        ),
        case(
            "skip-guard",
            "refused: no Linux",
            job(&format!("    runs-on: windows-latest\n    steps:\n{deploy}")),
            guard(0, &["TOKEN"]),
        ),
        case(
            "skip-guard",
            "a runner from a matrix of Linux",
            job(&format!(
                "    strategy: {{ matrix: {{ os: [ubuntu-24.04, ubuntu-22.04] }} }}\n    runs-on: ${{{{ matrix.os }}}}\n    steps:\n{deploy}"
            )),
            guard(0, &["TOKEN"]),
        ),
        case(
            "skip-guard",
            "refused: a runner from a matrix",
            job(&format!(
                "    runs-on: ${{{{ matrix.os }}}}\n    strategy: {{ matrix: {{ os: [ubuntu-latest, windows-latest] }} }}\n    steps:\n{deploy}"
            )),
            guard(0, &["TOKEN"]),
        ),
        case(
            "skip-guard",
            "refused: nothing gives it a value",
            linux(deploy),
            guard(0, &["OTHER"]),
        ),
        case(
            "skip-guard",
            "refused: the token of the run",
            linux("      - run: ls\n        env: { GH_TOKEN: \"${{ secrets.github_token }}\" }\n"),
            guard(0, &["GH_TOKEN"]),
        ),
        case(
            "skip-guard",
            "refused: a guard is there",
            linux(&format!(
                "      - uses: stageproof/stageproof@v0.1.0\n        id: guard\n        with: {{ command: skip-guard, require: not-fork }}\n{deploy}"
            )),
            guard(1, &["TOKEN"]),
        ),
        case(
            "skip-guard",
            "refused: no commit is known",
            linux(deploy),
            Change::SkipGuard {
                at: At::step("deploy", 0),
                names: vec!["TOKEN".to_owned()],
                pin: None,
            },
        ),
        case(
            "skip-guard",
            "refused: steps in brackets",
            job("    runs-on: ubuntu-latest\n    steps: [{ run: ls, env: { TOKEN: \"${{ secrets.TOKEN }}\" } }]\n"),
            guard(0, &["TOKEN"]),
        ),
    ]
}

pub fn retries() -> Vec<Case> {
    let retry = |index| Change::Retry {
        at: At::step("deploy", index),
        retries: 2,
        pin: pin(),
    };
    vec![
        case(
            "retry",
            "a script",
            linux(
                "      - uses: actions/checkout@v4\n      - name: Run the tests\n        run: |\n          npm ci\n          npm test\n",
            ),
            retry(1),
        ),
        case(
            "retry",
            "a script of bash",
            linux("      - run: npm ci\n        shell: bash # strict\n"),
            retry(0),
        ),
        case(
            "retry",
            "installed already",
            linux(
                "      - uses: stageproof/stageproof@v0.1.0\n        with: { command: install }\n      - run: npm ci\n",
            ),
            retry(1),
        ),
        case(
            "retry",
            "refused: another shell",
            linux("      - run: npm ci\n        shell: pwsh\n"),
            retry(0),
        ),
        case(
            "retry",
            "refused: an action",
            linux("      - uses: actions/checkout@v4\n"),
            retry(0),
        ),
        case(
            "retry",
            "refused: in a container",
            job("    runs-on: ubuntu-latest\n    container: node:22\n    steps:\n      - run: npm ci\n"),
            retry(0),
        ),
    ]
}
