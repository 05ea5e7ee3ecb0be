//! HTTP over TLS: versions, certificates of servers and of clients.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use super::openssl;
use super::site::Site;
use crate::gate::Gate;
use crate::smoke::{fact, found, nth, reply};

#[test]
fn http_2_is_spoken_where_the_server_does_and_1_1_when_asked() {
    let Some(site) = Site::new() else { return };
    let url = format!("https://localhost:{}", site.tls);
    let ca = format!("--ca-file={}", site.file("ca.pem"));
    for (flag, expected) in [
        (None, "HTTP/2"),
        (Some("--http-version=2"), "HTTP/2"),
        (Some("--http-version=1.1"), "HTTP/1.1"),
    ] {
        let gate = Gate::new();
        gate.run(["smoke", &url, &ca, "--within=5s"].into_iter().chain(flag))
            .code(0);
        assert!(fact(&gate, "answer").ends_with(expected), "{}", fact(&gate, "answer"));
        assert!(fact(&gate, "phases").contains("tls "), "{}", fact(&gate, "phases"));
    }
}

#[test]
fn a_certificate_has_days_left_and_a_name() {
    let Some(site) = Site::new() else { return };
    let url = format!("https://localhost:{}", site.tls);
    let ca = format!("--ca-file={}", site.file("ca.pem"));
    let gate = Gate::new();
    gate.run(["smoke", &url, &ca, "--min-certificate-days=20"]).code(0);
    // 30 within the very second in which it was issued.
    let days = fact(&gate, "certificate");
    assert!(
        days == "valid for 29 more days" || days == "valid for 30 more days",
        "{days}"
    );
    let gate = Gate::new();
    gate.run(["smoke", &url, &ca, "--min-certificate-days=31"])
        .code(1)
        .says("more days, expected at least 31");
    assert_eq!(found(&gate), ["certificate-expires", "app", "tls"]);
    // The certificate is for localhost.
    let gate = Gate::new();
    let resolve = format!("--resolve=shop.example:{}:127.0.0.1", site.tls);
    let other = format!("https://shop.example:{}", site.tls);
    gate.run(["smoke", &other, &ca, &resolve, "--within=300ms", "--interval=100ms"])
        .code(1);
    assert_eq!(found(&gate), ["unhealthy", "app", "tls"]);
}

#[test]
fn unverified_is_a_warning_in_the_report() {
    let Some(site) = Site::new() else { return };
    let gate = Gate::new();
    gate.run(["smoke", &format!("https://localhost:{}", site.tls), "--insecure"])
        .code(0)
        .says("Verdict: pass-weak")
        .says("was not verified");
    assert_eq!(found(&gate)[0], "not-verified");
    assert_eq!(fact(&gate, "verification"), "off (--insecure)");
    // Also where only a redirect leads to TLS.
    let to = format!("https://localhost:{}/", site.tls);
    let location = format!("Location: {to}\r\n");
    let leading = nth(move |_, stream| reply(stream, "302 Found", &location, ""));
    let gate = Gate::new();
    gate.run(["smoke", &leading, "--follow-redirects", "--insecure"])
        .code(0)
        .says(&format!("the certificate of {to} was not verified"));
}

#[test]
fn a_client_certificate_is_shown_where_one_is_wanted() {
    let Some(site) = Site::new() else { return };
    let url = format!("https://localhost:{}", site.mutual);
    let ca = format!("--ca-file={}", site.file("ca.pem"));
    let key = format!("--client-key={}", site.file("client.key"));
    let certificate = format!("--client-cert={}", site.file("client.pem"));
    let short = ["--within=300ms", "--interval=100ms"];
    let run = |more: &[&str]| {
        let gate = Gate::new();
        let args = ["smoke", &*url, &*ca]
            .into_iter()
            .chain(short)
            .chain(more.iter().copied());
        gate.run(args).output.status.code().unwrap()
    };
    assert_eq!(run(&[&certificate, &key]), 0);
    assert_eq!(run(&[]), 1, "nginx answers 400");
    let other = format!("--client-cert={}", site.file("default.pem"));
    let other_key = format!("--client-key={}", site.file("default.key"));
    assert_eq!(run(&[&other, &other_key]), 1, "of another authority");
    assert_eq!(run(&[&other, &key]), 4, "a key that is not the certificate's");
    assert_eq!(run(&["--client-cert=nope", "--client-key=nope"]), 4);
}

#[test]
fn a_certificate_that_is_not_yet_issued_is_waited_for() {
    let Some(site) = Site::new() else { return };
    let gate = Gate::new();
    let mut child = gate
        .command([
            "smoke",
            &format!("https://new.example:{}", site.tls),
            &format!("--resolve=new.example:{}:127.0.0.1", site.tls),
            &format!("--ca-file={}", site.file("ca.pem")),
            "--within=60s",
            "--interval=50ms",
            "--verbose",
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains(": tls: "), "{first}");
    let root = site.gate.root();
    std::fs::write(root.join("san"), "subjectAltName=DNS:new.example\n").unwrap();
    openssl(
        root,
        "req -newkey rsa:2048 -nodes -keyout live.key -out live.csr -subj /CN=new",
    );
    openssl(
        root,
        "x509 -req -in live.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out live.pem -days 30 -extfile san",
    );
    let pid = std::fs::read_to_string(root.join("nginx.pid")).unwrap();
    assert!(
        Command::new("kill")
            .args(["-HUP", pid.trim()])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(fact(&gate, "attempts").contains("(tls "));
}
