//! The name of an image: `[HOST/]NAME[:TAG][@DIGEST]`, as docker and the distribution specification write it.

use std::fmt;
use std::str::FromStr;

use url::Url;

use crate::model::text::read_from_text;
use crate::world::http::is_loopback;

/// Where docker.io keeps its registry.
const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_API: &str = "registry-1.docker.io";

/// The name of one image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageName {
    /// With a port, if it has one.
    host: String,
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

/// Why a text is not the name of an image.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnImage {
    #[error("`{0}` is a URL; write the image without https://")]
    Url(String),
    #[error("`{0}` is not the name of an image: `{1}` is not a valid part of a name")]
    Name(String, String),
    #[error("`{0}` is not the name of an image: `{1}` is not a tag")]
    Tag(String, String),
    #[error("`{0}` is not the name of an image: `{1}` is not a sha256 digest of 64 hexadecimal digits")]
    Digest(String, String),
    #[error("`{0}` names neither a tag nor a digest, and `latest` says nothing about a release")]
    NoRelease(String),
}

impl ImageName {
    /// As container platforms read it: without a tag and a digest it is `latest`.
    pub fn or_latest(text: &str) -> Result<Self, NotAnImage> {
        match text.parse() {
            Err(NotAnImage::NoRelease(_)) => format!("{text}:latest").parse(),
            name => name,
        }
    }

    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn repository(&self) -> &str {
        &self.repository
    }

    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// What a manifest is asked for by: the digest, if there is one.
    pub fn reference(&self) -> &str {
        self.digest.as_deref().or(self.tag.as_deref()).unwrap_or("latest")
    }

    /// The same image, named by its digest alone.
    pub fn pinned(&self, digest: &str) -> String {
        format!("{}/{}@{digest}", self.host, self.repository)
    }

    /// Where its registry answers: over TLS, except on this machine.
    pub fn api(&self) -> Option<Url> {
        let host = if self.host == DOCKER_HUB {
            DOCKER_HUB_API
        } else {
            &self.host
        };
        let plain = Url::parse(&format!("http://{host}/")).ok()?;
        if is_loopback(&plain) {
            return Some(plain);
        }
        Url::parse(&format!("https://{host}/")).ok()
    }

    pub fn is_docker_hub(&self) -> bool {
        self.host == DOCKER_HUB
    }
}

impl FromStr for ImageName {
    type Err = NotAnImage;

    fn from_str(text: &str) -> Result<Self, NotAnImage> {
        let whole = || text.to_owned();
        if text.contains("://") {
            return Err(NotAnImage::Url(whole()));
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) if is_digest(digest) => (rest, Some(digest.to_owned())),
            Some((_, digest)) => return Err(NotAnImage::Digest(whole(), digest.to_owned())),
            None => (text, None),
        };
        let (host, path) = match rest.split_once('/') {
            // The first part is a host if it cannot be a name, as docker decides.
            Some((first, path)) if first.contains(['.', ':']) || first == "localhost" => (first, path),
            _ => (DOCKER_HUB, rest),
        };
        let (path, tag) = match path.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (path, Some(tag.to_owned())),
            _ => (path, None),
        };
        if let Some(tag) = tag.as_deref().filter(|tag| !is_tag(tag)) {
            return Err(NotAnImage::Tag(whole(), tag.to_owned()));
        }
        if let Some(odd) = path.split('/').find(|part| !is_component(part)) {
            return Err(NotAnImage::Name(whole(), odd.to_owned()));
        }
        let is_host = |host: &str| {
            let parsed = Url::parse(&format!("https://{host}/"));
            parsed.is_ok_and(|url| {
                url.username().is_empty() && url.path() == "/" && url.query().is_none() && url.fragment().is_none()
            })
        };
        if !is_host(host) {
            return Err(NotAnImage::Name(whole(), host.to_owned()));
        }
        if tag.is_none() && digest.is_none() {
            return Err(NotAnImage::NoRelease(whole()));
        }
        let host = match host.to_ascii_lowercase().as_str() {
            "index.docker.io" | DOCKER_HUB_API => DOCKER_HUB.to_owned(),
            host => host.to_owned(),
        };
        let official = host == DOCKER_HUB && !path.contains('/');
        Ok(Self {
            repository: if official {
                format!("library/{path}")
            } else {
                path.to_owned()
            },
            host,
            tag,
            digest,
        })
    }
}

read_from_text!(ImageName { "examples": ["ghcr.io/acme/shop:v1.4.1"] });

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

pub fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

/// Lower-case letters and digits, separated by `.`, one or two `_`, or any number of `-` (OCI distribution
/// specification, "Pulling manifests").
fn is_component(part: &str) -> bool {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let ends = part.bytes().next().is_some_and(word) && part.bytes().last().is_some_and(word);
    let separators = part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let allowed = |s: &str| matches!(s, "" | "." | "_" | "__") || s.bytes().all(|b| b == b'-');
    ends && part.bytes().all(|b| word(b) || matches!(b, b'.' | b'_' | b'-')) && separators.into_iter().all(allowed)
}

fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    tag.len() <= 128 && tag.bytes().next().is_some_and(word) && tag.bytes().all(|b| word(b) || matches!(b, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> String {
        text.parse::<ImageName>().unwrap().to_string()
    }

    #[test]
    fn names_are_read_as_docker_reads_them() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (text, whole) in [
            ("nginx:1.27", "docker.io/library/nginx:1.27".to_owned()),
            ("acme/shop:v1", "docker.io/acme/shop:v1".to_owned()),
            ("index.docker.io/acme/shop:v1", "docker.io/acme/shop:v1".to_owned()),
            ("ghcr.io/acme/shop:v1", "ghcr.io/acme/shop:v1".to_owned()),
            ("localhost:5000/shop:v1", "localhost:5000/shop:v1".to_owned()),
            ("localhost/shop:v1", "localhost/shop:v1".to_owned()),
            ("[::1]:5000/shop:v1", "[::1]:5000/shop:v1".to_owned()),
            (
                "registry.fly.io/shop:deployment-01H",
                "registry.fly.io/shop:deployment-01H".to_owned(),
            ),
            (&format!("ghcr.io/a/b@{digest}"), format!("ghcr.io/a/b@{digest}")),
            (&format!("ghcr.io/a/b:v1@{digest}"), format!("ghcr.io/a/b:v1@{digest}")),
        ] {
            assert_eq!(read(text), whole, "{text}");
        }
        for text in [
            "",
            "nginx",
            "ghcr.io/acme/shop",
            "https://ghcr.io/acme/shop:v1",
            "acme/Shop:v1",
            "acme//shop:v1",
            "acme/../shop:v1",
            "acme/shop:",
            "acme/shop:-v1",
            "acme/shop@sha256:0a",
            "acme/shop@md5:0a",
            "user:pw@ghcr.io/acme/shop:v1",
            "a.b#c/shop:v1",
            "acme/sh op:v1",
        ] {
            assert!(text.parse::<ImageName>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_this_machine_is_asked_without_tls() {
        for (text, api) in [
            ("nginx:1", "https://registry-1.docker.io/"),
            ("ghcr.io/a/b:1", "https://ghcr.io/"),
            ("localhost:5000/b:1", "http://localhost:5000/"),
            ("127.0.0.1:5000/b:1", "http://127.0.0.1:5000/"),
            ("10.0.0.7:5000/b:1", "https://10.0.0.7:5000/"),
        ] {
            assert_eq!(text.parse::<ImageName>().unwrap().api().unwrap().as_str(), api);
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_and_read_again_the_same(text in "[a-z./:@_-]{0,20}(:[a-z0-9]{1,4})?") {
            if let Ok(name) = text.parse::<ImageName>() {
                prop_assert_eq!(&name.to_string().parse::<ImageName>().unwrap(), &name);
            }
        }
    }
}
