//! Which runs are diagnosed.

use serde_json::json;

use super::{facts, mock};
use crate::diagnose::RED;
use crate::gate::Gate;
use crate::github::mock::{Mock, REPOSITORY, SIGNATURE, TOKEN, Trouble};

#[test]
fn the_failed_jobs_of_a_run_are_diagnosed_and_the_token_stays_with_the_api() {
    let mock = mock();
    let gate = mock.gate();
    gate.run(["diagnose", "--run=5", "--verbose"])
        .code(1)
        .says("missing-secret: The variable DEPLOY_TOKEN is not set")
        .says("`Run ./deploy.sh staging` failed (job deploy (a) and 1 more)")
        .says("also the cause in job deploy (b)")
        .says("/actions/runs/5/job/11")
        .never_says(SIGNATURE)
        .never_says(TOKEN);
    mock.was_asked_properly();
    assert!(
        !mock.asked().iter().any(|path| path.ends_with("/jobs/10/logs")),
        "{:?}",
        mock.asked()
    );
}

#[test]
fn an_address_names_the_repository_the_job_and_the_attempt() {
    let mock = mock().job_of_attempt(5, 2, 21, "deploy (a)", "success");
    let gate = mock.gate().env("GITHUB_REPOSITORY", "other/repository");
    let run = format!("https://github.com/{REPOSITORY}/actions/runs/5");
    gate.run(["diagnose", &format!("--run={run}")])
        .code(1)
        .says("(job deploy (b))")
        .never_says("job deploy (a)");
    gate.run(["diagnose", &format!("--run={run}/attempts/1")])
        .code(1)
        .says("(job deploy (a) and 1 more)");
    gate.run(["diagnose", &format!("--run={run}/job/10")])
        .code(0)
        .says("Job 10 of run 5 did not fail");
    for (what, says) in [
        ("job/999", "run 5 has no job 999"),
        ("attempts/7", "run 5 has no attempt 7"),
    ] {
        gate.run(["diagnose", &format!("--run={run}/{what}")])
            .code(4)
            .says(says);
    }
    let old = run.replace(REPOSITORY, "acme/old-name");
    gate.run(["diagnose", &format!("--run={old}")])
        .code(1)
        .says("(job deploy (b))");
    for (odd, says) in [
        ("x", "is no run"),
        ("https://evil.example/acme/shop/actions/runs/5", "is on another server"),
        ("https://github.com/acme/shop/pull/5", "is no run"),
    ] {
        gate.run(["diagnose", &format!("--run={odd}")]).code(2).says(says);
    }
    mock.was_asked_properly();
}

#[test]
fn the_newest_failed_runs_are_found_and_those_with_one_cause_are_one() {
    let mock = mock()
        .workflow(901, "Nightly", ".github/workflows/nightly.yml")
        .failed(6, 50)
        .job(6, 20, "deploy (a)", "failure")
        .log(20, Some(RED))
        .failed(7, 3)
        .run_with(7, json!({"workflow_id": 901, "path": ".github/workflows/nightly.yml", "head_branch": "next", "conclusion": "timed_out"}))
        .job(7, 30, "nightly", "timed_out")
        .log(30, Some(&RED.replace("DEPLOY_TOKEN: unbound", "OTHER_TOKEN: unbound")))
        .run(8, 51, "completed", 0);
    let gate = mock.gate();
    gate.run(["diagnose", "--last=3"])
        .code(1)
        .says("Found 3 failed runs")
        .says("OTHER_TOKEN")
        .says("(job nightly of nightly.yml, run 7)")
        .says("(job deploy (a) of staging.yml, run 6 and 2 more)");
    let links = facts(&gate, 1, "job");
    assert_eq!(links.len(), 3, "{links:?}");
    assert!(links[2].contains("/runs/5/job/12"), "{links:?}");
    mock.was_asked_properly();
    let gate = mock.gate();
    for (args, says) in [
        (vec!["--workflow=staging.yml"], "(job deploy (a))"),
        (vec!["--workflow=Nightly"], "(job nightly)"),
        (vec!["--branch=main"], "also failed and were not diagnosed"),
        (
            vec!["--sha=0000000000000000000000000000000000000006"],
            "Found 1 failed run of commit 0000000000000000000000000000000000000006",
        ),
        (
            vec!["--workflow=nightly.yml", "--branch=main"],
            "No run of nightly.yml on main failed",
        ),
    ] {
        let code = i32::from(!says.starts_with("No run"));
        gate.run(["diagnose", "--verbose"].into_iter().chain(args))
            .code(code)
            .says(says);
    }
    mock.was_asked_properly();
    gate.run(["diagnose", "--workflow=stagin.yml"])
        .code(4)
        .says("no workflow `stagin.yml`");
    for (args, says) in [
        (["--last=0"], "--last 0 is not between 1 and 20"),
        (["--last=21"], "--last 21"),
        (["--sha=abc"], "not the full hash"),
    ] {
        gate.run(["diagnose"].into_iter().chain(args)).code(2).says(says);
    }
}

#[test]
fn no_failed_job_is_overlooked() {
    // A matrix whose jobs share a name.
    let mock = Mock::new()
        .failed(5, 49)
        .job(5, 11, "test", "success")
        .job(5, 12, "test", "failure")
        .log(12, Some(RED));
    mock.gate().run(["diagnose", "--run=5"]).code(1).says("missing-secret");
    let mock = Mock::new().failed(5, 49).job(5, 11, "test", "success");
    mock.gate()
        .run(["diagnose", "--run=5"])
        .code(4)
        .says("run 5 ended with `failure`, but no job that GitHub lists failed");
    let mock = Mock::new()
        .failed(5, 49)
        .run_with(5, json!({"conclusion": "startup_failure"}));
    mock.gate()
        .run(["diagnose", "--last=1"])
        .code(1)
        .says("GitHub started no job (startup_failure)");
}

#[test]
fn a_run_is_diagnosed_once_and_at_most_twenty_are() {
    let mock = mock();
    let address = format!("--run=https://github.com/{}/actions/runs/5", REPOSITORY.to_uppercase());
    let gate = mock.gate();
    gate.run(["diagnose", "--run=5", &address, "--last=1"]).code(1);
    assert_eq!(facts(&gate, 1, "job").len(), 2);
    let many: Vec<String> = (1000..1021).map(|id| format!("--run={id}")).collect();
    gate.run(["diagnose"].into_iter().chain(many.iter().map(String::as_str)))
        .code(4)
        .says("21 runs were found; the others are left out")
        .says("run 1019")
        .never_says("run 1020");
}

/// A later job with `if: failure()`, and a workflow that another one starts.
#[test]
fn the_current_run_is_diagnosed_without_its_own_job() {
    let mock = Mock::new()
        .job(77, 11, "deploy", "failure")
        .job(77, 12, "diagnose", "running")
        .log(11, Some(RED));
    mock.gate()
        .run(["diagnose"])
        .code(1)
        .says("missing-secret")
        .never_says("the run has not ended");
    mock.was_asked_properly();
    let mock = mock.job(77, 13, "smoke", "running");
    mock.gate().run(["diagnose"]).code(1).says("the run has not ended");
    let mock = mock.failed(5, 49).job(5, 31, "release", "failure").log(31, Some(RED));
    let payload = r#"{"workflow_run":{"id":5,"head_repository":{"full_name":"acme/shop"}},"repository":{"full_name":"acme/shop"}}"#;
    let gate = mock.gate().on_runner("workflow_run", payload);
    gate.run(["diagnose"]).code(1).says("(job release)");
    mock.gate_without_token()
        .run(["diagnose"])
        .code(4)
        .says("GITHUB_TOKEN is not set");
}

/// On a laptop, the repository is that of the clone.
#[test]
fn the_repository_is_the_one_that_was_cloned() {
    let mock = mock();
    let gate = Gate::new().env("GITHUB_API_URL", &mock.url).env("GITHUB_TOKEN", TOKEN);
    let git = |args: &[&str]| {
        let mut git = std::process::Command::new("git");
        let ran = git.args(args).current_dir(gate.root()).status();
        assert!(ran.unwrap().success());
    };
    let last = || gate.run(["diagnose", "--last=1"]);
    last()
        .code(4)
        .says("the repository at GitHub is not known")
        .says("run it in a clone of the repository, or name a run by its address");
    git(&["init", "--quiet"]);
    last().code(4).says("the remote `origin` of this clone is not set");
    git(&["remote", "add", "origin", "git@git.acme.example:acme/shop.git"]);
    last()
        .code(4)
        .says("`origin` of this clone is at git.acme.example, not at github.com")
        .says("GITHUB_API_URL=https://git.acme.example/api/v3");
    git(&["remote", "set-url", "origin", "git@github.com:acme/shop.git"]);
    last().code(1).says("missing-secret");
    // On no branch.
    git(&[
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b.example",
        "commit",
        "--quiet",
        "--allow-empty",
        "--message=x",
    ]);
    git(&["checkout", "--quiet", "--detach"]);
    last().code(1).says("missing-secret");
    mock.was_asked_properly();
    gate.run_with(&[("GITHUB_TOKEN", "")], "", ["diagnose", "--last=1"])
        .code(4)
        .says("export GITHUB_TOKEN=$(gh auth token)");
}

/// The token of one server is not for another.
#[test]
fn another_server_needs_its_own_address_of_the_api() {
    let gate = Gate::new().env("GITHUB_TOKEN", TOKEN);
    let run = "--run=https://git.acme.example/acme/shop/actions/runs/5";
    gate.run(["diagnose", run])
        .code(2)
        .says("is on another server")
        .says("set GITHUB_SERVER_URL=https://git.acme.example and GITHUB_API_URL=https://git.acme.example/api/v3");
    gate.run_with(
        &[("GITHUB_SERVER_URL", "https://git.acme.example")],
        "",
        ["diagnose", run],
    )
    .code(4)
    .says("GITHUB_SERVER_URL names git.acme.example, but GITHUB_API_URL is not set")
    .says("https://git.acme.example/api/v3");
}

/// GitHub Enterprise Cloud with data residency, and GitHub Enterprise Server.
#[test]
fn a_run_of_github_enterprise_is_named_and_linked_by_its_address() {
    for (server, api) in [("https://octo.ghe.com", ""), ("https://git.acme.example", "/api/v3")] {
        let run = format!("{server}/{REPOSITORY}/actions/runs/5");
        let job = format!("{run}/job/11");
        let mock = Mock::new()
            .failed(5, 49)
            .run_with(5, json!({"html_url": run}))
            .job(5, 11, "deploy", "failure")
            .job_with(11, json!({"html_url": job}))
            .steps(11, &[("Run ./deploy.sh staging", "failure", "2026-07-30T10:33:38Z")])
            .log(11, Some(RED));
        let gate = mock
            .gate()
            .env("GITHUB_SERVER_URL", server)
            .env("GITHUB_API_URL", &format!("{}{api}", mock.url));
        for given in [&run, &job, &format!("{run}/attempts/1")] {
            gate.run(["diagnose", &format!("--run={given}")])
                .code(1)
                .says("missing-secret: The variable DEPLOY_TOKEN is not set");
            assert_eq!(facts(&gate, 0, "job"), [format!("{job}#step:1:8")]);
        }
        // The same number is another run there.
        gate.run(["diagnose", "--run=https://github.com/acme/shop/actions/runs/5"])
            .code(2)
            .says("is on another server")
            .says("to ask github.com, unset GITHUB_SERVER_URL and GITHUB_API_URL");
        mock.was_asked_properly();
    }
    Gate::new()
        .run(["diagnose", "--run=https://octo.ghe.com/acme/shop/actions/runs/5"])
        .code(2)
        .says("set GITHUB_SERVER_URL=https://octo.ghe.com and GITHUB_API_URL=https://api.octo.ghe.com");
}

#[test]
fn too_many_jobs_are_left_out_and_a_rate_limit_is_waited_for() {
    let many = (200..330).fold(Mock::new().failed(5, 49), |mock, id| {
        mock.job(5, id, &format!("matrix ({id})"), "failure").log(id, Some(RED))
    });
    let mock = many.troubles([Trouble::RateLimit(1), Trouble::SecondaryLimit(Some(1))]);
    let gate = mock.gate();
    gate.run(["diagnose", "--run=5"])
        .code(1)
        .says("The failed jobs of run 5 were read")
        .says("110 more jobs failed and were not diagnosed")
        .says("and 19 more");
    mock.was_asked_properly();
    let mock = Mock::new().failed(5, 49).troubles([Trouble::RateLimit(3600)]);
    mock.gate()
        .run(["diagnose", "--run=5"])
        .code(4)
        .says("rate limit is exhausted until");
}

#[test]
fn jobs_on_later_pages_are_found() {
    let many = (100..180).fold(mock(), |mock, id| mock.job(5, id, &format!("matrix ({id})"), "success"));
    let mock = many.pages_of(30);
    mock.gate().run(["diagnose", "--run=5"]).code(1).says("missing-secret");
    mock.was_asked_properly();
}
