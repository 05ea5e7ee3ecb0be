//! Where the next page is: `Link: <URL>; rel="next", <URL>; rel="last"` (RFC 8288, as GitHub writes it).

/// The address of the next page, if there is one.
pub fn next(link: &str) -> Option<&str> {
    let mut rest = link;
    while let Some((_, after)) = rest.split_once('<') {
        let (url, parameters) = after.split_once('>')?;
        // A `<` cannot be in the parameters, so the next one begins the next link.
        let end = parameters.find('<').unwrap_or(parameters.len());
        let is_next = parameters[..end]
            .split([';', ','])
            .filter_map(|parameter| parameter.split_once('='))
            .filter(|(name, _)| name.trim().eq_ignore_ascii_case("rel"))
            .any(|(_, value)| {
                value
                    .trim()
                    .trim_matches('"')
                    .split_whitespace()
                    .any(|rel| rel == "next")
            });
        if is_next {
            return Some(url.trim());
        }
        rest = &parameters[end..];
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn finds_the_next_page_only() {
        for (link, expected) in [
            (
                r#"<https://h/a?page=2>; rel="next", <https://h/a?page=9>; rel="last""#,
                Some("https://h/a?page=2"),
            ),
            (
                r#"<https://h/a?page=1>; rel="prev", <https://h/a?page=3>; rel="next""#,
                Some("https://h/a?page=3"),
            ),
            (
                r#"<https://h/a?q=x,y;z&page=3>; rel="next""#,
                Some("https://h/a?q=x,y;z&page=3"),
            ),
            ("<https://h/2>; rel=next", Some("https://h/2")),
            (r#"<https://h/1>; rel="prev", <https://h/1>; rel="first""#, None),
            (r#"<https://h/1>; rel="nextish""#, None),
            ("", None),
            ("<https://h/1", None),
            (r#"rel="next""#, None),
        ] {
            assert_eq!(next(link), expected, "{link}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(link in "[<>;,=\"a-z /:?]{0,60}") {
            let _ = next(&link);
        }
    }
}
