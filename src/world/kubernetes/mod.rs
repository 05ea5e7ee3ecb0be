//! The API of a Kubernetes cluster, asked as kubectl would be, by a closed list of calls.
//!
//! Sources: kubernetes.io/docs/reference/using-api/api-concepts; client-go `tools/clientcmd` and `rest/config.go`.

mod access;
mod kubeconfig;
mod pod;
mod status;
mod user;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::api::{Api, ApiError, Who};
use super::calls::{Call, Caller, Content};
use super::{Env, Host};
use access::Access;
pub use status::Status;

/// More pages than any list has that is asked for here.
const MOST_PAGES: usize = 200;

/// Which cluster, and who asks it.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// A context of the kubeconfig file, if it is not the current one.
    pub context: Option<String>,
    pub namespace: Option<String>,
    /// The variable that holds a token, in place of the credentials in the file.
    pub token_env: Option<String>,
}

/// A cluster that can be asked.
pub struct Cluster {
    api: Api,
    pub namespace: String,
    /// `None` in a pod.
    pub context: Option<String>,
    /// Who asks, for sentences.
    pub credentials: String,
}

/// What somebody may do, as the cluster's rules word it.
#[derive(Clone, Copy, Debug)]
pub struct Right<'a> {
    pub verb: &'a str,
    /// `""` for the core group.
    pub group: &'a str,
    pub resource: &'a str,
    /// `None`: any.
    pub name: Option<&'a str>,
}

impl Right<'static> {
    /// Everything there is.
    pub const ALL: Self = Self {
        verb: "*",
        group: "*",
        resource: "*",
        name: None,
    };
}

impl Cluster {
    /// The one that the kubeconfig files name, or the one that this is a pod of. `what` is asked about, for sentences.
    pub fn connect(asked: &Asked, what: &'static str, env: &Env, host: &Host) -> Result<Self, ApiError> {
        let access = match kubeconfig::find(asked, env, host)? {
            Some(access) => access,
            None => pod::find(asked, env, pod::MOUNT.as_ref())?,
        };
        let Access {
            server,
            settings,
            headers,
            credentials,
            namespace,
            context,
        } = access;
        let caller = Caller::with(env, &settings)
            .map_err(|error| ApiError::unasked(format!("{error:#}"), "correct what it names"))?;
        let who = Who {
            platform: "the cluster",
            what,
            credentials: credentials.clone(),
        };
        Ok(Self {
            api: Api::with(who, caller, server, headers),
            namespace: (asked.namespace.clone().or(namespace)).unwrap_or_else(|| "default".to_owned()),
            context,
            credentials,
        })
    }

    /// What names the context on a command line, behind `flag`, with a space before it.
    pub fn context_for(&self, flag: &str) -> String {
        let name = self.context.as_deref().and_then(|name| shlex::try_quote(name).ok());
        name.map(|name| format!(" {flag} {name}")).unwrap_or_default()
    }

    /// How many requests were sent.
    pub fn sent(&self) -> usize {
        self.api.sent()
    }

    pub async fn get<T: DeserializeOwned>(&self, call: &Call, values: &[&str], until: Instant) -> Result<T, ApiError> {
        self.api.get(call, values, &[], until).await
    }

    /// Every item of a list, read in pages of `page` items. `content` may have headers and a query, such as a selector.
    pub async fn list<T: DeserializeOwned>(
        &self,
        call: &Call,
        content: Content<'_>,
        page: usize,
        until: Instant,
    ) -> Result<Vec<T>, ApiError> {
        #[derive(Deserialize)]
        struct Page<T> {
            #[serde(default)]
            metadata: Next,
            #[serde(default = "Option::default")]
            items: Option<Vec<T>>,
        }
        #[derive(Default, Deserialize)]
        struct Next {
            #[serde(rename = "continue")]
            token: Option<String>,
        }
        let limit = page.to_string();
        let mut items = Vec::new();
        let mut next: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let mut query = content.query.to_vec();
            query.push(("limit", &limit));
            if let Some(token) = &next {
                query.push(("continue", token));
            }
            let content = Content {
                query: &query,
                ..content
            };
            let page: Page<T> = self.api.ask(call, content, until).await?;
            items.extend(page.items.unwrap_or_default());
            next = page.metadata.token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(items);
            }
        }
        Err(ApiError::unasked(
            format!("the cluster sends a list without an end: more than {MOST_PAGES} pages"),
            "a proxy in between may have answered; if not, report it",
        ))
    }

    /// What a change would make, which is not stored: `call` must be a dry run. `media_type` says what kind of patch it is.
    pub async fn dry_run<T: DeserializeOwned>(
        &self,
        call: &Call,
        values: &[&str],
        (media_type, patch): (&str, &Value),
        query: &[(&str, &str)],
        until: Instant,
    ) -> Result<T, ApiError> {
        let content = Content {
            values,
            query,
            body: Some(patch),
            media_type: Some(media_type),
            ..Content::default()
        };
        self.api.ask(call, content, until).await
    }

    /// Whether who asks has a right in the namespace: `call` must be an access review.
    pub async fn may(&self, call: &Call, right: Right<'_>, until: Instant) -> Result<bool, ApiError> {
        self.may_in(call, &self.namespace, right, until).await
    }

    /// The same, in another namespace; `""` for what has none.
    pub async fn may_in(
        &self,
        call: &Call,
        namespace: &str,
        right: Right<'_>,
        until: Instant,
    ) -> Result<bool, ApiError> {
        #[derive(Deserialize)]
        struct Review {
            status: Answer,
        }
        #[derive(Deserialize)]
        struct Answer {
            allowed: bool,
        }
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {
                "namespace": namespace, "verb": right.verb, "group": right.group, "resource": right.resource,
                "name": right.name.unwrap_or_default(),
            }},
        });
        let content = Content {
            body: Some(&review),
            ..Content::default()
        };
        let review: Review = self.api.ask(call, content, until).await?;
        Ok(review.status.allowed)
    }
}
