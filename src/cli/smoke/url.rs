//! URLs that can be probed.

use url::{Host, Url};

use crate::cli::error::UsageError;

/// Servers refuse longer ones, and the client beyond 64 KiB.
const LONGEST: usize = 8 << 10;
/// RFC 1035, 2.3.4: of a name, without its last dot, and of a part between dots.
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;

/// A URL that can be probed, or what is wrong with it.
pub fn target(text: &str) -> Result<Url, UsageError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(UsageError::new("the URL is empty").help("write it like https://staging.example.com"));
    }
    if text.len() > LONGEST {
        return Err(
            UsageError::new(format!("the URL is {} bytes long; the limit is {LONGEST}", text.len()))
                .help("send long data as a body, with --method POST and --body-file"),
        );
    }
    let shown = text.split('@').next_back().unwrap_or(text);
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(url::ParseError::RelativeUrlWithoutBase) => {
            return Err(UsageError::new(format!("`{shown}` has no scheme"))
                .help(format!("write https://{shown} or http://{shown}")));
        }
        Err(error) => {
            return Err(UsageError::new(format!("`{shown}` is not a URL: {error}"))
                .help("write it like https://staging.example.com or http://127.0.0.1:8080"));
        }
    };
    if !matches!(url.scheme(), "http" | "https") {
        let help = match url.host_str() {
            // `localhost:8080` reads as the scheme `localhost`.
            None => format!("write http://{shown} if `{}` is the host", url.scheme()),
            Some(_) => "write http:// or https://".to_owned(),
        };
        return Err(UsageError::new(format!(
            "`{shown}` has the scheme `{}`; only http and https can be probed",
            url.scheme()
        ))
        .help(help));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UsageError::new(format!(
            "the URL of {} contains credentials, which would end up in logs and reports",
            url.host_str().unwrap_or_default()
        ))
        .help("remove them from the URL, and name the variable that holds them with --basic-env"));
    }
    if let Some(Host::Domain(name)) = url.host() {
        let name = name.strip_suffix('.').unwrap_or(name);
        let is_label = |label: &str| (1..=LONGEST_LABEL).contains(&label.len());
        if name.len() > LONGEST_NAME || !name.split('.').all(is_label) {
            return Err(
                UsageError::new(format!("`{shown}` has the host `{name}`, which is not a valid name"))
                    .help("check the dots: each part between them must have 1 to 63 characters"),
            );
        }
    }
    if url.port() == Some(0) {
        return Err(
            UsageError::new(format!("`{shown}` has the port 0, on which nothing can listen"))
                .help("name the port that the server listens on"),
        );
    }
    Ok(url)
}

/// Whether it says what to ask for, and not only whom.
pub fn has_own_path(text: &str) -> bool {
    Url::parse(text.trim()).is_ok_and(|url| url.path() != "/" || url.query().is_some())
}

/// The name or address of a host, as URLs write it.
pub fn host(flag: &str, text: &str) -> Result<String, UsageError> {
    let bare = text.trim();
    let address = bare.parse().map(Host::Ipv6);
    address
        .or_else(|_| Host::parse(bare))
        .map(|host| host.to_string())
        .map_err(|_| {
            UsageError::new(format!("{flag} `{bare}` is not the name of a host"))
                .help("write the host alone, without scheme, port and path: staging.example.com")
        })
}

pub fn with_path(url: &Url, path: &str) -> Result<Url, UsageError> {
    if !path.starts_with('/') || path.starts_with("//") {
        return Err(UsageError::new(format!("--path `{path}` is not a path")).help("begin it with one slash: /healthz"));
    }
    let joined = url
        .join(path)
        .map_err(|error| UsageError::new(format!("--path `{path}` does not fit the URL: {error}")))?;
    // The URL standard reads a backslash as a slash and drops tabs, so that `/\host/` leads to another host.
    if joined.origin() != url.origin() {
        return Err(UsageError::new(format!("--path `{path}` leads to another host")).help("begin it with one slash"));
    }
    Ok(joined)
}
