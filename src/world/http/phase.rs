//! How far a request got, and when. When its time is over, that tells a silent name server from a silent host, and both
//! from a server that took the request and does not answer.
//!
//! The client connects in one step. Its own parts are asked in between: the resolver at the look-up's ends, TLS's session
//! store when a handshake begins, the certificate's verifier in it, and a layer around all of it when it is done.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use reqwest::dns::{Addrs, Name, Resolving};
use tower_service::Service;
use url::Url;

use super::answer::Phases;
use super::certificate::{Certificate, Expiry};
use super::lookup::Lookup;
use super::settings::without_credentials;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    Resolving,
    #[default]
    Connecting,
    /// TLS.
    ShakingHands,
    Answering,
}

tokio::task_local! {
    /// The request that the running task makes. One client serves many at once, and it does not say for whom it
    /// connects; but it connects inside the task that asked.
    static CURRENT: Progress;
}

#[derive(Clone, Default)]
pub struct Progress(Arc<Mutex<State>>);

/// One request; a redirect begins another.
#[derive(Default)]
struct State {
    phase: Phase,
    redirected_to: Option<Url>,
    host: String,
    port: Option<u16>,
    is_tls: bool,
    proxy: Option<String>,
    begun: Option<Instant>,
    dns: Option<Duration>,
    connecting: Option<Instant>,
    shaking_hands: Option<Instant>,
    connected: Option<Instant>,
    certificate: Option<Certificate>,
    /// Of this request's certificates.
    expiry: Option<Expiry>,
    /// Of those before.
    earlier: Option<Expiry>,
}

impl State {
    fn first_expiry(&self) -> Option<Expiry> {
        let own = self.expiry.clone().filter(|_| self.is_tls);
        own.into_iter().chain(self.earlier.clone()).min()
    }
}

impl Progress {
    /// Runs a request that is followed by this.
    pub async fn follow<F: Future>(&self, request: F) -> F::Output {
        CURRENT.scope(self.clone(), request).await
    }

    /// A request to this URL begins; `is_redirect` if it was not the first one's. `proxy` is the one it goes through.
    pub fn begin(&self, url: &Url, is_redirect: bool, proxy: Option<String>) {
        let mut state = self.state();
        *state = State {
            earlier: state.first_expiry(),
            redirected_to: is_redirect.then(|| without_credentials(url)),
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port_or_known_default(),
            is_tls: url.scheme() == "https",
            proxy,
            begun: Some(Instant::now()),
            ..State::default()
        };
    }

    pub fn phase(&self) -> Phase {
        self.state().phase
    }

    /// The proxy the request goes through.
    pub fn proxy(&self) -> Option<String> {
        self.state().proxy.clone()
    }

    /// The same, if the request has not got further than that.
    pub fn at_proxy(&self) -> Option<String> {
        let state = self.state();
        let is_there = match state.phase {
            Phase::Resolving | Phase::Connecting => true,
            // Either side's, if both speak TLS.
            Phase::ShakingHands => !state.is_tls,
            Phase::Answering => false,
        };
        state.proxy.clone().filter(|_| is_there)
    }

    /// Where a redirect led, if one was followed.
    pub fn redirected_to(&self) -> Option<Url> {
        self.state().redirected_to.clone()
    }

    /// What the server showed; `None` without TLS, where it could only be a proxy's.
    pub fn certificate(&self) -> Option<Certificate> {
        let state = self.state();
        state.certificate.clone().filter(|_| state.is_tls)
    }

    /// The first end of a certificate that was shown so far, also by servers that redirected.
    pub fn first_expiry(&self) -> Option<Expiry> {
        self.state().first_expiry()
    }

    /// The times so far; that of the answer's head is now.
    pub fn phases(&self) -> Phases {
        let state = self.state();
        let shook_hands = state.shaking_hands.filter(|_| state.is_tls);
        let between = |from: Option<Instant>, to: Option<Instant>| Some(to?.saturating_duration_since(from?));
        Phases {
            dns: state.dns,
            connect: between(state.connecting, shook_hands.or(state.connected)),
            tls: between(shook_hands, state.connected),
            first_byte: state.begun.map_or(Duration::ZERO, |begun| begun.elapsed()),
            total: Duration::ZERO,
        }
    }

    /// Since the request began.
    pub fn elapsed(&self) -> Duration {
        self.state().begun.map_or(Duration::ZERO, |begun| begun.elapsed())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // There is nothing in it that a panic could leave half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn note<T>(change: impl FnOnce(&mut State) -> T) -> Option<T> {
    // Outside a followed request nobody asks.
    CURRENT.try_with(|progress| change(&mut progress.state())).ok()
}

/// A handshake begins. With a proxy that speaks TLS there are two, and the last one counts.
pub fn handshake_begins() {
    note(|state| {
        state.phase = Phase::ShakingHands;
        state.shaking_hands = Some(Instant::now());
    });
}

/// What the server shows, trusted or not: its own certificate, and those of the authorities between.
pub fn certificates_shown(own: &[u8], authorities: impl Iterator<Item = impl AsRef<[u8]>>) {
    note(|state| {
        state.certificate = Certificate::from_der(own);
        let own = state.certificate.iter().map(|own| (own.not_after, false));
        let authorities = authorities.filter_map(|der| Some((Certificate::from_der(der.as_ref())?.not_after, true)));
        let first = own.chain(authorities).min();
        state.expiry = first.map(|(at, is_authority)| Expiry {
            at,
            is_authority,
            host: state.host.clone(),
        });
    });
}

/// The client's resolver.
#[derive(Clone)]
pub struct Looking(pub Lookup);

impl reqwest::dns::Resolve for Looking {
    fn resolve(&self, name: Name) -> Resolving {
        let lookup = self.0.clone();
        Box::pin(async move {
            let host = name.as_str();
            // The client asks for a name alone; what is not the request's host is a proxy, at a port of its own.
            let port = note(|state| state.port.filter(|_| state.host.eq_ignore_ascii_case(host))).flatten();
            let addresses = match lookup.given(host, port) {
                Some(given) => given?,
                None => {
                    note(|state| state.phase = Phase::Resolving);
                    let started = Instant::now();
                    let found = lookup.dns.look_up(host).await;
                    note(|state| state.dns = Some(started.elapsed()));
                    found?
                }
            };
            note(|state| {
                state.phase = Phase::Connecting;
                state.connecting = Some(Instant::now());
            });
            let addresses: Addrs = Box::new(addresses.into_iter().map(|ip| (ip, 0).into()));
            Ok(addresses)
        })
    }
}

/// Around what makes the client's connections; also those to where a redirect leads.
#[derive(Clone)]
pub struct Connecting<S>(pub S);

impl<S: Service<R>, R> Service<R> for Connecting<S>
where
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        note(|state| {
            state.phase = Phase::Connecting;
            state.connecting = Some(Instant::now());
        });
        let connecting = self.0.call(request);
        Box::pin(async move {
            let connection = connecting.await?;
            note(|state| {
                state.phase = Phase::Answering;
                state.connected = Some(Instant::now());
            });
            Ok(connection)
        })
    }
}
