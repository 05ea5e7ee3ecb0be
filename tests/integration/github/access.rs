//! Getting to GitHub at all: tokens, limits, redirects, broken answers. What could not be looked up is never green and
//! never a skip.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::mock::{Mock, RUN, TOKEN, Trouble};
use crate::gate::Ran;
use crate::servers;

const ASK: [&str; 2] = ["skip-guard", "--require=environment:staging"];

fn mock() -> Mock {
    Mock::new().environments(["staging"])
}

/// Exit code 4, not ready, and the reason.
#[track_caller]
fn cannot_look(ran: &Ran, says: &[&str]) {
    ran.code(4).says("Verdict: inconclusive").never_says(TOKEN);
    for says in says {
        ran.says(says);
    }
    assert_eq!(ran.gate.outputs()["ready"], "false");
}

#[test]
fn without_access_it_says_what_to_set() {
    let mock = mock();
    let gate = mock.gate_without_token();
    cannot_look(
        &gate.run(ASK),
        &[
            "GITHUB_TOKEN is not set or empty",
            "`env: GITHUB_TOKEN: ${{ github.token }}`",
        ],
    );
    let gate = mock.gate().env("GITHUB_REPOSITORY", "");
    cannot_look(&gate.run(ASK), &["GITHUB_REPOSITORY is not set"]);
    let gate = mock.gate().env("GITHUB_API_URL", "http://github.example.com");
    cannot_look(&gate.run(ASK), &["GITHUB_API_URL", "not sent without encryption"]);
    assert!(mock.asked().is_empty(), "nothing is asked without access");
    let nobody = format!("http://127.0.0.1:{}", servers::free_port());
    let gate = mock.gate().env("GITHUB_API_URL", &nobody);
    cannot_look(&gate.run(ASK), &["no answer (refused", "is reachable from here"]);
}

#[test]
fn the_token_can_be_in_another_variable_and_is_masked() {
    let mock = mock();
    let gate = mock.gate_without_token().env("STAGING_READER", TOKEN);
    gate.run(ASK.iter().chain(&["--github-token-env=STAGING_READER"]))
        .code(0)
        .says(&format!("::add-mask::{TOKEN}"))
        .never_says(TOKEN);
    mock.was_asked_properly();
    // The token in the place of its name is refused without being repeated.
    let given = format!("--github-token-env= {TOKEN}=");
    let ran = gate.run(ASK.iter().copied().chain([given.as_str()]));
    ran.code(2)
        .says("not the name of an environment variable")
        .never_says(TOKEN);
    let gate = mock
        .gate_without_token()
        .env("INPUT_GITHUB-TOKEN-ENV", "OTHER")
        .env("OTHER", TOKEN);
    gate.run(ASK).code(0);
}

#[test]
fn each_refusal_is_named() {
    let mock = mock();
    let gate = mock.gate_without_token().env("GITHUB_TOKEN", "ghs_wrong0123456789");
    cannot_look(&gate.run(ASK), &["GitHub rejects the token (401)"]);
    let none = Mock::new().environments(["staging"]).grants(&[]);
    cannot_look(
        &none.gate().run(ASK),
        &["(403: Resource not accessible", "add `actions: read` to `permissions:`"],
    );
    let invisible = Mock::new().invisible();
    cannot_look(
        &invisible.gate().run(ASK),
        &[
            "it does not exist, or this token may not see it (404)",
            "check GITHUB_REPOSITORY",
        ],
    );
    let wall = Mock::new().troubles([Trouble::Wall]);
    cannot_look(&wall.gate().run(ASK), &["allow list", "why this token is denied"]);
}

#[test]
fn a_short_limit_is_waited_for_and_a_long_one_is_reported() {
    let short = mock().troubles([Trouble::SecondaryLimit(Some(1)), Trouble::RateLimit(1)]);
    let started = Instant::now();
    let verbose = ASK.iter().chain(&["--verbose"]);
    short.gate().run(verbose).code(0).says("retrying in");
    assert!(started.elapsed() > Duration::from_secs(2), "it waited");
    assert_eq!(short.asked().len(), 3);
    short.was_asked_properly();
    for (trouble, says) in [
        (Trouble::RateLimit(1800), "GitHub's rate limit is exhausted until 20"),
        (
            Trouble::SecondaryLimit(Some(600)),
            "GitHub's secondary rate limit is exhausted until 20",
        ),
        (
            Trouble::SecondaryLimit(None),
            "GitHub's secondary rate limit is exhausted until 20",
        ),
    ] {
        let long = mock().troubles([trouble]);
        let started = Instant::now();
        cannot_look(&long.gate().run(ASK), &[says, "run it again after that"]);
        assert!(started.elapsed() < Duration::from_secs(20), "it did not wait");
        assert_eq!(long.asked().len(), 1, "asking on would make it worse");
    }
}

#[test]
fn a_hiccup_is_asked_again_and_an_outage_is_not_for_long() {
    let hiccup = mock().troubles([Trouble::Server(502), Trouble::Cut]);
    hiccup.gate().run(ASK).code(0);
    hiccup.was_asked_properly();
    let outage = mock().troubles([Trouble::Server(503), Trouble::Server(503), Trouble::Server(503)]);
    cannot_look(&outage.gate().run(ASK), &["GitHub failed (503)"]);
    assert_eq!(outage.asked().len(), 3);
    let cut = mock().troubles([Trouble::Cut, Trouble::Cut, Trouble::Cut]);
    cannot_look(&cut.gate().run(ASK), &["no answer (reset"]);
}

#[test]
fn what_answers_nothing_or_nonsense_is_no_answer() {
    let nonsense = mock().troubles([Trouble::NotJson]);
    cannot_look(&nonsense.gate().run(ASK), &["the answer cannot be read"]);
    let silent = mock().troubles([Trouble::Hang]);
    cannot_look(
        &silent.gate().run(ASK),
        &["no answer (timeout: no complete response within"],
    );
}

#[test]
fn a_renamed_repository_is_followed_with_the_token() {
    let mock = mock();
    let gate = mock.gate().env("GITHUB_REPOSITORY", "acme/old-name");
    gate.run(ASK).code(0);
    mock.was_asked_properly();
    let asked = mock.asked();
    assert_eq!(
        asked,
        [
            "/repos/acme/old-name/environments/staging",
            "/repositories/4711/environments/staging"
        ]
    );
}

/// Another host, which notes whether it is asked.
struct Stranger {
    url: String,
    asked: Arc<AtomicBool>,
}

impl Stranger {
    fn new() -> Self {
        let asked = Arc::new(AtomicBool::new(false));
        let ask = Arc::clone(&asked);
        let url = servers::serve(move |mut stream| {
            servers::read_head(&mut stream);
            ask.store(true, Ordering::SeqCst);
            let _ = std::io::Write::write_all(
                &mut stream,
                b"HTTP/1.1 401 X\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
            );
        });
        Self { url, asked }
    }
}

#[test]
fn another_host_is_not_asked() {
    let stranger = Stranger::new();
    let to = format!("{}/repos/acme/shop/environments/staging", stranger.url);
    let redirects = mock().troubles([Trouble::Redirect(to)]);
    cannot_look(&redirects.gate().run(ASK), &["which is not GitHub's API"]);
    assert!(!stranger.asked.load(Ordering::SeqCst), "a stranger was asked");
}

#[test]
fn the_next_page_is_not_a_strangers() {
    let stranger = Stranger::new();
    let next = format!("{}/repos/acme/shop/environments?page=2", stranger.url);
    let pages = Mock::new().troubles([Trouble::Server(404), Trouble::NextPage(next)]);
    cannot_look(&pages.gate().run(ASK), &["the next page is on another host"]);
    assert!(!stranger.asked.load(Ordering::SeqCst), "a stranger was asked");
}

#[test]
fn redirects_that_do_not_end_do() {
    let mock = mock();
    let here = format!("{}/again", mock.url);
    let mock = mock.troubles(vec![Trouble::Redirect(here); 20]);
    cannot_look(&mock.gate().run(ASK), &["it redirects more than 5 times"]);
    assert_eq!(mock.asked().len(), 6);
}

/// The kinds that ask, and something that each of them finds.
const KINDS: [&str; 5] = [
    "environment:staging",
    "token-permission:contents:read",
    "token-permission:packages:read",
    "previous-job:build",
    "no-other-run",
];

#[test]
fn no_kind_is_green_or_a_skip_without_an_answer() {
    let nobody = format!("http://127.0.0.1:{}", servers::free_port());
    for kind in KINDS {
        let ask = ["skip-guard".to_owned(), format!("--require={kind}")];
        let there = mock().job(RUN, 1, "build", "success");
        there.gate().run(&ask).code(0).says("Verdict: pass");
        there.was_asked_properly();
        cannot_look(&there.gate_without_token().run(&ask), &["GITHUB_TOKEN is not set"]);
        let gate = there.gate().env("GITHUB_API_URL", &nobody);
        cannot_look(&gate.run(&ask), &["no answer (refused"]);
        let broken = mock().troubles([Trouble::NotJson, Trouble::NotJson]);
        cannot_look(&broken.gate().run(&ask), &["the answer cannot be read"]);
    }
}

#[test]
fn a_server_of_ones_own_has_the_api_below_its_address() {
    let mock = Mock::new().environments((0..9).map(|n| format!("env-{n}"))).pages_of(4);
    let gate = mock.gate().env("GITHUB_API_URL", &format!("{}/api/v3", mock.url));
    gate.run(["skip-guard", "--require=environment:env-8"]).code(0);
    gate.run(["skip-guard", "--require=environment:env_8"])
        .code(0)
        .says("Did you mean `env-8`");
    mock.was_asked_properly();
    assert!(
        mock.asked().contains(&"/repositories/4711/environments".to_owned()),
        "{:?}",
        mock.asked()
    );
}

#[test]
fn the_proxy_of_the_environment_is_used_and_told_nothing() {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    let proxy = servers::serve(move |mut stream| {
        seen.lock().unwrap().push(servers::read_head(&mut stream));
        let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 502 X\r\ncontent-length: 0\r\n\r\n");
    });
    let mock = mock();
    let gate = mock.gate().env("https_proxy", &proxy).env("http_proxy", &proxy);
    gate.run(ASK).code(0);
    assert!(heads.lock().unwrap().is_empty(), "loopback goes through no proxy");
    let gate = gate.env("GITHUB_API_URL", "https://api.github.test");
    cannot_look(&gate.run(ASK), &["no answer"]);
    let heads = heads.lock().unwrap();
    assert!(heads[0].starts_with("CONNECT api.github.test:443"), "{heads:?}");
    assert!(heads.iter().all(|head| !head.contains(TOKEN)), "{heads:?}");
}

#[test]
fn other_certificates_are_trusted_only_if_named() {
    let mock = mock();
    mock.gate_without_token()
        .env("GITHUB_TOKEN", TOKEN)
        .env("SSL_CERT_FILE", "/no/such/file.pem")
        .run(ASK)
        .code(4)
        .says("SSL_CERT_FILE names /no/such/file.pem");
}
