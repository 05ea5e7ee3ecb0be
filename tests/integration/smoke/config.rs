//! Probes and servers in the configuration: what is written wrong is said with its name, before anything runs.

use super::{GOOD, statuses};
use crate::gate::Gate;

#[test]
fn what_cannot_be_meant_is_a_usage_error() {
    let url = statuses(|_| GOOD);
    for (smoke, says) in [
        ("  probes: [{name: a}]", "the probe a: smoke has no URL"),
        (
            "  url: URL\n  probes: [{name: a}, {name: a}]",
            "two probes are called `smoke:a`",
        ),
        ("  probes: [{url: URL}, {url: URL}]", "two probes are called"),
        ("  url: URL\n  probes: [{name: ''}]", "is not one line"),
        ("  url: URL\n  probes: [{name: \"two\\nlines\"}]", "is not one line"),
        (
            "  url: URL\n  probes: [{name: a, stage: Two Words}]",
            "the stage `Two Words` is not a name",
        ),
        ("  url: URL\n  probes: [{name: a, urll: x}]", "did you mean `url`?"),
        (
            "  url: URL\n  probes: [{name: a, expect-json: [x]}]",
            "does not begin with a JSON pointer",
        ),
        ("  url: URL\n  header: [\"X: a\\0b\"]", "contains a control character"),
        (
            "  url: URL\n  parallel: 0",
            "--parallel 0 is not a number from 1 to 256",
        ),
        (
            "  url: URL\n  watch: 1s\n  steady: 1s",
            "--steady and --watch cannot be used together",
        ),
        (
            "  url: URL\n  start: x\n  probes: [{name: server}]",
            "a probe and a server are called `smoke:server`",
        ),
        (
            "  url: URL\n  servers: [{name: db, start: x}]\n  probes: [{name: 'server:db'}]",
            "a probe and a server are called `smoke:server:db`",
        ),
        ("  url: URL\n  servers: [{name: ../x, start: a}]", "part of a file name"),
        (
            "  url: URL\n  servers: [{name: x, start: a}, {name: x, start: b}]",
            "two servers are called `x`",
        ),
        (
            "  url: URL\n  start: a\n  servers: [{name: x, start: a}]",
            "both `start` and `servers`",
        ),
        (
            "  url: URL\n  servers: [{name: x, start: a, ready: 'http://example.com/'}]",
            "not on this machine",
        ),
        ("  url: URL\n  ready: 'tcp:1'", "--ready needs --start"),
    ] {
        let gate = Gate::new();
        gate.write(
            ".github/stageproof.yml",
            format!("version: 1\nsmoke:\n{}\n", smoke.replace("URL", &url)),
        );
        gate.run(["smoke"]).code(2).says(says);
    }
}

#[test]
fn bytes_that_are_no_text_are_named_and_not_taken_for_something_else() {
    let gate = Gate::new();
    gate.write(
        ".github/stageproof.yml",
        b"version: 1\nsmoke:\n  url: http://127.0.0.1:1/\xff\n",
    );
    gate.run(["smoke"])
        .code(2)
        .says("is not UTF-8 text (first wrong byte at offset");
    let gate = Gate::new();
    let mut command = gate.command(["smoke", "http://127.0.0.1:1/", "--bearer-env=TOKEN"]);
    let value = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"a\xff");
    let output = command.env("TOKEN", value).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
