//! Variables, files and servers that are there and are not what was asked for.

use std::fs;

use super::on_runner;
use crate::servers;

#[test]
fn what_stands_where_a_value_should_be_is_no_value() {
    for (value, says) in [
        ("", "is not set or empty"),
        (" \t\n", "is not set or empty"),
        ("\u{200b}", "holds only invisible characters"),
        ("\u{feff}\u{2060} ", "holds only invisible characters"),
        ("\u{3164}", "holds only invisible characters"),
        ("null", "holds an empty JSON value"),
        (" null ", "holds an empty JSON value"),
        ("***", "holds asterisks"),
        ("********", "holds asterisks"),
        ("${{ secrets.TOKEN }}", "holds an unevaluated expression"),
        ("Bearer ${{ secrets.TOKEN }}", "holds an unevaluated expression"),
    ] {
        for kind in ["env", "var"] {
            let gate = on_runner().env("TOKEN", value);
            gate.run(["skip-guard", &format!("--require={kind}:TOKEN")])
                .code(0)
                .says("Verdict: skip")
                .says(&format!("TOKEN {says}"));
            assert_eq!(gate.outputs()["ready"], "false");
        }
        // Half of what belongs together is never a reason to skip.
        let gate = on_runner().env("TOKEN", value).env("USER_ID", "me");
        gate.run(["skip-guard", "--require=group:USER_ID,TOKEN"])
            .code(1)
            .says("USER_ID is set, but TOKEN");
    }
}

#[test]
fn what_is_a_value_stays_one() {
    for value in [
        "x",
        "false",
        "0",
        "nullable",
        "p***w",
        "$x",
        "{{ x }}",
        "\u{e9}",
        "-----BEGIN KEY-----\nx\n",
    ] {
        let gate = on_runner().env("TOKEN", value);
        gate.run(["skip-guard", "--require=env:TOKEN"])
            .code(0)
            .says("Verdict: pass");
    }
}

#[test]
fn a_folder_or_a_pipe_is_not_the_file_that_was_asked_for() {
    let gate = on_runner();
    fs::create_dir_all(gate.root().join("dist")).unwrap();
    std::os::unix::fs::symlink("dist", gate.root().join("link")).unwrap();
    std::os::unix::fs::symlink("gone", gate.root().join("dangling")).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(gate.root().join("pipe"))
        .status();
    assert!(made.unwrap().success());
    for (path, says) in [
        ("dist", "dist is not a file"),
        ("link", "link is not a file"),
        ("pipe", "pipe is not a file"),
        ("/dev/null", "/dev/null is not a file"),
        ("dangling", "dangling does not exist"),
        ("runner/event.json/x", "event.json/x does not exist"),
    ] {
        gate.run(["skip-guard", &format!("--require=file:{path}")])
            .code(0)
            .says("Verdict: skip")
            .says(says);
    }
    gate.write("dist/a", "");
    std::os::unix::fs::symlink("dist/a", gate.root().join("good")).unwrap();
    gate.run(["skip-guard", "--require=file:good"])
        .code(0)
        .says("Verdict: pass");
}

#[test]
fn a_server_that_is_broken_is_not_there() {
    for (status, met) in [
        (200, true),
        (301, true),
        (401, true),
        (404, true),
        (500, false),
        (502, false),
        (503, false),
        (599, false),
    ] {
        let url = servers::serve(move |mut stream| {
            servers::read_head(&mut stream);
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _ = std::io::Write::write_all(&mut stream, answer.as_bytes());
        });
        let gate = on_runner();
        let ran = gate.run(["skip-guard", &format!("--require=url:{url}")]);
        match met {
            true => ran.code(0).says("Verdict: pass"),
            false => ran.code(0).says("Verdict: skip").says(&format!("answers {status}")),
        };
    }
}
