//! Prerequisites on the network: something answers, something accepts connections.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::sync::OnceCell;
use url::Url;

use super::answer::{Answer, met, should};
use crate::engine::Blind;
use crate::model::Reason;
use crate::world::World;
use crate::world::dns::Dns;
use crate::world::http::{Http, Request, Settings};
use crate::world::ports;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(10);

/// One client for all URLs, made only if there is one.
#[derive(Default)]
pub struct LazyHttp(OnceCell<Http>);

pub async fn url(url: &Url, world: &World, http: &LazyHttp) -> Result<Answer, Blind> {
    let settings = Settings {
        connect_timeout: CONNECT_TIMEOUT,
        follow_redirects: false,
    };
    let client = http
        .0
        .get_or_try_init(|| async { Http::new(&world.env, &settings) })
        .await?;
    let request = Request {
        url,
        head: false,
        timeout: TIMEOUT,
        body_limit: 1,
    };
    match client.send(request).await {
        Ok(answer) => Ok(met("status", &answer.status.to_string())),
        Err(failure) => Ok(should(
            format!("{url} does not answer ({}: {})", failure.reason, failure.detail),
            match failure.reason {
                Reason::Dns => "Check the host name.",
                _ => "Check that it is up and can be reached from here.",
            },
        )),
    }
}

pub async fn tcp(host: &str, port: u16) -> Result<Answer, Blind> {
    let addresses: Vec<IpAddr> = match host.parse() {
        Ok(ip) => vec![ip],
        Err(_) => match Dns::default().look_up(host).await {
            Ok(addresses) => addresses,
            Err(error) => return Ok(should(error.to_string(), "Check the host name.")),
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
        "Check that it is up and can be reached from here.",
    ))
}
