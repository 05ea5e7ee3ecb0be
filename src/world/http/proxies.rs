//! Which proxy a request goes through.
//!
//! The client decides for each connection, so also for each redirect. Loopback is this machine and never goes through
//! one, whatever anybody says: no proxy could reach it.

use anyhow::Context as _;
use reqwest::{NoProxy, Proxy};

use super::resolve::Resolve;
use super::settings::{ProxyChoice, without_credentials};
use crate::world::Env;

/// As the client's exceptions word it. A name stands for itself and everything below it.
const LOOPBACK: &str = "localhost,localhost.,127.0.0.0/8,::1,::ffff:127.0.0.0/104";

/// The proxies, for all but loopback and the hosts whose addresses are given.
pub fn proxies(env: &Env, choice: &ProxyChoice, resolve: &[Resolve]) -> anyhow::Result<Vec<Proxy>> {
    let mut direct = LOOPBACK.to_owned();
    for given in resolve {
        direct = format!("{direct},{}", given.host);
    }
    match choice {
        ProxyChoice::None => Ok(Vec::new()),
        ProxyChoice::FromEnvironment => Ok(from_environment(env, &direct)),
        ProxyChoice::Url(url) => {
            let shown = without_credentials(url);
            anyhow::ensure!(
                matches!(url.scheme(), "http" | "https"),
                "the proxy {shown} is of a kind that is not supported; http and https are"
            );
            let proxy = Proxy::all(url.as_str()).with_context(|| format!("the proxy {shown} cannot be used"))?;
            Ok(vec![proxy.no_proxy(NoProxy::from_string(&direct))])
        }
    }
}

fn from_environment(env: &Env, direct: &str) -> Vec<Proxy> {
    let get = |names: [&str; 2]| names.into_iter().find_map(|name| env.get(name));
    let exceptions = get(["NO_PROXY", "no_proxy"]).unwrap_or_default();
    // The client takes it for names only, and not for addresses.
    if exceptions.split(',').any(|entry| entry.trim() == "*") {
        return Vec::new();
    }
    let exceptions = NoProxy::from_string(&format!("{direct},{exceptions}"));
    let http = get(["http_proxy", "HTTP_PROXY"]).map(Proxy::http);
    let https = get(["https_proxy", "HTTPS_PROXY"]).map(Proxy::https);
    let all = get(["all_proxy", "ALL_PROXY"]).map(Proxy::all);
    [http, https, all]
        .into_iter()
        .flatten()
        // As other programs do, a value that is no address is passed over.
        .flatten()
        .map(|proxy| proxy.no_proxy(exceptions.clone()))
        .collect()
}
