//! The deploy commands that are written, run as the reusable workflow runs them: with its secrets in the environment, by
//! bash, with programs that only note how they were called.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use regex::Regex;
use serde_json::Value;

use super::toys::{WORKFLOW, init, kinds, repository, snapshot};

const PROGRAMS: [&str; 10] = [
    "corepack", "docker", "gcloud", "git", "helm", "jq", "kubectl", "make", "npx", "rsync",
];
const NOTE: &str = "#!/bin/sh
case \"$*\" in *--key-file=-) set -- \"$@\" \"< $(cat | tr '\\n' ' ')\";; esac
[ \"${0##*/}\" = jq ] && { cat >/dev/null; echo shop-project; exit; }
echo \"${0##*/} $*\" >> \"$LOG\"
";
/// What a secret of several lines is.
const VALUE: &str = "first line\nsecond line";

#[test]
fn the_deploy_commands_run() {
    let variable = Regex::new("(?m)^([A-Z_]+)(=|<<END$)").unwrap();
    let mut told = String::new();
    for kind in kinds() {
        let repo = repository(&kind);
        init(&repo, "", &[]).code(0);
        let path = repo.root().join(WORKFLOW);
        let Ok(workflow) = serde_yaml::from_str::<Value>(&fs::read_to_string(path).unwrap()) else {
            panic!("{kind}");
        };
        let job = &workflow["jobs"]["staging"];
        // A placeholder runs nothing, and a job of its own installs what it runs.
        let Some(deploy) = job["with"]["deploy"]
            .as_str()
            .filter(|deploy| *deploy != "./deploy.sh staging")
        else {
            continue;
        };
        let (home, log) = (repo.outside("home"), repo.outside("log"));
        fs::create_dir_all(home.join("bin")).unwrap();
        for program in PROGRAMS.map(|name| home.join("bin").join(name)) {
            fs::write(&program, NOTE).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let mut bash = Command::new("bash");
        bash.args(["-e", "-o", "pipefail", "-c", deploy])
            .env_clear()
            .current_dir(repo.root());
        bash.env("PATH", format!("{}:/usr/bin:/bin", home.join("bin").display()))
            .env("HOME", &home)
            .env("RUNNER_TEMP", &home)
            .env("LOG", &log);
        let passed_on = job["secrets"]["DEPLOY_ENV"].as_str().unwrap_or_default();
        for found in variable.captures_iter(passed_on) {
            let is_encoded = passed_on.contains("_DATA }}");
            let value = match (&found[2], is_encoded) {
                ("=", _) => "value".to_owned(),
                (_, true) => base64(VALUE),
                (_, false) => VALUE.to_owned(),
            };
            bash.env(&found[1], value);
        }
        let ran = bash.output().unwrap();
        assert!(
            ran.status.success(),
            "{kind}: {}\n{deploy}",
            String::from_utf8_lossy(&ran.stderr)
        );
        let _ = writeln!(told, "{kind}:\n{}", fs::read_to_string(&log).unwrap());
        for (file, text) in [
            ("kubeconfig", VALUE.to_owned()),
            (".ssh/id_ed25519", format!("{VALUE}\n")),
            (".ssh/known_hosts", format!("{VALUE}\n")),
        ] {
            let file = home.join(file);
            if file.exists() {
                assert_eq!(fs::read_to_string(&file).unwrap(), text, "{kind}");
                let mode = fs::metadata(&file).unwrap().permissions().mode();
                assert_eq!(mode & 0o077, 0, "{kind}: nobody else reads {}", file.display());
            }
        }
    }
    snapshot("deploys", &told);
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
