//! Which proxy a request goes through.
//!
//! The client decides for each connection, so also for each redirect. Loopback is this machine and never goes through
//! one, whatever anybody says: no proxy could reach it.

use anyhow::Context as _;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{NoProxy, Proxy};
use url::Url;

use super::overrides::Resolve;
use super::settings::{ProxyChoice, without_credentials};
use crate::world::Env;

/// As the client's exceptions word it. A name stands for itself and everything below it.
const LOOPBACK: &str = "localhost,localhost.,127.0.0.0/8,::1,::ffff:127.0.0.0/104";

/// The proxies, for all but loopback and the hosts whose addresses are given.
#[derive(Default)]
pub struct Proxies {
    http: Option<Named>,
    https: Option<Named>,
    exceptions: String,
}

/// A proxy as somebody named it, or what is wrong with the name.
#[derive(Clone)]
struct Named {
    by: &'static str,
    url: Result<Url, NotAProxy>,
}

/// A value that is no proxy's URL. It never shows credentials.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{by} is `{shown}`, which is not the URL of a proxy: {why}; write http://host:port or https://host:port")]
pub struct NotAProxy {
    by: &'static str,
    shown: String,
    why: String,
}

impl Proxies {
    pub fn new(env: &Env, choice: &ProxyChoice, resolve: &[Resolve]) -> anyhow::Result<Self> {
        let mut exceptions = LOOPBACK.to_owned();
        for given in resolve {
            exceptions = format!("{exceptions},{}", given.host);
        }
        match choice {
            ProxyChoice::None => Ok(Self::default()),
            ProxyChoice::FromEnvironment => Ok(Self::from_environment(env, exceptions)),
            ProxyChoice::Url(url) => {
                let shown = without_credentials(url);
                anyhow::ensure!(
                    matches!(url.scheme(), "http" | "https"),
                    "the proxy {shown} is not supported; use http or https"
                );
                let named = Some(Named {
                    by: "--proxy",
                    url: Ok(url.clone()),
                });
                Ok(Self {
                    http: named.clone(),
                    https: named,
                    exceptions,
                })
            }
        }
    }

    fn from_environment(env: &Env, exceptions: String) -> Self {
        let get = |names: [&'static str; 2]| names.into_iter().find_map(|name| Some((name, env.get(name)?)));
        let (_, excepted) = get(["NO_PROXY", "no_proxy"]).unwrap_or_default();
        // The client takes it for names only, and not for addresses.
        if excepted.split(',').any(|entry| entry.trim() == "*") {
            return Self::default();
        }
        // Also one that is not UTF-8: it is there, and it is no URL.
        let named = |names: [&'static str; 2]| {
            let raw = |name| Some((name, env.raw(name).filter(|value| !value.is_empty())?));
            let (by, value) = names.into_iter().find_map(raw)?;
            Some(Named::new(by, &value.to_string_lossy()))
        };
        let all = named(["all_proxy", "ALL_PROXY"]);
        Self {
            http: named(["http_proxy", "HTTP_PROXY"]).or_else(|| all.clone()),
            https: named(["https_proxy", "HTTPS_PROXY"]).or(all),
            exceptions: format!("{exceptions},{excepted}"),
        }
    }

    /// As the client takes them.
    pub fn for_client(&self) -> anyhow::Result<Vec<Proxy>> {
        let usable = |named: &Option<Named>| named.as_ref().and_then(|named| named.url.as_ref().ok()).cloned();
        let http = usable(&self.http).map(Proxy::http);
        let https = usable(&self.https).map(Proxy::https);
        let made = [http, https].into_iter().flatten().map(|proxy| {
            let proxy = proxy.context("the proxy cannot be used")?;
            Ok(proxy.no_proxy(NoProxy::from_string(&self.exceptions)))
        });
        made.collect()
    }

    /// Which one a request for this URL goes through, in words; or what is wrong with it.
    pub fn for_url(&self, url: &Url) -> Result<Option<String>, NotAProxy> {
        let named = match url.scheme() {
            "https" => &self.https,
            _ => &self.http,
        };
        let Some(named) = named.as_ref().filter(|_| !self.is_exception(url)) else {
            return Ok(None);
        };
        let proxy = named.url.as_ref().map_err(Clone::clone)?;
        let shown = without_credentials(proxy);
        Ok(Some(format!("{} ({})", shown.as_str().trim_end_matches('/'), named.by)))
    }

    /// Asked of what the client asks itself.
    fn is_exception(&self, url: &Url) -> bool {
        let anything = "http://proxy.invalid";
        let matcher = Matcher::builder().all(anything).no(self.exceptions.as_str()).build();
        let uri = url.as_str().parse::<http::Uri>();
        uri.is_ok_and(|uri| matcher.intercept(&uri).is_none())
    }
}

impl Named {
    fn new(by: &'static str, value: &str) -> Self {
        let value = value.trim();
        // As other programs do.
        let whole = if value.contains("://") {
            value.to_owned()
        } else {
            format!("http://{value}")
        };
        let url = match Url::parse(&whole) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
            Ok(url) => Err(format!("{} is not supported", url.scheme())),
            Err(error) => Err(error.to_string()),
        };
        let url = url.map_err(|why| NotAProxy {
            by,
            shown: without_secrets(value),
            why,
        });
        Self { by, url }
    }
}

/// What cannot be read as a URL may hold a password anywhere: the scheme and what looks like a host are left.
fn without_secrets(value: &str) -> String {
    let (scheme, rest) = value
        .split_once("://")
        .map_or((None, value), |(scheme, rest)| (Some(scheme), rest));
    let host = match rest.rsplit_once('@') {
        Some((_, host)) => format!("***@{host}"),
        None => match rest.split_once(':') {
            Some((host, port)) if !port.bytes().all(|byte| byte.is_ascii_digit()) => format!("{host}:***"),
            _ => rest.to_owned(),
        },
    };
    match scheme {
        Some(scheme) => format!("{scheme}://{host}"),
        None => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(variables: &[(&str, &str)], url: &str) -> Result<Option<String>, String> {
        let env = Env::from_iter(variables.iter().copied());
        let proxies = Proxies::new(&env, &ProxyChoice::FromEnvironment, &[]).unwrap();
        let asked = proxies.for_url(&Url::parse(url).unwrap());
        asked.map_err(|wrong| wrong.to_string())
    }

    #[test]
    fn the_proxy_of_a_url_is_that_of_its_scheme_unless_it_is_an_exception() {
        let http = ("http_proxy", "user:hunter2@proxy.example:3128");
        let all = ("ALL_PROXY", "https://all.example");
        let some = |text: &str| Ok(Some(text.to_owned()));
        for (variables, url, expected) in [
            (
                vec![http],
                "http://h.example/",
                some("http://proxy.example:3128 (http_proxy)"),
            ),
            (vec![http], "https://h.example/", Ok(None)),
            (
                vec![http, all],
                "https://h.example/",
                some("https://all.example (ALL_PROXY)"),
            ),
            (vec![all], "http://h.example/", some("https://all.example (ALL_PROXY)")),
            (vec![all], "http://127.0.0.1:8080/", Ok(None)),
            (vec![all], "http://[::1]:8080/", Ok(None)),
            (vec![all], "http://a.localhost/", Ok(None)),
            (
                vec![all, ("NO_PROXY", "h.example, 192.0.2.0/24")],
                "https://a.h.example/",
                Ok(None),
            ),
            (
                vec![all, ("NO_PROXY", "h.example, 192.0.2.0/24")],
                "https://192.0.2.9/",
                Ok(None),
            ),
            (vec![all, ("NO_PROXY", "*")], "https://192.0.2.9/", Ok(None)),
        ] {
            assert_eq!(asked(&variables, url), expected, "{variables:?} {url}");
        }
    }

    #[test]
    fn a_value_that_is_no_proxy_is_named_without_its_password_and_only_where_it_would_be_used() {
        for (value, shown) in [
            ("http://user:hunter2@[bad", "`http://***@[bad`"),
            ("socks5://user:hunter2@h:1080", "`socks5://***@h:1080`"),
            ("http://user:hunter2", "`http://user:***`"),
            ("user:hunter2", "`user:***`"),
            ("http://h:99999", "`http://h:99999`"),
            ("http://", "`http://`"),
        ] {
            let variables = [("HTTPS_PROXY", value)];
            let wrong = asked(&variables, "https://h.example/").unwrap_err();
            assert!(wrong.contains("HTTPS_PROXY") && wrong.contains(shown), "{wrong}");
            assert!(!wrong.contains("hunter2"), "{wrong}");
            assert_eq!(asked(&variables, "https://127.0.0.1/"), Ok(None));
            assert_eq!(asked(&variables, "http://h.example/"), Ok(None));
        }
        use std::os::unix::ffi::OsStringExt as _;
        let odd = std::ffi::OsString::from_vec(b"http://h\xff".to_vec());
        let env = Env::from_iter([("HTTPS_PROXY", odd)]);
        let proxies = Proxies::new(&env, &ProxyChoice::FromEnvironment, &[]).unwrap();
        assert!(proxies.for_url(&Url::parse("https://h.example/").unwrap()).is_err());
    }
}
