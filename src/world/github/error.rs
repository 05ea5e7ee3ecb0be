//! Why GitHub did not answer a question, and what to do.

use http::HeaderMap;
use jiff::Timestamp;
use serde_json::Value;

use super::limits::{self, Limit};
use crate::model::Reason;
use crate::world::secrets::Redactor;

/// What of a foreign message is shown, in bytes.
const MESSAGE: usize = 200;

/// A question without a response.
#[derive(Clone, Debug, thiserror::Error)]
#[error("GET {path}: {why}")]
pub struct ApiError {
    pub path: String,
    pub why: Why,
}

#[derive(Clone, Debug, thiserror::Error)]
pub enum Why {
    #[error("GitHub rejects the token (401)")]
    TokenInvalid,
    #[error("the token may not read it (403: {said})")]
    NotAllowed {
        /// As `permissions:` words it: `actions: read`. Not known when GitHub does not say.
        needed: Option<String>,
        said: String,
    },
    #[error("GitHub denies it (403: {said})")]
    Forbidden { said: String },
    #[error("it does not exist, or this token may not see it (404)")]
    NotFound,
    #[error("GitHub's {limit} is exhausted until {until:.0}")]
    RateLimited { limit: Limit, until: Timestamp },
    #[error("GitHub failed ({status})")]
    Server { status: u16 },
    #[error("GitHub answered {status}: {said}")]
    Unexpected { status: u16, said: String },
    #[error("the answer cannot be read: {0}")]
    NotUnderstood(String),
    #[error("no answer ({reason}: {detail})")]
    Unreachable { reason: Reason, detail: String },
    #[error("the log has more than {} MiB", .0 >> 20)]
    TooLarge(usize),
    #[error("no time was left for the request")]
    OutOfTime,
}

impl ApiError {
    /// The next step.
    pub fn help(&self) -> String {
        match &self.why {
            Why::TokenInvalid => "give a valid token; `${{ github.token }}` is valid until the job ends".to_owned(),
            Why::NotAllowed {
                needed: Some(needed), ..
            } => {
                format!("add `{needed}` to `permissions:` of the job; permissions not listed there are not granted")
            }
            Why::NotAllowed { needed: None, .. } => {
                "add the missing permission to `permissions:` of the job; permissions not listed there are not granted"
                    .to_owned()
            }
            Why::Forbidden { .. } => "ask the organization's administrators why this token is denied".to_owned(),
            Why::NotFound => "check GITHUB_REPOSITORY, and that the token is one for this repository".to_owned(),
            Why::TooLarge(_) => "download it, and name the file: --log FILE".to_owned(),
            Why::RateLimited { .. } => "run it again after that".to_owned(),
            Why::Server { .. } | Why::OutOfTime => {
                "run it again; https://www.githubstatus.com lists outages".to_owned()
            }
            Why::Unexpected { .. } => {
                "check GitHub's message; if that does not help, report it with this line".to_owned()
            }
            Why::NotUnderstood(_) => {
                "check GITHUB_API_URL; if it is right, this is a bug: report it with this line".to_owned()
            }
            Why::Unreachable { .. } => {
                "check that GITHUB_API_URL is reachable from here, and the proxy settings".to_owned()
            }
        }
    }

    /// From an answer that is no success.
    pub fn of_answer(
        path: &str,
        (status, headers, body): (u16, &HeaderMap, &str),
        now: Timestamp,
        secrets: &Redactor,
    ) -> Self {
        let said = message(body, secrets);
        let why = match status {
            401 => Why::TokenInvalid,
            404 => Why::NotFound,
            _ => match limits::limit(status, headers, &said, now) {
                Some((limit, wait)) => Why::RateLimited {
                    limit,
                    until: now.checked_add(wait).unwrap_or(Timestamp::MAX),
                },
                None if status == 403 => forbidden(headers, said),
                None if status >= 500 => Why::Server { status },
                None => Why::Unexpected { status, said },
            },
        };
        Self {
            path: path.to_owned(),
            why,
        }
    }
}

/// Lacking a permission, or another wall: single sign-on, an allow list of addresses.
fn forbidden(headers: &HeaderMap, said: String) -> Why {
    let accepted = headers
        .get("x-accepted-github-permissions")
        .and_then(|v| v.to_str().ok());
    let needed = accepted.and_then(needed);
    if needed.is_some() || said.contains("Resource not accessible by") {
        Why::NotAllowed { needed, said }
    } else {
        Why::Forbidden { said }
    }
}

/// `pull_requests=read,contents=read; issues=read` as a person would write it in a workflow: sets that would do are apart by
/// `;`, and what belongs together in one by `,` (github.blog, changelog of 2023-08-10). `None` if it is anything else.
fn needed(accepted: &str) -> Option<String> {
    let known = |b: u8| b.is_ascii_lowercase() || matches!(b, b'_' | b'=' | b';' | b',' | b' ');
    if !accepted.bytes().all(known) {
        return None;
    }
    let mut sets = Vec::new();
    for set in accepted.split(';').filter(|set| !set.trim().is_empty()) {
        let mut permissions = Vec::new();
        for permission in set.split(',') {
            let (name, level) = permission.trim().split_once('=')?;
            permissions.push(format!("{}: {level}", name.replace('_', "-")));
        }
        sets.push(permissions.join("` and `"));
    }
    (!sets.is_empty()).then(|| sets.join("` or `"))
}

/// GitHub says why in `message`; something in between may say it in any way.
fn message(body: &str, secrets: &Redactor) -> String {
    let text = match serde_json::from_str::<Value>(body) {
        Ok(json) => {
            let keys = ["message", "detail", "title", "error"];
            let texts = keys.iter().filter_map(|key| json.get(key)?.as_str());
            let said = texts.map(str::trim).find(|text| !text.is_empty());
            said.unwrap_or_default().to_owned()
        }
        Err(_) => body.trim().to_owned(),
    };
    match text.as_str() {
        "" => "without a message".to_owned(),
        text => secrets.shorten(text, MESSAGE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn permissions_are_worded_as_in_a_workflow() {
        for (accepted, expected) in [
            ("actions=read", Some("actions: read")),
            ("pull_requests=read", Some("pull-requests: read")),
            (
                "issues=read; pull_requests=read",
                Some("issues: read` or `pull-requests: read"),
            ),
            ("contents=read,actions=read", Some("contents: read` and `actions: read")),
            ("", None),
            (";;", None),
            ("actions", None),
            ("<b>=x", None),
        ] {
            assert_eq!(needed(accepted).as_deref(), expected, "{accepted}");
        }
    }

    #[test]
    fn a_wall_that_is_no_permission_is_not_taken_for_one() {
        let of = |body: &str| {
            let answer = (403, &HeaderMap::new(), body);
            ApiError::of_answer("/x", answer, Timestamp::UNIX_EPOCH, &Redactor::default()).why
        };
        let body = r#"{"message":"Although you appear to have the correct authorization, the IP is not allowed"}"#;
        assert!(matches!(of(body), Why::Forbidden { .. }));
        let body = r#"{"message":"Resource not accessible by integration"}"#;
        assert!(matches!(of(body), Why::NotAllowed { needed: None, .. }));
    }

    #[test]
    fn of_an_answer_only_its_message_is_told() {
        let long = format!(r#"{{"message":"{}"}}"#, "x".repeat(5000));
        for (body, expected) in [
            (
                r#"{"message":"Validation Failed","errors":[{"code":"x"}]}"#,
                "Validation Failed",
            ),
            (r#"{"message":["a"],"errors":[]}"#, "without a message"),
            (
                r#"{"type":"https://x/NOT_ACCEPTABLE","title":"Not acceptable","status":406}"#,
                "Not acceptable",
            ),
            (
                r#"{"title":"t","detail":"The accept header is wrong","message":" "}"#,
                "The accept header is wrong",
            ),
            (r#"{"errors":[{"a":1}]}"#, "without a message"),
            (r#"["a"]"#, "without a message"),
            ("", "without a message"),
            ("plain words\r\n", "plain words"),
        ] {
            let error = ApiError::of_answer(
                "/x",
                (422, &HeaderMap::new(), body),
                Timestamp::UNIX_EPOCH,
                &Redactor::default(),
            );
            assert_eq!(
                error.why.to_string(),
                format!("GitHub answered 422: {expected}"),
                "{body}"
            );
        }
        assert!(message(&long, &Redactor::default()).len() < 300);
    }

    proptest! {
        #[test]
        fn never_panics(status in 100u16..600, accepted in "[a-z_=;, <]{0,40}", body in "\\PC*") {
            let headers = [("x-accepted-github-permissions".parse().unwrap(), accepted.parse().unwrap())];
            let headers: HeaderMap = headers.into_iter().collect();
            let error = ApiError::of_answer("/x", (status, &headers, &body), Timestamp::UNIX_EPOCH, &Redactor::default());
            let _ = (error.to_string(), error.help());
        }
    }
}
