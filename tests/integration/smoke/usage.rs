//! What cannot be probed is said before anything is.

use std::time::{Duration, Instant};

use crate::gate::Gate;

/// D16: nev7n/wait_for_response 1.2 loops for ever on a malformed URL, without a pause and without a look at the clock.
#[test]
fn what_cannot_be_probed_is_a_usage_error() {
    let gate = Gate::new();
    let long = format!("http://h/{}", "a".repeat(9000));
    let label = format!("http://{}.example/", "a".repeat(64));
    let began = Instant::now();
    for (args, says) in [
        (vec!["smoke"], "smoke has no URL"),
        (vec!["smoke", "staging.example.com"], "has no scheme"),
        (vec!["smoke", "localhost:8080"], "write http://localhost:8080"),
        (vec!["smoke", "ftp://h/"], "only http and https"),
        (vec!["smoke", "http://"], "is not a URL"),
        (vec!["smoke", "http://h:99999/"], "is not a URL"),
        (vec!["smoke", ""], "the URL is empty"),
        (vec!["smoke", &long], "bytes long"),
        (vec!["smoke", &label], "which is not a valid name"),
        (vec!["smoke", "http://a..b/"], "which is not a valid name"),
        (vec!["smoke", "http://.../"], "which is not a valid name"),
        (vec!["smoke", "http://h:0/"], "has the port 0"),
        (vec!["smoke", "http://[fe80::1%25eth0]/"], "is not a URL"),
        (vec!["smoke", "http://xn--a/"], "is not a URL"),
        (
            vec!["smoke", "http://h/", "--path=/\\evil.example/"],
            "leads to another host",
        ),
        (
            vec!["smoke", "http://h/", "--path=/\t/evil.example/"],
            "leads to another host",
        ),
        (
            vec!["smoke", "http://h/", "--expect-final-host=h:80"],
            "is not the name of a host",
        ),
        (
            vec!["smoke", "http://h/", "--expect-final-host="],
            "is not the name of a host",
        ),
        (
            vec!["smoke", "http://h/", "--expect-redirect=http://u:hunter2hunter2@h/"],
            "contains credentials",
        ),
        (
            vec!["smoke", "http://h/", "--control=http://u:hunter2hunter2@h/"],
            "contains credentials",
        ),
        (
            vec!["smoke", "http://h/", "--proxy=http://u:hunter2hunter2@h/"],
            "contains credentials",
        ),
        (
            vec!["smoke", "http://h/", "--method=GET / HTTP/1.1"],
            "is not an HTTP method",
        ),
        (
            vec!["smoke", "http://h/", "--header=X: a\r\nY: b"],
            "contains a control character",
        ),
        (
            vec!["smoke", "http://h/", "--header=Content-Length: 5"],
            "cannot be given",
        ),
        (
            vec!["smoke", "http://h/", "--body-file=/dev/zero"],
            "it is a device, not a regular file",
        ),
        (vec!["smoke", "http://h/", "--body-file=nope"], "does not exist"),
        (
            vec!["smoke", "http://h/", "--body=a", "--body-file=b"],
            "cannot both be sent",
        ),
        (vec!["smoke", "http://h/", "--client-cert=a"], "must be used together"),
        (vec!["smoke", "http://h/", "--http-version=3"], "is not supported"),
        (vec!["smoke", "http://h/", "--resolve=h"], "is not HOST:PORT:ADDRESS"),
        (
            vec!["smoke", "http://h/", "--watch=1s", "--max-failures=0"],
            "at least 1",
        ),
        (
            vec!["smoke", "http://h/", "--max-error-ratio=NaN"],
            "is not a percentage",
        ),
        (
            vec!["smoke", "http://h/", "--within=99999999999999999999h"],
            "for '--within",
        ),
        (
            vec!["smoke", "http://h/", "--watch=1s", "--steady=1s"],
            "cannot be used with",
        ),
        (vec!["smoke", "http://h/", "--expect-version= "], "is empty"),
        (vec!["smoke", "http://h/", "--expect-json=x"], "JSON pointer"),
        (vec!["smoke", "http://u:hunter2hunter2@h/"], "contains credentials"),
        (vec!["smoke", "http://h/", "--path=healthz"], "begin it with one slash"),
        (
            vec!["smoke", "http://h/", "--path=//evil.example/"],
            "begin it with one slash",
        ),
        (vec!["smoke", "http://h/", "--within=30"], "30s for seconds"),
        (vec!["smoke", "http://h/", "--timeout=0s"], "longer than 0s"),
        (vec!["smoke", "http://h/", "--interval=0s"], "the minimum is 10ms"),
        (
            vec!["smoke", "http://h/", "--expect-status=999"],
            "is not an HTTP status",
        ),
        (
            vec!["smoke", "http://h/", "--expect-body=("],
            "not a regular expression",
        ),
        (
            vec!["smoke", "http://h/", "--method=HEAD", "--expect-body=x"],
            "no body",
        ),
        (vec!["smoke", "http://127.0.0.1:1/", "--start=a 'b"], "unclosed quote"),
        (vec!["smoke", "http://127.0.0.1:1/", "--start="], "must not be empty"),
        (vec!["smoke", "http://example.com/", "--start=x"], "on this machine"),
    ] {
        gate.run(args).code(2).says(says).never_says("hunter2");
    }
    // Some fifty runs; nothing was waited for.
    assert!(began.elapsed() < Duration::from_secs(30));
}
