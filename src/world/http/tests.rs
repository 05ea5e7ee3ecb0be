mod asking;
mod bodies;
mod redirects;
mod servers;
mod tls;
mod versions;

use std::net::UdpSocket;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::{TcpSocket, TcpStream};

use super::*;
use crate::model::Reason;

const LATE: Duration = Duration::from_secs(30);
const SOON: Duration = Duration::from_millis(200);

fn settings(connect_timeout: Duration) -> Settings {
    Settings {
        connect_timeout,
        ..Settings::default()
    }
}

/// A GET of a URL.
async fn get(settings: Settings, url: &str) -> Result<Answer, Failure> {
    post(settings, &Method::GET, url, &[], None).await
}

/// Any request, by a client of its own that no environment tells anything.
async fn post(
    settings: Settings,
    method: &Method,
    url: &str,
    headers: &[Header],
    body: Option<&'static str>,
) -> Result<Answer, Failure> {
    let body = body.map(Bytes::from);
    let request = Request {
        url: &Url::parse(url).unwrap(),
        method,
        headers,
        body: body.as_ref(),
        timeout: LATE,
        body_limit: 1 << 20,
    };
    Http::new(&Env::default(), &settings).unwrap().send(request).await
}

async fn ask(http: &Http, url: &str, timeout: Duration) -> Failure {
    let url = Url::parse(url).unwrap();
    let request = Request::get(&url, &[], timeout, 100);
    http.send(request).await.unwrap_err()
}

/// A listener whose queue is full, so that whoever comes next waits to be let in; and those who are in the queue.
async fn full() -> (tokio::net::TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(stream) = tokio::time::timeout(Duration::from_millis(500), TcpStream::connect(address)).await {
        queue.push(stream.unwrap());
        assert!(queue.len() < 100, "the queue never fills");
    }
    (listener, queue)
}

#[tokio::test]
async fn not_being_let_in_is_told_from_not_being_answered() {
    let (listener, _queue) = full().await;
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let own = Http::new(&Env::default(), &settings(SOON)).unwrap();
    let failure = ask(&own, &url, LATE).await;
    assert_eq!((failure.reason, failure.out_of_time), (Reason::ConnectTimeout, false));
    // The attempt may have less time than the connection.
    let patient = Http::new(&Env::default(), &settings(LATE)).unwrap();
    let failure = ask(&patient, &url, SOON).await;
    assert_eq!((failure.reason, failure.out_of_time), (Reason::ConnectTimeout, true));
    assert_eq!(failure.detail, "no connection within 200ms");

    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let failure = ask(&patient, &url, SOON).await;
    assert_eq!((failure.reason, failure.out_of_time), (Reason::Timeout, true));
    let tls = ask(&patient, &url.replace("http:", "https:"), SOON).await;
    assert_eq!(tls.reason, Reason::ConnectTimeout, "nobody shook hands");
    assert_eq!(tls.detail, "TLS handshake not finished within 200ms");
    let tls = ask(&own, &url.replace("http:", "https:"), LATE).await;
    let expected = "connected, but TLS handshake not finished in time";
    assert_eq!((tls.reason, tls.detail.as_str()), (Reason::ConnectTimeout, expected));
}

#[tokio::test]
async fn a_silent_name_server_is_not_a_silent_host() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    for (dns, connect, attempt) in [(SOON, LATE, LATE), (LATE, LATE, SOON)] {
        let http = Http::with_dns(&Env::default(), &settings(connect), Dns::asking(port, dns)).unwrap();
        let failure = ask(&http, "http://host.example/", attempt).await;
        assert_eq!((failure.reason, failure.blind), (Reason::Dns, true), "{failure:?}");
        assert!(
            failure.detail.contains("no name server answered within 200ms"),
            "{failure:?}"
        );
    }
}
