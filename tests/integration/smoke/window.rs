//! After the first good response: does it stay right, and how soon is that known?

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::{BROKEN, GOOD, check, fact, found, nth, reply, statuses};
use crate::gate::{Gate, Ran};

/// Asks often, and for a long time: a window that is not ended by its rules is noticed.
fn watch<'a>(gate: &'a Gate, url: &str, more: &[&str]) -> Ran<'a> {
    let mut args = vec!["smoke", url, "--interval=20ms", "--within=20s"];
    if !more
        .iter()
        .any(|arg| arg.starts_with("--watch") || arg.starts_with("--steady"))
    {
        args.push("--watch=60s");
    }
    args.extend(more);
    let began = Instant::now();
    let ran = gate.run(args);
    assert!(began.elapsed() < Duration::from_secs(15), "{}", ran.explain());
    ran
}

#[test]
fn steady_means_right_for_that_long() {
    let gate = Gate::new();
    let began = Instant::now();
    watch(&gate, &statuses(|_| GOOD), &["--steady=300ms"]).code(0);
    assert!(began.elapsed() >= Duration::from_millis(300));
    let asked: usize = fact(&gate, "attempts").parse().unwrap();
    assert!((3..=20).contains(&asked), "{asked}");
    let report = gate.report("smoke");
    let title = report["checks"][0]["title"].as_str().unwrap();
    assert!(title.ends_with("steady for 300ms"), "{title}");
}

/// The time between the failure and the end, not that between the beginning and the end, is what has to be long enough.
#[test]
fn a_failure_begins_the_steady_time_anew() {
    let failed = Arc::new(Mutex::new(None));
    let at = Arc::clone(&failed);
    let url = nth(move |n, stream| {
        if n == 4 {
            *at.lock().unwrap() = Some(Instant::now());
        }
        reply(stream, if n == 4 { BROKEN } else { GOOD }, "", "");
    });
    let gate = Gate::new();
    watch(&gate, &url, &["--steady=400ms"])
        .code(0)
        .says("within the limits, but 1 of")
        .says("Verdict: pass-weak");
    let failed = failed.lock().unwrap().unwrap();
    assert!(failed.elapsed() >= Duration::from_millis(400));
}

#[test]
fn what_is_never_steady_fails_when_it_cannot_become_so_any_more() {
    let url = statuses(|n| if n % 3 == 2 { BROKEN } else { GOOD });
    let gate = Gate::new();
    let began = Instant::now();
    gate.run([
        "smoke",
        &url,
        "--interval=20ms",
        "--within=300ms",
        "--steady=300ms",
        "--max-error-ratio=100%",
    ])
    .code(1)
    .says("not steady for 300ms within");
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(found(&gate), ["degraded", "app", "status-5xx"]);
}

#[test]
fn failures_in_a_row_end_it_at_once() {
    let url = statuses(|n| if n < 4 { GOOD } else { BROKEN });
    let gate = Gate::new();
    watch(&gate, &url, &["--max-failures=3"])
        .code(1)
        .says("good at first, then 3 bad responses in a row (3 of 6 samples failed: status-5xx 3;");
    assert_eq!(found(&gate), ["degraded", "app", "status-5xx"]);
    assert_eq!(fact(&gate, "attempts"), "7 (status-5xx 3)");
}

#[test]
fn failures_within_the_limits_are_a_warning() {
    let url = statuses(|n| if n == 3 || n == 4 { BROKEN } else { GOOD });
    let gate = Gate::new();
    // 2 of some 20 are more than 5 %, but not of at least 60.
    watch(&gate, &url, &["--watch=400ms"])
        .code(0)
        .says("Verdict: pass-weak");
    assert_eq!(found(&gate), ["not-always", "app", "status-5xx"]);
    assert_eq!(check(&gate, &format!("smoke:{url}/"))["status"], "passed");
}

#[test]
fn a_share_of_wrong_answers_ends_it_as_soon_as_it_cannot_become_less() {
    let url = statuses(|n| if n % 2 == 1 { BROKEN } else { GOOD });
    let gate = Gate::new();
    // 3 of 20 are more than 10 %, whatever the other 17 are: known after the sixth answer.
    watch(&gate, &url, &["--max-error-ratio=10%", "--min-samples=20"])
        .code(1)
        .says("more than 10% of at least 20");
    assert_eq!(fact(&gate, "attempts"), "6 (status-5xx 3)");
}

#[test]
fn silence_has_a_limit_of_its_own() {
    let silent = || {
        nth(|n, stream| {
            if n < 2 {
                reply(stream, GOOD, "", "");
            }
        })
    };
    let gate = Gate::new();
    watch(&gate, &silent(), &["--max-failures=2", "--max-transport-errors=4"])
        .code(1)
        .says("4 attempts without a response in a row");
    assert_eq!(fact(&gate, "attempts"), "6 (reset 4)");
    let gate = Gate::new();
    watch(&gate, &silent(), &["--max-failures=9", "--max-transport-errors=1"]).code(1);
    assert_eq!(fact(&gate, "attempts"), "3 (reset 1)");
}

/// The last sample is taken at the end of the window; it does not end without one because the interval is long.
#[test]
fn a_window_shorter_than_the_interval_still_looks() {
    let gate = Gate::new();
    gate.run(["smoke", &statuses(|_| GOOD), "--watch=100ms", "--interval=30s"])
        .code(0);
    assert_eq!(fact(&gate, "attempts"), "2");
    let broken = statuses(|n| if n == 0 { GOOD } else { BROKEN });
    let gate = Gate::new();
    gate.run(["smoke", &broken, "--watch=100ms", "--interval=1s", "--max-failures=1"])
        .code(1);
}

#[test]
fn a_window_without_any_right_answer_is_not_good() {
    let gone = nth(|n, stream| match n {
        0 => reply(stream, GOOD, "", ""),
        _ => reply(stream, "503 Service Unavailable", "Retry-After: 7200\r\n", ""),
    });
    let gate = Gate::new();
    watch(&gate, &gone, &[]).code(1).says("3 bad responses in a row");
}

/// The sample at the very end asks for an hour: it is asked again as soon as it could be missed.
#[test]
fn retry_after_does_not_make_a_window_longer() {
    let url = nth(|n, stream| match n {
        0 | 1 => reply(stream, GOOD, "", ""),
        _ => reply(stream, "429 Too Many Requests", "Retry-After: 3600\r\n", ""),
    });
    for window in ["--watch=100ms", "--steady=100ms"] {
        let gate = Gate::new();
        let began = Instant::now();
        gate.run(["smoke", &url, window, "--interval=60ms", "--within=900ms"])
            .code(1);
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}

/// One failure is within the limits, also if it comes near the end and says when to ask again.
#[test]
fn a_short_retry_after_near_the_end_is_asked_once_more() {
    let url = nth(|n, stream| match n {
        2 => reply(stream, "503 Service Unavailable", "Retry-After: 1\r\n", ""),
        _ => reply(stream, GOOD, "", ""),
    });
    let gate = Gate::new();
    watch(&gate, &url, &["--watch=100ms"])
        .code(0)
        .says("within the limits, but 1 of 3 samples failed");
}

#[test]
fn retry_after_is_honoured_in_a_window_as_long_as_it_makes_no_gap() {
    let times = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&times);
    let url = nth(move |n, stream| {
        log.lock().unwrap().push(Instant::now());
        match n {
            1 => reply(stream, "429 Too Many Requests", "Retry-After: 1\r\n", ""),
            _ => reply(stream, GOOD, "", ""),
        }
    });
    let gate = Gate::new();
    // Its own rhythm would be a sample at the end of the 150 ms. A gap is more than a second.
    gate.run(["smoke", &url, "--steady=150ms", "--interval=100ms", "--within=20s"])
        .code(0);
    let times = times.lock().unwrap();
    let waited = times[2] - times[1];
    assert!(waited >= Duration::from_millis(740), "{waited:?}");
}

#[test]
fn what_failed_before_the_window_is_not_counted_in_it() {
    let url = statuses(|n| match n {
        0..3 => "503 Service Unavailable",
        6 => BROKEN,
        _ => GOOD,
    });
    let gate = Gate::new();
    watch(&gate, &url, &["--watch=300ms"])
        .code(0)
        .says("samples failed: status-5xx 1");
    assert!(fact(&gate, "attempts").ends_with("(status-5xx 1, gateway-5xx 3)"));
}

#[test]
fn there_is_no_window_before_the_first_right_answer() {
    let gate = Gate::new();
    gate.run([
        "smoke",
        &statuses(|_| BROKEN),
        "--within=300ms",
        "--interval=50ms",
        "--watch=60s",
    ])
    .code(1);
    assert_eq!(found(&gate), ["unhealthy", "app", "status-5xx"]);
}

/// However many failures are allowed, a watch has an end.
#[test]
fn a_watch_that_ends_in_failures_ends() {
    let gate = Gate::new();
    let url = statuses(|count| {
        if count == 0 {
            "200 OK"
        } else {
            "503 Service Unavailable"
        }
    });
    let began = Instant::now();
    gate.run([
        "smoke",
        &url,
        "--watch=200ms",
        "--interval=20ms",
        "--within=500ms",
        "--max-failures=1000000",
        "--max-error-ratio=100%",
    ])
    .code(1)
    .says("good at first, then");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn a_place_for_a_version_that_nobody_expects_is_refused() {
    let gate = Gate::new();
    gate.run(["smoke", "http://127.0.0.1:1/", "--version-from=header:X-Version"])
        .code(2)
        .says("needs --expect-version");
}
