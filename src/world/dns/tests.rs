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
