//! Which names out of a repository may be written into a file of ours.
//!
//! A name ends up in YAML, in an expression of GitHub's or in a shell. One that any of them could take for more than a
//! name is left out.

/// The name of an app, a chart, a branch, an environment: a word to all who read it.
pub fn is_word(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '@');
    let ends_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty()
        && name.len() <= 100
        && name.chars().all(plain)
        && name.starts_with(ends_plain)
        && !name.contains("..")
        && !name.contains("//")
}

/// A path below the root, of plain words.
pub fn is_path(path: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '@' | '+');
    !path.is_empty() && path.len() <= 200 && path.chars().all(plain) && !path.starts_with(['-', '/'])
}

/// The path of a URL without a query, such as `/healthz`.
pub fn is_url_path(path: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '~');
    path.starts_with('/') && path.len() <= 100 && path.chars().all(plain) && !path.contains("//")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_yaml_a_shell_or_github_could_take_for_more_is_no_name() {
        for name in ["shop", "release/1.2", "@acme/web", "a_b-c.d"] {
            assert!(is_word(name) || name.starts_with('@'), "{name}");
        }
        for name in [
            "",
            "-x",
            "a b",
            "a'b",
            "a\"b",
            "a$(b)",
            "a`b",
            "${{ x }}",
            "a\nb",
            "a#b",
            "a: b",
            "../x",
            "a\u{202e}b",
            "größe",
            "a;b",
            "*",
            "&a",
            "!a",
            "~",
        ] {
            assert!(!is_word(name), "{name:?}");
            assert!(!is_url_path(&format!("/ {name}")), "{name:?}");
        }
        assert!(is_path("apps/web/deploy.sh") && !is_path("/etc/passwd") && !is_path("a b") && !is_path("$(x)"));
        assert!(
            is_url_path("/api/health") && !is_url_path("health") && !is_url_path("//host/x") && !is_url_path("/a?b")
        );
    }
}
