//! What a registry keeps of an image: an index, manifests, a configuration (OCI image specification; docker's older types
//! have the same fields).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::model::text::{cut, is_hex, one_line};

pub const INDEXES: [&str; 2] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];
pub const MANIFESTS: [&str; 2] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// Names of systems and processors are short.
const LONGEST_PART: usize = 40;
/// An index has some tens of images at most.
const MOST_PLATFORMS: usize = 30;

/// What an image runs on, `linux/amd64` or `linux/arm/v7`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Platform {
    pub os: String,
    pub architecture: String,
    pub variant: Option<String>,
}

/// What most servers are.
impl Default for Platform {
    fn default() -> Self {
        Self {
            os: "linux".to_owned(),
            architecture: "amd64".to_owned(),
            variant: None,
        }
    }
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a platform; write it like linux/amd64")]
pub struct NotAPlatform(String);

impl FromStr for Platform {
    type Err = NotAPlatform;

    fn from_str(text: &str) -> Result<Self, NotAPlatform> {
        let word = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            [os, architecture, variant @ ..] if variant.len() < 2 && parts.iter().all(word) => Ok(Self {
                os: (*os).to_owned(),
                architecture: (*architecture).to_owned(),
                variant: variant.first().map(|&variant| variant.to_owned()),
            }),
            _ => Err(NotAPlatform(text.to_owned())),
        }
    }
}

/// Of an image it is foreign text.
impl fmt::Display for Platform {
    #[expect(clippy::disallowed_methods, reason = "half of a name is no half of a secret")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [Some(&self.os), Some(&self.architecture), self.variant.as_ref()];
        let parts: Vec<String> = parts
            .into_iter()
            .flatten()
            .map(|part| cut(&one_line(part), LONGEST_PART))
            .collect();
        f.write_str(&parts.join("/"))
    }
}

impl Platform {
    /// Whether an image for `self` runs on `on`: a variant that only one of them names is no difference.
    pub fn runs_on(&self, on: &Self) -> bool {
        let variants = self.variant.as_ref().zip(on.variant.as_ref());
        self.os == on.os && self.architecture == on.architecture && variants.is_none_or(|(one, other)| one == other)
    }
}

/// An index or a manifest, as far as it matters.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Of an index.
    pub manifests: Option<Vec<Child>>,
    /// Of a manifest.
    pub config: Option<Descriptor>,
}

#[derive(Debug, Deserialize)]
pub struct Descriptor {
    pub digest: String,
}

#[derive(Debug, Deserialize)]
pub struct Child {
    pub digest: String,
    pub platform: Option<Platform>,
}

/// The image's configuration, as far as it matters.
#[derive(Debug, Deserialize)]
pub struct Config {
    #[serde(flatten)]
    pub platform: Platform,
    pub created: Option<String>,
    config: Option<Run>,
}

/// How it runs, as far as it matters.
#[derive(Debug, Deserialize)]
struct Run {
    #[serde(rename = "Labels", default)]
    labels: Option<BTreeMap<String, String>>,
}

impl Config {
    /// The commit that its label names (OCI image specification, "Pre-Defined Annotation Keys").
    pub fn revision(&self) -> Option<String> {
        let labels = self.config.as_ref()?.labels.as_ref()?;
        let revision = labels.get("org.opencontainers.image.revision")?;
        let is_commit = is_hex(revision, 40) || is_hex(revision, 64);
        is_commit.then(|| revision.to_ascii_lowercase())
    }
}

impl Manifest {
    /// The children that are images; attestations say `unknown/unknown`.
    pub fn platforms(&self) -> Vec<String> {
        let children = self
            .manifests
            .iter()
            .flatten()
            .filter_map(|child| child.platform.as_ref());
        children
            .filter(|platform| platform.os != "unknown")
            .take(MOST_PLATFORMS)
            .map(ToString::to_string)
            .collect()
    }

    pub fn child_for(&self, on: &Platform) -> Option<&Child> {
        let fits = |child: &&Child| child.platform.as_ref().is_some_and(|platform| platform.runs_on(on));
        self.manifests.iter().flatten().find(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        text.parse().unwrap()
    }

    #[test]
    fn platforms_are_compared_by_what_both_name() {
        assert!(platform("linux/amd64").runs_on(&platform("linux/amd64")));
        assert!(platform("linux/arm64/v8").runs_on(&platform("linux/arm64")));
        assert!(!platform("linux/arm/v6").runs_on(&platform("linux/arm/v7")));
        assert!(!platform("linux/arm64").runs_on(&platform("linux/amd64")));
        for text in ["", "linux", "linux/", "linux/amd64/v1/x", "Linux/AMD64", "linux amd64"] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_attestation_is_no_platform() {
        let index: Manifest = serde_json::from_str(
            r#"{"schemaVersion":2,"manifests":[
                {"digest":"sha256:a","platform":{"os":"unknown","architecture":"unknown"}},
                {"digest":"sha256:b","platform":{"os":"linux","architecture":"arm64","variant":"v8"}}]}"#,
        )
        .unwrap();
        assert_eq!(index.platforms(), ["linux/arm64/v8"]);
        assert_eq!(index.child_for(&platform("linux/arm64")).unwrap().digest, "sha256:b");
        assert!(index.child_for(&platform("linux/amd64")).is_none());
    }

    #[test]
    fn only_a_whole_commit_is_a_revision() {
        let of = |label: &str| {
            let json = format!(
                r#"{{"os":"linux","architecture":"amd64","config":{{"Labels":{{"org.opencontainers.image.revision":"{label}"}}}}}}"#
            );
            serde_json::from_str::<Config>(&json).unwrap().revision()
        };
        let commit = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(of(commit).as_deref(), Some(commit));
        assert_eq!(of("main"), None);
        assert_eq!(of(&commit[..12]), None);
        for json in [
            r#"{"os":"linux","architecture":"amd64"}"#,
            r#"{"os":"linux","architecture":"amd64","config":null}"#,
            r#"{"os":"linux","architecture":"amd64","config":{"Labels":null}}"#,
        ] {
            assert_eq!(serde_json::from_str::<Config>(json).unwrap().revision(), None);
        }
    }
}
