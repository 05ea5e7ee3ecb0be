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

/// Answers every question with a response code and no records.
fn answering(code: u8) -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut packet = [0u8; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut packet) {
            // Only the question is sent back: an answer without its extra records counts none.
            let end = 12 + packet[12..length].iter().position(|byte| *byte == 0).unwrap_or(0) + 5;
            (packet[2], packet[3]) = (0x81, 0x80 | code);
            packet[6..12].fill(0);
            let _ = socket.send_to(&packet[..end], from);
        }
    });
    port
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
