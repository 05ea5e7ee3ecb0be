//! Permissions, inputs, limits and names of secrets.

use stageproof::model::workflow::Access;
use stageproof::model::workflow::patch::{At, Change};

use super::{Case, case, grant, job, linux};

pub fn permissions() -> Vec<Case> {
    let top = |top: &str, own: &str| {
        format!("on: push\n{top}jobs:\n  deploy:\n    runs-on: ubuntu-latest\n{own}    steps:\n      - run: ls\n")
    };
    let write = || grant("packages", Access::Write);
    let known = Change::Permission {
        job: "deploy".to_owned(),
        scope: "packages".to_owned(),
        access: Access::Write,
        granted: Some(vec![
            ("contents".to_owned(), Access::Read),
            ("packages".to_owned(), Access::Read),
        ]),
    };
    vec![
        case(
            "permissions",
            "the job has a map",
            top("", "    permissions: # few\n      contents: read # checkout\n"),
            write(),
        ),
        case(
            "permissions",
            "the job has a map in braces",
            top("", "    permissions: { contents: read }\n"),
            write(),
        ),
        case(
            "permissions",
            "the job has none",
            top("permissions: write-all\n", "    permissions: {}\n"),
            write(),
        ),
        case(
            "permissions",
            "the job has the scope, but less",
            top(
                "",
                "    permissions:\n      packages: read # pull\n      contents: read\n",
            ),
            write(),
        ),
        case(
            "permissions",
            "the job may read all",
            top("", "    permissions: read-all\n"),
            grant("id-token", Access::Write),
        ),
        case(
            "permissions",
            "the workflow has a map",
            top("permissions:\n  contents: read\n  packages: none\n", ""),
            write(),
        ),
        case(
            "permissions",
            "the workflow has none",
            top("permissions: {}\n", ""),
            write(),
        ),
        case(
            "permissions",
            "the workflow may read all",
            top("permissions: read-all\n", ""),
            write(),
        ),
        case("permissions", "the log says what there was", top("", ""), known),
        case(
            "permissions",
            "a job that calls a workflow",
            "on: push\npermissions: {}\njobs:\n  deploy:\n    uses: ./.github/workflows/x.yml\n",
            write(),
        ),
        case("permissions", "refused: not known", top("", ""), write()),
        case(
            "permissions",
            "refused: all there already",
            top("permissions: write-all\n", ""),
            write(),
        ),
        case(
            "permissions",
            "refused: there already",
            top("", "    permissions: { packages: write }\n"),
            write(),
        ),
        case(
            "permissions",
            "refused: others call it",
            top("permissions: {}\n", "").replace("on: push", "on: [push, workflow_call]"),
            write(),
        ),
        case(
            "permissions",
            "refused: no such scope",
            top("permissions: {}\n", ""),
            grant("package", Access::Write),
        ),
        case(
            "permissions",
            "refused: an identity cannot be read",
            top("permissions: {}\n", ""),
            grant("id-token", Access::Read),
        ),
    ]
}

pub fn values() -> Vec<Case> {
    let depth = || Change::FetchDepth(At::step("deploy", 1));
    let checkout = |with: &str| {
        linux(&format!(
            "      - uses: actions/checkout@v4 # pinned\n{with}      - run: git describe\n"
        ))
    };
    let limit = |at| Change::TimeLimit { at, minutes: 30 };
    vec![
        case("fetch-depth", "no inputs", checkout(""), depth()),
        case(
            "fetch-depth",
            "other inputs",
            checkout("        with:\n          # none\n          persist-credentials: false\n"),
            depth(),
        ),
        case(
            "fetch-depth",
            "inputs in braces",
            checkout("        with: { persist-credentials: false }\n"),
            depth(),
        ),
        case(
            "fetch-depth",
            "another depth",
            checkout("        with:\n          fetch-depth: 2 # enough\n"),
            depth(),
        ),
        case(
            "fetch-depth",
            "another depth in quotes",
            checkout("        with: { fetch-depth: '2' }\n"),
            depth(),
        ),
        case(
            "fetch-depth",
            "refused: the whole history already",
            checkout("        with: { fetch-depth: 0 }\n"),
            depth(),
        ),
        case(
            "fetch-depth",
            "refused: no checkout",
            linux("      - run: ls\n      - run: git describe\n      - uses: actions/checkout@v4\n"),
            depth(),
        ),
        case(
            "fetch-depth",
            "another repository beside it",
            linux(
                "      - uses: actions/checkout@v4\n      - uses: actions/checkout@v4\n        with: { repository: acme/tools, path: tools }\n",
            ),
            depth(),
        ),
        case(
            "fetch-depth",
            "refused: two of them",
            linux(
                "      - uses: actions/checkout@v4\n      - uses: actions/checkout@v4\n        with: { path: other }\n",
            ),
            depth(),
        ),
        case(
            "fetch-depth",
            "refused: from an expression",
            checkout("        with: { fetch-depth: \"${{ vars.DEPTH }}\" }\n"),
            depth(),
        ),
        case(
            "timeout-minutes",
            "new, of the job",
            job("    name: x\n    runs-on: ubuntu-latest\n"),
            limit(At::job("deploy")),
        ),
        case(
            "timeout-minutes",
            "changed, of the job",
            job("    runs-on: ubuntu-latest\n    timeout-minutes: 5 # short\n"),
            limit(At::job("deploy")),
        ),
        case(
            "timeout-minutes",
            "new, of a step",
            linux("      - run: |\n          ls\n        env: { A: b }\n"),
            limit(At::step("deploy", 0)),
        ),
        case(
            "timeout-minutes",
            "new, of a step with a name",
            linux("      - run: ls\n        name: List\n"),
            limit(At::step("deploy", 0)),
        ),
        case(
            "timeout-minutes",
            "refused: a called workflow",
            job("    uses: ./.github/workflows/x.yml\n"),
            limit(At::job("deploy")),
        ),
        case(
            "timeout-minutes",
            "refused: too long",
            linux("      - run: ls\n"),
            Change::TimeLimit {
                at: At::job("deploy"),
                minutes: 361,
            },
        ),
        case(
            "timeout-minutes",
            "refused: no change",
            job("    runs-on: ubuntu-latest\n    timeout-minutes: 30\n"),
            limit(At::job("deploy")),
        ),
    ]
}

pub fn names() -> Vec<Case> {
    let rename = || Change::SecretName {
        job: "deploy".to_owned(),
        from: "NPM_TOKN".to_owned(),
        to: "NPM_TOKEN".to_owned(),
    };
    vec![
        case(
            "secret",
            "each use in the job",
            "on: push\nenv:\n  TOP: ${{ secrets.NPM_TOKN }}\njobs:\n  deploy:\n    runs-on: ubuntu-latest\n    env:\n      NPM_TOKN: \"${{ secrets.NPM_TOKN }}\"\n    steps:\n      - run: |\n          # secrets.NPM_TOKN\n          ls ${{ secrets.NPM_TOKN_2 }}${{ secrets.npm_tokn || 'x' }}\n        env: { A: '${{ secrets[''NPM_TOKN''] }}' }\n  other:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ${{ secrets.NPM_TOKN }}\n",
            rename(),
        ),
        case(
            "secret",
            "a job that calls a workflow",
            "on: push\njobs:\n  deploy:\n    uses: ./.github/workflows/x.yml\n    secrets:\n      NPM_TOKN: ${{ secrets.NPM_TOKN }}\n",
            rename(),
        ),
        case(
            "secret",
            "refused: not used",
            job("    runs-on: ubuntu-latest\n"),
            rename(),
        ),
        case(
            "secret",
            "refused: in an alias",
            "on: push\njobs:\n  other:\n    runs-on: ubuntu-latest\n    env: &env\n      A: ${{ secrets.NPM_TOKN }}\n    steps:\n      - run: ls\n  deploy:\n    runs-on: ubuntu-latest\n    env: *env\n    steps:\n      - run: ls\n",
            rename(),
        ),
    ]
}
