//! Workflows that are red, and what becomes of them with the patch.

use stageproof::model::workflow::patch::{At, Change, patch};

use super::PATH;
use super::cases::pin;
use crate::workflow::definition::Workflow;
use crate::workflow::runner::Runner;
use crate::workflow::{DEPLOYS, OK, Project};

fn read(text: &str) -> Workflow {
    serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn patched(text: &str, change: &Change) -> String {
    patch(text.as_bytes(), PATH, change).unwrap().text
}

#[test]
fn a_guard_makes_a_skip_of_a_missing_secret() {
    let text = "name: deploy\non: push\njobs:\n  deploy:\n    runs-on: ubuntu-latest\n    steps:\n      - name: Check out\n        \
                uses: actions/checkout@v4\n      - name: Deploy\n        env:\n          FLY_API_TOKEN: ${{ secrets.FLY_API_TOKEN }}\n        \
                run: ./deploy.sh staging\n      - name: Report\n        if: failure()\n        run: echo failed\n  smoke:\n    needs: deploy\n    \
                runs-on: ubuntu-latest\n    steps:\n      - name: Smoke\n        run: echo smoked\n";
    let change = Change::SkipGuard {
        at: At::step("deploy", 1),
        names: vec!["FLY_API_TOKEN".to_owned()],
        pin: pin(),
    };
    let new = patched(text, &change);
    let run = |text: &str, change: fn(&mut Runner)| {
        let project = Project::new(DEPLOYS);
        let mut runner = project.runner(OK);
        change(&mut runner);
        runner.run(&read(text))
    };
    let without = |runner: &mut Runner| runner.secrets.clear();
    run(text, without)
        .is("deploy/Deploy", "failure")
        .is("deploy/Report", "success");
    run(&new, without)
        .is("deploy/Guard", "success")
        .says("FLY_API_TOKEN is not set or empty")
        .is("deploy/Deploy", "skipped")
        .is("deploy/Report", "skipped")
        .is("deploy", "success")
        .is("smoke", "skipped");
    run(&new, |_| {})
        .is("deploy/Deploy", "success")
        .is("deploy/Report", "skipped")
        .is("smoke/Smoke", "success");
    // What fails for another reason is still a failure.
    let project = Project::new("exit 1");
    project
        .runner(OK)
        .run(&read(&new))
        .is("deploy/Deploy", "failure")
        .is("deploy/Report", "success");
}

#[test]
fn a_retry_runs_the_script_again() {
    let text = "name: test\non: push\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n      - name: Download\n        \
                run: |\n          echo tried >>tries\n          test \"$(wc -l <tries)\" = 2\n          echo 'it is there'\n";
    let change = Change::Retry {
        at: At::step("test", 0),
        retries: 2,
        pin: pin(),
    };
    let new = patched(text, &change);
    let run = |text: &str| Project::new(DEPLOYS).runner(OK).run(&read(text));
    run(text).is("test/Download", "failure");
    assert!(new.contains("--retry-wait 10s"), "{new}");
    run(&new.replace("--retry-wait 10s", "--retry-wait 10ms"))
        .is("test/Install stageproof", "success")
        .is("test/Download", "success")
        .says("it is there");
    // A script that always fails still fails.
    run(&new
        .replace("--retry-wait 10s", "--retry-wait 10ms")
        .replace("= 2", "= 9"))
    .is("test/Download", "failure");
}
