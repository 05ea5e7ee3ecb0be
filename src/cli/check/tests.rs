//! Each rule with what breaks it and what does not, through the real command line.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::CommandLine;
use crate::commands::check::{File, RULES, Surroundings, judge};
use crate::model::{Ended, Finding};
use crate::world::{Env, World};

const PIN: &str = "stageproof/stageproof@0123456789abcdef0123456789abcdef01234567";
const CHECKOUT: &str = "actions/checkout@8e8c483db84b4bee98b60c0593521ed34d9990e8";

const WHOLE_CHECKOUT: &str =
    "- uses: actions/checkout@8e8c483db84b4bee98b60c0593521ed34d9990e8\n  with: {fetch-depth: 0}\n";

/// In a repository without a configuration.
fn findings_in(shown: &str, text: &str) -> Vec<Finding> {
    let folder = tempfile::tempdir().unwrap();
    let world = World {
        workspace: folder.path().to_owned(),
        folder: folder.path().to_owned(),
        ..World::of(Env::default())
    };
    let language = CommandLine::new(&world, folder.path());
    let file = File {
        path: folder.path().join(shown),
        shown: shown.to_owned(),
        is_config: shown.ends_with("stageproof.yml"),
        is_named: true,
    };
    let surroundings = Surroundings {
        language: &language,
        is_own: false,
    };
    match judge(&file, text.as_bytes(), &surroundings).map(|check| check.ended) {
        Some(Ended::Looked(findings)) => findings,
        other => panic!("{other:?}\n{text}"),
    }
}

/// Code, line and message of each.
fn told(text: &str) -> Vec<String> {
    let one = |finding: &Finding| {
        let line = finding.location.as_ref().and_then(|place| place.line).unwrap_or(0);
        format!(
            "{}:{line}: {} | {}",
            finding.code,
            finding.message,
            finding.help.as_deref().unwrap_or_default()
        )
    };
    findings_in("w.yml", text).iter().map(one).collect()
}

/// A workflow of one job with these steps.
fn steps(steps: &str) -> String {
    job(&format!("    steps:\n{}", indented(steps, 6)))
}

/// A workflow of one job, which says this besides.
fn job(body: &str) -> String {
    format!("on: push\njobs:\n  one:\n    runs-on: ubuntu-latest\n{body}")
}

fn indented(text: &str, by: usize) -> String {
    text.lines().map(|line| format!("{}{line}\n", " ".repeat(by))).collect()
}

/// A step of the action.
fn action(inputs: &str) -> String {
    format!("- uses: {PIN}\n  with:\n{}", indented(inputs, 4))
}

/// `broken` has one finding of this code in this line, which says so; `right` has none at all.
#[track_caller]
fn rule(code: &str, broken: &str, line: u32, says: &str, right: &str) {
    let found = told(broken);
    let expected = format!("{code}:{line}: ");
    let is_expected = |found: &String| found.starts_with(&expected) && found.contains(says);
    assert!(found.iter().any(is_expected), "{expected}{says}\n{found:#?}\n{broken}");
    assert_eq!(found.len(), 1, "{found:#?}\n{broken}");
    assert_eq!(told(right), Vec::<String>::new(), "{right}");
}

#[test]
fn inputs_are_those_of_the_command() {
    let good = steps(&action("command: smoke\nurl: https://h/\nwithin: 30s"));
    for (code, inputs, line, says) in [
        ("unknown-command", "command: smok\nurl: x", 8, "did you mean `smoke`?"),
        ("unknown-command", "command: heartbeat", 8, "`run:` step"),
        ("unknown-command", "command: schema", 8, "not a known subcommand"),
        ("unknown-command", "url: x", 6, "no subcommand was given"),
        (
            "unknown-input",
            "command: smoke\nurl: https://h/\nwithn: 3s",
            10,
            "did you mean `within`?",
        ),
        (
            "unknown-input",
            "command: smoke\nurl: https://h/\nrequire: not-fork",
            10,
            "it belongs to skip-guard",
        ),
        (
            "bad-value",
            "command: smoke\nurl: https://h/\nwithin: 30",
            10,
            "`30` has no unit",
        ),
        (
            "bad-value",
            "command: smoke\nurl: https://h/\nwithin: 0s",
            6,
            "longer than 0s",
        ),
        (
            "bad-value",
            "command: smoke\nurl: https://h/\nexpect-status: 2xy",
            10,
            "2xy",
        ),
        (
            "bad-value",
            "command: smoke\nurl: https://h/\nfollow-redirects: maybe",
            10,
            "maybe",
        ),
        ("bad-value", "command: smoke", 6, "url"),
        (
            "bad-value",
            "command: skip-guard\nrequire: |\n  not-fork\n  event:psh",
            11,
            "did you mean `push`?",
        ),
        (
            "bad-value",
            "command: skip-guard\nrequire: |\n  not-fork\n\n  ref:[",
            12,
            "not a glob",
        ),
        (
            "bad-value",
            "command: skip-guard\nrequire: not-fork\nskipped-job: x",
            6,
            "needs a limit",
        ),
    ] {
        rule(code, &steps(&action(inputs)), line, says, &good);
    }
}

#[test]
fn arguments_of_the_image_are_a_command_line() {
    let image = format!("docker://ghcr.io/stageproof/stageproof@sha256:{}", "a".repeat(64));
    let step = |with: &str| steps(&format!("- uses: {image}\n  with:\n{}", indented(with, 4)));
    let good = step("args: smoke https://h/ --within 5m");
    rule("localhost", &step("args: smoke http://localhost/"), 8, "", &good);
    rule(
        "bad-call",
        &step("args: smoke https://h/ --within 5"),
        8,
        "no unit",
        &good,
    );
    rule(
        "bad-call",
        &step("args: smok https://h/"),
        8,
        "did you mean `smoke`?",
        &good,
    );
    rule(
        "unknown-command",
        &step("url: https://h/"),
        6,
        "no subcommand was given",
        &good,
    );
    for with in [
        "command: smoke\nurl: https://h/",
        "args: smoke ${{ vars.URL }} --within \"${{ inputs.within }}\"",
        "args: smoke --nonsense 'https://h/'",
        "args: ${{ inputs.args }}",
        "args: smoke --within 5m\nurl: https://h/",
        "entrypoint: /stageproof\nargs: smoke https://h/",
    ] {
        assert_eq!(told(&step(with)), Vec::<String>::new(), "{with}");
    }
}

/// What only the run knows is not judged, and neither is what it would be missing for.
#[test]
fn expressions_are_left_out() {
    for inputs in [
        "command: ${{ inputs.command }}\nurl: x",
        "command: smoke\nurl: ${{ vars.URL }}\nwithin: ${{ inputs.within }}",
        "command: smoke\nurl: https://h/\nversion-from: header:X\nexpect-version: ${{ github.sha }}",
        "command: skip-guard\nrequire: |\n  not-fork\n  ${{ inputs.more }}",
        "command: skip-guard\nrequire: ${{ inputs.require }}",
        "command: verify\nbundle: ${{ steps.x.outputs.bundle }}",
    ] {
        let text = steps(&format!("- id: x\n  run: ls\n{}", action(inputs)));
        assert_eq!(told(&text), Vec::<String>::new(), "{text}");
    }
    let text = steps(&action("command: smoke\nurl: ${{ vars.URL }}\nwithin: 0s"));
    assert!(told(&text)[0].starts_with("bad-value:6: "), "{text}");
}

#[test]
fn calls_in_scripts_are_judged_as_they_are_typed() {
    let install = action("command: install");
    let run = |script: &str| steps(&format!("{install}- run: |\n{}", indented(script, 4)));
    let good = run("exec stageproof heartbeat --label x --timeout 5m -- ./deploy.sh \"$TARGET\"");
    for (script, line, says) in [
        (
            "ls\nstageproof heartbeat --timeot 5m -- ls",
            11,
            "did you mean `--timeout`?",
        ),
        ("stageproof heartbeat --timeout 5 -- ls", 10, "no unit"),
        ("stageproof heartbeta -- ls", 10, "did you mean `heartbeat`?"),
        ("stageproof heartbeat --timeout 0s -- ls", 10, "longer than 0s"),
        ("stageproof heartbeat --timeout 5m", 10, "COMMAND"),
        ("stageproof smoke \"$URL\" --within 5", 10, "no unit"),
        ("stageproof smoke --url \"$URL\"", 10, "--url"),
        (
            "stageproof smoke --start 'node x' --ready \"$R\" --wthin 5s",
            10,
            "--wthin",
        ),
    ] {
        rule("bad-call", &run(script), line, says, &good);
    }
    let unknown = &told(&run("stageproof skip-guard --bogus"))[0];
    assert!(
        unknown.contains("'--bogus'") && !unknown.contains("-- --bogus"),
        "{unknown}"
    );
    for script in [
        "stageproof smoke \"$URL\" --within 5s",
        "stageproof smoke --path \"$PATHS\" https://h/",
        "stageproof $COMMAND --label x",
        "stageproof --version",
        "stageproof smoke --help",
        "stageproof verify \"${{ steps.e.outputs.bundle || 'x' }}\"",
        "echo stageproof smoke --nonsense",
    ] {
        let text = run(script).replace("steps:\n", "steps:\n      - id: e\n        run: ls\n");
        assert_eq!(told(&text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn variables_are_mapped_where_they_are_needed() {
    let guard =
        |env: &str| format!("- uses: {PIN}\n  env: {{{env}}}\n  with: {{command: skip-guard, require: 'env:A'}}\n");
    let good = steps(&guard("A: '${{ secrets.A }}'"));
    rule("not-mapped", &steps(&guard("")), 8, "A: ${{ secrets.A }}", &good);
    let there = format!("{}{}", guard("A: '${{ secrets.A }}'"), guard(""));
    rule(
        "not-mapped",
        &steps(&there),
        11,
        "line 7 maps it into another step only",
        &good,
    );
    let group = action("command: skip-guard\nrequire: |\n  not-fork\n  group:A,B");
    let group = group.replace("  with:", "  env: {A: x}\n  with:");
    rule("not-mapped", &steps(&group), 12, "needs `B`", &good);
    let header = action("command: smoke\nurl: https://h/\nbearer-env: TOKEN");
    rule("not-mapped", &steps(&header), 10, "needs `TOKEN`", &good);
    for (before, rest) in [
        ("    env: {A: x}\n", guard("")),
        ("", format!("- run: echo A=x >> $GITHUB_ENV\n{}", guard(""))),
        (
            "",
            format!("- uses: aws-actions/configure-aws-credentials@v4\n{}", guard("")),
        ),
        ("", guard("").replace("env:A", "env:HOME")),
        ("", guard("").replace("env: {}", "env: '${{ fromJSON(inputs.env) }}'")),
    ] {
        let text = job(&format!("{before}    steps:\n{}", indented(&rest, 6)));
        assert_eq!(told(&text), Vec::<String>::new(), "{text}");
    }
    let of_workflow = format!("env: {{A: x}}\n{}", steps(&guard("")));
    assert_eq!(told(&of_workflow), Vec::<String>::new());
}

#[test]
fn the_variable_that_holds_others_is_mapped() {
    let guard = |env: &str| {
        format!(
            "- uses: {PIN}\n  env: {{{env}}}\n  with:\n    command: skip-guard\n    env-from: ALL\n    require: env:A\n"
        )
    };
    let good = steps(&guard("ALL: '${{ secrets.ALL }}'"));
    rule("not-mapped", &steps(&guard("")), 10, "ALL: ${{ secrets.ALL }}", &good);
    // Its variables are what is required.
    let alone = |env: &str| guard(env).replace("    require: env:A\n", "");
    let good = steps(&alone("ALL: '${{ secrets.ALL }}'"));
    rule("not-mapped", &steps(&alone("")), 10, "ALL: ${{ secrets.ALL }}", &good);
    let nothing = steps(&action("command: skip-guard"));
    rule("bad-value", &nothing, 6, "has nothing to check", &good);
    let call = |env: &str| {
        let install = action("command: install");
        steps(&format!(
            "{install}- env: {{{env}}}\n  run: stageproof heartbeat --env-from ALL -- make deploy\n"
        ))
    };
    let good = call("ALL: '${{ secrets.ALL }}'");
    rule("not-mapped", &call(""), 10, "`env-from` needs `ALL`", &good);
    let written = good.replace(
        "env: {ALL: '${{ secrets.ALL }}'}",
        "run: echo ALL=x >> $GITHUB_ENV\n      - id: x",
    );
    assert_eq!(told(&written), Vec::<String>::new(), "{written}");
}

#[test]
fn tokens_are_mapped_and_may_do_what_is_asked() {
    let whole = |permissions: &str, token: &str, inputs: &str| {
        let action = format!(
            "- uses: {PIN}\n  env: {{{token}}}\n  with:\n    command: skip-guard\n{}",
            indented(inputs, 4)
        );
        job(&format!(
            "    permissions: {permissions}\n    steps:\n{}",
            indented(&action, 6)
        ))
    };
    let token = "GITHUB_TOKEN: '${{ github.token }}'";
    let good = whole(
        "{actions: read, checks: read}",
        token,
        "require: environment:staging\nmax-skips: 3",
    );
    let environment = "require: environment:staging";
    rule(
        "no-token",
        &whole("{actions: read}", "", environment),
        11,
        "${{ github.token }}",
        &good,
    );
    // The action may read the artifacts of its own run.
    let fetched = |run: &str| {
        whole("{}", "", &format!("artifact: proof-*{run}")).replace("command: skip-guard", "command: verify")
    };
    rule(
        "no-token",
        &fetched("\nrun: 123"),
        12,
        "${{ github.token }}",
        &fetched(""),
    );
    for (permissions, inputs, line, says) in [
        ("{}", environment, 11, "`actions: read`"),
        (
            "{contents: write}",
            "require: previous-job:build",
            11,
            "`actions: read`",
        ),
        (
            "{actions: read}",
            "require: not-fork\nmax-skips: 3",
            12,
            "`checks: read`",
        ),
        ("{actions: none}", "require: no-other-run", 11, "`actions: read`"),
        (
            "{actions: read}",
            "require: token-permission:issues:read",
            11,
            "`issues: read`",
        ),
        ("read-all", "require: oidc", 11, "`id-token: write`"),
    ] {
        rule("permission", &whole(permissions, token, inputs), line, says, &good);
    }
    for (permissions, token, inputs) in [
        (
            "{actions: read}",
            token,
            "require: not-fork\nmax-skips: 3\nskipped-job: deploy",
        ),
        ("{}", "GITHUB_TOKEN: '${{ secrets.PAT }}'", environment),
        ("{id-token: write}", "", "require: oidc"),
        ("write-all", token, environment),
        (
            "{actions: read}",
            "MY: '${{ github.token }}'",
            "require: environment:x\ngithub-token-env: MY",
        ),
    ] {
        let text = whole(permissions, token, inputs);
        assert_eq!(told(&text), Vec::<String>::new(), "{text}");
    }
    let diagnose = |permissions: &str, token: &str, inputs: &str| {
        let whole = whole(permissions, token, inputs);
        whole.replace("command: skip-guard", "command: diagnose")
    };
    let good = diagnose("{actions: read}", token, "last: 3");
    for inputs in ["last: 3", "run: 5", "context: 2"] {
        let line = if inputs.starts_with("context") { 10 } else { 11 };
        rule(
            "no-token",
            &diagnose("{actions: read}", "", inputs),
            line,
            "${{ github.token }}",
            &good,
        );
    }
    rule(
        "permission",
        &diagnose("{}", token, "branch: main"),
        11,
        "`actions: read`",
        &good,
    );
    let of_log = diagnose("{}", "", "log: deploy.log");
    assert_eq!(told(&of_log), Vec::<String>::new(), "{of_log}");
    let unset = whole("X", token, environment).replace("    permissions: X\n", "");
    assert_eq!(told(&unset), Vec::<String>::new(), "the repository's settings decide");
}

#[test]
fn files_and_history_are_checked_out_first() {
    let rollback = action("command: rollback-dry-run");
    let checkout = |depth: &str| format!("- uses: {CHECKOUT}\n  with: {{persist-credentials: false{depth}}}\n");
    let good = steps(&format!("{}{rollback}", checkout(", fetch-depth: 0")));
    rule(
        "no-checkout",
        &steps(&rollback),
        8,
        "no earlier step checks them out",
        &good,
    );
    rule(
        "no-checkout",
        &steps(&format!("{rollback}{}", checkout(", fetch-depth: 0"))),
        8,
        "",
        &good,
    );
    let config = action("command: smoke\nurl: https://h/\nconfig: gate.yml");
    rule("no-checkout", &steps(&config), 10, "`config` needs", &good);
    rule(
        "shallow-checkout",
        &steps(&format!("{}{rollback}", checkout(""))),
        6,
        "in line 10",
        &good,
    );
    rule(
        "shallow-checkout",
        &steps(&format!("{}{rollback}", checkout(", fetch-depth: 1"))),
        7,
        "",
        &good,
    );
    let committed = action("command: foreground-proof\nlog: a.log\ncommitted-since: main");
    rule(
        "shallow-checkout",
        &steps(&format!("{}{committed}", checkout(""))),
        6,
        "committed-since",
        &good,
    );
    let prove = format!("- uses: {}\n", PIN.replace('@', "/prove@"));
    let good = steps(&format!("{WHOLE_CHECKOUT}{prove}"));
    let shallow = steps(&format!("{}{prove}", checkout("")));
    rule("shallow-checkout", &shallow, 6, "`prove` in line 8", &good);
    rule("no-checkout", &steps(&prove), 6, "`prove` needs", &good);
    for before in [
        format!("{}- run: git fetch --unshallow --tags\n", checkout("")),
        checkout(", fetch-depth: '${{ inputs.depth }}'"),
        "- run: git clone https://github.com/a/b .\n".to_owned(),
        "- uses: someone/cached-checkout@v1\n  with: {fetch-depth: 0}\n".to_owned(),
    ] {
        let text = steps(&format!("{before}{rollback}"));
        assert_eq!(told(&text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn what_needs_a_program_runs_on_the_runner() {
    let good = steps(&action("command: skip-guard\nrequire: not-fork"));
    for (inputs, line, says) in [
        (
            "command: skip-guard\nrequire: |\n  not-fork\n  command:flyctl",
            11,
            "command:flyctl",
        ),
        ("command: smoke\nurl: http://h/\nstart: node app.js", 10, "`start`"),
        (
            "command: rollback-dry-run\ncheck: ls\nrollback-command: x",
            9,
            "`check`",
        ),
    ] {
        let broken = steps(&action(inputs));
        let found = told(&broken);
        let expected = format!("needs-host:{line}: ");
        assert!(
            found
                .iter()
                .any(|found| found.starts_with(&expected) && found.contains(says)),
            "{expected}{found:?}"
        );
    }
    let install = action("command: install");
    let call = format!("{install}- run: stageproof skip-guard --require command:flyctl\n");
    assert_eq!((told(&good), told(&steps(&call))), (vec![], vec![]));
}

#[test]
fn the_container_runs_on_linux() {
    let guard = steps(&action("command: skip-guard\nrequire: not-fork"));
    let prove = steps(&format!("{WHOLE_CHECKOUT}- uses: {}\n", PIN.replace('@', "/prove@")));
    for good in [guard, prove] {
        let on = |label: &str| good.replace("ubuntu-latest", label);
        for label in [
            "macos-14",
            "windows-latest",
            "[self-hosted, macOS]",
            "{labels: windows-2022}",
        ] {
            rule("needs-linux", &on(label), 4, "does not support", &good);
        }
        for label in ["${{ matrix.os }}", "[self-hosted, linux]", "{group: windows-team}"] {
            assert_eq!(told(&on(label)), Vec::<String>::new(), "{label}");
        }
    }
    let script = steps("- run: brew install stageproof\n- run: stageproof heartbeat -- make deploy\n");
    assert_eq!(told(&script.replace("ubuntu-latest", "macos-14")), Vec::<String>::new());
}

/// They ask a registry or Fly.io, with what is mapped into the step.
#[test]
fn rollbacks_of_images_and_of_fly_need_their_credentials_and_no_program() {
    let rollback = |env: &str, inputs: &str| {
        let inputs = indented(inputs, 4);
        steps(&format!(
            "- uses: {PIN}\n  env: {{{env}}}\n  with:\n    command: rollback-dry-run\n{inputs}"
        ))
    };
    let image = "image: ghcr.io/acme/shop:v1\nrollback-command: deploy {image}";
    let private = format!("{image}\nregistry-auth-env: REGISTRY");
    let renamed = "app: shop\nplatform-token-env: FLY";
    for (code, line, env, inputs, right) in [
        ("not-mapped", 12, "", &*private, "REGISTRY: x"),
        ("not-mapped", 6, "", "app: shop", "FLY_API_TOKEN: x"),
        ("not-mapped", 11, "FLY_API_TOKEN: x", renamed, "FLY: x"),
        ("not-mapped", 6, "", "app: shop\nplatform: heroku", "HEROKU_API_KEY: x"),
    ] {
        let says = right.split(':').next().unwrap_or_default();
        rule(code, &rollback(env, inputs), line, says, &rollback(right, inputs));
    }
    for inputs in [image, "app: shop\nlist-calls: true"] {
        assert_eq!(told(&rollback("", inputs)), Vec::<String>::new(), "{inputs}");
    }
}

/// `rehearse` needs a configuration. It is judged without one only where there is certainly none.
#[test]
fn a_configuration_of_another_folder_or_of_the_job_is_not_known() {
    let checkout = format!("- uses: {CHECKOUT}\n  with: {{fetch-depth: 0}}\n");
    let install = action("command: install");
    let upload = "- uses: actions/upload-artifact@v7\n";
    let run = |more: &str, script: &str| steps(&format!("{checkout}{install}- run: {script}\n{more}{upload}"));
    let rehearse = "stageproof rehearse";
    rule(
        "bad-call",
        &run("", rehearse),
        11,
        "nothing to rehearse",
        &run("  working-directory: app\n", rehearse),
    );
    for text in [
        run("", "cd app && stageproof rehearse"),
        run("  shell: pwsh\n", "stageproof nonsense"),
        run("", rehearse).replace(
            "    steps:",
            "    defaults: {run: {working-directory: app}}\n    steps:",
        ),
        run("", rehearse).replace("fetch-depth: 0", "fetch-depth: 0, repository: a/b"),
        steps(&format!(
            "{checkout}{install}- run: cp x .github/stageproof.yml\n- run: {rehearse}\n{upload}"
        )),
    ] {
        assert_eq!(told(&text), Vec::<String>::new(), "{text}");
    }
}

/// A guard, and a job that waits for it.
fn two_jobs(outputs: &str, rest: &str) -> String {
    let guard =
        format!("      - id: guard\n        uses: {PIN}\n        with: {{command: skip-guard, require: not-fork}}\n");
    format!(
        "on: push\njobs:\n  guard:\n    runs-on: ubuntu-latest\n    outputs: {outputs}\n    steps:\n{guard}  deploy:\n    runs-on: \
         ubuntu-latest\n{rest}    steps: [{{run: ls}}]\n"
    )
}

#[test]
fn outputs_exist_and_are_compared() {
    let ready = "{ready: '${{ steps.guard.outputs.ready }}'}";
    let deploy = |condition: &str| format!("    needs: guard\n    if: {condition}\n");
    let good = two_jobs(ready, &deploy("needs.guard.outputs.ready == 'true'"));
    for (condition, says) in [
        ("needs.guard.outputs.ready", "even if it is 'false'"),
        (
            "${{ needs.guard.outputs.ready }}",
            "write needs.guard.outputs.ready == 'true'",
        ),
        ("\"!cancelled() && needs.guard.outputs.ready\"", "even if it is 'false'"),
        ("needs.guard.outputs.ready == true", "never equals true or false"),
    ] {
        rule("not-compared", &two_jobs(ready, &deploy(condition)), 13, says, &good);
    }
    for (outputs, condition, line, says) in [
        (
            "{ready: '${{ steps.guard.outputs.redy }}'}",
            "needs.guard.outputs.ready == 'true'",
            5,
            "did you mean `ready`?",
        ),
        (
            "{ready: '${{ steps.gard.outputs.ready }}'}",
            "needs.guard.outputs.ready == 'true'",
            5,
            "did you mean `guard`?",
        ),
        (ready, "needs.guard.outputs.redy == 'true'", 13, "did you mean `ready`?"),
        (ready, "needs.gard.outputs.ready == 'true'", 13, "did you mean `guard`?"),
    ] {
        rule(
            "unknown-output",
            &two_jobs(outputs, &deploy(condition)),
            line,
            says,
            &good,
        );
    }
    let unneeded = two_jobs(ready, "    if: needs.guard.outputs.ready == 'true'\n");
    rule(
        "unknown-output",
        &unneeded,
        12,
        "add `guard` to the job's `needs`",
        &good,
    );
    let on_result = two_jobs(ready, &deploy("needs.guard.ready == 'true'"));
    rule(
        "unknown-output",
        &on_result,
        13,
        "did you mean `needs.guard.outputs.ready`?",
        &good,
    );
    for (condition, code, says) in [
        (
            "${{ needs.guard.outputs.ready }} == 'true'",
            "always-true",
            "outside of",
        ),
        (
            "${{ !cancelled() }} && ${{ needs.guard.outputs.ready == 'true' }}",
            "always-true",
            "",
        ),
        ("needs.guard.outputs.ready == 'yes'", "impossible-value", "true, false"),
        (
            "\"'ready' != needs.guard.outputs.ready\"",
            "impossible-value",
            "is never 'ready'",
        ),
    ] {
        rule(code, &two_jobs(ready, &deploy(condition)), 13, says, &good);
    }
    let broken = two_jobs(ready, &deploy("|\n      ${{ needs.guard.outputs.ready == 'true' }}"));
    rule("always-true", &broken, 14, "line break", &broken.replace('|', "|-"));
    let missing = two_jobs("{}", &deploy("needs.guard.outputs.ready == 'true'"));
    assert!(
        told(&missing)[0].contains("declares no output `ready`"),
        "{:?}",
        told(&missing)
    );
    for condition in [
        "always() && needs.guard.outputs.ready != 'false'",
        "fromJSON(needs.guard.outputs.ready)",
        "needs.guard.outputs['ready'] == 'true'",
        "needs.guard.result == 'success'",
        "needs.guard.outputs.ready != ''",
        "needs.*.result == 'x'",
    ] {
        let text = two_jobs(ready, &deploy(condition));
        assert_eq!(told(&text), Vec::<String>::new(), "{text}");
    }
    let bundle = steps(&format!(
        "- id: seal\n  uses: {PIN}\n  with: {{command: evidence-bundle}}\n- uses: actions/upload-artifact@v7\n  if: \
         steps.seal.outputs.bundle\n  with: {{path: '${{{{ steps.seal.outputs.bundle }}}}'}}\n"
    ));
    assert_eq!(told(&bundle), Vec::<String>::new(), "a path is true if it is there");
    let called = format!(
        "on:\n  workflow_call:\n    outputs:\n      ready:\n        value: ${{{{ jobs.guard.outputs.redy }}}}\njobs:\n{}",
        two_jobs(ready, &deploy("needs.guard.outputs.ready == 'true'"))
            .split_once("jobs:\n")
            .unwrap()
            .1
    );
    rule("unknown-output", &called, 5, "did you mean `ready`?", &good);
}

#[test]
fn outputs_of_a_step_are_there_once_it_ran() {
    let guard = format!("- id: guard\n  uses: {PIN}\n  with: {{command: skip-guard, require: not-fork}}\n");
    let deploy = "- if: steps.guard.outputs.ready == 'true'\n  run: ls\n";
    let good = steps(&format!("{guard}{deploy}"));
    rule(
        "unknown-output",
        &steps(&format!("{deploy}{guard}")),
        6,
        "has not run yet",
        &good,
    );
    let bare = good.replace("outputs.ready", "ready");
    rule("unknown-output", &bare, 9, "has no `ready`, only outputs", &good);
    let misspelled = good.replace("outputs.ready == 'true'", "outputs.verdict == 'passed'");
    let outcome = good.replace("outputs.ready == 'true'", "outcome == 'success'");
    rule("impossible-value", &misspelled, 9, "did you mean 'pass'?", &outcome);
}

#[test]
fn what_comes_before_and_after() {
    let install = action("command: install");
    let call = "- run: stageproof heartbeat -- make deploy\n";
    let good = steps(&format!("{install}{call}"));
    rule("not-installed", &steps(call), 6, "no earlier step", &good);
    rule("not-installed", &steps(&format!("{call}{install}")), 6, "", &good);
    for text in [
        steps(&format!(
            "- run: cargo install --git https://github.com/stageproof/stageproof\n{call}"
        )),
        steps(call).replace("ubuntu-latest", "[self-hosted, linux]"),
        steps(call).replace("    runs-on", "    container: ghcr.io/a/b\n    runs-on"),
    ] {
        assert_eq!(told(&text), Vec::<String>::new(), "{text}");
    }
    let smoke = action("command: smoke\nurl: https://h/");
    let seal = |condition: &str| format!("- uses: {PIN}\n{condition}  with: {{command: evidence-bundle}}\n");
    let upload = "- uses: actions/upload-artifact@v7\n  with: {path: artifacts}\n";
    let good = steps(&format!("{smoke}{}{upload}", seal("  if: '!cancelled()'\n")));
    rule(
        "skipped-on-failure",
        &steps(&format!("{smoke}{}{upload}", seal(""))),
        10,
        "if step 1 fails",
        &good,
    );
    let condition = "  if: steps.x.outcome == 'success'\n";
    let with_id = smoke.replacen("- uses", "- id: x\n  uses", 1);
    rule(
        "skipped-on-failure",
        &steps(&format!("{with_id}{}{upload}", seal(condition))),
        11,
        "step `x`",
        &good,
    );
    rule(
        "not-uploaded",
        &steps(&format!("{smoke}{}", seal("  if: always()\n"))),
        10,
        "no later step",
        &good,
    );
    let itself = seal("  if: always()\n").replace("evidence-bundle}", "evidence-bundle, upload: required}");
    assert_eq!(told(&steps(&format!("{smoke}{itself}"))), Vec::<String>::new());
    let local = action("command: smoke\nurl: http://localhost:8080/");
    rule("localhost", &steps(&local), 9, "the action's container", &good);
    for host in ["127.0.0.1", "app.localhost.", "[::ffff:127.0.0.1]"] {
        rule("localhost", &steps(&local.replace("localhost", host)), 9, "", &good);
    }
    for url in [
        "http://127.0.0.1:${{ env.PORT }}/",
        "http://localhost/${{ inputs.path }}",
    ] {
        let local = local.replace("http://localhost:8080/", url);
        rule("localhost", &steps(&local), 9, "", &good);
    }
    for url in ["http://${{ inputs.host }}:8080/", "${{ inputs.url }}"] {
        let elsewhere = steps(&local.replace("http://localhost:8080/", url));
        assert_eq!(told(&elsewhere), Vec::<String>::new());
    }
    let prove = format!(
        "{WHOLE_CHECKOUT}- uses: {}\n  with: {{url: 'http://localhost:8080/'}}\n",
        PIN.replace('@', "/prove@")
    );
    rule("localhost", &steps(&prove), 9, "", &good);
    let in_script = steps(&format!(
        "{install}- run: stageproof smoke http://localhost:8080/ --start 'node app.js'\n"
    ));
    assert_eq!(told(&in_script), Vec::<String>::new());
}

#[test]
fn limits_fit_into_those_around_them() {
    let install = action("command: install");
    let whole = |minutes: &str, rest: &str| {
        job(&format!(
            "    timeout-minutes: {minutes}\n    steps:\n{}",
            indented(&format!("{install}{rest}"), 6)
        ))
    };
    let call = "- run: stageproof heartbeat --timeout 25m -- make\n";
    let good = whole("30", call);
    rule(
        "job-timeout",
        &whole("20", call),
        5,
        "the job ends after 20m, but --timeout in line 10 allows 25m",
        &good,
    );
    let retried = call.replace("--timeout", "--retries 1 --timeout");
    rule("job-timeout", &whole("30", &retried), 5, "allows 50m", &good);
    let step = call.replace("- run", "- timeout-minutes: 10\n  run");
    rule("job-timeout", &whole("30", &step), 10, "the step ends after 10m", &good);
    let smoke = action("command: smoke\nurl: https://h/\nwithin: 8m\nsteady: 3m");
    rule("job-timeout", &whole("10", &smoke), 5, "allows 11m", &good);
    assert_eq!(told(&whole("'${{ inputs.minutes }}'", call)), Vec::<String>::new());
}

#[test]
fn environments_are_named_once() {
    let whole = |first: &str, second: &str| {
        let guard = format!("steps: [{{uses: '{PIN}', with: {{command: skip-guard, require: not-fork}}}}]");
        let one = |name: &str, environment: &str| {
            format!("  {name}:\n    runs-on: ubuntu-latest\n    environment: {environment}\n    {guard}\n")
        };
        format!("on: push\njobs:\n{}{}", one("a", first), one("b", second))
    };
    let good = whole("staging", "production");
    rule(
        "environment",
        &whole("staging", "{name: staging}"),
        9,
        "`a`, `b` name the environment `staging`",
        &good,
    );
    let quiet = whole("staging", "{name: staging, deployment: false}");
    assert_eq!(told(&quiet), Vec::<String>::new());
}

#[test]
fn pins_stay_and_agree() {
    let uses = |reference: &str| format!("- uses: {reference}\n  with: {{command: skip-guard, require: not-fork}}\n");
    let good = steps(&format!("{}{}", uses(PIN), uses(PIN)));
    for reference in [
        "stageproof/stageproof@v1",
        "StageProof/stageproof@main",
        "docker://ghcr.io/stageproof/stageproof:v1",
    ] {
        rule("unpinned", &steps(&uses(reference)), 6, reference, &good);
    }
    let other = PIN.replace("0123", "4567");
    rule(
        "mixed-pins",
        &steps(&format!("{}{}", uses(PIN), uses(&other))),
        8,
        "in line 6",
        &good,
    );
    let called = format!(
        "on: push\njobs:\n  a:\n    uses: {}\n    with: {{deploy: ./x}}\n",
        PIN.replace('@', "/.github/workflows/staging.yml@")
    );
    assert_eq!(told(&called), Vec::<String>::new());
    rule("unpinned", &called.replace("0123", "v"), 4, "is not pinned", &good);
}

#[test]
fn the_workflow_and_the_composite_action_are_judged_by_what_they_take() {
    let staging = PIN.replace('@', "/.github/workflows/staging.yml@");
    let call = |inputs: &str, more: &str| {
        format!("on: push\njobs:\n  a:\n    uses: {staging}\n    with: {{{inputs}}}\n{more}")
    };
    let good = call("deploy: ./x, within: 5m", "    secrets: {DEPLOY_ENV: x}\n");
    for (inputs, more, code, line, says) in [
        (
            "deploy: ./x, witin: 3m",
            "",
            "unknown-input",
            5,
            "did you mean `within`?",
        ),
        ("deploy: ./x, within: 3", "", "bad-value", 5, "no unit"),
        (
            "deploy: ./x, require: 'event:psh'",
            "",
            "bad-value",
            5,
            "did you mean `push`?",
        ),
        ("within: 3m", "", "bad-value", 4, "needs the input `deploy`"),
        (
            "deploy: ./x",
            "    secrets: {DEPLOY_EVN: x}\n",
            "unknown-input",
            6,
            "did you mean `DEPLOY_ENV`?",
        ),
    ] {
        rule(code, &call(inputs, more), line, says, &good);
    }
    let with = |condition: &str| format!("{good}  b:\n    needs: a\n    if: {condition}\n    steps: [{{run: ls}}]\n");
    let compared = with("needs.a.outputs.ready == 'true'");
    rule("not-compared", &with("needs.a.outputs.ready"), 9, "", &compared);
    rule(
        "unknown-output",
        &with("needs.a.outputs.redy == 'true'"),
        9,
        "did you mean `ready`?",
        &compared,
    );
    let prove = |inputs: &str, output: &str| {
        let uses = PIN.replace('@', "/prove@");
        steps(&format!(
            "{WHOLE_CHECKOUT}- id: p\n  uses: {uses}\n  with: {{{inputs}}}\n- run: echo ${{{{ steps.p.outputs.{output} }}}}\n"
        ))
    };
    let good = prove("url: 'https://h/'", "bundle");
    rule(
        "unknown-input",
        &prove("ulr: x", "bundle"),
        10,
        "did you mean `url`?",
        &good,
    );
    rule("bad-value", &prove("within: 3", "bundle"), 10, "no unit", &good);
    rule(
        "unknown-output",
        &prove("url: 'https://h/'", "bundel"),
        11,
        "did you mean `bundle`?",
        &good,
    );
}

#[test]
fn what_is_named_of_stageproof_exists_and_is_in_its_place() {
    let of = |path: &str| PIN.replace('@', &format!("{path}@"));
    let call = |path: &str| {
        let uses = of(path);
        format!("on: push\njobs:\n  a:\n    uses: {uses}\n    with: {{deploy: ./x}}\n")
    };
    let good = call("/.github/workflows/staging.yml");
    for (path, says) in [
        (
            "/.github/workflows/stagin.yml",
            "did you mean `.github/workflows/staging.yml`?",
        ),
        ("/check", "use stageproof/stageproof, "),
        ("", "an action, and a job calls workflows only"),
    ] {
        rule("unknown-part", &call(path), 4, says, &good);
    }
    let step = |path: &str| steps(&format!("{WHOLE_CHECKOUT}- uses: {}\n", of(path)));
    let good = step("/prove");
    for (path, says) in [
        ("/proof", "did you mean `prove`?"),
        ("/.github/workflows/staging.yml", "is a workflow"),
    ] {
        rule("unknown-part", &step(path), 8, says, &good);
    }
    let (name, _) = PIN.split_once('@').unwrap();
    for (text, line) in [
        (good.replace(&of("/prove"), &format!("{name}/prove")), 8),
        (good.replace(&of("/prove"), &format!("{name}/prove@")), 8),
        (
            call("/.github/workflows/staging.yml").replace(&PIN[name.len()..], ""),
            4,
        ),
    ] {
        rule("unknown-part", &text, line, "names no version", &good);
    }
}

#[test]
fn a_job_that_calls_the_workflow_has_what_github_allows_and_what_it_needs() {
    let uses = PIN.replace('@', "/.github/workflows/staging.yml@");
    let call = |more: &str| format!("on: push\njobs:\n  a:\n    uses: {uses}\n{more}    with: {{deploy: ./x}}\n");
    let good = call("    permissions: {contents: read}\n    needs: []\n");
    for (more, code, line, says) in [
        (
            "    environment: staging\n",
            "called-job",
            5,
            "move `environment` to `with`",
        ),
        ("    timeout-minutes: 5\n", "called-job", 5, "remove `timeout-minutes`"),
        (
            "    permissions: {actions: read}\n",
            "permission",
            4,
            "`contents: read`",
        ),
        ("    permissions: {}\n", "permission", 4, "the job `a` lacks"),
    ] {
        rule(code, &call(more), line, says, &good);
    }
}

#[test]
fn composite_actions_are_judged_like_jobs() {
    let action = |inputs: &str| {
        format!("name: x\nruns:\n  using: composite\n  steps:\n    - uses: {PIN}\n      with: {{{inputs}}}\n")
    };
    let good = action("command: skip-guard, require: 'env:A'");
    rule(
        "unknown-input",
        &action("command: skip-guard, require: not-fork, rquire: x"),
        6,
        "did you mean",
        &good,
    );
}

#[test]
fn a_configuration_is_judged_with_its_place() {
    let text = "version: 1\nsmoke:\n  withn: 3s\n";
    let findings = findings_in(".github/stageproof.yml", text);
    assert_eq!(findings.len(), 1);
    let finding = &findings[0];
    assert_eq!((&*finding.code, &*finding.message), ("config", "unknown key `withn`"));
    assert_eq!(finding.location.as_ref().unwrap().line, Some(3));
    assert_eq!(finding.help.as_deref(), Some("did you mean `within`?"));
    assert_eq!(finding.excerpt.as_deref(), Some("  withn: 3s"));
    assert!(findings_in(".github/stageproof.yml", "version: 1\n").is_empty());
    let version = &findings_in(".github/stageproof.yml", "version: 2\n")[0];
    assert!(
        version.message.starts_with("unsupported configuration version 2"),
        "{version:?}"
    );
}

#[test]
fn a_waiver_that_has_expired_is_a_warning_and_one_without_a_reason_is_refused() {
    let of = |reason: &str, until: &str| {
        let text = format!("version: 1\nwaivers:\n  - class: infra\n    reason: {reason}\n    until: {until}\n");
        findings_in(".github/stageproof.yml", &text)
    };
    assert!(of("known", "2999-12-31").is_empty());
    let found = of("known", "2020-01-31");
    let line = found[0].location.as_ref().unwrap().line;
    assert_eq!(
        (found.len(), &*found[0].code, line),
        (1, "waiver-expired", Some(5)),
        "{found:?}"
    );
    assert_eq!(found[0].message, "the waiver `known` expired on 2020-01-31");
    let found = of("' Say why '", "2999-12-31");
    assert!(
        found[0].code == "config" && found[0].message.contains("has no reason"),
        "{found:?}"
    );
}

/// One that can be read, and that every run refuses.
#[test]
fn each_section_of_a_configuration_makes_a_plan() {
    for (text, line, says) in [
        (
            "rollback-dry-run:\n  image: https://x/y\n  tags: v*\n  expect-exit: 999\n",
            3,
            "--tags requires the platform `git`",
        ),
        ("rollback-dry-run:\n  image: https://x/y\n", 2, "--image"),
        (
            "rollback-dry-run:\n  check: ls\n  expect-exit: 999\n",
            3,
            "from 0 to 255",
        ),
        ("smoke:\n  within: 3m\n  url: notaurl\n", 3, "notaurl"),
        ("smoke:\n  # no URL\n  within: 0s\n", 3, "longer than 0s"),
        (
            "smoke:\n  control: https://h/\n  url: https://h/x\n",
            1,
            "fails whenever the probe does",
        ),
        (
            "smoke:\n  url: https://h/\n  probes:\n    - name: a\n      within: 1s\n    - name: b\n      within: 0s\n",
            7,
            "the probe b: --within",
        ),
        ("evidence-bundle:\n  exclude:\n    - 'a['\n", 2, "a["),
        (
            "version: 1\nskip-guard:\n  skipped-job: x\n  max-skips: 0\n",
            4,
            "--max-skips",
        ),
        ("verdict:\n  require: [smoke, 'a/b']\n", 2, "`a/b`"),
        ("foreground-proof:\n  max-gap: 0s\n", 2, "--max-gap"),
        ("version: 1\nenvironment: ' '\n", 2, "must not be empty"),
    ] {
        let found = findings_in(".github/stageproof.yml", text);
        let [finding] = found.as_slice() else {
            panic!("{found:?}\n{text}");
        };
        let place = finding.location.as_ref().and_then(|place| place.line);
        assert_eq!((&*finding.code, place), ("config", Some(line)), "{finding:?}\n{text}");
        assert!(finding.message.contains(says), "{finding:?}\n{text}");
    }
}

#[test]
fn what_a_step_may_still_give_is_not_missed_in_a_configuration() {
    for text in [
        "smoke:\n  within: 3m\n",
        "smoke:\n  version-from: header:X\n",
        "smoke:\n  method: HEAD\n",
        "smoke:\n  bearer-env: TOKEN\n  header-env: ['X-Key: KEY']\n  url: https://h/\n",
        "smoke:\n  url: https://h/\n  ca-file: made-by-a-step.pem\n",
        "smoke:\n  servers: [{name: a, start: node a.js}]\n",
        "smoke:\n  probes:\n    - url: https://h/\n    - path: [/x]\n",
        "rollback-dry-run:\n  expect-exit: 3\n",
        "rollback-dry-run:\n  platform: image\n",
        "rollback-dry-run:\n  to-release: v12\n",
        "skip-guard:\n  skipped-job: deploy\n",
        "skip-guard:\n  strict: true\n",
        "foreground-proof:\n  max-gap: 90s\n",
        "evidence-bundle:\nverdict:\n  strict: true\nenvironment: qa\n",
    ] {
        let found = findings_in(".github/stageproof.yml", text);
        assert!(found.is_empty(), "{found:?}\n{text}");
    }
}

#[test]
fn what_is_no_yaml_is_told_with_its_line() {
    for (text, line, says) in [
        ("on: push\njobs:\n\tone: 1\n", 3, "use spaces"),
        ("on: push\non: push\njobs: {}\n", 2, "duplicate key `on`"),
        ("jobs: [\n", 1, ""),
    ] {
        let found = told(text);
        assert!(
            found[0].starts_with(&format!("yaml:{line}: ")) || says.is_empty(),
            "{found:?}"
        );
        assert!(found[0].contains(says), "{found:?}");
    }
}

#[test]
fn a_finding_can_be_ignored_where_it_is() {
    let text = steps(&action("command: smok"));
    let broken = "command: smok";
    assert_eq!(told(&text).len(), 1);
    let ignored = text.replace(
        broken,
        "command: smok # stageproof: ignore[unknown-command] a test of it",
    );
    assert_eq!(told(&ignored), Vec::<String>::new());
    let other = text.replace(broken, "command: smok # stageproof: ignore[bad-value]");
    assert_eq!(told(&other).len(), 1);
    let tight = text.replace(broken, "command: smok #stageproof:ignore[unknown-command] see #12");
    assert_eq!(told(&tight), Vec::<String>::new());
    let mistyped = text.replace(
        broken,
        "command: smoke\n          url: https://h/ # stageproof: ignore[bad-valu]",
    );
    rule("unknown-code", &mistyped, 9, "did you mean `bad-value`?", &ignored);
}

/// Its text can hold no comment.
#[test]
fn a_finding_in_a_block_is_ignored_at_its_key() {
    let block = |above: &str, behind: &str| {
        steps(&action(&format!(
            "command: skip-guard\n{above}require: |{behind}\n  not-fork\n  event:psh\nmax-skip-age: 1"
        )))
    };
    let codes = |text: &str| told(text).iter().filter(|found| found.contains("psh")).count();
    assert_eq!(codes(&block("", "")), 1);
    let comment = "# stageproof: ignore[bad-value]";
    assert_eq!(codes(&block("", &format!(" {comment}"))), 0);
    let above = told(&block(&format!("{comment}\n"), ""));
    assert!(above.iter().all(|found| !found.contains("psh")), "{above:?}");
    // What follows the block is told all the same.
    assert!(above.iter().any(|found| found.contains("has no unit")), "{above:?}");
}

/// Every code that can be found has a rule, and the other way round.
#[test]
fn the_rules_are_those_that_are_told() {
    let sources = [
        include_str!("config.rs"),
        include_str!("language.rs"),
        include_str!("../../commands/check/mod.rs"),
        include_str!("../../commands/check/scope.rs"),
        include_str!("../../commands/check/interfaces.rs"),
        include_str!("../../commands/check/inspect/callers.rs"),
        include_str!("../../commands/check/inspect/environments.rs"),
        include_str!("../../commands/check/inspect/needs.rs"),
        include_str!("../../commands/check/inspect/order.rs"),
        include_str!("../../commands/check/inspect/outputs.rs"),
        include_str!("../../commands/check/inspect/parts.rs"),
        include_str!("../../commands/check/inspect/pins.rs"),
        include_str!("../../commands/check/findings.rs"),
        include_str!("../../model/capped.rs"),
        include_str!("../../render/sarif.rs"),
    ]
    .concat();
    let unused: BTreeSet<&str> = RULES.all.iter().map(|rule| rule.code).collect();
    let unused: Vec<_> = unused
        .into_iter()
        .filter(|code| !sources.contains(&format!("\"{code}\"")))
        .collect();
    assert!(unused.is_empty(), "{unused:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn never_panics(
        body in "(steps:|  - |uses: |stageproof/stageproof@|with:|command: |smoke|run: |stageproof |heartbeat |needs|if: |outputs|env: |\\$\\{\\{ | \\}\\}|[.:'|>&*\\-\\[\\]{} \n\té])*"
    ) {
        let text = format!("jobs:\n  a:\n    uses: x\n    {body}");
        let folder = std::env::temp_dir();
        let language = CommandLine::new(&World::of(Env::default()), &folder);
        let file = File { path: folder.join("w.yml"), shown: "w.yml".to_owned(), is_config: false, is_named: true };
        let _ = judge(&file, text.as_bytes(), &Surroundings { language: &language, is_own: true });
    }
}
