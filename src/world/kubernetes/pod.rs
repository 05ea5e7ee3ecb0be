//! The cluster that this is a pod of: its service account, as every container finds it.
//!
//! Source: kubernetes.io/docs/tasks/run-application/access-api-from-pod.

use std::path::Path;

use super::Asked;
use super::access::{self, Access};
use crate::world::Env;
use crate::world::api::ApiError;
use crate::world::files::{self, Links};
use crate::world::http::{Pem, Settings};

pub const MOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const LARGEST_NAME: u64 = 1 << 10;

pub fn find(asked: &Asked, env: &Env, mount: &Path) -> Result<Access, ApiError> {
    let (Some(host), Some(port)) = (env.get("KUBERNETES_SERVICE_HOST"), env.get("KUBERNETES_SERVICE_PORT")) else {
        return Err(ApiError::unasked(
            "no cluster is known: there is no kubeconfig file in KUBECONFIG or ~/.kube/config, and this is not a pod",
            "write a kubeconfig file in an earlier step and set KUBECONFIG to its path",
        ));
    };
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let (token, credentials) = match access::named_token(asked, env)? {
        Some(named) => named,
        None => (
            access::token_file(&mount.join("token"))?,
            "the service account of this pod".to_owned(),
        ),
    };
    let namespace = files::read_text(&mount.join("namespace"), LARGEST_NAME, Links::Follow).ok();
    Ok(Access {
        server: access::server(&format!("https://{host}:{port}"), "KUBERNETES_SERVICE_HOST")?,
        settings: Settings {
            ca: Some(Pem::File(mount.join("ca.crt"))),
            ..Settings::default()
        },
        headers: vec![token],
        credentials,
        namespace: namespace
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty()),
        context: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_asks_as_its_service_account() {
        let mount = tempfile::tempdir().unwrap();
        for (name, text) in [("token", "abc\n"), ("namespace", "shop")] {
            std::fs::write(mount.path().join(name), text).unwrap();
        }
        let asked = Asked::default();
        let env: Env = [
            ("KUBERNETES_SERVICE_HOST", "fd00::1"),
            ("KUBERNETES_SERVICE_PORT", "443"),
        ]
        .into_iter()
        .collect();
        let access = find(&asked, &env, mount.path()).unwrap();
        assert_eq!(access.server.as_str(), "https://[fd00::1]/");
        assert_eq!(access.headers[0].value, "Bearer abc");
        assert_eq!(access.namespace.as_deref(), Some("shop"));
        assert_eq!(access.settings.ca, Some(Pem::File(mount.path().join("ca.crt"))));
        std::fs::remove_file(mount.path().join("token")).unwrap();
        let error = find(&asked, &env, mount.path()).map(|_| ()).unwrap_err();
        assert!(error.unknown.why.contains("token cannot be read"), "{error:?}");
        let error = find(&asked, &Env::default(), mount.path()).map(|_| ()).unwrap_err();
        assert!(error.unknown.help.contains("KUBECONFIG"), "{error:?}");
    }
}
