//! Where a body ends, and what is not waited for.

use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// How an HTTP/2 server leaves a stream that it has not ended.
#[derive(Clone, Copy)]
struct Leaves {
    declares: Option<&'static str>,
    status: u16,
    sends: &'static str,
    ends: bool,
    resets: Option<h2::Reason>,
}

async fn leaving(how: Leaves) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    let mut head = http::Response::builder().status(how.status);
                    if let Some(length) = how.declares {
                        head = head.header("content-length", length);
                    }
                    let ends_at_once = how.ends && how.sends.is_empty();
                    let mut stream = respond.send_response(head.body(()).unwrap(), ends_at_once).unwrap();
                    if !how.sends.is_empty() {
                        stream.send_data(how.sends.into(), how.ends).unwrap();
                    }
                    if let Some(reason) = how.resets {
                        // What was sent has to leave first, or the reset takes its place.
                        tokio::spawn(async move {
                            tokio::time::sleep(Duration::from_millis(50)).await;
                            stream.send_reset(reason);
                        });
                    }
                }
            });
        }
    });
    format!("http://{address}/")
}

fn two() -> Settings {
    Settings {
        version: HttpVersion::Two,
        ..settings(LATE)
    }
}

#[tokio::test]
async fn a_stream_that_is_reset_before_its_end_is_no_answer() {
    let cut = Leaves {
        declares: Some("100"),
        status: 200,
        sends: "7 bytes",
        ends: false,
        resets: Some(h2::Reason::NO_ERROR),
    };
    for (how, expected) in [
        (cut, "body cut: 7 of 100 bytes, then the server reset the stream"),
        (
            Leaves { sends: "", ..cut },
            "body cut: 0 of 100 bytes, then the server reset the stream",
        ),
        (
            Leaves { declares: None, ..cut },
            "body cut: 7 bytes, then the server reset the stream",
        ),
        (
            Leaves { status: 500, ..cut },
            "body cut: 7 of 100 bytes, then the server reset the stream",
        ),
    ] {
        let failure = get(two(), &leaving(how).await).await.unwrap_err();
        assert_eq!((failure.reason, failure.detail.as_str()), (Reason::Reset, expected));
    }
    for reason in [h2::Reason::CANCEL, h2::Reason::INTERNAL_ERROR] {
        let how = Leaves {
            resets: Some(reason),
            ..cut
        };
        let failure = get(two(), &leaving(how).await).await.unwrap_err();
        assert_eq!(failure.reason, Reason::Reset, "{}", failure.detail);
    }
}

#[tokio::test]
async fn what_has_ended_or_has_no_body_is_an_answer() {
    let whole = Leaves {
        declares: None,
        status: 200,
        sends: "7 bytes",
        ends: true,
        resets: None,
    };
    let reset = Some(h2::Reason::NO_ERROR);
    for how in [
        whole,
        Leaves {
            declares: Some("7"),
            ..whole
        },
        Leaves { sends: "", ..whole },
        // Everything that was declared came, and the end was left out.
        Leaves {
            declares: Some("7"),
            ends: false,
            resets: reset,
            ..whole
        },
    ] {
        let answer = get(two(), &leaving(how).await).await.unwrap();
        assert_eq!((answer.body, answer.body_cut), (how.sends.as_bytes().to_vec(), false));
    }
    let declared = Leaves {
        declares: Some("100"),
        sends: "",
        ends: false,
        resets: reset,
        ..whole
    };
    let head = post(two(), &Method::HEAD, &leaving(declared).await, &[], None).await;
    assert_eq!(head.unwrap().status, 200);
    let unchanged = Leaves {
        status: 304,
        ..declared
    };
    assert_eq!(get(two(), &leaving(unchanged).await).await.unwrap().status, 304);
}

/// Sends these bytes after the request's head, and then nothing, with the connection open.
async fn stalling(bytes: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0u8; 4096];
                let _ = stream.read(&mut buffer).await;
                let _ = stream.write_all(bytes.as_bytes()).await;
                while stream.read(&mut buffer).await.unwrap_or(0) > 0 {}
            });
        }
    });
    format!("http://{address}/")
}

#[tokio::test]
async fn what_comes_after_the_limit_is_not_waited_for() {
    const STREAM: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    const DECLARED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
    for (bytes, limit, body, cut) in [
        (STREAM, 0, "", true),
        (DECLARED, 0, "", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0, "", false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 0, "", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", 3, "abc", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 3, "abc", false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabcde", 1, "a", true),
    ] {
        let http = Http::new(&Env::default(), &settings(LATE)).unwrap();
        let began = Instant::now();
        let url = Url::parse(&stalling(bytes).await).unwrap();
        let request = Request::get(&url, &[], LATE, limit);
        let answer = http.send(request).await.unwrap();
        assert_eq!(
            (answer.body, answer.body_cut),
            (body.as_bytes().to_vec(), cut),
            "{bytes}"
        );
        assert!(began.elapsed() < LATE / 2);
    }
}

#[tokio::test]
async fn a_body_that_is_cut_over_http_1_is_no_answer() {
    for bytes in [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n7 bytes",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\n7 bytes",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n7 bytes\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n7 by",
        "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nContent-Length: 100\r\n\r\n7 bytes",
    ] {
        let address = servers::serve(|_| bytes.to_owned()).await;
        let failure = get(settings(LATE), &format!("http://{address}/")).await.unwrap_err();
        assert_eq!(failure.reason, Reason::Reset, "{bytes}: {}", failure.detail);
    }
}
