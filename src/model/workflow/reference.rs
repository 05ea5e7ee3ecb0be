//! What a `uses:` names.

use crate::model::text::is_hex;

/// The repository of stageproof and its action.
pub const STAGEPROOF: &str = "stageproof/stageproof";

/// `OWNER/REPOSITORY/PATH@REF`, `docker://IMAGE` or `./PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference<'a> {
    Repository {
        /// `owner/repository`
        repository: &'a str,
        /// Below the repository's top; empty for the top itself.
        path: &'a str,
        /// Empty if there is none, which GitHub does not take.
        at: &'a str,
    },
    Image {
        name: &'a str,
        /// A tag, or `sha256:…`; empty if there is none.
        at: &'a str,
    },
    Local(&'a str),
}

impl<'a> Reference<'a> {
    /// `None` for what names nothing.
    pub fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        if let Some(image) = text.strip_prefix("docker://") {
            let (name, at) = match image.split_once('@') {
                // A tag beside a digest says nothing.
                Some((name, digest)) => (name.rsplit_once(':').map_or(name, |(name, _)| name), digest),
                // The colon of a port is followed by a path.
                None => match image.rsplit_once(':') {
                    Some((name, tag)) if !tag.contains('/') => (name, tag),
                    _ => (image, ""),
                },
            };
            return Some(Self::Image { name, at });
        }
        if text.starts_with("./") || text == "." {
            return Some(Self::Local(text.trim_start_matches('.').trim_matches('/')));
        }
        let (whole, at) = text.split_once('@').unwrap_or((text, ""));
        let (owner, rest) = whole.split_once('/')?;
        let (name, path) = rest.split_once('/').unwrap_or((rest, ""));
        let repository = whole.get(..owner.len() + 1 + name.len())?;
        let is_whole = !owner.is_empty() && !name.is_empty();
        is_whole.then_some(Self::Repository { repository, path, at })
    }

    /// Whether it always leads to the same bytes.
    pub fn is_pinned(&self) -> bool {
        match self {
            Self::Repository { at, .. } => is_hex(at, 40) || is_hex(at, 64),
            Self::Image { at, .. } => at.strip_prefix("sha256:").is_some_and(|digest| is_hex(digest, 64)),
            Self::Local(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read() {
        let commit = "a".repeat(40);
        let pinned = format!("o/r@{commit}");
        let digest = format!("docker://ghcr.io/o/r:v1@sha256:{}", "b".repeat(64));
        let repository = |repository, path, at| Some(Reference::Repository { repository, path, at });
        for (text, expected, is_pinned) in [
            ("o/r@v1", repository("o/r", "", "v1"), false),
            (&*pinned, repository("o/r", "", &commit), true),
            (
                "o/r/.github/workflows/x.yml@main",
                repository("o/r", ".github/workflows/x.yml", "main"),
                false,
            ),
            (
                "docker://ghcr.io/o/r:v1",
                Some(Reference::Image {
                    name: "ghcr.io/o/r",
                    at: "v1",
                }),
                false,
            ),
            (
                "docker://host:5000/r",
                Some(Reference::Image {
                    name: "host:5000/r",
                    at: "",
                }),
                false,
            ),
            ("./", Some(Reference::Local("")), true),
            ("./tools/x", Some(Reference::Local("tools/x")), true),
            ("o/r", repository("o/r", "", ""), false),
            ("o", None, false),
            ("/r@x", None, false),
        ] {
            let read = Reference::parse(text);
            assert_eq!(read, expected, "{text}");
            assert_eq!(read.is_some_and(|read| read.is_pinned()), is_pinned, "{text}");
        }
        let read = Reference::parse(&digest).unwrap();
        assert!(
            read.is_pinned()
                && matches!(
                    read,
                    Reference::Image {
                        name: "ghcr.io/o/r",
                        ..
                    }
                ),
            "{read:?}"
        );
    }
}
