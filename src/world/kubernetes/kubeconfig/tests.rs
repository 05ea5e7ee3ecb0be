use super::*;
use crate::world::http::Pem;

const FILE: &str = r#"
apiVersion: v1
kind: Config
current-context: staging
preferences: {}
contexts:
- name: staging
  context: {cluster: eu, user: robot, namespace: shop}
- name: bare
  context: {cluster: eu, user: ""}
- name: helper
  context: {cluster: eu, user: aws}
- name: plain
  context: {cluster: plain, user: robot}
- name: lost
  context: {cluster: nowhere, user: robot}
clusters:
- name: eu
  cluster:
    server: https://eu.example/k8s/c1
    certificate-authority: ca.crt
    extensions: [{name: x, extension: {a: [1]}}]
- name: plain
  cluster: {server: "http://10.0.0.7:8080"}
users:
- name: robot
  user: {token: s3cret-token, client-certificate-data: Y2VydA==, client-key-data: a2V5}
- name: aws
  user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: aws, args: [eks], env: null}}
"#;

fn merged(texts: &[&str]) -> Merged {
    let mut merged = Merged::default();
    for (number, text) in texts.iter().enumerate() {
        merged
            .add(text, Path::new(&format!("/home/me/{number}/config")))
            .unwrap();
    }
    merged
}

fn access(texts: &[&str], context: Option<&str>, env: &[(&str, &str)]) -> Result<Access, String> {
    let asked = Asked {
        context: context.map(str::to_owned),
        token_env: env.first().map(|(name, _)| (*name).to_owned()),
        namespace: None,
    };
    let env: Env = env.iter().copied().collect();
    let found = merged(texts).access(&asked, &env, &Host::default());
    found.map_err(|error| format!("{}; {}", error.unknown.why, error.unknown.help))
}

#[test]
fn the_current_context_says_where_and_as_whom() {
    let found = access(&[FILE], None, &[]).unwrap();
    assert_eq!(found.server.as_str(), "https://eu.example/k8s/c1");
    assert_eq!(found.context.as_deref(), Some("staging"));
    assert_eq!(found.namespace.as_deref(), Some("shop"));
    assert_eq!(found.headers[0].value, "Bearer s3cret-token");
    assert_eq!(found.credentials, "the user `robot` in /home/me/0/config");
    assert_eq!(found.settings.ca, Some(Pem::File("/home/me/0/ca.crt".into())));
    let own = found.settings.client_certificate.unwrap();
    assert!(
        matches!(&own.key, Pem::Text { text, .. } if text.reveal() == "key"),
        "{own:?}"
    );
    assert!(!format!("{own:?}").contains("\"key\""), "{own:?}");
    let found = access(&[FILE], Some("bare"), &[]).unwrap();
    assert!(found.headers.is_empty());
    assert_eq!(found.namespace, None);
}

#[test]
fn the_first_file_that_has_a_name_has_all_of_it() {
    let first = "current-context: null\nclusters: null\nusers:\n- name: robot\n  user: {tokenFile: token}\n";
    let found = merged(&["# nothing\n", first, FILE]);
    assert_eq!(found.current.as_deref(), Some("staging"));
    let (user, folder) = &found.users["robot"];
    assert!(user.token.is_none() && user.client_key_data.is_none());
    assert_eq!(folder, Path::new("/home/me/1"));
    let error = access(&[first, FILE], None, &[]).map(|_| ()).unwrap_err();
    assert!(error.contains("/home/me/0/token"), "{error}");
}

#[test]
fn a_token_of_a_variable_replaces_what_the_file_has() {
    let found = access(&[FILE], Some("helper"), &[("KUBE_TOKEN", " abc ")]).unwrap();
    assert_eq!(found.headers[0].value, "Bearer abc");
    assert_eq!(found.credentials, "the token of KUBE_TOKEN");
    assert_eq!(found.settings.client_certificate, None);
    let error = access(&[FILE], None, &[("KUBE_TOKEN", "")]).map(|_| ()).unwrap_err();
    assert!(error.contains("KUBE_TOKEN is not set or empty"), "{error}");
}

#[test]
fn what_cannot_be_used_is_said_with_the_next_step() {
    let user = |user: &str| format!("{FILE}- name: other\n  user: {user}\n");
    let cluster = |more: &str| FILE.replace("https://eu.example/k8s/c1", &format!("https://eu.example\n    {more}"));
    let other = |text: String| text.replace("cluster: eu, user: robot", "cluster: eu, user: other");
    for (text, context, says) in [
        (FILE.to_owned(), Some("helper"), "the command `aws`"),
        (FILE.to_owned(), Some("helper"), "kubectl create token"),
        (FILE.to_owned(), Some("plain"), "is not an https:// URL"),
        (FILE.to_owned(), Some("lost"), "no cluster `nowhere`"),
        (FILE.to_owned(), Some("gone"), "no context `gone`"),
        (FILE.replace("current-context: staging", ""), None, "--kube-context"),
        (other(FILE.to_owned()), None, "no user `other`"),
        (
            other(user("{auth-provider: {name: gcp}}")),
            None,
            "the auth provider `gcp`",
        ),
        (
            other(user("{client-key: a}")),
            None,
            "only one of a client certificate and its key",
        ),
        (other(user("{client-key-data: '%%'}")), None, "is not base64 of PEM"),
        (
            other(user("{token: a, as: b, as-user-extra: {x: [y]}}")),
            None,
            "as-user-extra",
        ),
        (cluster("tls-server-name: x"), None, "tls-server-name"),
        (cluster("proxy-url: socks5://h:1"), None, "does not support SOCKS"),
    ] {
        let error = access(&[&text], context, &[]).map(|_| ()).unwrap_err();
        assert!(error.contains(says), "{says}: {error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
    let error = Merged::default()
        .add("users: [s3cret-token", Path::new("/k"))
        .unwrap_err();
    assert!(error.unknown.why.starts_with("/k:1:"), "{error:?}");
    assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
}

#[test]
fn somebody_else_is_asked_as_in_headers() {
    let text = FILE.replace("{token: s3cret-token,", "{token: abc, as: ann, as-groups: [dev, ops],");
    let found = access(&[&text], None, &[]).unwrap();
    let headers: Vec<String> = found
        .headers
        .iter()
        .skip(1)
        .map(|header| format!("{header:?}"))
        .collect();
    assert_eq!(
        headers,
        [
            "Impersonate-User: ann",
            "Impersonate-Group: dev",
            "Impersonate-Group: ops"
        ]
    );
}
