//! The workflows to copy, the workflow to call and the action for jobs of one's own, run as GitHub runs them, with the very
//! commands and inputs that are written there.

pub mod definition;
mod ended;
mod expression;
mod guide;
mod host;
pub mod runner;
mod steps;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use definition::Workflow;
use ended::Ended;
use runner::Runner;

use crate::servers::answer;

pub const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
pub const DOWN: &str = "HTTP/1.1 503 Oops\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno";
pub const TOKEN: &str = "fo1_VerySecretValue99";
pub const FORK: &str = r#"{"repository":{"fork":true,"full_name":"else/shop"}}"#;

/// A project and its runner.
pub struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    /// Two commits, the first of them a release, and `npm` and `deploy.sh`, which runs these lines.
    pub fn new(deploys: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (repository, tools) = (folder.path().join("repository"), folder.path().join("tools"));
        fs::create_dir(&repository).unwrap();
        fs::create_dir(&tools).unwrap();
        let script = |path: &Path, lines: &str| {
            fs::write(path, format!("#!/bin/sh\n{lines}\n")).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        };
        script(&tools.join("npm"), r#"test "$*" = "run build" && echo built"#);
        script(&repository.join("deploy.sh"), deploys);
        let script = "git init -q -b main . && git config user.name t && git config user.email t@example.com
            git add . && git commit -q -m first && git tag v1.0.0
            echo 2 > app && git add app && git commit -q -m second";
        let output = Command::new("sh")
            .args(["-ec", script])
            .current_dir(&repository)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // Whoever the runner is must find what is in there.
        for folder in [folder.path(), &tools] {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self { folder }
    }

    /// With a configuration.
    pub fn configured(deploys: &str) -> Self {
        let project = Self::new(deploys);
        fs::create_dir(project.path("repository/.github")).unwrap();
        project
    }

    pub fn configure(&self, url: &str, within: &str) {
        let config = format!(
            "version: 1\nskip-guard:\n  require: [not-fork, env:FLY_API_TOKEN]\nsmoke:\n  url: {url}\n  within: {within}\n\
             rollback-dry-run:\n  platform: git\n"
        );
        fs::write(self.path("repository/.github/stageproof.yml"), config).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A push to the main branch of a repository that has everything, deployed to a server that answers so.
    pub fn runner(&self, server: &'static str) -> Runner {
        let url = answer(server);
        // The minutes of the workflows are for real deploys.
        let within = if server == OK { "20s" } else { "300ms" };
        if self.path("repository/.github").exists() {
            self.configure(&url, within);
        }
        let named = |name: &str, value: &str| [(name.to_owned(), value.to_owned())].into();
        Runner {
            event: "push",
            payload: r#"{"repository":{"fork":false,"full_name":"acme/shop"}}"#,
            actor: "ada",
            secrets: named("FLY_API_TOKEN", TOKEN),
            vars: named("STAGING_URL", &url),
            environment_secrets: Default::default(),
            environment_vars: Default::default(),
            repository: self.path("repository"),
            tools: self.path("tools"),
            instead: vec![("https://staging.example.com", url)],
            inputs: vec![("within", within)],
            cancel: None,
            lost: None,
            image: None,
            user: None,
        }
    }
}

/// It deploys, if it is given the secret.
pub const DEPLOYS: &str =
    r#"test "$*" = staging && test "$FLY_API_TOKEN" = fo1_VerySecretValue99 && echo "with $FLY_API_TOKEN""#;

fn run(file: &str, deploys: &str, server: &'static str, change: impl FnOnce(&mut Runner)) -> Ended {
    let project = Project::new(deploys);
    let mut runner = project.runner(server);
    change(&mut runner);
    runner.run(&example(file))
}

pub fn example(file: &str) -> Workflow {
    definition::read(&format!("examples/workflows/{file}"))
}

/// The workflow of a caller who needs more than the example.
fn call(with: &str, project: &Project, change: impl FnOnce(&mut Runner)) -> Ended {
    let text = format!(
        "name: staging\non: push\njobs:\n  staging:\n    uses: stageproof/stageproof/.github/workflows/staging.yml@x\n{with}"
    );
    let mut runner = project.runner(OK);
    change(&mut runner);
    runner.run(&serde_yaml::from_str(&text).unwrap())
}

#[track_caller]
fn outputs<'a>(ended: &'a Ended, job: &str) -> [&'a str; 3] {
    ["ready", "verdict", "bundle-sha256"].map(|name| &*ended.outputs[job][name])
}

#[test]
fn the_called_workflow_deploys_and_proves_it() {
    let ended = run("staging.yml", DEPLOYS, OK, |_| {});
    ended.is("staging", "success").is("staging/staging/Deploy", "success");
    assert_eq!(outputs(&ended, "staging"), ["true", "pass", &ended.evidence()]);
    // One job names it: one deployment, one review.
    assert_eq!(ended.deployments, ["staging"]);
    let log = fs::read_to_string(ended.workspace().join("artifacts/staging/77/logs/deploy.log")).unwrap();
    assert_eq!(log, "with ***\n");
    ended.hides(TOKEN);
}

#[test]
fn who_gets_no_secrets_is_skipped_before_any_environment_and_told_why() {
    let pull_request = r#"{"repository":{"fork":false,"full_name":"acme/shop"},
        "pull_request":{"base":{"repo":{"full_name":"acme/shop"}},"head":{"repo":{"fork":true,"full_name":"mallory/shop"}}}}"#;
    for (event, payload, actor, why) in [
        ("push", FORK, "ada", "which is a fork"),
        ("pull_request", pull_request, "mallory", "fork mallory/shop"),
        (
            "push",
            r#"{"repository":{"fork":false}}"#,
            "dependabot[bot]",
            "Dependabot",
        ),
    ] {
        let ended = run("staging.yml", DEPLOYS, OK, |runner| {
            (runner.event, runner.payload, runner.actor) = (event, payload, actor);
            runner.secrets.clear();
        });
        ended
            .is("staging", "success")
            .is("staging/staging", "skipped")
            .says("::notice title=Skipped");
        assert_eq!(outputs(&ended, "staging"), ["false", "skip", ""]);
        assert!(ended.outputs["staging"]["reason"].contains(why), "{:?}", ended.outputs);
        assert!(ended.deployments.is_empty() && ended.uploaded().is_empty());
    }
}

#[test]
fn without_the_secret_it_is_skipped_and_a_person_who_asked_for_it_is_told() {
    for (event, result, verdict) in [("push", "success", "skip"), ("workflow_dispatch", "failure", "fail")] {
        let ended = run("staging.yml", DEPLOYS, OK, |runner| {
            (runner.event, runner.secrets) = (event, Default::default());
        });
        ended.is("staging", result).is("staging/staging", "skipped");
        ended.says("FLY_API_TOKEN is not set or empty");
        assert_eq!(outputs(&ended, "staging"), ["false", verdict, ""]);
    }
}

#[test]
fn a_deploy_that_failed_is_no_pass_whatever_answers() {
    let ended = run("staging.yml", "exit 3", OK, |_| {});
    ended.is("staging", "failure").is("staging/staging/Deploy", "failure");
    ended
        .is("staging/staging/Smoke", "success")
        .is("staging/staging/Verdict", "failure");
    assert_eq!(outputs(&ended, "staging"), ["true", "fail", &ended.evidence()]);
}

#[test]
fn what_does_not_answer_is_sealed_too() {
    let ended = run("staging.yml", DEPLOYS, DOWN, |_| {});
    ended.is("staging", "failure").is("staging/staging/Smoke", "failure");
    ended.is("staging/staging/Rollback rehearsal", "success");
    assert_eq!(outputs(&ended, "staging"), ["true", "fail", &ended.evidence()]);
}

#[test]
fn a_cancelled_deploy_ends_and_its_evidence_is_kept() {
    let deploys = "touch begun; sleep 1; touch ended";
    let ended = run("staging.yml", deploys, OK, |runner| {
        runner.cancel = Some(("Deploy", "begun"));
    });
    ended
        .is("staging", "cancelled")
        .is("staging/staging/Smoke", "skipped")
        .says("SIGINT");
    assert!(
        ended.workspace().join("ended").exists(),
        "half a deploy\n{}",
        ended.said
    );
    assert_eq!(outputs(&ended, "staging"), ["true", "fail", &ended.evidence()]);
}

/// The guard's pass is not the deploy's.
#[test]
fn a_deploy_of_which_nothing_is_known_is_no_pass() {
    for (lost, ready) in [("staging/staging", "true"), ("staging/guard", "")] {
        let ended = run("staging.yml", DEPLOYS, OK, |runner| runner.lost = Some(lost));
        ended.is("staging", "failure").is(lost, "failure");
        assert_eq!(outputs(&ended, "staging"), [ready, "inconclusive", ""]);
        assert_eq!(
            ended.outputs["staging"]["reason"],
            "the job that deploys left no verdict"
        );
    }
}

/// Secrets of several lines, a project in a folder, a rollback that git does not prove.
#[test]
fn a_caller_gives_a_folder_and_a_check_of_its_own() {
    let project = Project::new("");
    fs::create_dir(project.path("repository/web")).unwrap();
    let with = "    with:
      deploy: |
        test \"$(printf '%s' \"$KEY\" | wc -l)\" = 1
        echo \"$KEY\" | sed s/x/y/ > key
      working-directory: web
      url: ${{ vars.STAGING_URL }}
      rollback-check: sh -c 'test -n \"$KEY\" && test -f key'
      rollback-command: ./deploy.sh previous
    secrets:
      DEPLOY_ENV: |
        KEY<<END
        ${{ secrets.KEY }}
        END
";
    let ended = call(with, &project, |runner| {
        runner.secrets = [("KEY".to_owned(), "first-line-x\nsecond-line".to_owned())].into();
    });
    assert_eq!(
        outputs(&ended, "staging"),
        ["true", "pass", &ended.evidence()],
        "{}",
        ended.said
    );
    let report = fs::read_to_string(
        ended
            .workspace()
            .join("artifacts/staging/77/reports/rollback-dry-run.json"),
    )
    .unwrap();
    assert!(report.contains("./deploy.sh previous"), "{report}");
    ended.hides("second-line");
}

#[test]
fn what_only_the_environment_holds_is_there_after_its_review_or_it_fails() {
    let with = "    with: {deploy: ./deploy.sh staging}
    secrets: {DEPLOY_ENV: \"${{ secrets.DEPLOY_ENV }}\"}
";
    let project = Project::new(DEPLOYS);
    let ended = call(with, &project, |runner| {
        runner.environment_secrets = [("DEPLOY_ENV".to_owned(), format!("FLY_API_TOKEN={TOKEN}"))].into();
        runner.environment_vars = std::mem::take(&mut runner.vars);
    });
    assert_eq!(
        outputs(&ended, "staging"),
        ["true", "pass", &ended.evidence()],
        "{}",
        ended.said
    );
    let ended = call(with, &project, |runner| runner.vars.clear());
    ended
        .is("staging", "failure")
        .is("staging/staging/Guard", "failure")
        .is("staging/staging/Deploy", "skipped");
    ended.says("STAGING_URL is not set or empty");
    ended.says("DEPLOY_ENV is empty: it holds no variables");
    let ended = call(with, &project, |runner| {
        runner.environment_secrets = [("DEPLOY_ENV".to_owned(), "FLY_API_TOKEN=".to_owned())].into();
    });
    ended
        .is("staging/guard", "success")
        .is("staging/staging/Guard", "failure")
        .says("FLY_API_TOKEN is not set or empty");
}

#[test]
fn the_configuration_may_name_the_url() {
    let with = "    with: {deploy: 'true', environment: production}\n";
    let ended = call(with, &Project::configured(""), |runner| runner.vars.clear());
    assert_eq!(
        outputs(&ended, "staging"),
        ["true", "pass", &ended.evidence()],
        "{}",
        ended.said
    );
    assert_eq!(ended.deployments, ["production"]);
}

#[test]
fn two_deployments_of_one_run_have_labels() {
    let called = "    uses: stageproof/stageproof/.github/workflows/staging.yml@x\n";
    let with =
        format!("    with: {{deploy: 'true', label: api}}\n  web:\n{called}    with: {{deploy: 'true', label: web}}\n");
    let ended = call(&with, &Project::new(""), |_| {});
    let names: Vec<String> = ended.uploaded().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["evidence-api-77-1", "evidence-web-77-1"]);
    assert_eq!(
        (outputs(&ended, "staging")[1], outputs(&ended, "web")[1]),
        ("pass", "pass")
    );
}

#[test]
fn prove_follows_a_deploy_of_ones_own_whatever_became_of_it() {
    for (deploys, server, [job, smoke, proved]) in [
        (DEPLOYS, OK, ["success"; 3]),
        ("exit 3", OK, ["failure", "success", "success"]),
        (DEPLOYS, DOWN, ["failure", "failure", "failure"]),
    ] {
        let ended = run("prove.yml", deploys, server, |_| {});
        ended
            .is("deploy", job)
            .is("deploy/Prove/Smoke", smoke)
            .is("deploy/Prove", proved);
        ended
            .is("deploy/Prove/Rollback rehearsal", "success")
            .is("deploy/Prove/Evidence", "success");
        ended.evidence();
    }
}

#[test]
fn what_was_cancelled_is_not_probed() {
    let ended = run(
        "deploy-staging.yml",
        "touch begun; sleep 1; touch ended",
        OK,
        |runner| {
            runner.cancel = Some(("Deploy", "begun"));
        },
    );
    ended
        .is("deploy", "cancelled")
        .is("deploy/Prove/Smoke", "skipped")
        .is("deploy/Prove/Verdict", "failure");
    assert!(
        ended.workspace().join("ended").exists(),
        "half a deploy\n{}",
        ended.said
    );
    ended.evidence();
}

#[test]
fn jobs_of_ones_own_require_what_ran_in_them() {
    for (deploys, result, verdict) in [(DEPLOYS, "success", "SUCCESS"), ("exit 3", "failure", "FAILED")] {
        let ended = run("deploy-staging.yml", deploys, OK, |_| {});
        ended.is("guard", "success").is("deploy", result);
        let said = fs::read_to_string(ended.workspace().join("artifacts/staging/77/verdict.md")).unwrap();
        assert!(said.contains(verdict), "{said}");
        ended.evidence();
    }
    let ended = run("deploy-staging.yml", DEPLOYS, OK, |runner| {
        (runner.payload, runner.secrets) = (FORK, Default::default());
    });
    ended.is("guard", "success").is("deploy", "skipped");
}

#[test]
fn the_first_workflows_pass_fail_and_skip() {
    run("smoke.yml", "", OK, |_| {}).is("smoke", "success");
    let ended = run("smoke.yml", "", DOWN, |_| {});
    ended.is("smoke", "failure");
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    assert_eq!(ended.uploaded()[0].0, format!("{today}-prove-1"));
    for (server, secret, result, verdict) in [
        (OK, true, "success", "Verdict: pass"),
        (OK, false, "success", "Verdict: skip"),
        (DOWN, true, "failure", "Verdict: fail"),
    ] {
        let project = Project::configured("");
        let mut runner = project.runner(server);
        if !secret {
            runner.secrets.clear();
        }
        let ended = runner.run(&example("rehearse.yml"));
        ended.is("rehearse", result).says(verdict);
        ended.evidence();
    }
}
