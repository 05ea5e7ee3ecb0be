//! What AWS means by an error, as a sentence and a next step.

use serde::Deserialize;

use super::credentials::{KEY_ID, SECRET_KEY, SESSION_TOKEN};
use crate::world::api::ApiError;
use crate::world::calls::Unknown;
use crate::world::http::Answer;

/// Names of errors are shorter.
const LONGEST: usize = 60;

/// Why there is no usable answer.
#[derive(Debug)]
pub struct AwsError {
    pub unknown: Unknown,
    /// The name of the error, such as `ClusterNotFoundException`; `None` if AWS did not answer so.
    pub code: Option<String>,
}

impl AwsError {
    pub fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}

impl From<ApiError> for AwsError {
    fn from(error: ApiError) -> Self {
        Self {
            unknown: error.unknown,
            code: None,
        }
    }
}

/// The name of the error in an answer: alone, or behind the namespace of the service (AWS JSON 1.1 protocol, "Operation
/// error serialization").
pub fn code(answer: &Answer) -> Option<String> {
    #[derive(Deserialize)]
    struct Body {
        #[serde(rename = "__type")]
        code: Option<String>,
    }
    let body = serde_json::from_slice::<Body>(&answer.body).ok();
    let whole = body
        .and_then(|body| body.code)
        .or_else(|| answer.headers.get("x-amzn-errortype"))?;
    let name = whole.rsplit('#').next()?.split(':').next()?;
    let is_name = !name.is_empty() && name.len() <= LONGEST && name.bytes().all(|b| b.is_ascii_alphanumeric());
    is_name.then(|| name.to_owned())
}

/// AWS limits requests with status 400, too (the retry modes of the SDKs have the names).
pub fn is_throttled(code: &str) -> bool {
    matches!(
        code,
        "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "RequestLimitExceeded"
            | "TooManyRequestsException"
    )
}

/// What this error of AWS means. `action` is what was asked, as policies name it: `ecs:DescribeServices`. `None` if it is an
/// error of that action.
pub fn explain(product: &str, action: &str, told: &str, answer: &Answer) -> Option<Unknown> {
    let (why, help) = match told {
        _ if is_throttled(told) => (
            format!("{product} limits requests ({told})"),
            "try again later; requests of all users of the account count together".to_owned(),
        ),
        "ExpiredTokenException" | "ExpiredToken" | "RequestExpired" => (
            format!("the session of {KEY_ID} has expired ({told})"),
            "log in right before this step, or ask for a longer session (`role-duration-seconds`)".to_owned(),
        ),
        "UnrecognizedClientException" | "InvalidClientTokenId" | "InvalidAccessKeyId" | "InvalidToken" => (
            format!("{product} does not know the credentials of {KEY_ID} ({told})"),
            format!("check that {KEY_ID}, {SECRET_KEY} and {SESSION_TOKEN} are from one login, and of this partition"),
        ),
        "InvalidSignatureException" | "SignatureDoesNotMatch" | "IncompleteSignatureException" => (
            format!("{product} refuses the signature of {KEY_ID} ({told})"),
            format!("check the value of {SECRET_KEY}, and the clock of this machine"),
        ),
        "AccessDeniedException" | "AccessDenied" | "NotAuthorized" => (
            format!("the credentials of {KEY_ID} may not call {action} ({told})"),
            format!(
                "allow {action} in the policy of that role or user; --list-calls lists all actions that are needed"
            ),
        ),
        "UnsupportedFeatureException" | "UnknownOperationException" => (
            format!("{product} does not have {action} here ({told})"),
            "check the region and the address of the service".to_owned(),
        ),
        _ if answer.status >= 500 || answer.status == 429 || told.is_empty() => {
            return Some(Unknown::unusable(product, answer));
        }
        _ => return None,
    };
    Some(Unknown::new(why, help))
}
