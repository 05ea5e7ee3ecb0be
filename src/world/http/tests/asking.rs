//! What is sent, and what is told of the answer.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use super::servers::{OK, serve};
use super::*;

#[tokio::test]
async fn everything_is_sent_again_with_every_attempt() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    let address = serve(move |request| {
        log.lock().unwrap().push(request.to_owned());
        "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n".to_owned()
    })
    .await;
    let http = Http::new(&Env::default(), &Settings::default()).unwrap();
    let (url, method) = (
        Url::parse(&format!("http://{address}/form")).unwrap(),
        "POST".parse().unwrap(),
    );
    let headers = ["Content-Type: application/json", "User-Agent: other/1"].map(|h| Header::parse(h, false).unwrap());
    for _ in 0..2 {
        let request = Request {
            url: &url,
            method: &method,
            headers: &headers,
            body: Some(&Bytes::from_static(br#"{"a":1}"#)),
            timeout: LATE,
            body_limit: 10,
        };
        assert_eq!(http.send(request).await.unwrap().status, 503);
    }
    let asked = asked.lock().unwrap();
    for request in asked.iter() {
        assert!(request.starts_with("POST /form HTTP/1.1\r\n"), "{request}");
        assert!(request.ends_with("\r\n\r\n{\"a\":1}"), "{request}");
        assert!(request.contains("content-length: 7"), "{request}");
        assert!(
            request.contains("user-agent: other/1") && !request.contains("stageproof"),
            "{request}"
        );
        assert!(!request.contains("accept-encoding"), "{request}");
    }
    assert_eq!(asked.len(), 2);
}

#[tokio::test]
async fn the_answer_is_told_with_its_headers() {
    let address = serve(|request| {
        assert!(request.contains("user-agent: stageproof/"), "{request}");
        "HTTP/1.1 429 Slow down\r\nRetry-After: 7\r\nX-Two: a\r\nx-two: b\r\nX-Odd: \u{e9}\r\nContent-Length: 6\r\n\r\nsorry!"
            .to_owned()
    })
    .await;
    let http = Http::new(&Env::default(), &Settings::default()).unwrap();
    let url = Url::parse(&format!("http://{address}/")).unwrap();
    let request = Request::get(&url, &[], LATE, 3);
    let answer = http.send(request).await.unwrap();
    assert_eq!((answer.status, answer.version), (429, "HTTP/1.1"));
    assert_eq!((answer.body.as_slice(), answer.body_cut), (&b"sor"[..], true));
    assert_eq!(answer.retry_after, Some(Duration::from_secs(7)));
    assert_eq!(answer.headers.get("X-TWO").as_deref(), Some("a"));
    assert_eq!(answer.headers.all("x-two"), ["a", "b"]);
    assert_eq!(answer.headers.get("x-odd").as_deref(), Some("\u{e9}"));
    assert_eq!(answer.headers.get("absent"), None);
    assert!(
        answer
            .headers
            .iter()
            .any(|(name, value)| name == "retry-after" && value == "7")
    );
    assert_eq!(answer.address, Some(address));
    assert_eq!(answer.first_expiry, None);
}

#[tokio::test]
async fn times_are_told_by_phase() {
    let wait = Duration::from_millis(60);
    let address = serve(move |_| {
        std::thread::sleep(wait);
        OK.to_owned()
    })
    .await;
    let answer = get(Settings::default(), &format!("http://{address}/")).await.unwrap();
    let phases = answer.phases;
    assert_eq!((phases.dns, phases.tls), (None, None), "{phases:?}");
    assert!(phases.connect.unwrap() < phases.first_byte, "{phases:?}");
    assert!(
        phases.first_byte >= wait && phases.first_byte <= phases.total,
        "{phases:?}"
    );
    assert!(phases.total <= answer.took, "{phases:?}");
    let named = format!("http://localhost:{}/", address.port());
    assert!(get(Settings::default(), &named).await.unwrap().phases.dns.is_some());
    let given = Settings {
        resolve: vec!["app.example:*:127.0.0.1".parse().unwrap()],
        ..Settings::default()
    };
    let answer = get(given, &named.replace("localhost", "app.example")).await.unwrap();
    assert_eq!(answer.phases.dns, None, "nothing was looked up");
}

#[tokio::test]
async fn a_host_of_its_own_is_sent() {
    let address = serve(|request| {
        assert!(request.contains("host: app.example\r\n"), "{request}");
        OK.to_owned()
    })
    .await;
    let host = [Header::parse("Host: app.example", false).unwrap()];
    let url = format!("http://{address}/");
    let answer = post(Settings::default(), &Method::GET, &url, &host, None)
        .await
        .unwrap();
    assert_eq!(answer.status, 200);
    let two = Settings {
        version: HttpVersion::Two,
        ..Settings::default()
    };
    let failure = post(two, &Method::GET, &url, &host, None).await.unwrap_err();
    assert!(failure.detail.contains("over HTTP/2"), "{failure:?}");
}

#[tokio::test]
async fn an_address_of_the_other_family_is_refused() {
    for (family, url, expected) in [
        (Family::V6, "http://127.0.0.1/", "127.0.0.1 is not an IPv6 address"),
        (Family::V4, "http://[::1]/", "::1 is not an IPv4 address"),
        (Family::V6, "http://[::ffff:127.0.0.1]/", "is not an IPv6 address"),
        (
            Family::V6,
            "http://app.example/",
            "app.example: --resolve gives no IPv6 address",
        ),
    ] {
        let settings = Settings {
            family,
            resolve: vec!["app.example:80:127.0.0.1".parse().unwrap()],
            ..Settings::default()
        };
        let failure = get(settings.clone(), url).await.unwrap_err();
        assert_eq!((failure.reason, failure.blind), (Reason::Dns, false), "{url}");
        assert!(failure.detail.contains(expected), "{url}: {failure:?}");
        let http = Http::new(&Env::default(), &settings).unwrap();
        let failure = http.addresses(&url.parse().unwrap()).await.unwrap_err();
        assert!(failure.detail.contains(expected), "{url}: {failure:?}");
    }
}

#[tokio::test]
async fn addresses_are_told_in_order() {
    let settings = Settings {
        resolve: vec!["app.example:443:192.0.2.2,2001:db8::1".parse().unwrap()],
        ..Settings::default()
    };
    let http = Http::new(&Env::default(), &settings).unwrap();
    let addresses = async |url: &str| http.addresses(&url.parse().unwrap()).await.unwrap();
    let given = ["192.0.2.2".parse().unwrap(), "2001:db8::1".parse::<IpAddr>().unwrap()];
    assert_eq!(addresses("https://app.example/").await, given);
    assert_eq!(
        addresses("http://192.0.2.3/").await,
        ["192.0.2.3".parse::<IpAddr>().unwrap()]
    );
    let both: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    assert_eq!(addresses("http://localhost/").await, both);
}

/// A proxy, and who it was asked for.
async fn proxy() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    let address = serve(move |request| {
        log.lock().unwrap().push(request.to_owned());
        OK.to_owned()
    })
    .await;
    (address, asked)
}

#[tokio::test]
async fn a_proxy_is_used_but_for_loopback_and_given_addresses() {
    let (proxy, asked) = proxy().await;
    let server = serve(|_| "HTTP/1.1 204 No Content\r\n\r\n".to_owned()).await;
    let port = server.port();
    let through = Settings {
        proxy: ProxyChoice::Url(format!("http://user:hunter2@{proxy}").parse().unwrap()),
        resolve: vec!["given.example:*:127.0.0.1".parse().unwrap()],
        ..Settings::default()
    };
    assert!(!format!("{through:?}").contains("hunter2"));
    let answer = get(through.clone(), "http://far.example/x").await.unwrap();
    assert_eq!((answer.status, answer.address), (200, Some(proxy)));
    assert_eq!(answer.phases.dns, None, "the proxy looks it up");
    for direct in ["127.0.0.1", "localhost", "given.example"] {
        let answer = get(through.clone(), &format!("http://{direct}:{port}/")).await.unwrap();
        assert_eq!(answer.status, 204, "{direct}");
    }
    let asked = asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].starts_with("GET http://far.example/x HTTP/1.1"), "{asked:?}");
    assert!(asked[0].contains("proxy-authorization: Basic"), "{asked:?}");
}

#[tokio::test]
async fn the_environment_names_a_proxy_unless_there_is_to_be_none() {
    let (proxy, asked) = proxy().await;
    let env = Env::from_iter([("http_proxy", format!("http://{proxy}"))]);
    let server = serve(|_| "HTTP/1.1 204 No Content\r\n\r\n".to_owned()).await;
    let url = Url::parse(&format!("http://far.example:{}/", server.port())).unwrap();
    let request = || Request::get(&url, &[], LATE, 10);
    let from_environment = Http::new(&env, &Settings::default()).unwrap();
    assert_eq!(from_environment.send(request()).await.unwrap().status, 200);
    assert_eq!(asked.lock().unwrap().len(), 1);
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let none = Settings {
        proxy: ProxyChoice::None,
        ..Settings::default()
    };
    let dns = Dns::asking(silent.local_addr().unwrap().port(), SOON);
    let failure = Http::with_dns(&env, &none, dns)
        .unwrap()
        .send(request())
        .await
        .unwrap_err();
    assert_eq!(failure.reason, Reason::Dns, "it looks the name up itself");
    assert_eq!(asked.lock().unwrap().len(), 1);
    let socks = Settings {
        proxy: ProxyChoice::Url("socks5://user:hunter2@127.0.0.1:1".parse().unwrap()),
        ..Settings::default()
    };
    let error = Http::new(&env, &socks).map(|_| ()).unwrap_err().to_string();
    assert!(
        error.contains("socks5://127.0.0.1:1") && !error.contains("hunter2"),
        "{error}"
    );
}

/// What is said about the server is what was seen of the server.
#[tokio::test]
async fn a_proxy_that_cannot_be_reached_is_named_and_says_nothing_about_the_host() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    for (proxy, reason, says) in [
        (
            "http://user:hunter2@127.0.0.1:1",
            Reason::Refused,
            "connection refused: nothing listens there",
        ),
        (
            "http://user:hunter2@proxy.example:1",
            Reason::Dns,
            "no name server answered within 200ms",
        ),
    ] {
        let env = Env::from_iter([("ALL_PROXY", proxy)]);
        for scheme in ["http", "https"] {
            let dns = Dns::asking(silent.local_addr().unwrap().port(), SOON);
            let http = Http::with_dns(&env, &settings(LATE), dns).unwrap();
            let failure = ask(&http, &format!("{scheme}://far.example/"), LATE).await;
            assert!(failure.blind, "{}", failure.detail);
            let shown = proxy.replace("user:hunter2@", "");
            let expected = format!("the proxy {shown} (ALL_PROXY): ");
            assert!(
                failure.detail.starts_with(&expected) && failure.detail.contains(says),
                "{}",
                failure.detail
            );
            assert_eq!(failure.reason, reason, "{scheme} {}", failure.detail);
            // It is not asked for this machine.
            let own = ask(&http, &format!("{scheme}://127.0.0.1:1/"), LATE).await;
            assert_eq!(
                (own.blind, own.detail.as_str()),
                (false, "connection refused: nothing listens there")
            );
        }
    }
}

#[tokio::test]
async fn what_is_no_proxy_is_not_passed_over() {
    let env = Env::from_iter([("http_proxy", "socks5://user:hunter2@127.0.0.1:1")]);
    let http = Http::new(&env, &settings(LATE)).unwrap();
    let failure = ask(&http, "http://192.0.2.1/", LATE).await;
    assert!(
        failure.blind && failure.detail.starts_with("http_proxy is `socks5://***@127.0.0.1:1`"),
        "{}",
        failure.detail
    );
}
