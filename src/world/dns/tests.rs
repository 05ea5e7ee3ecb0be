use std::net::UdpSocket;

use super::*;

#[tokio::test]
async fn a_name_server_that_never_answers_says_nothing_about_the_name() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let dns = Dns::asking(silent.local_addr().unwrap().port(), Duration::from_millis(200));
    let error = dns.look_up("host.example").await.unwrap_err();
    assert!(matches!(error, DnsError::Unknown { .. }), "{error:?}");
    assert_eq!(error.to_string(), "host.example: no name server answered within 200ms");
}

/// What a name server says to a question.
#[derive(Clone, Copy)]
enum Says {
    /// A response code without records: 0 is that there are none of this kind, 2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED.
    Code(u8),
    Nothing,
    Has(IpAddr),
}

/// Answers questions for IPv4 (A) and IPv6 (AAAA) each in its way.
fn saying(four: Says, six: Says) -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut packet = [0u8; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut packet) {
            // Only the question is sent back: an answer without its extra records counts none.
            let end = 12 + packet[12..length].iter().position(|byte| *byte == 0).unwrap_or(0) + 5;
            let kind = packet[end - 3];
            let says = if kind == 28 { six } else { four };
            let Says::Code(code) = says else {
                let Says::Has(address) = says else { continue };
                (packet[2], packet[3]) = (0x81, 0x80);
                packet[6..12].copy_from_slice(&[0, 1, 0, 0, 0, 0]);
                let mut answer = packet[..end].to_vec();
                answer.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 60, 0]);
                match address {
                    IpAddr::V4(ip) => answer.extend([&[4][..], &ip.octets()].concat()),
                    IpAddr::V6(ip) => answer.extend([&[16][..], &ip.octets()].concat()),
                }
                let _ = socket.send_to(&answer, from);
                continue;
            };
            (packet[2], packet[3]) = (0x81, 0x80 | code);
            packet[6..12].fill(0);
            let _ = socket.send_to(&packet[..end], from);
        }
    });
    port
}

fn answering(code: u8) -> u16 {
    saying(Says::Code(code), Says::Code(code))
}

const FOUR: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const SIX: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));

#[tokio::test]
async fn one_kind_of_address_is_enough_whatever_comes_of_the_other() {
    for (four, six, expected) in [
        (Says::Has(FOUR), Says::Nothing, FOUR),
        (Says::Has(FOUR), Says::Code(2), FOUR),
        (Says::Has(FOUR), Says::Code(3), FOUR),
        (Says::Has(FOUR), Says::Code(0), FOUR),
        (Says::Nothing, Says::Has(SIX), SIX),
        (Says::Code(5), Says::Has(SIX), SIX),
    ] {
        let began = std::time::Instant::now();
        let dns = Dns::asking(saying(four, six), Duration::from_secs(30));
        assert_eq!(dns.look_up("host.example").await.unwrap(), [expected]);
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn that_there_is_no_address_is_known_only_if_both_answers_say_so() {
    for (four, six, expected) in [
        (Says::Code(3), Says::Code(3), "host.example: no such host"),
        (Says::Code(0), Says::Code(0), "host.example: the name has no address"),
        (Says::Code(0), Says::Code(3), "host.example: the name has no address"),
    ] {
        let error = Dns::asking(saying(four, six), Duration::from_secs(30))
            .look_up("host.example")
            .await
            .unwrap_err();
        assert!(matches!(error, DnsError::Missing { .. }), "{error:?}");
        assert_eq!(error.to_string(), expected);
    }
    for (four, six) in [
        (Says::Code(2), Says::Code(0)),
        (Says::Code(0), Says::Code(2)),
        (Says::Code(5), Says::Code(3)),
        (Says::Code(0), Says::Code(5)),
        (Says::Nothing, Says::Code(0)),
        (Says::Code(3), Says::Nothing),
    ] {
        let dns = Dns::asking(saying(four, six), Duration::from_millis(700));
        let error = dns.look_up("host.example").await.unwrap_err();
        assert!(matches!(error, DnsError::Unknown { .. }), "{error:?}");
    }
}

/// Connecting to it would reach this machine.
#[tokio::test]
async fn the_unspecified_address_is_nobodys() {
    for (four, six) in [
        (Says::Has(Ipv4Addr::UNSPECIFIED.into()), Says::Code(0)),
        (Says::Code(0), Says::Has(Ipv6Addr::UNSPECIFIED.into())),
    ] {
        let dns = Dns::asking(saying(four, six), Duration::from_secs(30));
        let error = dns.look_up("host.example").await.unwrap_err();
        assert!(matches!(error, DnsError::Unknown { .. }), "{error:?}");
        assert!(error.to_string().contains("which is not a host's address"), "{error}");
    }
}

/// The file is all there is to know of a name that stands in it, also if it has only one kind.
#[tokio::test]
async fn a_name_in_the_hosts_file_is_not_asked_for() {
    use hickory_resolver::lookup::Lookup;
    use hickory_resolver::proto::rr::{RData, Record};
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut dns = Dns::asking(silent.local_addr().unwrap().port(), Duration::from_secs(30));
    let name: Name = "staging.example.".parse().unwrap();
    let query = Query::query(name.clone(), RecordType::A);
    let record = Record::from_rdata(name.clone(), 60, RData::A(Ipv4Addr::new(192, 0, 2, 1).into()));
    let sources = Arc::get_mut(&mut dns.sources).unwrap().get_mut().unwrap();
    sources
        .hosts
        .insert(name, RecordType::A, Lookup::new_with_max_ttl(query, [record]));
    for name in ["staging.example", "Staging.Example", "staging.example."] {
        assert_eq!(dns.look_up(name).await.unwrap(), [FOUR], "{name}");
    }
    let six = dns.only(Family::V6).look_up("staging.example").await.unwrap_err();
    assert!(matches!(six, DnsError::Missing { .. }), "{six:?}");
}

#[tokio::test]
async fn no_such_host_is_told_from_a_server_that_cannot_say() {
    let late = Duration::from_secs(30);
    let ask = async |code: u8| Dns::asking(answering(code), late).look_up("host.example").await;
    let no_such_host = ask(3).await.unwrap_err();
    assert!(matches!(no_such_host, DnsError::Missing { .. }), "{no_such_host:?}");
    let server_failure = ask(2).await.unwrap_err();
    assert!(matches!(server_failure, DnsError::Unknown { .. }), "{server_failure:?}");
}

/// Has every address: 192.0.2.1, and 2001:db8::1. Tells which kinds it was asked for (1 is A, 28 is AAAA).
fn knowing() -> (u16, std::sync::mpsc::Receiver<u8>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let (asked, kinds) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut packet = [0u8; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut packet) {
            let end = 12 + packet[12..length].iter().position(|byte| *byte == 0).unwrap_or(0) + 5;
            let kind = packet[end - 3];
            (packet[2], packet[3]) = (0x81, 0x80);
            packet[6..12].copy_from_slice(&[0, 1, 0, 0, 0, 0]);
            let mut answer = packet[..end].to_vec();
            answer.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 60]);
            match kind {
                1 => answer.extend([0, 4, 192, 0, 2, 1]),
                _ => answer.extend([0, 16, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            }
            let _ = asked.send(kind);
            let _ = socket.send_to(&answer, from);
        }
    });
    (port, kinds)
}

#[tokio::test]
async fn only_the_family_that_is_wanted_is_asked_for() {
    let late = Duration::from_secs(30);
    let (four, six): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap());
    for (family, expected, kinds) in [
        (Family::Any, vec![six, four], vec![1, 28]),
        (Family::V4, vec![four], vec![1]),
        (Family::V6, vec![six], vec![28]),
    ] {
        let (port, asked) = knowing();
        let found = Dns::asking_for(family, port, late)
            .look_up("host.example")
            .await
            .unwrap();
        assert_eq!(found, expected, "{family:?}");
        let mut asked: Vec<u8> = asked.try_iter().collect();
        asked.sort_unstable();
        assert_eq!(asked, kinds, "{family:?}");
    }
}
