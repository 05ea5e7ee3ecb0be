//! How far a request got, and when. When its time is over, that tells a silent name server from a silent host, and both
//! from a server that took the request and does not answer.
//!
//! The client connects in one step. Its own parts are asked in between: the resolver at the look-up's ends, TLS's session
//! store when a handshake begins, the certificate's verifier in it, and a layer around all of it when it is done.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use url::Url;

use super::certificate::{Certificate, Expiry};
use super::response::Phases;
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

/// The port that is asked for at this host. The client looks up a name alone; what is not the request's host is a proxy,
/// at a port of its own.
pub fn port_of(host: &str) -> Option<u16> {
    note(|state| state.port.filter(|_| state.host.eq_ignore_ascii_case(host))).flatten()
}

pub fn look_up_begins() {
    note(|state| state.phase = Phase::Resolving);
}

pub fn look_up_took(took: Duration) {
    note(|state| state.dns = Some(took));
}

pub fn connection_begins() {
    note(|state| {
        state.phase = Phase::Connecting;
        state.connecting = Some(Instant::now());
    });
}

/// With TLS, if that is spoken.
pub fn connected() {
    note(|state| {
        state.phase = Phase::Answering;
        state.connected = Some(Instant::now());
    });
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
