//! Who is trusted, and what is said of the others.

use rcgen::date_time_ymd;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::servers::{Authority, OK, Signed, serve_tls};
use super::*;

/// Asks `localhost` over TLS.
async fn ask_tls(settings: Settings, port: u16) -> Result<Answer, Failure> {
    get(settings, &format!("https://localhost:{port}/")).await
}

async fn server(signed: &Signed) -> u16 {
    serve_tls(signed.server(&["http/1.1"], rustls::ALL_VERSIONS), |_| OK.to_owned())
        .await
        .port()
}

fn trusting(authority: &Authority) -> Settings {
    Settings {
        ca: Some(authority.file().into()),
        ..Settings::default()
    }
}

fn insecure() -> Settings {
    Settings {
        insecure: true,
        ..Settings::default()
    }
}

#[tokio::test]
async fn the_phases_and_the_certificate_are_told_with_every_version() {
    let authority = Authority::new();
    let signed = authority.sign(&["localhost"], |params| params.not_after = date_time_ymd(2045, 6, 7));
    for version in [&[&TLS12][..], &[&TLS13]] {
        let port = serve_tls(signed.server(&["http/1.1"], version), |_| OK.to_owned())
            .await
            .port();
        // The same client: a second handshake is as whole as the first.
        let http = Http::new(&Env::default(), &trusting(&authority)).unwrap();
        for _ in 0..2 {
            let url = Url::parse(&format!("https://localhost:{port}/")).unwrap();
            let request = Request::get(&url, &[], LATE, 10);
            let answer = http.send(request).await.unwrap();
            assert_eq!((answer.status, answer.version), (200, "HTTP/1.1"));
            let expiry = answer.first_expiry.expect("there was a whole handshake");
            assert_eq!((expiry.at, expiry.is_authority), (2_380_406_400, false));
            let phases = answer.phases;
            let (connect, tls) = (phases.connect.unwrap(), phases.tls.unwrap());
            assert!(
                tls > Duration::ZERO && phases.dns.unwrap() + connect + tls <= phases.first_byte,
                "{phases:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_slow_handshake_is_not_a_slow_connection() {
    let authority = Authority::new();
    let signed = authority.sign(&["localhost"], |_| ());
    let wait = Duration::from_millis(80);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    let acceptor = tokio_rustls::TlsAcceptor::from(signed.server(&[], rustls::ALL_VERSIONS));
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::time::sleep(wait).await;
        let mut stream = acceptor.accept(stream).await.unwrap();
        stream.write_all(OK.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
    });
    let phases = get(trusting(&authority), &url).await.unwrap().phases;
    assert!(
        phases.tls.unwrap() >= wait && phases.connect.unwrap() < wait,
        "{phases:?}"
    );
}

/// wait-on 9.5.1 passes with it.
#[tokio::test]
async fn the_first_certificate_to_expire_counts_whoever_showed_it() {
    let authority = Authority::new();
    let until = |year| move |params: &mut rcgen::CertificateParams| params.not_after = date_time_ymd(year, 1, 1);
    let seconds = |year: i64| date_time_ymd(year.try_into().unwrap(), 1, 1).unix_timestamp();
    let at = async |signed: &Signed, answer: String| {
        serve_tls(signed.server(&["http/1.1"], &[&TLS13]), move |_| answer.clone())
            .await
            .port()
    };
    let ok = || OK.to_owned();
    let late = at(&authority.sign(&["localhost"], until(2060)), ok()).await;
    let to_late = servers::redirect(302, &format!("https://localhost:{late}/"));
    let early = at(&authority.sign(&["localhost"], until(2041)), to_late).await;
    let between = at(&authority.sign_by_another(&["localhost"], until(2042)), ok()).await;
    let plain = servers::serve(|_| OK.to_owned()).await;
    let to_plain = servers::redirect(302, &format!("http://{plain}/"));
    let downgrades = at(&authority.sign(&["localhost"], until(2043)), to_plain).await;
    let following = Settings {
        follow_redirects: true,
        ..trusting(&authority)
    };
    for (port, year, is_authority) in [
        (late, 2060, false),
        (early, 2041, false),
        (between, 2042, true),
        (downgrades, 2043, false),
    ] {
        let answer = get(following.clone(), &format!("https://localhost:{port}/"))
            .await
            .unwrap();
        let expiry = answer.first_expiry.unwrap();
        assert_eq!(
            (expiry.at, expiry.is_authority),
            (seconds(year), is_authority),
            "{year}"
        );
        assert_eq!(expiry.host, "localhost");
    }
    // Also of one that shows it and then does not answer.
    let silent = at(&authority.sign(&["localhost"], until(2044)), String::new()).await;
    let failure = get(following, &format!("https://localhost:{silent}/"))
        .await
        .unwrap_err();
    assert_eq!(failure.first_expiry.unwrap().at, seconds(2044));
}

#[tokio::test]
async fn a_self_signed_certificate_passes_only_where_it_is_named() {
    let authority = Authority::new();
    for (name, is_authority) in [("leaf", false), ("authority", true)] {
        let signed = Signed::by_itself(&["localhost"], is_authority, |_| ());
        let port = server(&signed).await;
        for settings in [Settings::default(), trusting(&authority)] {
            let failure = ask_tls(settings, port).await.unwrap_err();
            assert_eq!(failure.reason, Reason::Tls, "{name}");
            assert!(
                failure.detail.starts_with("the certificate is self-signed"),
                "{name}: {failure:?}"
            );
        }
        let named = Settings {
            ca: Some(authority.keep(name, &signed.certificate).into()),
            ..Settings::default()
        };
        assert_eq!(ask_tls(named.clone(), port).await.unwrap().status, 200, "{name}");
        let failure = get(named, &format!("https://127.0.0.1:{port}/")).await.unwrap_err();
        assert_eq!(failure.reason, Reason::Tls);
        let other_name = "the certificate is for localhost, not for 127.0.0.1";
        assert_eq!(failure.detail, other_name, "{name}");
        let answer = ask_tls(insecure(), port).await.unwrap();
        assert!(!answer.first_expiry.unwrap().is_authority, "{name}");
    }
    for is_authority in [false, true] {
        let end = date_time_ymd(2020, 1, 1);
        let old = Signed::by_itself(&["localhost"], is_authority, |params| params.not_after = end);
        let named = Settings {
            ca: Some(authority.keep("old", &old.certificate).into()),
            ..Settings::default()
        };
        let failure = ask_tls(named, server(&old).await).await.unwrap_err();
        assert_eq!(failure.detail, "the certificate expired on 2020-01-01");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_said() {
    let authority = Authority::new();
    let localhost = ["localhost"];
    let expired = authority.sign(&localhost, |params| params.not_after = date_time_ymd(2021, 2, 3));
    let early = authority.sign(&localhost, |params| params.not_before = date_time_ymd(2999, 2, 3));
    let other = authority.sign(&["a.example", "b.example"], |_| ());
    let nobodys = Authority::new().sign(&localhost, |_| ());
    for (signed, expected) in [
        (&expired, "the certificate expired on 2021-02-03"),
        (&early, "the certificate is not valid before 2999-02-03"),
        (&other, "the certificate is for a.example, b.example, not for localhost"),
        (&nobodys, "the certificate is not signed by a known authority"),
    ] {
        let port = server(signed).await;
        let failure = ask_tls(trusting(&authority), port).await.unwrap_err();
        assert_eq!((failure.reason, failure.blind), (Reason::Tls, false));
        assert!(failure.detail.starts_with(expected), "{failure:?}");
        let answer = ask_tls(insecure(), port).await.unwrap();
        assert!(answer.first_expiry.is_some(), "{expected}");
    }
    let plain = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = plain.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = plain.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        std::future::pending::<()>().await;
    });
    let failure = ask_tls(Settings::default(), port).await.unwrap_err();
    assert!(failure.detail.contains("most likely plain HTTP"), "{failure:?}");
    assert!(failure.help.unwrap().starts_with("write http://"), "{failure:?}");
}

/// Whoever shows a certificate must have its key, even if it may be any.
#[tokio::test]
async fn a_borrowed_certificate_is_never_accepted() {
    let authority = Authority::new();
    let (mut borrowed, own) = (
        authority.sign(&["localhost"], |_| ()),
        authority.sign(&["localhost"], |_| ()),
    );
    borrowed.key = own.key;
    for version in [&[&TLS12][..], &[&TLS13]] {
        let config = borrowed.borrowing_server(version);
        let port = serve_tls(config, |_| OK.to_owned()).await.port();
        for settings in [trusting(&authority), insecure()] {
            let failure = ask_tls(settings, port).await.unwrap_err();
            assert_eq!(failure.reason, Reason::Tls, "{failure:?}");
        }
    }
}

#[tokio::test]
async fn a_client_certificate_is_shown_when_asked_for() {
    let authority = Authority::new();
    let config = authority.strict_server(&authority.sign(&["localhost"], |_| ()));
    let port = serve_tls(config, |_| OK.to_owned()).await.port();
    let failure = ask_tls(trusting(&authority), port).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Tls);
    assert_eq!(
        failure.detail,
        "the server requires a client certificate, but none was given"
    );
    let with = |name: &str, own: &Signed| Settings {
        client_certificate: Some(ClientCertificate {
            certificate: authority.keep(&format!("{name}.pem"), &own.certificate).into(),
            key: authority.keep(&format!("{name}.key"), &own.key).into(),
        }),
        ..trusting(&authority)
    };
    let own = authority.sign(&["client"], |_| ());
    assert_eq!(ask_tls(with("own", &own), port).await.unwrap().status, 200);
    let strange = Authority::new().sign(&["client"], |_| ());
    let failure = ask_tls(with("strange", &strange), port).await.unwrap_err();
    assert!(
        failure
            .detail
            .starts_with("the server does not accept the client certificate"),
        "{failure:?}"
    );
}

#[tokio::test]
async fn a_host_that_no_certificate_could_name_is_no_refusal() {
    let given = Settings {
        resolve: vec!["a..example:*:127.0.0.1".parse().unwrap()],
        ..Settings::default()
    };
    let failure = get(given, "https://a..example/").await.unwrap_err();
    assert_eq!(
        (failure.reason, failure.detail.as_str()),
        (Reason::Dns, "the host in the URL is not a valid DNS name")
    );
}

/// A proxy that makes a tunnel to this machine for whoever has the password, and for no other port.
async fn tunnel(port: u16) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
            let asked = format!("connect far.example:{port} ");
            if !head.starts_with(&asked) || !head.contains("proxy-authorization: basic") {
                stream.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").await.unwrap();
                continue;
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut stream, &mut server).await });
        }
    });
    address
}

#[tokio::test]
async fn through_a_tunnel_it_is_the_server_that_is_told() {
    let authority = Authority::new();
    let signed = authority.sign(&["far.example"], |_| ());
    let port = server(&signed).await;
    let proxy = tunnel(port).await;
    let through = |credentials: &str| Settings {
        proxy: ProxyChoice::Url(format!("http://{credentials}{proxy}").parse().unwrap()),
        ..trusting(&authority)
    };
    let url = format!("https://far.example:{port}/");
    let answer = get(through("user:hunter2@"), &url).await.unwrap();
    assert_eq!((answer.status, answer.address), (200, Some(proxy)));
    assert!(answer.first_expiry.is_some());
    let phases = answer.phases;
    assert_eq!(phases.dns, None, "the proxy looks it up");
    assert!(
        phases.connect.unwrap() + phases.tls.unwrap() <= phases.first_byte,
        "{phases:?}"
    );
    let expected = format!("the proxy http://{proxy} (--proxy) cannot connect to the server: unsuccessful");
    let failure = get(through(""), &url).await.unwrap_err();
    assert_eq!((failure.reason, failure.detail), (Reason::Refused, expected));
    assert!(!failure.blind, "the proxy was asked");
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let authority = Authority::new();
    let (own, other) = (authority.sign(&["client"], |_| ()), authority.sign(&["client"], |_| ()));
    let certificate = authority.keep("own.pem", &own.certificate);
    let key = authority.keep("own.key", &own.key);
    let others = authority.keep("other.key", &other.key);
    for (certificate, key, named) in [
        (&certificate, &others, "other.key"),
        (&key, &key, "own.key"),
        (&certificate, &certificate, "own.pem"),
        (&certificate, &authority.keep("none", ""), "none"),
    ] {
        let settings = Settings {
            client_certificate: Some(ClientCertificate {
                certificate: certificate.clone().into(),
                key: key.clone().into(),
            }),
            ..Settings::default()
        };
        let error = Http::new(&Env::default(), &settings).map(|_| ()).unwrap_err();
        assert!(format!("{error:#}").contains(named), "{named}: {error:#}");
    }
}
