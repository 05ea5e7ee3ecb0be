//! Which commit is pinned: the one that is given, or the one that GitHub names, or none, and then that is said.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use super::toys::{WORKFLOW, repository};
use crate::repo::Repo;
use crate::servers::{free_port, hang, read_head, serve};

const COMMIT: &str = "89abcdef0123456789abcdef0123456789abcdef";
const TAG: &str = "1111111111111111111111111111111111111111";

/// GitHub, as far as it is asked; and the requests that it got.
fn github(answers: &[(&str, String)]) -> (String, Arc<Mutex<Vec<String>>>) {
    let answers: BTreeMap<String, String> = answers
        .iter()
        .map(|(path, body)| ((*path).to_owned(), body.clone()))
        .collect();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let url = serve(move |mut stream: TcpStream| {
        let head = read_head(&mut stream);
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        log.lock().unwrap().push(head);
        let (status, body) = match answers.get(&path) {
            Some(body) => ("200 OK", body.as_str()),
            None => ("404 Not Found", r#"{"message":"Not Found"}"#),
        };
        let _ = write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
    });
    (url.trim_end_matches('/').to_owned(), asked)
}

fn of(kind: &str, sha: &str) -> String {
    format!(r#"{{"ref":"refs/tags/x","object":{{"type":"{kind}","sha":"{sha}","url":"https://x"}}}}"#)
}

fn tag_path() -> String {
    format!(
        "/repos/stageproof/stageproof/git/ref/tags/v{}",
        env!("CARGO_PKG_VERSION")
    )
}

fn init(repo: &Repo, env: &[(&str, &str)]) -> String {
    let ran = repo.gate.run_with(env, "", ["init", "--force", "--format=json"]);
    ran.code(0);
    ran.stdout()
}

#[test]
fn a_release_is_pinned_by_its_commit_also_behind_an_annotated_tag() {
    let annotated = format!("/repos/stageproof/stageproof/git/tags/{TAG}");
    for answers in [
        vec![(tag_path(), of("commit", COMMIT))],
        vec![(tag_path(), of("tag", TAG)), (annotated, of("commit", COMMIT))],
    ] {
        let answers: Vec<(&str, String)> = answers
            .iter()
            .map(|(path, body)| (path.as_str(), body.clone()))
            .collect();
        let (url, asked) = github(&answers);
        for (env, token) in [
            (None, None),
            (Some(("GITHUB_TOKEN", "ghs_first")), Some("ghs_first")),
            (Some(("GH_TOKEN", "ghs_second")), Some("ghs_second")),
        ] {
            let repo = repository("fly");
            let env: Vec<(&str, &str)> = [("GITHUB_API_URL", url.as_str())].into_iter().chain(env).collect();
            init(&repo, &env);
            let workflow = repo.gate.read(WORKFLOW);
            assert!(
                workflow.contains(&format!("@{COMMIT} # {}\n", env!("CARGO_PKG_VERSION"))),
                "{workflow}"
            );
            assert!(!workflow.contains("ghs_"));
            for head in asked.lock().unwrap().drain(..) {
                assert!(head.starts_with("GET "), "{head}");
                let sent = head.lines().find_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("authorization: ")
                        .map(str::to_owned)
                });
                assert_eq!(sent, token.map(|token| format!("bearer {token}")), "{head}");
            }
        }
    }
}

/// Nobody's answer, or one that is none, ends in a tag that is marked.
#[test]
fn without_an_answer_the_tag_is_written_and_marked() {
    let (empty, _) = github(&[]);
    let path = tag_path();
    let (odd, _) = github(&[(&path, of("commit", "$(id)"))]);
    let (tree, _) = github(&[(&path, of("tree", COMMIT))]);
    let annotated = format!("/repos/stageproof/stageproof/git/tags/{TAG}");
    let (endless, _) = github(&[(&path, of("tag", TAG)), (&annotated, of("tag", TAG))]);
    let (text, _) = github(&[(&path, "<html>".to_owned())]);
    let silent = serve(hang);
    let closed = format!("http://127.0.0.1:{}", free_port());
    for url in [
        &empty,
        &odd,
        &tree,
        &endless,
        &text,
        silent.trim_end_matches('/'),
        &closed,
    ] {
        let repo = repository("fly");
        let report = init(&repo, &[("GITHUB_API_URL", url)]);
        let workflow = repo.gate.read(WORKFLOW);
        let version = env!("CARGO_PKG_VERSION");
        assert!(
            workflow.contains(&format!("@v{version} # CHANGE: ")),
            "{url}: {workflow}"
        );
        assert!(report.contains(&format!("the commit of v{version}")), "{url}: {report}");
        assert!(!workflow.contains("$(id)"));
    }
}
