//! What cannot be probed is said before anything is.

use crate::gate::Gate;

#[test]
fn what_cannot_be_probed_is_a_usage_error() {
    let gate = Gate::new();
    for (args, says) in [
        (vec!["smoke"], "smoke has no URL"),
        (vec!["smoke", "staging.example.com"], "has no scheme"),
        (vec!["smoke", "localhost:8080"], "write http://localhost:8080"),
        (vec!["smoke", "ftp://h/"], "only http and https"),
        (vec!["smoke", "http://"], "is not a URL"),
        (vec!["smoke", "http://h:99999/"], "is not a URL"),
        (vec!["smoke", "http://u:hunter2hunter2@h/"], "holds credentials"),
        (vec!["smoke", "http://h/", "--path=healthz"], "begin it with one slash"),
        (
            vec!["smoke", "http://h/", "--path=//evil.example/"],
            "begin it with one slash",
        ),
        (vec!["smoke", "http://h/", "--within=30"], "30s for seconds"),
        (vec!["smoke", "http://h/", "--timeout=0s"], "longer than 0s"),
        (vec!["smoke", "http://h/", "--interval=0s"], "the shortest is 10ms"),
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
        (
            vec!["smoke", "http://127.0.0.1:1/", "--start=a 'b"],
            "quote that is not closed",
        ),
        (vec!["smoke", "http://127.0.0.1:1/", "--start="], "must not be empty"),
        (vec!["smoke", "http://example.com/", "--start=x"], "on this machine"),
    ] {
        gate.run(args).code(2).says(says).never_says("hunter2");
    }
}
