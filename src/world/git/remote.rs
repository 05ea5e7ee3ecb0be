//! Where a repository came from.

use super::Repository;

impl Repository {
    /// `OWNER/NAME` of the remote `origin`, if it is on this host.
    pub fn origin_at(&self, host: &str) -> Option<String> {
        let remote = self.0.find_remote("origin").ok()?;
        name_at(host, remote.url().ok()?)
    }
}

/// `https://HOST/OWNER/NAME.git`, `ssh://git@HOST:22/OWNER/NAME`, `git@HOST:OWNER/NAME`.
fn name_at(host: &str, url: &str) -> Option<String> {
    let (scheme, rest) = url
        .split_once("://")
        .map_or((None, url), |(scheme, rest)| (Some(scheme), rest));
    let path_at = rest.find(if scheme.is_some() { '/' } else { ':' })?;
    let (authority, path) = rest.split_at_checked(path_at)?;
    let named = authority.rsplit('@').next()?;
    let named = named.split(':').next()?;
    let path = path.get(1..)?.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let is_name = path.split('/').filter(|part| !part.is_empty()).count() == 2 && path.matches('/').count() == 1;
    (is_name && named.eq_ignore_ascii_case(host)).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::name_at;

    #[test]
    fn a_repository_is_named_by_each_form_of_its_address() {
        for url in [
            "https://github.com/acme/shop",
            "https://user:token@GitHub.com/acme/shop.git/",
            "ssh://git@github.com:22/acme/shop.git",
            "git@github.com:acme/shop.git",
        ] {
            assert_eq!(name_at("github.com", url).as_deref(), Some("acme/shop"), "{url}");
        }
        for url in [
            "https://gitlab.com/acme/shop",
            "https://github.com.evil.example/acme/shop",
            "https://github.com@evil.example/acme/shop",
            "https://github.com/acme",
            "https://github.com/acme/shop/more",
            "/srv/github.com/acme/shop",
            "../shop",
            "",
        ] {
            assert_eq!(name_at("github.com", url), None, "{url}");
        }
    }
}
