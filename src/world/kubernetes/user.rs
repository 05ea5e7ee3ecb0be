//! A user of a kubeconfig file: as whom a cluster is asked.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use super::access;
use crate::world::api::ApiError;
use crate::world::http::{ClientCertificate, Header, Pem, Settings};
use crate::world::secrets::Secret;

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct User {
    client_certificate: Option<String>,
    client_certificate_data: Option<String>,
    client_key: Option<String>,
    pub client_key_data: Option<String>,
    pub token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<String>,
    username: Option<String>,
    password: Option<String>,
    r#as: Option<String>,
    as_uid: Option<String>,
    as_groups: Option<Vec<String>>,
    as_user_extra: Option<Value>,
    auth_provider: Option<Value>,
    exec: Option<Value>,
}

impl User {
    /// The headers that say who asks; a certificate goes into the settings.
    pub fn identify(
        &self,
        named: &str,
        settings: &mut Settings,
        path: impl Fn(&str) -> PathBuf,
    ) -> Result<Vec<Header>, ApiError> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let data = (&self.client_certificate_data, &self.client_certificate);
        let certificate = pem(data, ("client-certificate-data", named), &path)?;
        let key = pem(
            (&self.client_key_data, &self.client_key),
            ("client-key-data", named),
            &path,
        )?;
        settings.client_certificate = match (certificate, key) {
            (Some(certificate), Some(key)) => Some(ClientCertificate { certificate, key }),
            (None, None) => None,
            _ => {
                return Err(ApiError::unasked(
                    format!("{named} has only one of a client certificate and its key"),
                    "give both, or a token",
                ));
            }
        };
        let mut headers = Vec::new();
        // The file's content wins, as it may have been renewed.
        if let Some(file) = given(&self.token_file) {
            headers.push(access::token_file(&path(&file))?);
        } else if let Some(token) = given(&self.token) {
            headers.push(access::bearer(&token, named)?);
        } else if let (Some(user), Some(password)) = (given(&self.username), &self.password) {
            let pair = STANDARD.encode(format!("{user}:{password}"));
            headers.extend(Header::new("Authorization", &format!("Basic {pair}"), true));
        }
        let is_known = !headers.is_empty() || settings.client_certificate.is_some();
        if let Some(how) = self.needs_a_helper().filter(|_| !is_known) {
            return Err(ApiError::unasked(
                format!("{named} gets its credentials from {how}, and stageproof runs no such program"),
                "give a token: `kubectl create token SERVICE-ACCOUNT` makes one; name its variable with \
                 --platform-token-env",
            ));
        }
        headers.extend(self.impersonated(named)?);
        Ok(headers)
    }

    fn needs_a_helper(&self) -> Option<String> {
        let name = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).unwrap_or("(none)").to_owned();
        if let Some(exec) = &self.exec {
            return Some(format!("the command `{}`", name(exec, "command")));
        }
        let provider = self.auth_provider.as_ref()?;
        Some(format!("the auth provider `{}`", name(provider, "name")))
    }

    /// As somebody else (kubernetes.io/docs/reference/access-authn-authz/user-impersonation).
    fn impersonated(&self, named: &str) -> Result<Vec<Header>, ApiError> {
        if self.as_user_extra.is_some() {
            return Err(ApiError::unasked(
                format!("{named} has `as-user-extra`, which stageproof does not support"),
                "use credentials of that user",
            ));
        }
        let one = |name: &'static str, value: &Option<String>| value.clone().map(|value| (name, value));
        let groups = self
            .as_groups
            .iter()
            .flatten()
            .map(|group| ("Impersonate-Group", group.clone()));
        let all = one("Impersonate-User", &self.r#as)
            .into_iter()
            .chain(one("Impersonate-Uid", &self.as_uid))
            .chain(groups);
        all.map(|(name, value)| {
            Header::new(name, &value, false)
                .map_err(|error| ApiError::unasked(format!("{named}: {error}"), "correct `as` and `as-groups`"))
        })
        .collect()
    }
}

/// What is in the file itself counts before a file that it names.
pub fn pem(
    (data, file): (&Option<String>, &Option<String>),
    (key, named): (&str, &str),
    path: impl Fn(&str) -> PathBuf,
) -> Result<Option<Pem>, ApiError> {
    if let Some(data) = data.as_deref().filter(|data| !data.is_empty()) {
        let from = format!("`{key}` of {named}");
        let plain: String = data.split_whitespace().collect();
        let text = STANDARD
            .decode(plain)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.ok_or_else(|| ApiError::unasked(format!("{from} is not base64 of PEM"), "write it again"))?;
        return Ok(Some(Pem::Text {
            text: Secret::new(text),
            from,
        }));
    }
    Ok(file
        .as_deref()
        .filter(|file| !file.is_empty())
        .map(|file| Pem::File(path(file))))
}
