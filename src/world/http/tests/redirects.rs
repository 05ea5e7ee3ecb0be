//! What is followed, and what goes along.

use std::sync::{Arc, Mutex};

use super::servers::{OK, redirect, serve, serve_at};
use super::*;

fn following() -> Settings {
    Settings {
        follow_redirects: true,
        ..Settings::default()
    }
}

/// What a server was asked, request by request.
type Asked = Arc<Mutex<Vec<String>>>;

async fn recording(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> (std::net::SocketAddr, Asked) {
    let asked = Asked::default();
    let log = asked.clone();
    let address = serve(move |request| {
        log.lock().unwrap().push(request.to_owned());
        answer(request)
    })
    .await;
    (address, asked)
}

fn secrets() -> Vec<Header> {
    [
        ("X-Api-Key: hunter2", true),
        ("Authorization: Bearer hunter2", false),
        ("Cookie: session=hunter2", false),
        ("Proxy-Authorization: Basic hunter2", false),
        ("Host: other.example", false),
        ("X-Open: 1", false),
    ]
    .into_iter()
    .map(|(line, secret)| Header::parse(line, secret).unwrap())
    .collect()
}

#[tokio::test]
async fn no_secret_goes_to_another_origin() {
    let (second, asked_second) = recording(|_| OK.to_owned()).await;
    let elsewhere = format!("http://{second}/b");
    let (first, asked_first) = recording(move |_| redirect(302, &elsewhere)).await;
    let url = format!("http://user:hunter2@{first}/a");
    let answer = post(following(), &Method::GET, &url, &secrets()[..], None)
        .await
        .unwrap();
    assert_eq!(answer.status, 200);
    let first_request = asked_first.lock().unwrap()[0].clone();
    assert_eq!(first_request.matches("hunter2").count(), 4, "{first_request}");
    assert!(first_request.contains("host: other.example"), "{first_request}");
    let second_request = asked_second.lock().unwrap()[0].to_ascii_lowercase();
    for absent in ["hunter2", "authorization", "cookie", "x-api-key", "other.example"] {
        assert!(!second_request.contains(absent), "{absent}: {second_request}");
    }
    assert!(second_request.contains("x-open: 1"), "{second_request}");
    let hop = Hop {
        status: 302,
        from: format!("http://{first}/a").parse().unwrap(),
        to: format!("http://{second}/b").parse().unwrap(),
    };
    assert_eq!(
        (answer.hops, answer.url.as_str()),
        (vec![hop], &*format!("http://{second}/b"))
    );
}

#[tokio::test]
async fn within_an_origin_everything_goes_along() {
    let (address, asked) = recording(|request| {
        if request.starts_with("GET /a ") {
            redirect(307, "b?x=1#part")
        } else {
            OK.to_owned()
        }
    })
    .await;
    let mut headers = secrets();
    headers.retain(|header| header.name != "Authorization");
    let url = format!("http://user:word@{address}/a");
    let answer = post(following(), &Method::GET, &url, &headers, None).await.unwrap();
    assert_eq!(answer.status, 200);
    let last = asked.lock().unwrap()[1].clone();
    assert!(last.starts_with("GET /b?x=1 HTTP/1.1"), "{last}");
    assert_eq!(last.matches("hunter2").count(), 3, "{last}");
    assert!(last.contains("authorization: Basic"), "{last}");
    assert!(!answer.url.as_str().contains("word"), "{}", answer.url);
}

#[tokio::test]
async fn post_becomes_get_or_stays_as_the_status_says() {
    for (status, method, expected, with_body) in [
        (301, "POST", "GET", false),
        (302, "POST", "GET", false),
        (303, "POST", "GET", false),
        (303, "PUT", "GET", false),
        (302, "PUT", "PUT", true),
        (307, "POST", "POST", true),
        (308, "POST", "POST", true),
    ] {
        // The same URL again: a form that leads back to its page is no circle.
        let (address, asked) = recording(move |request| {
            if request.contains("probe: first") && request.starts_with(method) && !request.contains(" /b ") {
                redirect(status, if expected == "GET" { "/a" } else { "/b" })
            } else {
                OK.to_owned()
            }
        })
        .await;
        let headers = ["Content-Type: text/plain", "Probe: first"].map(|line| Header::parse(line, false).unwrap());
        let (method, url) = (method.parse().unwrap(), format!("http://{address}/a"));
        let answer = post(following(), &method, &url, &headers, Some("the body"))
            .await
            .unwrap();
        assert_eq!((answer.status, answer.hops.len()), (200, 1), "{status} {method}");
        let last = asked.lock().unwrap()[1].clone();
        assert!(last.starts_with(&format!("{expected} /")), "{status} {method}: {last}");
        assert_eq!(
            last.ends_with("\r\n\r\nthe body"),
            with_body,
            "{status} {method}: {last}"
        );
        assert_eq!(last.contains("content-type"), with_body, "{status} {method}: {last}");
        assert!(last.contains("probe: first"), "{status} {method}: {last}");
    }
}

#[tokio::test]
async fn a_circle_and_an_endless_chain_are_named() {
    let circle = serve(|request| redirect(302, if request.starts_with("GET /a ") { "/b" } else { "/a" })).await;
    let failure = get(following(), &format!("http://{circle}/a")).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Redirect);
    let expected = format!("redirect loop: http://{circle}/a -> http://{circle}/b -> http://{circle}/a");
    assert_eq!(failure.detail, expected);

    let (chain, asked) = recording(|request| {
        let path = request.split(' ').nth(1).unwrap();
        redirect(302, &format!("{path}a"))
    })
    .await;
    let failure = get(following(), &format!("http://{chain}/a")).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Redirect);
    assert!(failure.detail.starts_with("more than 10 redirects: "), "{failure:?}");
    assert_eq!(asked.lock().unwrap().len(), 11);
}

#[tokio::test]
async fn what_cannot_be_followed_is_the_answer() {
    for (location, shown) in [
        ("ftp://files.example/", Some("ftp://files.example/")),
        ("http://[broken", Some("http://[broken")),
        ("", None),
    ] {
        let answer = match location {
            "" => "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
            location => redirect(302, location),
        };
        let address = serve(move |_| answer.clone()).await;
        let answer = get(following(), &format!("http://{address}/")).await.unwrap();
        assert_eq!((answer.status, answer.location.as_deref()), (302, shown), "{location}");
        assert!(answer.hops.is_empty());
    }
    let address = serve(|_| redirect(301, "/b")).await;
    let answer = get(Settings::default(), &format!("http://{address}/")).await.unwrap();
    assert_eq!((answer.status, answer.location.as_deref()), (301, Some("/b")));
    let created = serve(|_| "HTTP/1.1 201 Created\r\nLocation: /new\r\nContent-Length: 0\r\n\r\n".to_owned()).await;
    let answer = get(following(), &format!("http://{created}/")).await.unwrap();
    assert_eq!((answer.status, answer.location), (201, None), "that is no redirect");
}

#[tokio::test]
async fn given_addresses_and_failures_are_known_behind_a_redirect() {
    let second = serve(|request| format!("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{}", &request[5..9])).await;
    let to = format!("http://app.example:{}/abcd", second.port());
    let first = serve(move |_| redirect(302, &to)).await;
    let url = format!("http://{first}/");
    let settings = Settings {
        resolve: vec![format!("app.example:{}:127.0.0.1", second.port()).parse().unwrap()],
        ..following()
    };
    let answer = get(settings, &url).await.unwrap();
    assert_eq!((answer.body, answer.address), (b"abcd".to_vec(), Some(second)));

    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let to = format!("http://{free}/gone");
    let first = serve(move |_| redirect(302, &to)).await;
    let failure = get(following(), &format!("http://{first}/")).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Refused);
    let way = format!("(redirected: http://{first}/ -> http://{free}/gone)");
    assert!(failure.detail.ends_with(&way), "{failure:?}");
}

#[tokio::test]
async fn a_silent_server_behind_a_redirect_is_named() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = format!("http://{}/silent", silent.local_addr().unwrap());
    let shown = to.clone();
    let first = serve(move |_| redirect(302, &to)).await;
    let http = Http::new(&Env::default(), &following()).unwrap();
    let failure = ask(&http, &format!("http://{first}/"), SOON).await;
    assert_eq!((failure.reason, failure.out_of_time), (Reason::Timeout, true));
    assert_eq!(
        failure.detail,
        format!("no complete response within 200ms (redirected to {shown})")
    );
}

#[tokio::test]
async fn another_family_is_another_address() {
    let Ok(_) = std::net::TcpListener::bind("[::1]:0") else {
        return;
    };
    let six = serve_at("[::1]:0", |_| OK.to_owned()).await;
    let url = format!("http://localhost:{}/", six.port());
    let only = |family| Settings {
        family,
        ..Settings::default()
    };
    let answer = get(only(Family::V6), &url).await.unwrap();
    assert_eq!(answer.address, Some(six));
    let failure = get(only(Family::V4), &url).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Refused);
    assert_eq!(get(only(Family::Any), &url).await.unwrap().status, 200);
}
