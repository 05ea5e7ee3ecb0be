//! Answers in the name of GitHub's API that are not its own.

use crate::github::{Mock, Trouble};
use crate::servers;

/// Another host that would say yes to everything.
fn stranger() -> String {
    servers::serve(|mut stream| {
        servers::read_head(&mut stream);
        let body = r#"{"name":"staging"}"#;
        let head = format!(
            "HTTP/1.1 200 X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        let _ = std::io::Write::write_all(&mut stream, format!("{head}{body}").as_bytes());
    })
}

#[test]
fn an_answer_of_another_host_is_not_believed() {
    let stranger = stranger();
    let to_stranger = || Trouble::Redirect(format!("{stranger}/repos/acme/shop/environments/staging"));
    let back = |mock: &Mock| Trouble::Redirect(format!("{}/repos/acme/shop/environments/staging", mock.url));
    let mock = Mock::new().troubles([to_stranger()]);
    mock.gate()
        .run(["skip-guard", "--require=environment:staging"])
        .code(4)
        .says("which is not GitHub's API");
    let mock = Mock::new().environments(["staging"]);
    let on_the_same = back(&mock);
    let mock = mock.troubles([on_the_same]);
    mock.gate()
        .run(["skip-guard", "--require=environment:staging"])
        .code(0)
        .says("Verdict: pass");
}

#[test]
fn a_next_page_elsewhere_matters_only_where_it_would_be_read() {
    let next = || Trouble::NextPage(format!("{}/x?page=2", stranger()));
    let mock = Mock::new().troubles([next()]);
    mock.gate()
        .run(["skip-guard", "--require=token-permission:contents:read"])
        .code(0)
        .says("Verdict: pass");
    let mock = Mock::new().troubles([Trouble::Server(404), next()]);
    mock.gate()
        .run(["skip-guard", "--require=environment:staging"])
        .code(4)
        .says("the next page is on another host");
}
