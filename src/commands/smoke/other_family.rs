//! A name with addresses of both families: one answered, and what about the other?
//!
//! The verdict is of the one that answered, as users' programs try both. That the other is dead is worth knowing: those
//! who have only that one see nothing.

use std::net::IpAddr;
use std::time::Duration;

use url::{Host, Url};

use crate::model::Fact;
use crate::world::World;
use crate::world::http::{Family, Header, Http, Method, Request, Settings};

/// It is only told, so it must not take long.
const TIMEOUT: Duration = Duration::from_secs(2);

/// What was asked, and how.
pub struct Asked<'a> {
    pub url: &'a Url,
    pub method: &'a Method,
    pub headers: &'a [Header],
    pub settings: &'a Settings,
}

/// How each family answers, where there are two to choose from.
pub async fn look(asked: &Asked<'_>, http: &Http, world: &World) -> Option<Fact> {
    if asked.settings.family != Family::Any || !matches!(asked.url.host(), Some(Host::Domain(_))) {
        return None;
    }
    // A proxy looks the name up, and we may not even be able to; the only family seen would be the proxy's own.
    if !matches!(http.proxy(asked.url), Ok(None)) {
        return None;
    }
    let addresses = http.addresses(asked.url).await.ok()?;
    let (four, six) = (
        addresses.iter().any(IpAddr::is_ipv4),
        addresses.iter().any(IpAddr::is_ipv6),
    );
    if !(four && six) {
        return None;
    }
    let (four, six) = tokio::join!(ask(asked, Family::V4, world), ask(asked, Family::V6, world));
    Some(Fact::new("families", format!("IPv4 {four}, IPv6 {six}")))
}

async fn ask(asked: &Asked<'_>, family: Family, world: &World) -> String {
    let settings = Settings {
        family,
        connect_timeout: TIMEOUT.min(asked.settings.connect_timeout),
        ..asked.settings.clone()
    };
    let http = match Http::new(&world.env, &settings) {
        Ok(http) => http,
        Err(error) => return format!("was not tried ({error:#})"),
    };
    // It is the way that is tried, and what a POST does is not to be done more often than asked for.
    let method = if *asked.method == Method::GET {
        Method::GET
    } else {
        Method::HEAD
    };
    let request = Request {
        url: asked.url,
        method: &method,
        headers: asked.headers,
        body: None,
        timeout: TIMEOUT,
        body_limit: 0,
    };
    match http.send(request).await {
        Ok(answer) => format!("answers ({})", answer.status),
        Err(failure) => format!("does not answer ({})", failure.detail),
    }
}
