//! Platform `image`, where the registry wants a token, limits, fails or lies. It refuses what a real one refuses.

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::registry::{PASSWORD, USER};
use crate::repo::{Repo, Told};
use crate::servers::{free_port, read_head, serve};

const CONFIG: &str = r#"{"os":"linux","architecture":"amd64","created":"1970-01-01T00:00:00Z"}"#;

fn digest(text: &str) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(text)))
}

fn manifest() -> String {
    format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{}","size":{}}},"layers":[]}}"#,
        digest(CONFIG),
        CONFIG.len()
    )
}

fn reply(status: &str, headers: &str, body: &str, head: bool) -> String {
    let length = body.len();
    let body = if head { "" } else { body };
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

/// Answers `method path authorization` with a whole answer, and keeps what was asked.
fn registry(
    answer: impl Fn(&str, &str, Option<&str>) -> String + Send + Sync + 'static,
) -> (String, Arc<Mutex<Vec<String>>>) {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&asked);
    let address = serve(move |mut stream| {
        let head = read_head(&mut stream);
        let mut words = head.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let header = |name: &str| {
            let line = head
                .lines()
                .find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")));
            line.map(|line| line.split_once(':').unwrap().1.trim().to_owned())
        };
        let accept = header("accept").unwrap_or_default();
        kept.lock().unwrap().push(format!("{method} {path}"));
        // A registry answers 404 for an index that the client does not name.
        let refuses = path.contains("/manifests/") && !accept.contains("vnd.oci.image.index.v1+json");
        let text = match refuses {
            true => reply("404 Not Found", "", "", false),
            false => answer(method, path, header("authorization").as_deref()),
        };
        let _ = stream.write_all(text.as_bytes());
    });
    (address.replace("http://", ""), asked)
}

/// Everything that is there, to who may see it.
fn content(method: &str, path: &str) -> String {
    let manifest = manifest();
    let head = method == "HEAD";
    let pinned = format!("/v2/acme/shop/manifests/{}", digest(&manifest));
    if path == "/v2/acme/shop/manifests/v1" || path == pinned {
        let headers = format!(
            "Content-Type: application/vnd.oci.image.manifest.v1+json\r\nDocker-Content-Digest: {}\r\n",
            digest(&manifest)
        );
        return reply("200 OK", &headers, &manifest, head);
    }
    if path == format!("/v2/acme/shop/blobs/{}", digest(CONFIG)) && !head {
        return reply("200 OK", "", CONFIG, head);
    }
    reply("404 Not Found", "", r#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#, head)
}

fn dry_run(host: &str, env: &[(&str, &str)]) -> Told {
    let repo = Repo::none();
    let image = format!("--image={host}/acme/shop:v1");
    let mut args = vec![image.as_str()];
    if !env.is_empty() {
        args.push("--registry-auth-env=REGISTRY_AUTH");
    }
    repo.dry_run_with(repo.root(), &args, env)
}

#[test]
fn a_token_is_fetched_once_for_this_repository_and_with_the_credentials() {
    let basic = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
    let port = Arc::new(Mutex::new(String::new()));
    let own = Arc::clone(&port);
    let (host, asked) = registry(move |method, path, authorization| {
        let realm = format!("http://{}/token", own.lock().unwrap());
        if path.starts_with("/token?") {
            let scope = "service=registry.acme&scope=repository%3Aacme%2Fshop%3Apull";
            assert_eq!(path, format!("/token?{scope}"));
            return match authorization == Some(basic.as_str()) {
                true => reply("200 OK", "", r#"{"token":"t0ken-of-the-registry"}"#, false),
                false => reply("401 Unauthorized", "", "", false),
            };
        }
        if authorization == Some("Bearer t0ken-of-the-registry") {
            return content(method, path);
        }
        let challenge = format!("WWW-Authenticate: Bearer realm=\"{realm}\",service=\"registry.acme\"\r\n");
        reply(
            "401 Unauthorized",
            &challenge,
            r#"{"errors":[{"code":"UNAUTHORIZED"}]}"#,
            method == "HEAD",
        )
    });
    port.lock().unwrap().clone_from(&host);
    let pair = format!("{USER}:{PASSWORD}");
    let told = dry_run(&host, &[("REGISTRY_AUTH", &pair)]);
    told.is(0, &[]);
    assert!(
        !told.text.contains("t0ken-of") && !told.text.contains(PASSWORD),
        "{}",
        told.text
    );
    let tokens = || {
        asked
            .lock()
            .unwrap()
            .iter()
            .filter(|line| line.contains("/token"))
            .count()
    };
    // One for each of the two claims.
    assert_eq!(tokens(), 2, "{:?}", asked.lock().unwrap());
    dry_run(&host, &[]).is(4, &["without credentials (401)", "log in with docker"]);
    let told = dry_run(&host, &[("REGISTRY_AUTH", "robot:wrong-battery")]);
    told.is(4, &["with the credentials of REGISTRY_AUTH (401)"]);
}

#[test]
fn credentials_go_to_no_address_without_tls() {
    let (host, asked) = registry(|method, _, authorization| {
        assert_eq!(authorization, None);
        let challenge = "WWW-Authenticate: Bearer realm=\"http://192.0.2.1/token\"\r\n";
        reply("401 Unauthorized", challenge, "", method == "HEAD")
    });
    dry_run(&host, &[("REGISTRY_AUTH", "robot:correct-horse")]).is(4, &["names no usable address for tokens"]);
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[test]
fn what_a_registry_hides_limits_or_cannot_say_is_unknown() {
    for (status, headers, body, says) in [
        (
            "403 Forbidden",
            "",
            r#"{"errors":[{"code":"DENIED","message":"x"}]}"#,
            "without credentials (403",
        ),
        (
            "404 Not Found",
            "",
            r#"{"errors":[{"code":"DENIED"}]}"#,
            "without credentials (404 DENIED)",
        ),
        (
            "429 Too Many Requests",
            "Retry-After: 3600\r\n",
            "",
            "limits requests (429); it asks to wait 1h",
        ),
        ("500 Internal Server Error", "", "", "answered with status 500"),
        ("503 Service Unavailable", "", "<html>", "answered with status 503"),
        ("301 Moved Permanently", "", "", "answered with status 301"),
    ] {
        let (host, asked) = registry(move |method, _, _| reply(status, headers, body, method == "HEAD"));
        dry_run(&host, &[]).is(4, &[says]);
        let times = asked.lock().unwrap().len();
        let again = status.starts_with('5');
        assert_eq!(times >= 3, again, "{status}: {times} requests");
    }
    let (host, _) = registry(|method, _, _| reply("404 Not Found", "", "<html>", method == "HEAD"));
    dry_run(&host, &[]).is(4, &["answered 404 in a way that registries do not"]);
    let (host, _) = registry(|method, _, _| {
        let body = r#"{"errors":[{"code":"NAME_UNKNOWN"}]}"#;
        reply("404 Not Found", "", body, method == "HEAD")
    });
    dry_run(&host, &[]).is(1, &["the registry has no repository"]);
    dry_run(&format!("127.0.0.1:{}", free_port()), &[])
        .is(4, &["cannot be asked [refused]", "check the name of the registry"]);
}

#[test]
fn one_failure_is_tried_again() {
    let failed = Mutex::new(false);
    let (host, _) = registry(move |method, path, _| {
        let before = std::mem::replace(&mut *failed.lock().unwrap(), true);
        match before {
            true => content(method, path),
            false => reply("502 Bad Gateway", "", "", method == "HEAD"),
        }
    });
    dry_run(&host, &[]).is(0, &[]);
}

#[test]
fn content_that_is_not_what_its_digest_says_is_not_believed() {
    for body in ["{}", "", "not json", r#"{"schemaVersion":2,"manifests":[]}"#] {
        let (host, _) = registry(move |method, path, _| {
            if method == "GET" && path.contains("/manifests/") {
                return reply("200 OK", "", body, false);
            }
            content(method, path)
        });
        dry_run(&host, &[]).is(4, &["has other content", "for sha256:"]);
    }
}

#[test]
fn a_registry_that_leaves_the_digest_out_is_read() {
    let (host, _) = registry(|method, path, _| content(method, path).replace("Docker-Content-Digest", "X-Other"));
    dry_run(&host, &[]).is(0, &[]);
}

#[test]
fn names_that_are_none_are_refused_before_anything_is_asked() {
    for (image, says) in [
        ("ghcr.io/acme/shop", "names neither a tag nor a digest"),
        ("https://ghcr.io/acme/shop:v1", "without https://"),
        ("ghcr.io/acme/Shop:v1", "`Shop` is not a valid part"),
        ("ghcr.io/acme/shop@sha256:12", "not a sha256 digest"),
    ] {
        Repo::none()
            .dry_run(&[&format!("--image={image}")])
            .is(2, &[says, "ghcr.io/acme/shop:v1.4.1"]);
    }
    let repo = Repo::none();
    repo.dry_run(&["--platform=image"])
        .is(2, &["needs the image to go back to"]);
    repo.dry_run(&["--image=a:1", "--tags=v*"])
        .is(2, &["--tags requires the platform `git`, but the platform is `image`"]);
    repo.dry_run(&["--image=a:1", "--image-platform=amd64"])
        .is(2, &["`amd64` is not a platform"]);
    repo.dry_run(&["--image=a:1", "--rollback-command=go {sha}"])
        .is(2, &["unknown placeholder {sha}", "{image}"]);
}
