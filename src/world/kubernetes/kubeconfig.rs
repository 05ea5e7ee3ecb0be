//! Kubeconfig files, merged and read as client-go does (kubernetes.io/docs/concepts/configuration/
//! organize-cluster-access-kubeconfig).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use url::Url;

use super::Asked;
use super::access::{self, Access};
use super::user::{User, pem};
use crate::world::api::ApiError;
use crate::world::files::{self, Links};
use crate::world::http::{ProxyChoice, Settings};
use crate::world::{Env, Host};

/// A file with a thousand clusters.
const LARGEST: u64 = 8 << 20;

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct File {
    current_context: Option<String>,
    contexts: Option<Vec<Entry<Context>>>,
    clusters: Option<Vec<Entry<ClusterEntry>>>,
    users: Option<Vec<Entry<User>>>,
}

#[derive(Deserialize)]
struct Entry<T> {
    name: String,
    #[serde(rename = "cluster", alias = "context", alias = "user", default = "Option::default")]
    of: Option<T>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Context {
    cluster: String,
    user: String,
    namespace: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct ClusterEntry {
    server: String,
    tls_server_name: Option<String>,
    insecure_skip_tls_verify: bool,
    certificate_authority: Option<String>,
    certificate_authority_data: Option<String>,
    proxy_url: Option<String>,
}

/// All files as one: of each name, the first file's entry counts. An entry's paths are relative to its file.
#[derive(Default)]
struct Merged {
    files: Vec<String>,
    current: Option<String>,
    contexts: BTreeMap<String, Context>,
    clusters: BTreeMap<String, (ClusterEntry, PathBuf)>,
    users: BTreeMap<String, (User, PathBuf)>,
}

/// `None` if there is no file.
pub fn find(asked: &Asked, env: &Env, host: &Host) -> Result<Option<Access>, ApiError> {
    let merged = Merged::read(env, host)?;
    if merged.files.is_empty() {
        return Ok(None);
    }
    merged.access(asked, env, host).map(Some)
}

impl Merged {
    fn read(env: &Env, host: &Host) -> Result<Self, ApiError> {
        let listed = env
            .get("KUBECONFIG")
            .map(|list| list.split(':').filter(|path| !path.is_empty()));
        let paths: Vec<PathBuf> = match listed {
            // The variable may name the files as the runner does.
            Some(list) => list.map(|path| PathBuf::from(host.inside(path))).collect(),
            None => env
                .get("HOME")
                .map(|home| Path::new(home).join(".kube/config"))
                .into_iter()
                .collect(),
        };
        let mut merged = Self::default();
        for path in paths {
            let shown = path.display().to_string();
            let unreadable = |why: String| ApiError::unasked(why, "check the path and who may read it");
            let bytes = files::read_if_there(&path, LARGEST, Links::Follow)
                .map_err(|error| unreadable(format!("the kubeconfig file cannot be read: {error:#}")))?;
            let Some(bytes) = bytes else { continue };
            let text = String::from_utf8(bytes).map_err(|_| unreadable(format!("{shown} is not UTF-8 text")))?;
            merged.add(&text, &path)?;
        }
        Ok(merged)
    }

    fn add(&mut self, text: &str, path: &Path) -> Result<(), ApiError> {
        let shown = path.display().to_string();
        let file: Option<File> = serde_yaml::from_str(text).map_err(|error| {
            // Its own words could repeat a token.
            let place = error.location().map(|at| format!(":{}:{}", at.line(), at.column()));
            ApiError::unasked(
                format!(
                    "{shown}{} is not the YAML of a kubeconfig file",
                    place.unwrap_or_default()
                ),
                "`kubectl config view` shows whether kubectl can read it",
            )
        })?;
        let file = file.unwrap_or_default();
        let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        self.files.push(shown);
        self.current = self
            .current
            .take()
            .or(file.current_context.filter(|name| !name.is_empty()));
        for entry in file.contexts.unwrap_or_default() {
            self.contexts.entry(entry.name).or_insert(entry.of.unwrap_or_default());
        }
        for entry in file.clusters.unwrap_or_default() {
            let of = (entry.of.unwrap_or_default(), folder.clone());
            self.clusters.entry(entry.name).or_insert(of);
        }
        for entry in file.users.unwrap_or_default() {
            let of = (entry.of.unwrap_or_default(), folder.clone());
            self.users.entry(entry.name).or_insert(of);
        }
        Ok(())
    }

    fn access(&self, asked: &Asked, env: &Env, host: &Host) -> Result<Access, ApiError> {
        let files = self.files.join(", ");
        let name = asked.context.as_ref().or(self.current.as_ref()).ok_or_else(|| {
            ApiError::unasked(
                format!("{files} has no current context"),
                "name one with --kube-context; `kubectl config get-contexts` lists them",
            )
        })?;
        let missing = |what: &str, name: &str| {
            ApiError::unasked(
                format!("{files} has no {what} `{name}`"),
                "`kubectl config get-contexts` lists the contexts with their clusters and users",
            )
        };
        let context = self.contexts.get(name).ok_or_else(|| missing("context", name))?;
        let (cluster, folder) =
            (self.clusters.get(&context.cluster)).ok_or_else(|| missing("cluster", &context.cluster))?;
        let named = format!("the cluster `{}` in {files}", context.cluster);
        let mut settings = cluster.settings(&named, |path| within(folder, path, host))?;
        let (headers, credentials) = match access::named_token(asked, env)? {
            Some((header, told)) => (vec![header], told),
            None if context.user.is_empty() => (Vec::new(), "a request without credentials".to_owned()),
            None => {
                let (user, folder) = (self.users.get(&context.user)).ok_or_else(|| missing("user", &context.user))?;
                let named = format!("the user `{}` in {files}", context.user);
                let headers = user.identify(&named, &mut settings, |path| within(folder, path, host))?;
                (headers, named)
            }
        };
        Ok(Access {
            server: access::server(&cluster.server, &named)?,
            settings,
            headers,
            credentials,
            namespace: context.namespace.clone().filter(|name| !name.is_empty()),
            context: Some(name.clone()),
        })
    }
}

/// A path of a file, which may be relative to its folder, or absolute as the runner names it.
fn within(folder: &Path, path: &str, host: &Host) -> PathBuf {
    folder.join(host.inside(path))
}

impl ClusterEntry {
    fn settings(&self, named: &str, path: impl Fn(&str) -> PathBuf) -> Result<Settings, ApiError> {
        if self.tls_server_name.as_ref().is_some_and(|name| !name.is_empty()) {
            return Err(ApiError::unasked(
                format!("{named} has `tls-server-name`, which stageproof does not support"),
                "use a server address whose host the certificate names",
            ));
        }
        let proxy = self.proxy_url.as_deref().filter(|url| !url.is_empty()).map(|url| {
            let parsed = Url::parse(url).ok();
            parsed
                .filter(|url| matches!(url.scheme(), "http" | "https"))
                .ok_or_else(|| {
                    ApiError::unasked(
                        format!("`proxy-url` of {named} is not the URL of an HTTP proxy"),
                        "write http://host:port; stageproof does not support SOCKS",
                    )
                })
        });
        let authority = pem(
            (&self.certificate_authority_data, &self.certificate_authority),
            ("certificate-authority-data", named),
            path,
        )?;
        Ok(Settings {
            ca: authority,
            insecure: self.insecure_skip_tls_verify,
            proxy: proxy
                .transpose()?
                .map_or(ProxyChoice::FromEnvironment, ProxyChoice::Url),
            ..Settings::default()
        })
    }
}

#[cfg(test)]
mod tests;
