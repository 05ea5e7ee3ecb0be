//! A probed server repeats the token that it was sent, so that it lies across the place where its answer is cut.

use super::*;

fn smoke(url: &str, args: &[&str]) {
    // A busy machine may need longer for an answer; every run takes as long as it may.
    for within in ["--within=300ms", "--within=5s"] {
        let gate = gate();
        let first = ["smoke", url, "--bearer-env=MY_TOKEN", within];
        let ran = gate.run(first.iter().chain(args));
        ran.code(1);
        if !ran.stdout().contains("no complete response") {
            return nothing_leaked(&ran, &[]);
        }
    }
    panic!("no answer in time");
}

#[test]
fn a_body_that_repeats_the_token_across_the_end_of_the_excerpt() {
    for part in BEFORE_CUT {
        let url = echo(move |token| ok("", &format!("{}{token} and more", before(600, part))));
        smoke(&url, &["--expect-body=^never$"]);
    }
}

#[test]
fn a_body_that_repeats_the_token_encoded_across_the_end_of_the_excerpt() {
    for part in BEFORE_CUT {
        let encoders: [fn(&str) -> String; 4] = [
            |token| STANDARD.encode(format!("me:{token}")),
            |token| {
                serde_json::to_string(token)
                    .unwrap()
                    .replace('&', "\\u0026")
                    .replace('<', "\\u003c")
            },
            |token| {
                token
                    .replace('&', "&amp;")
                    .replace('<', "&lt;")
                    .replace('"', "&quot;")
                    .replace('\'', "&#39;")
            },
            |token| {
                url::Url::parse(&format!("http://h/?{token}"))
                    .unwrap()
                    .query()
                    .unwrap()
                    .to_owned()
            },
        ];
        for encode in encoders {
            let url = echo(move |token| ok("", &format!("{} {} more", before(600, part), encode(token))));
            smoke(&url, &["--expect-body=^never$"]);
        }
    }
}

#[test]
fn a_json_value_that_is_shown_in_part() {
    for part in BEFORE_CUT {
        let url = echo(move |token| {
            ok(
                "",
                &serde_json::json!({"v": format!("{}{token}", before(79, part))}).to_string(),
            )
        });
        smoke(&url, &["--expect-json=/v = no"]);
    }
}

#[test]
fn a_json_document_that_is_shown_in_part() {
    for part in BEFORE_CUT {
        let url = echo(move |token| {
            ok(
                "",
                &serde_json::json!({"a": [before(72, part), token], "b": 1}).to_string(),
            )
        });
        smoke(&url, &["--expect-json=/a = no"]);
    }
}

#[test]
fn a_header_that_is_shown_in_part() {
    for part in BEFORE_CUT {
        let url = echo(move |token| {
            let filler = before(117, part);
            ok(&format!("X-Echo: {filler}\r\nX-Echo: {token}\r\n"), "")
        });
        smoke(&url, &["--expect-header=X-Echo: ^no$"]);
    }
}

#[test]
fn a_version_that_is_shown_in_part() {
    for part in BEFORE_CUT {
        let header = echo(move |token| ok(&format!("X-Version: {}{token}\r\n", before(80, part)), ""));
        smoke(&header, &["--expect-version=1", "--version-from=header:X-Version"]);
        let json = echo(move |token| {
            ok(
                "",
                &serde_json::json!({"v": format!("{}{token}", before(80, part))}).to_string(),
            )
        });
        smoke(&json, &["--expect-version=1", "--version-from=json:/v"]);
    }
}

#[test]
fn a_redirect_whose_address_is_shown_in_part() {
    for part in BEFORE_CUT {
        let moved = move |token: &str| {
            let to = format!("/?{}{token}", before(300 - 2, part));
            ok(&format!("Location: {to}\r\n"), "").replacen("200 OK", "302 Found", 1)
        };
        smoke(&echo(moved), &[]);
        // Followed, it is told as it was parsed: percent-encoded, and with the address before it.
        let url = echo(move |token| {
            let to = format!("/?{}{token}", before(300 - 2 - "http://127.0.0.1:12345".len(), part));
            ok(&format!("Location: {to}\r\n"), "").replacen("200 OK", "302 Found", 1)
        });
        smoke(&url, &["--follow-redirects"]);
    }
}
