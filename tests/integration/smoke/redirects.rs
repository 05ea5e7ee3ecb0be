//! The way to an answer: redirects and proxies.

use std::io::Write as _;

use super::{OK, reason, smoke};
use crate::gate::Gate;
use crate::servers::{answer, read_head, serve};

#[test]
fn redirects_are_followed_only_when_asked_and_not_for_ever() {
    let target = answer(OK);
    let location = format!("HTTP/1.1 302 Found\r\nLocation: {target}/\r\nContent-Length: 0\r\n\r\n");
    let redirecting = serve(move |mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(location.as_bytes());
    });
    let gate = Gate::new();
    smoke(&gate, &redirecting, &[]).code(1).says("--follow-redirects");
    smoke(&gate, &redirecting, &["--follow-redirects", "--verbose"])
        .code(0)
        .says("redirected to");
    let looping = answer("HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n");
    let gate = Gate::new();
    smoke(&gate, &looping, &["--follow-redirects"])
        .code(1)
        .says("redirect loop: ");
    assert_eq!(reason(&gate), "redirect");
    let nowhere = answer("HTTP/1.1 304 Not Modified\r\n\r\n");
    smoke(&gate, &nowhere, &["--follow-redirects"])
        .code(1)
        .never_says("see --follow-redirects");
}

#[test]
fn a_proxy_is_never_asked_for_loopback() {
    let gate = Gate::new()
        .env("http_proxy", "http://127.0.0.1:9")
        .env("HTTP_PROXY", "http://127.0.0.1:9")
        .env("ALL_PROXY", "http://127.0.0.1:9");
    let url = answer(OK);
    smoke(&gate, &url, &[]).code(0);
    smoke(&gate, &url.replace("127.0.0.1", "localhost"), &[]).code(0);
}

#[test]
fn each_redirect_decides_anew_about_the_proxy() {
    let moved =
        |to: String| format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    // Asked for anything of `away.example` it answers, and it sends what is asked of `back.example` to this machine.
    let here = answer(OK);
    let back = moved(format!("{here}/here"));
    let proxy = serve(move |mut stream| {
        let bytes = match read_head(&mut stream) {
            head if head.starts_with("GET http://away.example/") => OK,
            head if head.starts_with("GET http://back.example/") => &back,
            _ => "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
        };
        let _ = stream.write_all(bytes.as_bytes());
    });
    let away = moved("http://away.example/there".to_owned());
    let leaving = serve(move |mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(away.as_bytes());
    });
    let gate = Gate::new().env("http_proxy", &proxy);
    smoke(&gate, &leaving, &["--follow-redirects", "--verbose"])
        .code(0)
        .says("http://away.example/there");
    smoke(&gate, "http://back.example/", &["--follow-redirects", "--verbose"])
        .code(0)
        .says(&format!("{here}/here"));
    for exceptions in ["example", "*"] {
        let gate = Gate::new().env("http_proxy", &proxy).env("NO_PROXY", exceptions);
        smoke(&gate, "http://away.example/", &[]).code(1).says("[app: dns]");
    }
}
