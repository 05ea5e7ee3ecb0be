//! The previous version is started and asked.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use crate::registry::Registry;
use crate::repo::{Repo, Told};
use crate::servers::{eventually, free_port, runs};

/// Answers what is in `app`, after telling what it was given.
const SERVER: &str = "
import http.server, os, sys
print('I am', open('app').read(), 'in', os.path.basename(os.getcwd()), flush=True)
print('given', ' '.join(sorted(os.environ)), flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = open('app').read().encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
";

struct Shop {
    repo: Repo,
    port: u16,
}

impl Shop {
    /// v1 is `server`, and HEAD answers something else.
    fn of(server: &str) -> Self {
        let repo = Repo::empty();
        let port = free_port();
        repo.gate.write("server.py", server);
        repo.gate.write(
            ".github/stageproof.yml",
            format!("smoke:\n  url: http://127.0.0.1:{port}/\n  expect-body: ^one$\n  expect-version: two\n  within: 5s\n  interval: 50ms\n"),
        );
        repo.commit("app", "one");
        repo.git(&["tag", "v1"]);
        repo.commit("app", "two");
        Self { repo, port }
    }

    fn command(&self) -> String {
        format!("python3 server.py {}", self.port)
    }

    fn rehearse(&self, more: &[&str], env: &[(&str, &str)]) -> Told {
        let command = self.command();
        let args = [&["--rehearse", &*command], more].concat();
        let told = self.repo.dry_run_with(self.repo.root(), &args, env);
        assert!(!runs(&command), "it still runs");
        told
    }

    fn log(&self) -> String {
        let log = self.repo.outside("evidence").join("logs/server-previous.log");
        fs::read_to_string(&log).unwrap_or_else(|error| panic!("{}: {error}", log.display()))
    }
}

fn rehearsed(told: &Told) -> serde_json::Value {
    let checks = told.report["checks"]
        .as_array()
        .unwrap_or_else(|| panic!("{}", told.text));
    checks
        .iter()
        .find(|check| check["id"] == "rollback:rehearsed")
        .unwrap()
        .clone()
}

#[test]
fn the_previous_version_is_started_from_its_own_files_and_answers() {
    let shop = Shop::of(SERVER);
    let told = shop.rehearse(&[], &[]);
    told.is(
        0,
        &["the previous version was started here and answered as smoke expects"],
    );
    assert_eq!(told.report["verdict"], "pass");
    assert_eq!(
        rehearsed(&told)["title"],
        "The previous version was started and answered"
    );
    let facts = rehearsed(&told)["facts"].to_string();
    assert!(
        facts.contains("server-previous.log") && facts.contains("answers 200"),
        "{facts}"
    );
    assert!(!told.notes().contains("it was not run"), "{}", told.notes());
    assert!(
        told.notes()
            .contains("`expect-version` of smoke is that of the current one")
    );
    assert!(
        shop.log().contains("I am one in .stageproof-scratch-"),
        "{}",
        shop.log()
    );
}

#[test]
fn it_runs_in_the_folder_of_the_release_that_corresponds() {
    let repo = Repo::empty();
    let port = free_port();
    let command = format!("python3 server.py {port}");
    let config =
        format!("smoke:\n  url: http://127.0.0.1:{port}/\n  expect-body: ^one$\n  within: 5s\n  interval: 50ms\n");
    repo.gate.write("shop/server.py", SERVER);
    repo.gate.write("shop/.github/stageproof.yml", config);
    repo.commit("shop/app", "one");
    repo.git(&["tag", "v1"]);
    repo.gate.write("new/app", "two");
    repo.commit("shop/app", "two");
    let told = repo.dry_run_in(&repo.root().join("shop"), &["--rehearse", &command]);
    told.is(0, &["answers 200"]);
    let config = repo.root().join("shop/.github/stageproof.yml");
    let told = repo.dry_run_in(
        &repo.root().join("new"),
        &["--rehearse", &command, "--config", config.to_str().unwrap()],
    );
    told.is(4, &["the previous version has no folder `new`"]);
}

#[test]
fn what_could_reach_the_platform_is_not_in_its_environment() {
    let shop = Shop::of(SERVER);
    let secrets = [
        ("GITHUB_TOKEN", "ghs_000000000000"),
        ("FLY_API_TOKEN", "fo1_000000000000"),
        ("AWS_SECRET_ACCESS_KEY", "aws-000000000000"),
        ("AWS_REGION", "eu-west-1"),
        ("KUBECONFIG", "/nowhere/config"),
        ("HEROKU_API_KEY", "heroku-000000000"),
        ("VERCEL_TOKEN", "vercel-000000000"),
        ("CLOUDFLARE_API_TOKEN", "cloudflare-00000"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key"),
        ("ACTIONS_RUNTIME_TOKEN", "actions-00000000"),
        ("MY_TOKEN", "mine-00000000000"),
        ("PLAIN", "plain"),
    ];
    let args = ["--github-token-env=MY_TOKEN", "--rehearse-env=AWS_REGION"];
    shop.rehearse(&args, &secrets).is(0, &[]);
    let log = shop.log();
    let given = log.lines().find(|line| line.starts_with("given ")).unwrap();
    let given: Vec<&str> = given.split(' ').collect();
    assert!(given.contains(&"PLAIN") && given.contains(&"PATH"), "{log}");
    for (name, _) in secrets.into_iter().filter(|(name, _)| *name != "PLAIN") {
        assert_eq!(given.contains(&name), name == "AWS_REGION", "{name}: {log}");
    }
    // What came in one variable did not come for the previous version.
    let all = [("ALL_SECRETS", "DATABASE_URL=postgres://u:secret-pw@db/shop")];
    shop.rehearse(&["--env-from=ALL_SECRETS"], &all).is(0, &[]);
    assert!(!shop.log().contains("DATABASE_URL"), "{}", shop.log());
    shop.rehearse(&["--env-from=ALL_SECRETS", "--rehearse-env=DATABASE_URL"], &all)
        .is(0, &[]);
    assert!(shop.log().contains("DATABASE_URL"), "{}", shop.log());
}

#[test]
fn a_previous_version_that_does_not_come_up_is_a_failure_with_its_last_words() {
    let broken = Shop::of("import sys\nsys.exit('no module named shop')");
    let told = broken.rehearse(&[], &[]);
    told.is(1, &["exited with code 1", "no module named shop"]);
    assert_eq!(told.output("command"), "", "an unproved command is no output");
    assert_eq!(told.codes(), ["process-exit"], "it is told once");
    let silent = Shop::of("import time\ntime.sleep(60)");
    silent
        .rehearse(&[], &[])
        .is(1, &["The previous version was started and answered", "refused"]);
    let other = Shop::of(&SERVER.replace("200", "500"));
    other.rehearse(&[], &[]).is(1, &["answered 500, expected 200"]);
    let shop = Shop::of(SERVER);
    let told = shop.repo.dry_run(&["--rehearse=no-such-program"]);
    told.is(1, &["`no-such-program` is not installed"]);
}

#[test]
fn what_it_leaves_behind_is_ended_and_what_it_writes_removed() {
    let behind = "
import subprocess
open('built', 'w').write('x')
subprocess.Popen(['setsid', 'sleep', '4242011'])
";
    let shop = Shop::of(&format!("{behind}{SERVER}"));
    shop.rehearse(&[], &[]).is(0, &[]);
    assert!(!runs("sleep 4242011"), "its child still runs");
}

#[test]
fn asked_to_stop_half_way_nothing_is_left() {
    let shop = Shop::of("import subprocess\nsubprocess.run(['sleep', '4242012'])");
    let command = shop.command();
    let mut child = shop
        .repo
        .command(shop.repo.root(), &["--rehearse", &command])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually("it runs", || runs("sleep 4242012"));
    let kill = std::process::Command::new("kill").arg(child.id().to_string()).status();
    assert!(kill.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(4));
    assert!(!runs("sleep 4242012") && !runs(&command));
    assert_eq!(fs::read_dir(shop.repo.temp()).unwrap().count(), 0);
}

#[test]
fn an_image_is_started_by_the_command_with_its_digest() {
    let Some(registry) = Registry::start(false) else { return };
    let (digest, _) = registry.push("shop:v1", "one", &["linux/amd64"]);
    let repo = Repo::none();
    let port = free_port();
    // What docker does, as far as it matters here.
    let docker = format!(
        "#!/bin/sh\necho \"run $3\"\nprintf one > \"$RUNNER_TEMP/../app\"\ncd \"$RUNNER_TEMP/..\"\nexec python3 server.py {port}\n"
    );
    fs::write(repo.outside("docker"), docker).unwrap();
    fs::set_permissions(repo.outside("docker"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(repo.outside("server.py"), SERVER).unwrap();
    repo.gate.write(
        ".github/stageproof.yml",
        format!(
            "smoke:
  url: https://staging.example.com/health
  within: 10s
  interval: 50ms
rollback-dry-run:
  image: {}
  rehearse: {} run --rm {{image}}
  rehearse-url: http://127.0.0.1:{port}
",
            registry.image(&format!("shop@{digest}")),
            repo.outside("docker").display()
        ),
    );
    let told = repo.dry_run(&[]);
    told.is(0, &["/health answers 200"]);
    let log = fs::read_to_string(repo.outside("evidence").join("logs/server-previous.log")).unwrap();
    assert!(
        log.contains(&format!("run {}", registry.image(&format!("shop@{digest}")))),
        "{log}"
    );
}

#[test]
fn what_cannot_be_rehearsed_is_refused() {
    let shop = Shop::of(SERVER);
    let run = |args: &[&str]| shop.repo.dry_run(args);
    run(&["--rehearse=npm ci && npm start"]).is(2, &["is written for a shell"]);
    run(&["--rehearse=docker run {image}"]).is(2, &["unknown placeholder {image}", "{ref} and {sha}"]);
    run(&["--rehearse-env=X"]).is(2, &["--rehearse-env needs --rehearse"]);
    run(&["--rehearse=x", "--check=true"]).is(2, &["the platform `command` names none"]);
    run(&["--rehearse=docker run", "--image=shop:v1"]).is(2, &["does not say where the image goes"]);
    run(&["--rehearse=x", "--rehearse-url=https://example.com"]).is(2, &["is not on this machine"]);
    shop.repo
        .gate
        .write(".github/stageproof.yml", "smoke:\n  url: https://staging.example.com\n");
    run(&["--rehearse=x"]).is(2, &["staging.example.com", "--rehearse-url http://127.0.0.1:PORT"]);
    shop.repo.gate.write(".github/stageproof.yml", "version: 1\n");
    run(&["--rehearse=x"]).is(2, &["needs the section `smoke`"]);
}
