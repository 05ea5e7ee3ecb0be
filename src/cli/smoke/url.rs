//! URLs that can be probed.

use url::Url;

use crate::cli::error::UsageError;

/// A URL that can be probed, or what is wrong with it.
pub fn target(text: &str) -> Result<Url, UsageError> {
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
            "`{shown}` has the scheme `{}`, and only http and https can be probed",
            url.scheme()
        ))
        .help(help));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UsageError::new(format!(
            "the URL of {} holds credentials, which would end up in logs and reports",
            url.host_str().unwrap_or_default()
        ))
        .help("take them out of the URL, and name the variable that holds them with --basic-env"));
    }
    Ok(url)
}

pub fn with_path(url: &Url, path: &str) -> Result<Url, UsageError> {
    if !path.starts_with('/') || path.starts_with("//") {
        return Err(UsageError::new(format!("--path `{path}` is not a path")).help("begin it with one slash: /healthz"));
    }
    url.join(path)
        .map_err(|error| UsageError::new(format!("--path `{path}` does not fit the URL: {error}")))
}
