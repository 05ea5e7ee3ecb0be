use super::*;

#[test]
fn a_method_is_a_token_in_upper_case() {
    for good in ["GET", "HEAD", "POST", "PROPFIND", "M-SEARCH"] {
        assert_eq!(good.parse::<Method>().unwrap().to_string(), good);
    }
    assert!("HEAD".parse::<Method>().unwrap().is_head() && !Method::default().is_head());
    for (bad, expected) in [
        ("get", "upper case: GET, not get"),
        ("", "not an HTTP method"),
        ("GET /", "not an HTTP method"),
        ("CONNECT", "asks for a tunnel"),
    ] {
        let error = bad.parse::<Method>().unwrap_err().to_string();
        assert!(error.contains(expected), "{bad}: {error}");
    }
}

#[test]
fn a_header_that_cannot_be_sent_is_refused_without_its_value() {
    for (line, expected) in [
        ("X-Key hunter2", "no colon"),
        (": hunter2", "not the name of a header"),
        ("X Key: hunter2", "not the name of a header"),
        ("X-Key: hunter2\r\nX-Other: 1", "a control character"),
        ("Content-Length: 7", "set by the client"),
        ("transfer-encoding: chunked", "set by the client"),
    ] {
        let error = Header::parse(line, true).unwrap_err().to_string();
        assert!(
            error.contains(expected) && !error.contains("hunter2"),
            "{line}: {error}"
        );
    }
}

#[test]
fn what_is_secret_is_never_shown() {
    let shown = |line: &str, secret: bool| format!("{:?}", Header::parse(line, secret).unwrap());
    assert_eq!(shown("X-Key:  hunter2 ", true), "X-Key: ***");
    assert_eq!(shown("X-Key: hunter2", false), "X-Key: hunter2");
    for credential in ["Authorization", "cookie", "Proxy-Authorization"] {
        assert!(shown(&format!("{credential}: hunter2"), false).ends_with(": ***"));
    }
    let made = [Header::new("Cookie", "hunter2", false).unwrap()];
    let sent = format!("{:?}", encode(&made).unwrap());
    assert!(!sent.contains("hunter2"), "{sent}");
    assert!(!format!("{made:?}").contains("hunter2"));
}

#[test]
fn a_header_may_be_given_twice_and_in_any_language() {
    let headers = [
        Header::parse("Accept: text/html", false).unwrap(),
        Header::parse("accept: grüße", false).unwrap(),
    ];
    let map = encode(&headers).unwrap();
    assert_eq!(map.get_all("accept").iter().count(), 2);
}
