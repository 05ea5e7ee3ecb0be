//! Good responses that come too late, and where the time of an answer goes.

use std::time::Duration;

use super::{GOOD, fact, found, nth, reply};
use crate::gate::Gate;
use crate::servers::serve;

/// Every fifth answer is slow: the median is fast, and the 95th percentile is not.
fn sometimes_slow() -> String {
    nth(|n, stream| {
        if n % 5 == 4 {
            std::thread::sleep(Duration::from_millis(120));
        }
        reply(stream, GOOD, "", "");
    })
}

#[test]
fn slow_is_a_warning_or_a_failure_and_the_median_is_not_the_95th() {
    for (flags, code, expected) in [
        (["--warn-latency=p95=100ms", "--warn-latency=median=5s"], 0, "slow"),
        (["--max-latency=p95=100ms", "--max-latency=median=5s"], 1, "too-slow"),
        (["--max-latency=median=100ms", "--max-latency=p95=5s"], 0, "none"),
        (["--warn-latency=p95=50ms", "--max-latency=p95=100ms"], 1, "too-slow"),
    ] {
        let gate = Gate::new();
        let mut args = vec!["smoke", "", "--watch=700ms", "--interval=10ms"];
        let url = sometimes_slow();
        args[1] = &url;
        args.extend(flags);
        let ran = gate.run(args);
        ran.code(code);
        let [found, _, reason] = found(&gate);
        assert_eq!(found, expected, "{}", ran.explain());
        if expected != "none" {
            assert_eq!(reason, "latency");
            ran.says("the p95 latency is");
        }
    }
}

#[test]
fn one_answer_is_measured_too() {
    let slow = serve(|stream| {
        std::thread::sleep(Duration::from_millis(60));
        reply(stream, GOOD, "", "");
    });
    let gate = Gate::new();
    gate.run(["smoke", &slow, "--max-latency=median=50ms"]).code(1);
    let gate = Gate::new();
    gate.run(["smoke", &slow, "--max-latency=median=30s"]).code(0);
}

#[test]
fn the_report_says_where_the_time_went() {
    let url = serve(|mut stream| {
        crate::servers::read_head(&mut stream);
        std::thread::sleep(Duration::from_millis(50));
        let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
        std::thread::sleep(Duration::from_millis(50));
        let _ = std::io::Write::write_all(&mut stream, b"ok");
    });
    let gate = Gate::new();
    gate.run(["smoke", &url]).code(0);
    let told = fact(&gate, "phases");
    let phase = |name: &str| -> f64 {
        let part = told
            .split(", ")
            .find_map(|part| part.strip_prefix(name)?.strip_prefix(' '));
        part.unwrap().trim_end_matches(['m', 's']).parse().unwrap()
    };
    assert!(phase("first byte") >= 50.0, "{told}");
    assert!(phase("total") >= phase("first byte") + 45.0, "{told}");
    assert!(phase("connect") < 50.0, "{told}");
    assert!(!told.contains("tls") && !told.contains("dns"), "{told}");
    let report = gate.report("smoke");
    let latency = &report["checks"][0]["latency"];
    assert_eq!(latency["count"], 1);
    assert!(latency["median_us"].as_u64().unwrap() >= 99_000, "{latency}");
}
