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
        (vec![], "smoke has no URL"),
        (vec!["staging.example.com"], "has no scheme"),
        (vec!["localhost:8080"], "write http://localhost:8080"),
        (vec!["ftp://h/"], "only http and https"),
        (vec!["http://"], "is not a URL"),
        (vec!["http://h:99999/"], "is not a URL"),
        (vec![""], "the URL is empty"),
        (vec![&long], "bytes long"),
        (vec![&label], "which is not a valid name"),
        (vec!["http://a..b/"], "which is not a valid name"),
        (vec!["http://.../"], "which is not a valid name"),
        (vec!["http://h:0/"], "has the port 0"),
        (vec!["http://[fe80::1%25eth0]/"], "is not a URL"),
        (vec!["http://xn--a/"], "is not a URL"),
        (vec!["http://h/", "--path=/\\evil.example/"], "leads to another host"),
        (vec!["http://h/", "--path=/\t/evil.example/"], "leads to another host"),
        (
            vec!["http://h/", "--expect-final-host=h:80"],
            "is not the name of a host",
        ),
        (vec!["http://h/", "--expect-final-host="], "is not the name of a host"),
        (
            vec!["http://h/", "--expect-redirect=http://u:hunter2hunter2@h/"],
            "contains credentials",
        ),
        (
            vec!["http://h/", "--control=http://u:hunter2hunter2@h/"],
            "contains credentials",
        ),
        (
            vec!["http://h/", "--proxy=http://u:hunter2hunter2@h/"],
            "contains credentials",
        ),
        (vec!["http://h/", "--method=GET / HTTP/1.1"], "is not an HTTP method"),
        (
            vec!["http://h/", "--header=X: a\r\nY: b"],
            "contains a control character",
        ),
        (vec!["http://h/", "--header=Content-Length: 5"], "cannot be given"),
        (
            vec!["http://h/", "--body-file=/dev/zero"],
            "it is a device, not a regular file",
        ),
        (vec!["http://h/", "--body-file=nope"], "does not exist"),
        (vec!["http://h/", "--body=a", "--body-file=b"], "cannot both be sent"),
        (vec!["http://h/", "--client-cert=a"], "must be used together"),
        (vec!["http://h/", "--http-version=3"], "is not supported"),
        (vec!["http://h/", "--resolve=h"], "is not HOST:PORT:ADDRESS"),
        (vec!["http://h/", "--watch=1s", "--max-failures=0"], "at least 1"),
        (vec!["http://h/", "--max-error-ratio=NaN"], "is not a percentage"),
        (vec!["http://h/", "--within=99999999999999999999h"], "for '--within"),
        (vec!["http://h/", "--watch=1s", "--steady=1s"], "cannot be used with"),
        (vec!["http://h/", "--expect-version= "], "is empty"),
        (vec!["http://h/", "--expect-json=x"], "JSON pointer"),
        (vec!["http://u:hunter2hunter2@h/"], "contains credentials"),
        (vec!["http://h/", "--path=healthz"], "begin it with one slash"),
        (vec!["http://h/", "--path=//evil.example/"], "begin it with one slash"),
        (vec!["http://h/", "--within=30"], "30s for seconds"),
        (vec!["http://h/", "--timeout=0s"], "longer than 0s"),
        (vec!["http://h/", "--interval=0s"], "the minimum is 10ms"),
        (vec!["http://h/", "--expect-status=999"], "is not an HTTP status"),
        (vec!["http://h/", "--expect-body=("], "not a regular expression"),
        (vec!["http://h/", "--method=HEAD", "--expect-body=x"], "no body"),
        (vec!["http://127.0.0.1:1/", "--start=a 'b"], "unclosed quote"),
        (vec!["http://127.0.0.1:1/", "--start="], "must not be empty"),
        (vec!["http://example.com/", "--start=x"], "on this machine"),
    ] {
        gate.run([&["smoke"], &*args].concat())
            .code(2)
            .says(says)
            .never_says("hunter2");
    }
    // Some fifty runs; nothing was waited for.
    assert!(began.elapsed() < Duration::from_secs(30));
}
