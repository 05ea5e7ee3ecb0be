//! Whose fault a failure is: the application's, unless something independent says otherwise.

use super::{BROKEN, GOOD, found, nth, reason, reply, smoke, statuses};
use crate::gate::Gate;
use crate::servers::{free_port, hang, serve};

fn refused() -> String {
    format!("http://127.0.0.1:{}", free_port())
}

#[test]
fn refused_all_the_time_is_the_applications() {
    let gate = Gate::new();
    smoke(&gate, &refused(), &[]).code(1);
    assert_eq!(found(&gate), ["unhealthy", "app", "refused"]);
    let gate = Gate::new();
    smoke(&gate, &refused(), &["--control", &statuses(|_| GOOD)]).code(1);
    assert_eq!(found(&gate), ["unhealthy", "app", "refused"], "the control answers");
}

#[test]
fn a_control_that_fails_too_makes_it_the_platforms() {
    for control in [refused(), serve(drop), statuses(|_| "503 Service Unavailable")] {
        let gate = Gate::new();
        smoke(&gate, &refused(), &["--control", &control])
            .code(1)
            .says(&format!("the control {control}/"))
            .says("the platform or the network failed");
        assert_eq!(found(&gate), ["unhealthy", "infra", "refused"]);
    }
}

#[test]
fn a_control_that_hangs_is_not_waited_for() {
    let gate = Gate::new();
    let began = std::time::Instant::now();
    smoke(&gate, &refused(), &["--control", &serve(hang)]).code(1);
    assert_eq!(found(&gate)[1], "infra");
    assert!(began.elapsed() < std::time::Duration::from_secs(9));
}

/// An application that answers wrongly is wrong, whatever the platform does.
#[test]
fn the_applications_own_answer_is_never_the_platforms() {
    for (status, expected) in [
        (BROKEN, "status-5xx"),
        ("404 Not Found", "status-4xx"),
        ("401 Unauthorized", "auth-wall"),
        ("403 Forbidden", "auth-wall"),
    ] {
        let gate = Gate::new();
        smoke(&gate, &statuses(move |_| status), &["--control", &refused()]).code(1);
        assert_eq!(found(&gate), ["unhealthy", "app", expected]);
    }
    for status in ["502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"] {
        let gate = Gate::new();
        smoke(&gate, &statuses(move |_| status), &["--control", &refused()]).code(1);
        assert_eq!(found(&gate), ["unhealthy", "infra", "gateway-5xx"]);
    }
}

/// A typing error in the control's name must not excuse everything.
#[test]
fn a_control_that_could_never_answer_is_no_sign() {
    let plain = serve(|mut stream| {
        let _ = std::io::Read::read(&mut stream, &mut [0u8; 16]);
        let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    for control in ["http://contrl.invalid/".to_owned(), plain.replace("http:", "https:")] {
        let gate = Gate::new();
        smoke(&gate, &refused(), &["--control", &control])
            .code(1)
            .says("does not tell whose fault it is");
        assert_eq!(found(&gate), ["unhealthy", "app", "refused"], "{control}");
    }
}

/// What is probed fails whenever it fails.
#[test]
fn a_control_that_is_the_probed_thing_itself_is_refused() {
    let gate = Gate::new();
    let url = refused();
    smoke(&gate, &url, &["--control", &format!("{url}/elsewhere")])
        .code(2)
        .says("name a URL that is independent of the deployment");
}

#[test]
fn a_blip_between_two_good_streaks_is_the_platforms() {
    let dropped = |bad: fn(usize) -> bool| {
        nth(move |n, stream| match bad(n) {
            true => drop(stream),
            false => reply(stream, GOOD, "", ""),
        })
    };
    let window = ["--watch=600ms", "--interval=20ms", "--within=5s"];
    let class = |url: &str| {
        let gate = Gate::new();
        gate.run(["smoke", url].into_iter().chain(window)).code(0);
        found(&gate)[1].clone()
    };
    assert_eq!(class(&dropped(|n| n == 5 || n == 6)), "infra");
    assert_eq!(
        class(&dropped(|n| n == 1)),
        "app",
        "one good response before it is no streak"
    );
    assert_eq!(class(&statuses(|n| if n == 5 { BROKEN } else { GOOD })), "app");
}

#[test]
fn down_for_good_in_a_window_is_the_applications() {
    let url = nth(|n, stream| match n {
        0..6 => reply(stream, GOOD, "", ""),
        _ => drop(stream),
    });
    let gate = Gate::new();
    gate.run(["smoke", &url, "--watch=60s", "--interval=20ms"]).code(1);
    assert_eq!(found(&gate), ["degraded", "app", "reset"]);
    let url = nth(|n, stream| match n {
        0..6 => reply(stream, GOOD, "", ""),
        _ => drop(stream),
    });
    let gate = Gate::new();
    gate.run(["smoke", &url, "--watch=60s", "--interval=20ms", "--control", &refused()])
        .code(1);
    assert_eq!(found(&gate), ["degraded", "infra", "reset"], "with a sign");
}

#[test]
fn a_waiver_of_a_class_covers_that_class_only() {
    let waiver = "version: 1\nwaivers:\n  - class: infra\n    reason: the balancer, #12\n    until: 2999-12-31\n";
    let gate = Gate::new();
    gate.write(".github/stageproof.yml", waiver);
    let url = refused();
    smoke(&gate, &url, &["--control", &refused()])
        .code(0)
        .says("Verdict: pass-weak");
    smoke(&gate, &url, &["--control", &refused(), "--strict"]).code(1);
    smoke(&gate, &url, &[]).code(1);
    assert_eq!(reason(&gate), "refused");
}
