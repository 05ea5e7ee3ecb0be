//! A request to something else over the same network: if that fails too, the failure may be the platform's.
//!
//! "Refused all the time" is never the platform's fault without one: nothing tells it from an application that is down.

use std::time::Duration;

use url::Url;

use crate::model::Reason;
use crate::world::http::{Http, Request};

/// The control has to be something that answers at once when all is well.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Something that has nothing to do with what was deployed, reached by the same way.
#[derive(Clone)]
pub struct Control {
    pub http: Http,
    pub url: Url,
}

/// What a control says about whose fault a failure is.
pub enum ControlAnswer {
    /// It answers, so nothing speaks for the platform.
    Answers,
    /// It fails as well, in words.
    Fails(String),
    /// Too little time was left to tell.
    NoTime,
    /// Nothing, as it would fail in the best of times: no such host, or a certificate nobody trusts. Counted as a sign,
    /// a typing error in its URL would excuse every failure.
    Nothing(String),
}

impl Control {
    /// Asks it, within `left` at most.
    pub async fn ask(&self, left: Duration) -> ControlAnswer {
        let request = Request::get(&self.url, &[], TIMEOUT.min(left), 0);
        let how = match self.http.send(request).await {
            Ok(answer) if answer.status < 500 => return ControlAnswer::Answers,
            Ok(answer) => format!("answers {}", answer.status),
            Err(failure) if failure.out_of_time && left < TIMEOUT => return ControlAnswer::NoTime,
            Err(failure) if matches!(failure.reason, Reason::Dns | Reason::Tls) && !failure.blind => {
                return ControlAnswer::Nothing(failure.detail);
            }
            Err(failure) => format!("fails: {}", failure.detail),
        };
        ControlAnswer::Fails(format!("the control {} {how}", self.url))
    }
}
