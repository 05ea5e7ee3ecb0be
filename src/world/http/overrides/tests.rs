use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Result<Resolve, ResolveError> {
    text.parse()
}

#[test]
fn it_is_read_as_curl_reads_it() {
    let one = read("Example.org.:443:192.0.2.1,[2001:db8::1],2001:db8::2").unwrap();
    assert_eq!((one.host.as_str(), one.port), ("example.org", Some(443)));
    assert_eq!(one.addresses.len(), 3);
    assert!(one.covers("EXAMPLE.org", Some(443)) && one.covers("example.org.", Some(443)));
    assert!(!one.covers("example.org", Some(80)) && !one.covers("www.example.org", Some(443)));
    let every = read("example.org:*:192.0.2.1").unwrap();
    assert!(every.covers("example.org", Some(80)) && every.covers("example.org", None));
}

#[test]
fn what_is_wrong_with_it_is_said() {
    for (text, expected) in [
        ("", "is not HOST:PORT:ADDRESS"),
        ("example.org:443", "is not HOST:PORT:ADDRESS"),
        (":443:192.0.2.1", "the host ``"),
        ("exa mple:443:192.0.2.1", "the host `exa mple`"),
        ("192.0.2.1:443:192.0.2.2", "the host `192.0.2.1`"),
        ("example.org:http:192.0.2.1", "the port `http`"),
        ("example.org:0:192.0.2.1", "the port `0`"),
        ("example.org:+80:192.0.2.1", "the port `+80`"),
        ("example.org:65536:192.0.2.1", "the port `65536`"),
        ("example.org:443:", "the address ``"),
        ("example.org:443:localhost", "the address `localhost`"),
        ("example.org:443:192.0.2.1,", "the address ``"),
        ("example.org:443:[192.0.2.1]", "the address `[192.0.2.1]`"),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        host in "[a-z][a-z0-9]{0,8}(\\.[a-z][a-z0-9]{0,8}){0,3}",
        port in proptest::option::of(1u16..),
        addresses in proptest::collection::vec(any::<IpAddr>(), 1..4),
    ) {
        let given = Resolve { host, port, addresses };
        prop_assert_eq!(given.to_string().parse(), Ok(given));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,40}|[a-z0-9.:,*\\[\\]]{0,40}") {
        if let Ok(given) = read(&text) {
            prop_assert!(!given.addresses.is_empty() && !given.host.is_empty());
            prop_assert_eq!(read(&given.to_string()), Ok(given));
        }
    }
}
