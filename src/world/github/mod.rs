//! GitHub's REST API, read only: the one place where octocrab is used.
//!
//! octocrab words the requests; they go out over `world::http`, so the roots, name servers and proxies are the same as for
//! everything else. Nothing but GET can be sent. The token goes to the API's own origin and nowhere else, and no answer
//! of another one is read, whatever a redirect or a `Link` says.
//!
//! Sources: docs.github.com, "REST API", pages "Best practices", "Rate limits", "Troubleshooting" and "Using pagination",
//! API version 2022-11-28.

mod calls;
mod error;
mod limits;
mod link;
mod objects;
mod probes;
mod send;
mod service;

use std::time::Duration;

use octocrab::{AuthState, Octocrab, OctocrabBuilder};
use tokio::time::Instant;
use url::Url;

pub use calls::Listed;
pub use error::{ApiError, Why};
pub use objects::{Annotation, Artifact, Environment, Job, JobStep, Repository, Run, SecretName, WorkflowEntry};
pub use probes::readable_scopes;

use super::http::{Http, is_loopback};
use super::secrets::Secret;
use super::{Clock, Env, Progress};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Where the API is when the runner does not say (it does, also on a GitHub Enterprise Server).
const DEFAULT_API: &str = "https://api.github.com";
/// Where a token is when nobody names the variable, as the GitHub CLI looks for it.
const TOKENS: [&str; 2] = ["GITHUB_TOKEN", "GH_TOKEN"];

/// Why GitHub cannot be asked at all.
#[derive(Debug, thiserror::Error)]
pub enum NoAccess {
    #[error("GitHub cannot be queried: {0} is not set or empty")]
    NoToken(String),
    #[error("GitHub cannot be queried: the value of {0} is not a token")]
    OddToken(String),
    #[error("GitHub cannot be queried: GITHUB_REPOSITORY is not set")]
    NoRepository,
    #[error("GitHub cannot be queried: GITHUB_REPOSITORY is `{0}`, which is not OWNER/NAME")]
    OddRepository(String),
    #[error("GitHub cannot be queried: GITHUB_API_URL is `{0}`, which is no https:// address")]
    OddApi(String),
    #[error("GitHub cannot be queried: {0:#}")]
    NoClient(anyhow::Error),
}

impl NoAccess {
    /// The next step, as a sentence.
    pub fn help(&self) -> String {
        match self {
            Self::NoToken(name) | Self::OddToken(name) => format!(
                "map a token into the step: `env: {name}: ${{{{ github.token }}}}`; or name the variable that holds \
                 one with --github-token-env"
            ),
            Self::NoRepository | Self::OddRepository(_) => {
                "run it in a job of a workflow, or set GITHUB_REPOSITORY to OWNER/NAME".to_owned()
            }
            Self::OddApi(_) => "leave it as the runner sets it; a token is not sent without encryption".to_owned(),
            Self::NoClient(_) => "correct what it names".to_owned(),
        }
    }
}

/// The API, for one repository, with one token.
#[derive(Clone)]
pub struct GitHub {
    client: Octocrab,
    /// For what GitHub keeps elsewhere.
    http: Http,
    /// Without a slash at its end.
    base: Url,
    /// `OWNER/NAME`.
    repository: String,
    clock: Clock,
    progress: Progress,
}

impl GitHub {
    /// `token_env` names the variable that holds the token. Must be called inside of the runtime.
    pub fn connect(env: &Env, clock: Clock, progress: Progress, token_env: &str) -> Result<Self, NoAccess> {
        let token = token(env, token_env)?;
        let repository = repository(env)?;
        Self::to(env, clock, progress, repository, Some(&token))
    }

    /// The same for the repository that is named, `OWNER/NAME`.
    pub fn connect_to(
        env: &Env,
        clock: Clock,
        progress: Progress,
        token_env: &str,
        repository: &str,
    ) -> Result<Self, NoAccess> {
        let token = token(env, token_env)?;
        if !is_repository(repository) {
            return Err(NoAccess::OddRepository(repository.to_owned()));
        }
        Self::to(env, clock, progress, repository.to_owned(), Some(&token))
    }

    /// Another repository than the run's, of which only what is public is asked: with a token if there is one, since
    /// GitHub answers 60 questions an hour without. Must be called inside of the runtime.
    pub fn public(env: &Env, clock: Clock, progress: Progress, repository: &str) -> Result<Self, NoAccess> {
        let named = TOKENS.into_iter().find(|name| env.filled(name).is_some());
        let token = named.map(|name| token(env, name)).transpose()?;
        Self::to(env, clock, progress, repository.to_owned(), token.as_ref())
    }

    fn to(
        env: &Env,
        clock: Clock,
        progress: Progress,
        repository: String,
        token: Option<&Secret>,
    ) -> Result<Self, NoAccess> {
        let base = base(env)?;
        let http = Http::for_another_client(env, CONNECT_TIMEOUT).map_err(NoAccess::NoClient)?;
        let auth = token.map_or(AuthState::None, |token| AuthState::AccessToken {
            token: token.reveal().to_owned().into(),
        });
        let built = OctocrabBuilder::new_empty()
            .with_service(service::Connections::new(http.clone(), base.clone()))
            .with_auth(auth)
            .build();
        let client = match built {
            Ok(client) => client,
            Err(never) => match never {},
        };
        Ok(Self {
            client,
            http,
            base,
            repository,
            clock,
            progress,
        })
    }

    /// `OWNER/NAME`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// Calls that all together end within `limit`.
    pub fn within(&self, limit: Duration) -> Session<'_> {
        Session {
            github: self,
            until: Instant::now() + limit,
        }
    }
}

/// Several calls that share a time limit. The calls themselves are in `calls` and `probes`.
pub struct Session<'a> {
    github: &'a GitHub,
    until: Instant,
}

impl Session<'_> {
    /// `OWNER/NAME`.
    pub fn repository(&self) -> &str {
        &self.github.repository
    }
}

fn token(env: &Env, name: &str) -> Result<Secret, NoAccess> {
    let value = env.filled(name);
    let value = value.ok_or_else(|| NoAccess::NoToken(name.to_owned()))?;
    if value.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(Secret::new(value))
    } else {
        Err(NoAccess::OddToken(name.to_owned()))
    }
}

fn repository(env: &Env) -> Result<String, NoAccess> {
    let name = env.get("GITHUB_REPOSITORY").ok_or(NoAccess::NoRepository)?;
    if is_repository(name) {
        Ok(name.to_owned())
    } else {
        Err(NoAccess::OddRepository(name.to_owned()))
    }
}

fn is_repository(name: &str) -> bool {
    let plain = |part: &str| {
        let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        !matches!(part, "" | "." | "..") && part.bytes().all(known)
    };
    name.split_once('/')
        .is_some_and(|(owner, repository)| plain(owner) && plain(repository))
}

fn base(env: &Env) -> Result<Url, NoAccess> {
    let text = env.get("GITHUB_API_URL").unwrap_or(DEFAULT_API);
    // What it may hold besides an address, such as a password, is not repeated.
    let odd = || NoAccess::OddApi(text.rsplit('@').next().unwrap_or_default().to_owned());
    let url = Url::parse(text.trim_end_matches('/')).map_err(|_| odd())?;
    let encrypted = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    if encrypted && plain && url.has_host() {
        Ok(url)
    } else {
        Err(odd())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect(variables: &[(&str, &str)]) -> Result<GitHub, NoAccess> {
        let env: Env = variables.iter().copied().collect();
        GitHub::connect(&env, Clock::default(), Progress::silent(), "GITHUB_TOKEN")
    }

    #[tokio::test]
    async fn what_is_missing_or_odd_is_named_and_never_the_token() {
        let (token, repository) = (("GITHUB_TOKEN", "ghs_0123456789"), ("GITHUB_REPOSITORY", "acme/shop"));
        for (variables, says) in [
            (vec![repository], "GITHUB_TOKEN is not set"),
            (vec![("GITHUB_TOKEN", "  "), repository], "GITHUB_TOKEN is not set"),
            (vec![("GITHUB_TOKEN", "ghs_01 23"), repository], "not a token"),
            (vec![token], "GITHUB_REPOSITORY is not set"),
            (vec![token, ("GITHUB_REPOSITORY", "acme")], "OWNER/NAME"),
            (vec![token, ("GITHUB_REPOSITORY", "acme/..")], "OWNER/NAME"),
            (vec![token, ("GITHUB_REPOSITORY", "acme/shop/x")], "OWNER/NAME"),
            (
                vec![token, repository, ("GITHUB_API_URL", "http://github.corp")],
                "https",
            ),
            (vec![token, repository, ("GITHUB_API_URL", "https://u:p4ss@h")], "https"),
            (vec![token, repository, ("GITHUB_API_URL", "ftp://h")], "https"),
        ] {
            let Err(error) = connect(&variables) else {
                panic!("{variables:?}");
            };
            let said = format!("{error} {}", error.help());
            assert!(said.contains(says), "{said}");
            assert!(!said.contains("ghs_") && !said.contains("p4ss"), "{said}");
        }
        assert!(connect(&[token, repository]).is_ok());
        let blank: Env = [("GITHUB_TOKEN", " "), ("GH_TOKEN", "")].into_iter().collect();
        let asked = GitHub::public(&blank, Clock::default(), Progress::silent(), "acme/shop");
        assert!(asked.is_ok(), "what is public is asked without a token");
        let server = ("GITHUB_API_URL", "https://github.corp/api/v3/");
        assert_eq!(
            connect(&[token, repository, server]).ok().unwrap().base.as_str(),
            "https://github.corp/api/v3"
        );
    }
}
