//! Workflows, changes of them, and the file of snapshots each belongs to.

use stageproof::model::workflow::Access;
use stageproof::model::workflow::patch::{At, Change, Condition, Pin, Step, Trigger};

pub struct Case {
    /// The snapshot it is in.
    pub kind: &'static str,
    pub name: &'static str,
    pub text: String,
    pub change: Change,
}

/// A job `deploy` on push, with these lines in place of `steps`, if any.
fn job(lines: &str) -> String {
    let steps = "    steps:\n      - run: ./deploy.sh\n";
    let steps = if lines.contains("steps:") || lines.contains("uses: ./") {
        ""
    } else {
        steps
    };
    format!("on: push\njobs:\n  deploy:\n{lines}{steps}")
}

fn linux(steps: &str) -> String {
    job(&format!("    runs-on: ubuntu-latest\n    steps:\n{steps}"))
}

pub fn pin() -> Option<Pin> {
    Some(Pin {
        at: "35d11706fcb8ae6d5ff89ceac81732c64c2223ee".to_owned(),
        note: Some("0.1.0".to_owned()),
    })
}

fn only(at: At, condition: Condition) -> Change {
    Change::Only { at, condition }
}

fn named(name: &str) -> At {
    At {
        job: Some("deploy".to_owned()),
        step: Some(Step::Name(name.to_owned())),
    }
}

fn guard(index: usize, names: &[&str]) -> Change {
    Change::SkipGuard {
        at: At::step("deploy", index),
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        pin: pin(),
    }
}

fn grant(scope: &str, access: Access) -> Change {
    Change::Permission {
        job: "deploy".to_owned(),
        scope: scope.to_owned(),
        access,
        granted: None,
    }
}

fn case(kind: &'static str, name: &'static str, text: impl Into<String>, change: Change) -> Case {
    Case {
        kind,
        name,
        text: text.into(),
        change,
    }
}

pub fn all() -> Vec<Case> {
    [
        conditions(),
        guards(),
        triggers(),
        permissions(),
        values(),
        names(),
        retries(),
        layouts(),
    ]
    .concat_all()
}

trait Concat {
    fn concat_all(self) -> Vec<Case>;
}

impl<const N: usize> Concat for [Vec<Case>; N] {
    fn concat_all(self) -> Vec<Case> {
        self.into_iter().flatten().collect()
    }
}

fn conditions() -> Vec<Case> {
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
            "on: push\njobs:\n  build:\n    runs-on: ubuntu-latest\n    steps: [{ run: ls }]\n  deploy:\n    needs:\n      - build # first\n    # Where it runs.\n    runs-on: ubuntu-latest\n    steps:\n      - run: ls\n",
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
            "new, with ! first",
            job("    runs-on: ubuntu-latest\n"),
            only(At::job("deploy"), Condition::Expression("!cancelled()".to_owned())),
        ),
        case(
            "if",
            "new, with a quote in the branch",
            job("    runs-on: ubuntu-latest\n"),
            only(At::job("deploy"), Condition::Branch("it's".to_owned())),
        ),
        case(
            "if",
            "new, with a colon in the branch",
            job("    runs-on: ubuntu-latest\n"),
            only(At::job("deploy"), Condition::Branch("a: b".to_owned())),
        ),
        case(
            "if",
            "new, a job in braces",
            "on: push\njobs: { deploy: { runs-on: ubuntu-latest, steps: [{ run: ls }] } }\n",
            only(
                At::job("deploy"),
                Condition::Expression("contains(github.ref, 'x')".to_owned()),
            ),
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
            "refused: no expression",
            job("    runs-on: ubuntu-latest\n"),
            only(At::job("deploy"), Condition::Expression("${{ x }}".to_owned())),
        ),
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
            "a step by its name in the log",
            linux(
                "      - run: ls\n      - run: |\n          ./deploy.sh staging\n          # - run: no step\n      - uses: actions/checkout@v4\n",
            ),
            only(named("Run ./deploy.sh staging"), Condition::NotFork),
        ),
        case(
            "if",
            "refused: two steps of that name",
            linux("      - run: ls\n      - run: ls\n"),
            only(named("Run ls"), Condition::NotFork),
        ),
        case(
            "if",
            "refused: no step of that name",
            linux("      - run: ls\n"),
            only(named("Deploy"), Condition::NotFork),
        ),
        case(
            "if",
            "a matrix job",
            "on: push\njobs:\n  deploy:\n    strategy:\n      matrix:\n        os: [ubuntu-latest, macos-latest]\n    runs-on: ${{ matrix.os }}\n    steps:\n    - name: Deploy\n      run: ls\n",
            only(named("Deploy"), Condition::NotDependabot),
        ),
        case(
            "if",
            "a step of a composite action",
            "name: x\ndescription: x\nruns:\n  using: composite\n  steps:\n    - run: ls\n      shell: bash\n",
            only(
                At {
                    job: None,
                    step: Some(Step::Index(0)),
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

fn guards() -> Vec<Case> {
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

fn triggers() -> Vec<Case> {
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
            "refused: no branches",
            on(" [push, schedule]"),
            Change::Trigger(Trigger::AddBranch {
                event: "schedule".to_owned(),
                branch: "main".to_owned(),
            }),
        ),
    ]
}

fn permissions() -> Vec<Case> {
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

fn values() -> Vec<Case> {
    let depth = || Change::FetchDepth(At::step("deploy", 1));
    let checkout = |with: &str| {
        linux(&format!(
            "      - uses: actions/checkout@v4 # pinned\n{with}      - run: git describe\n"
        ))
    };
    let limit = |at| Change::TimeLimit { at, minutes: 30 };
    let version = |version: &str| Change::ToolVersion {
        at: At::step("deploy", 0),
        input: "python-version".to_owned(),
        version: version.to_owned(),
    };
    let python = |with: &str| {
        linux(&format!(
            "      - uses: actions/setup-python@v5\n{with}      - run: ls\n"
        ))
    };
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
        case(
            "version",
            "a number becomes a text",
            python("        with:\n          python-version: 3.9 # old\n"),
            version("3.10"),
        ),
        case(
            "version",
            "in quotes",
            python("        with: { python-version: \"3.9\" }\n"),
            version("3.10"),
        ),
        case(
            "version",
            "a patch version",
            python("        with:\n          python-version: 3.9.1\n"),
            version("3.9.2"),
        ),
        case("version", "new", python(""), version("3")),
        case(
            "version",
            "refused: from a matrix",
            python("        with:\n          python-version: ${{ matrix.python }}\n"),
            version("3.10"),
        ),
        case(
            "version",
            "refused: no setup",
            linux("      - run: ls\n"),
            version("3.10"),
        ),
    ]
}

fn names() -> Vec<Case> {
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

fn retries() -> Vec<Case> {
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

fn layouts() -> Vec<Case> {
    let fork = || only(At::step("deploy", 1), Condition::NotFork);
    let steps = "      - uses: actions/checkout@v4\n      - run: ls\n";
    vec![
        case("layout", "CRLF", linux(steps).replace('\n', "\r\n"), guard_in_script()),
        case("layout", "no line break at the end", linux(steps).trim_end(), fork()),
        case(
            "layout",
            "four spaces",
            "on: push\njobs:\n    deploy:\n        runs-on: ubuntu-latest\n        steps:\n            -   uses: actions/checkout@v4\n            -   run: git describe\n",
            Change::FetchDepth(At::step("deploy", 1)),
        ),
        case(
            "layout",
            "flush lists",
            "on: push\njobs:\n  deploy:\n    runs-on: ubuntu-latest\n    steps:\n    - uses: actions/checkout@v4\n    - run: echo ${{ secrets.A }}\n",
            guard(1, &["A"]),
        ),
        case(
            "layout",
            "quoted keys",
            "\"on\": push\n\"jobs\":\n  \"deploy\":\n    'runs-on': ubuntu-latest\n    'steps':\n      - 'uses': actions/checkout@v4\n      - \"run\": ls\n",
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
            "on: push\njobs:\n  other:\n    runs-on: ubuntu-latest\n    steps: &steps\n      - run: ls\n      - run: ls\n  deploy:\n    runs-on: ubuntu-latest\n    steps: *steps\n",
            fork(),
        ),
        case(
            "layout",
            "refused: an anchor that others use",
            "on: push\njobs:\n  deploy:\n    runs-on: ubuntu-latest\n    steps: &steps\n      - run: ls\n      - run: ls\n  other:\n    runs-on: ubuntu-latest\n    steps: *steps\n",
            fork(),
        ),
        case(
            "layout",
            "refused: a merge key",
            "on: push\nx: &x { runs-on: ubuntu-latest }\njobs:\n  deploy:\n    <<: *x\n    steps:\n      - run: ls\n      - run: ls\n",
            fork(),
        ),
        case(
            "layout",
            "refused: a duplicate key",
            "on: push\njobs:\n  deploy:\n    runs-on: a\n    runs-on: b\n",
            fork(),
        ),
        case("layout", "refused: a tab", "on: push\njobs:\n\tdeploy:\n", fork()),
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
            only(At::step("deploy", 1), Condition::Branch("a\u{7}".to_owned())),
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
