//! How the clients are made: one for the settings, and one more for what only HTTP/1.1 can carry.

use std::sync::OnceLock;

use anyhow::Context as _;
use reqwest::Client;
use reqwest::redirect::Policy;
use rustls::ClientConfig;

use super::connect::{Connecting, Looking};
use super::lookup::Lookup;
use super::proxies::Proxies;
use super::settings::{HttpVersion, Settings};
use super::tls;
use crate::world::Env;

/// The clients of one setting.
pub struct Clients {
    setup: Setup,
    usual: Client,
    http1: OnceLock<Client>,
}

struct Setup {
    settings: Settings,
    lookup: Lookup,
    tls: ClientConfig,
    proxies: Proxies,
}

impl Clients {
    pub fn new(env: &Env, settings: &Settings, lookup: Lookup) -> anyhow::Result<Self> {
        let setup = Setup {
            tls: tls::config(env, settings)?,
            proxies: Proxies::new(env, &settings.proxy, &settings.resolve)?,
            settings: settings.clone(),
            lookup,
        };
        let usual = setup
            .client(settings.version)
            .context("the HTTP client cannot be set up")?;
        Ok(Self {
            setup,
            usual,
            http1: OnceLock::new(),
        })
    }

    pub fn settings(&self) -> &Settings {
        &self.setup.settings
    }

    pub fn lookup(&self) -> &Lookup {
        &self.setup.lookup
    }

    pub fn proxies(&self) -> &Proxies {
        &self.setup.proxies
    }

    pub fn usual(&self) -> &Client {
        &self.usual
    }

    /// One that speaks HTTP/1.1 only.
    pub fn http1(&self) -> anyhow::Result<&Client> {
        if let Some(client) = self.http1.get() {
            return Ok(client);
        }
        let client = self.setup.client(HttpVersion::One)?;
        Ok(self.http1.get_or_init(|| client))
    }
}

impl Setup {
    fn client(&self, version: HttpVersion) -> anyhow::Result<Client> {
        let mut tls = self.tls.clone();
        tls.alpn_protocols = tls::offers(version);
        let mut builder = Client::builder()
            .user_agent(concat!("stageproof/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls)
            .dns_resolver(Looking(self.lookup.clone()))
            .connector_layer(tower_layer::layer_fn(Connecting))
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .pool_max_idle_per_host(0)
            // For connections that live long. A probe's ends with its time; five calls to the system for each are saved.
            .tcp_keepalive(None)
            .tcp_keepalive_interval(None)
            .tcp_keepalive_retries(None)
            .tcp_user_timeout(None)
            // Those of the system; ours come next.
            .no_proxy();
        match version {
            HttpVersion::Any => {}
            HttpVersion::One => builder = builder.http1_only(),
            HttpVersion::Two => builder = builder.http2_prior_knowledge(),
        }
        if !self.settings.connect_timeout.is_zero() {
            builder = builder.connect_timeout(self.settings.connect_timeout);
        }
        for proxy in self.proxies.for_client()? {
            builder = builder.proxy(proxy);
        }
        Ok(builder.build()?)
    }
}
