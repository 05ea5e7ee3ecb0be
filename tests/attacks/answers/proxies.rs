//! Proxies that are dead, or none at all.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{page, smoke};
use crate::gate::Gate;
use crate::servers::{read_head, serve};

#[test]
fn a_dead_proxy_is_not_the_target() {
    for scheme in ["http", "https"] {
        let gate = Gate::new().env("ALL_PROXY", "http://user:hunter2@127.0.0.1:1");
        let url = format!("{scheme}://staging.example");
        smoke(&gate, &url, &[])
            .code(1)
            .says("the proxy http://127.0.0.1:1 (ALL_PROXY): connection refused")
            .never_says("hunter2");
        gate.run(["skip-guard", "--require", &format!("url:{url}/")])
            .code(4)
            .says("the proxy http://127.0.0.1:1 (ALL_PROXY)");
    }
}

#[test]
fn a_value_that_is_no_proxy_is_a_usage_error_without_its_password() {
    for (variable, value) in [
        ("https_proxy", "http://user:hunter2@[bad"),
        ("HTTPS_PROXY", "http://user:hunter2@host:port"),
        ("ALL_PROXY", "socks5://user:hunter2@127.0.0.1:1080"),
        ("HTTPS_PROXY", "user:hunter2"),
    ] {
        let gate = Gate::new().env(variable, value);
        smoke(&gate, "https://staging.example", &[])
            .code(2)
            .says(variable)
            .says("is not the URL of a proxy")
            .never_says("hunter2");
        // It is not used for this machine.
        smoke(&gate, &page("ok"), &[]).code(0);
    }
}

/// The proxy looks names up, and what it is reached by says nothing about the target.
#[test]
fn behind_a_proxy_no_address_of_the_target_is_told() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let proxy = serve(move |mut stream| {
        count.fetch_add(1, Ordering::SeqCst);
        read_head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    let gate = Gate::new().env("HTTP_PROXY", &proxy);
    smoke(&gate, "http://staging.example", &[]).code(0);
    let facts = gate.report("smoke")["checks"][0]["facts"].to_string();
    assert!(facts.contains(&format!("{proxy} (HTTP_PROXY)")), "{facts}");
    assert!(!facts.contains("families") && !facts.contains("\"address\""), "{facts}");
    assert_eq!(asked.load(Ordering::SeqCst), 1, "one probe is one request");
}
