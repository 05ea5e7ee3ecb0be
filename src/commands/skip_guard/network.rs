//! Prerequisites on the network: something answers, something accepts connections.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::sync::OnceCell;
use url::Url;

use super::answer::{Answer, met, should};
use crate::engine::NotChecked;
use crate::model::Reason;
use crate::world::World;
use crate::world::dns::{Dns, DnsError};
use crate::world::http::{Failure, Http, Request, Settings};
use crate::world::ports;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(10);

/// What to do when nobody knows about a name.
const NAME_SERVERS: &str = "check that the name servers in /etc/resolv.conf are reachable from here";

/// One client for all URLs, made only if there is one.
#[derive(Default)]
pub struct LazyHttp(OnceCell<Http>);

pub async fn url(url: &Url, world: &World, http: &LazyHttp) -> Result<Answer, NotChecked> {
    let settings = Settings {
        connect_timeout: CONNECT_TIMEOUT,
        ..Settings::default()
    };
    let client = http
        .0
        .get_or_try_init(|| async { Http::new(&world.env, &settings) })
        .await?;
    let request = Request::get(url, &[], TIMEOUT, 0);
    match client.send(request).await {
        // A gateway answers for what is not there, and a broken server is nothing to deploy to.
        Ok(answer) if answer.status >= 500 => Ok(should(
            format!("{url} answers {}", answer.status),
            "Check its log, and wait until it is up.",
        )),
        Ok(answer) => Ok(met("status", &answer.status.to_string())),
        Err(failure) => unanswered(url, &failure),
    }
}

/// Missing, if that was found out. That we could not ask is not the host's absence, and must not skip a deploy.
fn unanswered(url: &Url, failure: &Failure) -> Result<Answer, NotChecked> {
    let said = format!("({}: {})", failure.reason, failure.detail);
    if failure.blind {
        let help = match failure.reason {
            Reason::Dns => NAME_SERVERS,
            _ => "check that the proxy is reachable from here",
        };
        return Err(NotChecked::with_help(
            format!("cannot tell whether {url} answers {said}"),
            help,
        ));
    }
    Ok(should(
        format!("{url} does not answer {said}"),
        match failure.reason {
            Reason::Dns => "Check the host name.",
            _ => "Check that it is up and reachable from here.",
        },
    ))
}

fn no_address(error: &DnsError) -> Result<Answer, NotChecked> {
    match error {
        DnsError::Missing { .. } => Ok(should(error.to_string(), "Check the host name.")),
        DnsError::Unknown { .. } => Err(NotChecked::with_help(error.to_string(), NAME_SERVERS)),
    }
}

pub async fn tcp(host: &str, port: u16) -> Result<Answer, NotChecked> {
    let addresses: Vec<IpAddr> = match host.parse() {
        Ok(ip) => vec![ip],
        Err(_) => match Dns::default().look_up(host).await {
            Ok(addresses) => addresses,
            Err(error) => return no_address(&error),
        },
    };
    let mut last = "it has no address".to_owned();
    for ip in addresses {
        let address = SocketAddr::new(ip, port);
        match ports::connect(address, CONNECT_TIMEOUT).await {
            Ok(()) => return Ok(met("address", &address.to_string())),
            Err(why) => last = why,
        }
    }
    Ok(should(
        format!("{host} accepts no connections on port {port} ({last})"),
        "Check that it is up and reachable from here.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(reason: Reason, blind: bool) -> Failure {
        Failure {
            help: None,
            reason,
            detail: "because".to_owned(),
            out_of_time: false,
            blind,
            first_expiry: None,
        }
    }

    #[test]
    fn not_being_able_to_ask_is_no_reason_to_skip() {
        let url = Url::parse("http://h/").unwrap();
        for reason in [Reason::Dns, Reason::Refused, Reason::Timeout] {
            assert!(matches!(
                unanswered(&url, &failure(reason, false)),
                Ok(Answer::Missing(_))
            ));
        }
        assert!(matches!(
            unanswered(&url, &failure(Reason::Dns, true)),
            Err(NotChecked::Errored { .. })
        ));
        let host = "h".to_owned();
        let missing = DnsError::Missing {
            host: host.clone(),
            detail: "no such host",
        };
        assert!(matches!(no_address(&missing), Ok(Answer::Missing(_))));
        let unknown = DnsError::Unknown {
            host,
            detail: "nobody answered".to_owned(),
        };
        assert!(matches!(no_address(&unknown), Err(NotChecked::Errored { .. })));
    }
}
