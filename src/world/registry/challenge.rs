//! `WWW-Authenticate` as registries send it: which scheme, and for `Bearer` where a token is had.

/// What a registry asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Challenge {
    Basic,
    Bearer { realm: String, service: Option<String> },
}

impl Challenge {
    /// The first of the headers that is one of these; tokens are preferred, as docker does.
    pub fn read(headers: &[String]) -> Option<Self> {
        let all = || {
            headers
                .iter()
                .filter_map(|header| header.trim().split_once(' ').or(Some((header.trim(), ""))))
        };
        let is = |scheme: &'static str| move |(name, _): &(&str, &str)| name.eq_ignore_ascii_case(scheme);
        if let Some((_, rest)) = all().find(is("Bearer")) {
            let parameters = parameters(rest);
            let get = |name: &str| {
                parameters
                    .iter()
                    .find(|(key, _)| key == name)
                    .map(|(_, value)| value.clone())
            };
            return get("realm").map(|realm| Self::Bearer {
                realm,
                service: get("service"),
            });
        }
        all().find(is("Basic")).map(|_| Self::Basic)
    }
}

/// `name=value` and `name="quoted \" value"`, separated by commas (RFC 9110 11.2).
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut rest = text.trim_start_matches([' ', '\t', ',']);
    while let Some((name, after)) = rest.split_once('=') {
        let mut value = String::new();
        let mut chars = after.trim_start().char_indices();
        let end = if after.trim_start().starts_with('"') {
            chars.next();
            let mut escaped = false;
            loop {
                match chars.next() {
                    Some((_, c)) if escaped => {
                        value.push(c);
                        escaped = false;
                    }
                    Some((_, '\\')) => escaped = true,
                    Some((at, '"')) => break at + 1,
                    Some((_, c)) => value.push(c),
                    None => break after.trim_start().len(),
                }
            }
        } else {
            let end = after
                .trim_start()
                .find([',', ' ', '\t'])
                .unwrap_or(after.trim_start().len());
            value.push_str(&after.trim_start()[..end]);
            end
        };
        out.push((name.trim().to_ascii_lowercase(), value));
        rest = after.trim_start()[end..].trim_start_matches([' ', '\t', ',']);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(headers: &[&str]) -> Option<Challenge> {
        Challenge::read(&headers.iter().map(|header| (*header).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_challenges_of_real_registries_are_read() {
        let bearer = |realm: &str, service: Option<&str>| {
            Some(Challenge::Bearer {
                realm: realm.to_owned(),
                service: service.map(str::to_owned),
            })
        };
        assert_eq!(
            read(&[
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull""#
            ]),
            bearer("https://auth.docker.io/token", Some("registry.docker.io"))
        );
        assert_eq!(
            read(&[r#"bearer service=ghcr.io, realm="https://ghcr.io/token""#]),
            bearer("https://ghcr.io/token", Some("ghcr.io"))
        );
        assert_eq!(
            read(&[r#"Basic realm="r""#, r#"Bearer realm="https://t""#]),
            bearer("https://t", None)
        );
        assert_eq!(read(&[r#"Basic realm="Registry Realm""#]), Some(Challenge::Basic));
        assert_eq!(read(&[r#"Bearer error="x""#]), None);
        assert_eq!(read(&["Negotiate"]), None);
        assert_eq!(read(&[]), None);
    }

    proptest! {
        #[test]
        fn nothing_that_a_server_sends_is_too_odd(text in "(Bearer )?[ -~é]{0,60}") {
            let _ = read(&[&text]);
        }
    }
}
