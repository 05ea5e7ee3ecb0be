//! Where a repository came from.

use super::Repository;

impl Repository {
    /// The host of the remote `origin`, in lower case, and its `OWNER/NAME` there.
    pub fn origin(&self) -> Option<(String, String)> {
        let remote = self.0.find_remote("origin").ok()?;
        named_by(remote.url().ok()?)
    }
}

/// `https://HOST/OWNER/NAME.git`, `ssh://git@HOST:22/OWNER/NAME`, `git@HOST:OWNER/NAME`.
fn named_by(url: &str) -> Option<(String, String)> {
    let (scheme, rest) = url
        .split_once("://")
        .map_or((None, url), |(scheme, rest)| (Some(scheme), rest));
    let path_at = rest.find(if scheme.is_some() { '/' } else { ':' })?;
    let (authority, path) = rest.split_at_checked(path_at)?;
    let host = authority.rsplit('@').next()?.split(':').next()?;
    let path = path.get(1..)?.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let is_name = path.split('/').filter(|part| !part.is_empty()).count() == 2 && path.matches('/').count() == 1;
    (is_name && !host.is_empty() && !host.contains('/')).then(|| (host.to_ascii_lowercase(), path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::named_by;

    #[test]
    fn a_repository_is_named_by_each_form_of_its_address() {
        for url in [
            "https://github.com/acme/shop",
            "https://user:token@GitHub.com/acme/shop.git/",
            "ssh://git@github.com:22/acme/shop.git",
            "git@github.com:acme/shop.git",
        ] {
            let expected = ("github.com".to_owned(), "acme/shop".to_owned());
            assert_eq!(named_by(url), Some(expected), "{url}");
        }
        for url in [
            "https://github.com.evil.example/acme/shop",
            "https://github.com@evil.example/acme/shop",
            "git@gitlab.com:acme/shop.git",
        ] {
            let host = named_by(url).map(|(host, _)| host);
            assert_ne!(host.as_deref(), Some("github.com"), "{url}");
            assert!(host.is_some(), "{url}");
        }
        for url in [
            "https://github.com/acme",
            "https://github.com/acme/shop/more",
            "/srv/github.com/acme/shop",
            "../shop",
            "",
        ] {
            assert_eq!(named_by(url), None, "{url}");
        }
    }
}
