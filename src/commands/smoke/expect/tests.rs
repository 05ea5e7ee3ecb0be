use std::time::Duration;

use super::*;
use crate::world::http::{Headers, Phases};

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn answered(status: u16, body: &str) -> Answer {
    Answer {
        status,
        version: "HTTP/1.1",
        headers: Headers::from_iter([("X-Version", "1.4.0"), ("Content-Type", "application/json")]),
        location: Some("/login".into()),
        hops: Vec::new(),
        url: url("http://h/"),
        address: None,
        proxy: None,
        body: body.as_bytes().to_vec(),
        body_cut: false,
        took: Duration::from_millis(3),
        phases: Phases::default(),
        first_expiry: None,
        retry_after: None,
    }
}

fn anything() -> Expected {
    Expected {
        statuses: StatusSet::ok(),
        final_host: None,
        redirects: Vec::new(),
        version: None,
        headers: Vec::new(),
        body: None,
        json: Vec::new(),
    }
}

/// The reason and the words, or `None` for a good response.
fn wrong(expected: &Expected, answer: Answer) -> Option<(Reason, String)> {
    match expected.judge(answer, &url("http://h/"), false, &Redactor::default()) {
        Sample::Good(_) => None,
        Sample::Bad(bad) => Some((bad.reason, bad.detail)),
    }
}

fn reason(expected: &Expected, answer: Answer) -> Option<Reason> {
    wrong(expected, answer).map(|(reason, _)| reason)
}

#[test]
fn each_wrong_status_has_its_reason() {
    for (status, expected) in [
        (200, None),
        (204, Some(Reason::StatusOther)),
        (302, Some(Reason::Redirect)),
        (401, Some(Reason::AuthWall)),
        (403, Some(Reason::AuthWall)),
        (404, Some(Reason::Status4xx)),
        (429, Some(Reason::Status4xx)),
        (500, Some(Reason::Status5xx)),
        (502, Some(Reason::Gateway5xx)),
        (503, Some(Reason::Gateway5xx)),
        (504, Some(Reason::Gateway5xx)),
        (505, Some(Reason::Status5xx)),
    ] {
        assert_eq!(reason(&anything(), answered(status, "")), expected, "{status}");
    }
}

#[test]
fn the_body_counts_only_after_the_status() {
    let expected = Expected {
        body: Some(Regex::new("ready: (yes|ok)").unwrap()),
        ..anything()
    };
    assert_eq!(reason(&expected, answered(200, "ready: yes")), None);
    assert_eq!(reason(&expected, answered(200, "ready: no")), Some(Reason::Body));
    assert_eq!(reason(&expected, answered(500, "ready: yes")), Some(Reason::Status5xx));
}

#[test]
fn nobody_is_told_to_ask_for_what_they_asked_for() {
    assert!(wrong_status(304, false).1.contains("not followed"));
    assert!(!wrong_status(304, true).1.contains("not followed"));
}

#[test]
fn json_is_read_once_for_all_that_is_expected_of_it() {
    let expected = Expected {
        json: vec!["/status = ok".parse().unwrap(), "/queue < 10".parse().unwrap()],
        body: Some(Regex::new("queue").unwrap()),
        ..anything()
    };
    let says = |body: &str| wrong(&expected, answered(200, body));
    assert_eq!(says(r#"{"status":"ok","queue":3}"#), None);
    let (reason, words) = says(r#"{"status":"ok","queue":30}"#).unwrap();
    assert_eq!(reason, Reason::Body);
    assert_eq!(words, "answered 200, but /queue is 30, expected /queue < 10");
    let (_, words) = says("<html>queue</html>").unwrap();
    assert!(
        words.contains("its body cannot be read as JSON: expected value"),
        "{words}"
    );
}

#[test]
fn the_version_is_looked_at_before_what_changes_with_it() {
    let version = |from: &str, expected: &str| Expected {
        version: Some(Version {
            expected: expected.into(),
            from: from.parse().unwrap(),
        }),
        body: Some(Regex::new("new page").unwrap()),
        ..anything()
    };
    let says = |from: &str, expected: &str, body: &str| wrong(&version(from, expected), answered(200, body));
    assert_eq!(says("header:x-version", "1.4.0", "new page"), None);
    let (reason, words) = says("header:X-Version", "1.5.0", "old page").unwrap();
    assert_eq!(reason, Reason::WrongVersion);
    assert_eq!(words, "answered 200, but version `1.4.0` answers, expected `1.5.0`");
    assert_eq!(says("json:/build", "7", r#"{"build": 7, "x": "new page"}"#), None);
    assert_eq!(says("body:v([0-9.]+)", "1.5", "new page v1.5"), None);
    assert_eq!(says("body", "1.5", "new page v1.5"), None);
    let (reason, words) = says("header:X-None", "1.5", "new page").unwrap();
    assert_eq!(reason, Reason::WrongVersion);
    assert!(words.contains("no version found in header:X-None"), "{words}");
}

#[test]
fn headers_are_looked_at() {
    let expected = Expected {
        headers: vec!["Content-Type: ^text/html".parse().unwrap()],
        ..anything()
    };
    assert_eq!(reason(&expected, answered(200, "")), Some(Reason::Header));
}

#[test]
fn the_way_and_its_end_are_looked_at() {
    let moved = || Answer {
        hops: vec![Hop {
            status: 301,
            from: url("http://h/"),
            to: url("https://www.h/"),
        }],
        url: url("https://www.h/"),
        ..answered(200, "")
    };
    let to = |urls: &[&str], host: Option<&str>| Expected {
        redirects: urls.iter().map(|text| url(text)).collect(),
        final_host: host.map(str::to_owned),
        ..anything()
    };
    assert_eq!(reason(&to(&["https://www.h/"], Some("WWW.H")), moved()), None);
    assert_eq!(reason(&to(&[], Some("h")), moved()), Some(Reason::Redirect));
    let (_, words) = wrong(&to(&["https://www.h/", "https://www.h/login"], None), moved()).unwrap();
    assert!(
        words.contains("its redirects lead to https://www.h/, expected https://www.h/, then"),
        "{words}"
    );
    let (_, words) = wrong(&to(&["https://www.h/"], None), answered(200, "")).unwrap();
    assert!(words.contains("its redirects lead to nowhere"), "{words}");
}

#[test]
fn a_mark_before_json_is_passed_over_and_an_encoding_is_named() {
    let expected = Expected {
        json: vec!["/status = ok".parse().unwrap()],
        ..anything()
    };
    assert_eq!(reason(&expected, answered(200, "\u{feff}{\"status\":\"ok\"}")), None);
    let zipped = Answer {
        headers: Headers::from_iter([("Content-Encoding", "gzip")]),
        ..answered(200, "\u{1f}\u{8b}")
    };
    let (_, words) = wrong(&expected, zipped).unwrap();
    assert!(words.contains("it is encoded as gzip"), "{words}");
}
