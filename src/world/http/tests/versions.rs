//! Which HTTP is spoken.

use super::servers::{Authority, OK, serve, serve_http2, serve_tls};
use super::*;

fn speaking(version: HttpVersion) -> Settings {
    Settings {
        version,
        insecure: true,
        ..Settings::default()
    }
}

#[tokio::test]
async fn http2_is_spoken_where_it_is_offered() {
    let authority = Authority::new();
    let signed = authority.sign(&["localhost"], |_| ());
    let port = serve_http2(Some(signed.server(&["h2"], rustls::ALL_VERSIONS)))
        .await
        .port();
    let url = format!("https://localhost:{port}/x");
    for version in [HttpVersion::Any, HttpVersion::Two] {
        let answer = get(speaking(version), &url).await.unwrap();
        assert_eq!((answer.status, answer.version), (200, "HTTP/2"));
        assert_eq!(answer.body, format!("GET {url}").into_bytes());
        let phases = answer.phases;
        let (connect, tls) = (phases.connect.unwrap(), phases.tls.unwrap());
        assert!(tls > Duration::ZERO && connect + tls <= phases.first_byte, "{phases:?}");
        assert!(answer.first_expiry.is_some());
    }
    let failure = get(speaking(HttpVersion::One), &url).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Tls);
    assert_eq!(failure.detail, "the server offers none of the requested HTTP versions");

    let plain = serve_http2(None).await;
    let url = format!("http://{plain}/y");
    let answer = get(speaking(HttpVersion::Two), &url).await.unwrap();
    assert_eq!(
        (answer.version, answer.body),
        ("HTTP/2", format!("GET {url}").into_bytes())
    );
}

#[tokio::test]
async fn a_server_without_http2_is_told_from_one_that_is_broken() {
    let authority = Authority::new();
    let signed = authority.sign(&["localhost"], |_| ());
    // One says no, one does not know of such offers.
    for offers in [&["http/1.1"][..], &[]] {
        let config = signed.server(offers, rustls::ALL_VERSIONS);
        let port = serve_tls(config, |_| {
            "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_owned()
        })
        .await
        .port();
        let url = format!("https://localhost:{port}/");
        let failure = get(speaking(HttpVersion::Two), &url).await.unwrap_err();
        assert!(matches!(failure.reason, Reason::Tls | Reason::Reset), "{failure:?}");
        assert_eq!(failure.detail, "the server does not offer HTTP/2");
        let answer = get(speaking(HttpVersion::Any), &url).await.unwrap();
        assert_eq!((answer.status, answer.version), (400, "HTTP/1.1"));
    }
    let plain = serve(|_| "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_owned()).await;
    let failure = get(speaking(HttpVersion::Two), &format!("http://{plain}/"))
        .await
        .unwrap_err();
    assert_eq!(
        (failure.reason, failure.detail.as_str()),
        (Reason::Reset, "the server does not offer HTTP/2")
    );
}

#[tokio::test]
async fn a_host_of_its_own_goes_over_http1_although_http2_is_offered() {
    let authority = Authority::new();
    let signed = authority.sign(&["localhost"], |_| ());
    let config = signed.server(&["h2", "http/1.1"], rustls::ALL_VERSIONS);
    let port = serve_tls(config, |request| {
        assert!(request.contains("host: app.example\r\n"), "{request}");
        OK.to_owned()
    })
    .await
    .port();
    let host = [Header::parse("Host: app.example", false).unwrap()];
    let url = format!("https://localhost:{port}/");
    let answer = post(speaking(HttpVersion::Any), &Method::GET, &url, &host, None)
        .await
        .unwrap();
    assert_eq!((answer.status, answer.version), (200, "HTTP/1.1"));
}
