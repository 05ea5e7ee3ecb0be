//! What is rolled out, by kind and name.

use std::fmt;
use std::str::FromStr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Deployment,
    StatefulSet,
    DaemonSet,
}

/// What is rolled out, as kubectl names it: `deployment/shop`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub kind: Kind,
    pub name: String,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAWorkload {
    #[error("`{0}` is not KIND/NAME")]
    Form(String),
    #[error("`{0}` cannot be rolled back; the kinds are deployment, statefulset and daemonset")]
    Kind(String),
    #[error("`{0}` is not a name: it has lower-case letters, digits, hyphens and dots")]
    Name(String),
}

impl FromStr for Named {
    type Err = NotAWorkload;

    fn from_str(text: &str) -> Result<Self, NotAWorkload> {
        let (kind, name) = text
            .split_once('/')
            .ok_or_else(|| NotAWorkload::Form(text.to_owned()))?;
        let kind = match kind.to_ascii_lowercase().trim_end_matches(".apps") {
            "deployment" | "deployments" | "deploy" => Kind::Deployment,
            "statefulset" | "statefulsets" | "sts" => Kind::StatefulSet,
            "daemonset" | "daemonsets" | "ds" => Kind::DaemonSet,
            _ => return Err(NotAWorkload::Kind(kind.to_owned())),
        };
        if !is_name(name) {
            return Err(NotAWorkload::Name(name.to_owned()));
        }
        Ok(Self {
            kind,
            name: name.to_owned(),
        })
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.word(), self.name)
    }
}

/// A name of an object (kubernetes.io/docs/concepts/overview/working-with-objects/names).
pub fn is_name(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let ends = text.bytes().next().is_some_and(word) && text.bytes().last().is_some_and(word);
    ends && text.len() <= 253 && text.bytes().all(|b| word(b) || matches!(b, b'-' | b'.'))
}

impl Kind {
    /// As kubectl takes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::StatefulSet => "statefulset",
            Self::DaemonSet => "daemonset",
        }
    }

    /// As rules name it.
    pub fn resource(self) -> &'static str {
        match self {
            Self::Deployment => "deployments",
            Self::StatefulSet => "statefulsets",
            Self::DaemonSet => "daemonsets",
        }
    }

    /// What its revisions are kept as.
    pub fn history(self) -> &'static str {
        match self {
            Self::Deployment => "replicasets",
            Self::StatefulSet | Self::DaemonSet => "controllerrevisions",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_is_named_as_kubectl_names_it() {
        for (text, shown) in [
            ("deployment/shop", "deployment/shop"),
            ("deploy/shop", "deployment/shop"),
            ("Deployments.apps/shop.v1", "deployment/shop.v1"),
            ("sts/db", "statefulset/db"),
            ("ds/agent", "daemonset/agent"),
        ] {
            assert_eq!(text.parse::<Named>().unwrap().to_string(), shown);
        }
        for text in [
            "shop",
            "pod/shop",
            "deployment/",
            "deployment/a/b",
            "deployment/Shop",
            "deployment/-a",
        ] {
            assert!(text.parse::<Named>().is_err(), "{text}");
        }
    }
}
