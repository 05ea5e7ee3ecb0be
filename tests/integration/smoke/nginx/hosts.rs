//! Virtual hosts: told apart, limited, redirected from one to the other, dead behind their balancer.

use super::site::Site;
use crate::gate::Gate;
use crate::smoke::{fact, found};

#[test]
fn virtual_hosts_are_told_apart_by_resolve() {
    let Some(site) = Site::new() else { return };
    let gate = Gate::new();
    assert_eq!(site.plain(&gate, "shop.example/", &["--expect-body=it works"]), 0);
    assert_eq!(
        site.plain(&Gate::new(), "other.example/", &[]),
        1,
        "the default host has nothing"
    );
    // The name in a header is the same to it, over HTTP/1.1.
    assert_eq!(
        site.plain(&Gate::new(), "other.example/", &["--header=Host: shop.example"]),
        0
    );
}

/// The balancer's own answer for a dead application, and the application's own error.
#[test]
fn a_dead_upstream_is_not_the_applications_own_error() {
    let Some(site) = Site::new() else { return };
    for (place, reason) in [
        ("shop.example/dead", "gateway-5xx"),
        ("shop.example/broken", "status-5xx"),
        ("shop.example/none", "status-4xx"),
    ] {
        let gate = Gate::new();
        assert_eq!(site.plain(&gate, place, &[]), 1);
        assert_eq!(found(&gate), ["unhealthy", "app", reason]);
    }
}

#[test]
fn a_rate_limit_is_respected_and_passes() {
    let Some(site) = Site::new() else { return };
    let gate = Gate::new();
    assert_eq!(site.plain(&gate, "shop.example/limited", &[]), 0);
    let began = std::time::Instant::now();
    let gate = Gate::new();
    assert_eq!(site.plain(&gate, "shop.example/limited", &["--within=30s"]), 0);
    assert!(
        began.elapsed() >= std::time::Duration::from_millis(900),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(fact(&gate, "attempts"), "2 (status-4xx 1)");
}

#[test]
fn redirects_between_virtual_hosts_are_followed_without_the_secret() {
    let Some(site) = Site::new() else { return };
    let way = [
        "--expect-redirect=http://login.example:PORT/form?from=/account",
        "--expect-final-host=login.example",
        "--header-env=X-Bypass: BYPASS",
        "--expect-header=X-Saw-Bypass: ^<>$",
    ];
    let gate = Gate::new().env("BYPASS", "hunter2hunter2");
    assert_eq!(site.plain(&gate, "shop.example/account", &way), 0);
    assert!(fact(&gate, "redirected to").contains("login.example"));
    let gate = Gate::new();
    let code = site.plain(&gate, "shop.example/account", &["--expect-final-host=shop.example"]);
    assert_eq!(code, 1);
    assert_eq!(found(&gate)[2], "redirect");
}
