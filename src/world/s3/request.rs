//! One request to the store, signed anew each time it is sent.

use std::time::Duration;

use url::Url;

use super::ask::{Answered, Ask};
use super::refusal;
use super::{Failed, Place, Store, unknown};
use crate::world::aws::explain;
use crate::world::calls::{NoAnswer, Sign as _, Unknown, Unsigned};
use crate::world::http::{Header, Method, Request};

/// Of a request without a body.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Slower than that, nothing large arrives within the time of a job.
const BYTES_PER_SECOND: u64 = 64 << 10;
const LARGEST_ANSWER: usize = 64 << 10;
const PAUSES: [Duration; 3] = [
    Duration::from_millis(500),
    Duration::from_secs(4),
    Duration::from_secs(12),
];
/// If it does not answer.
pub const CHECK: &str = "check AWS_REGION, AWS_ENDPOINT_URL_S3 and --store-endpoint";
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

impl Store {
    /// Sends again after a broken connection or what the store calls temporary.
    pub async fn ask(&self, ask: &Ask<'_>) -> Result<Answered, Failed> {
        let method: Method = ask.method.parse().map_err(|_| not_built(ask))?;
        let mut pauses = PAUSES.into_iter();
        let mut again = false;
        loop {
            let (url, headers) = self.signed(ask)?;
            let request = Request {
                url: &url,
                method: &method,
                headers: &headers,
                body: Some(&ask.body).filter(|_| matches!(ask.method, "PUT" | "POST")),
                timeout: TIMEOUT + Duration::from_secs(ask.body.len() as u64 / BYTES_PER_SECOND),
                body_limit: LARGEST_ANSWER,
            };
            let sent = self.http.send(request).await;
            let (may_help, pause) = match &sent {
                Ok(answer) => (matches!(answer.status, 429 | 500 | 502..=504), answer.retry_after),
                Err(failure) => (failure.may_pass(), None),
            };
            let pause = pauses.next().filter(|_| may_help).map(|own| pause.unwrap_or(own));
            if let Some(pause) = pause.filter(|pause| *pause <= LONGEST_PAUSE) {
                again = true;
                let why = match &sent {
                    Ok(answer) => format!("{} answered with status {}", self.host(), answer.status),
                    Err(failure) => format!("{} cannot be asked: {}", self.host(), failure.detail),
                };
                self.progress.pause(&why, pause).await;
                continue;
            }
            let answer = sent
                .map_err(|error| Failed::Unknown(Unknown::unanswered(self.host(), &NoAnswer::Failed(error), CHECK)))?;
            let code = refusal::tag(&answer.body, "Code").filter(|code| refusal::is_name(code));
            return Ok(Answered { answer, again, code });
        }
    }

    /// Where to send it, and with which headers.
    pub fn signed(&self, ask: &Ask<'_>) -> Result<(Url, Vec<Header>), Failed> {
        let mut url = self.base.clone();
        let Place { bucket, key } = ask.place;
        url.set_path(&format!("{}/{bucket}/{key}", self.base.path().trim_end_matches('/')));
        url.set_query(Some(ask.query.as_str()).filter(|query| !query.is_empty()));
        let headers = ask.headers.iter().map(|(name, value)| Header::new(name, value, false));
        let mut headers: Vec<_> = headers.collect::<Result<_, _>>().map_err(|_| not_built(ask))?;
        let unsigned = Unsigned {
            method: ask.method,
            url: &url,
            headers: &headers,
            body: &ask.body,
        };
        let signature = self.signer.sign(unsigned).ok_or_else(|| not_built(ask))?;
        headers.extend(signature);
        Ok((url, headers))
    }

    pub fn refused(&self, ask: &Ask<'_>, Answered { answer, code, .. }: &Answered) -> Failed {
        let told = code.as_deref().unwrap_or_default();
        if let Some(refused) = refusal::of_s3(ask, &self.signer.region, told, answer) {
            return refused;
        }
        match explain(self.host(), ask.action, told, answer) {
            Some(why) if answer.status >= 500 || answer.status == 429 => Failed::Unknown(why),
            Some(why) => Failed::Refused(why),
            None => Failed::Refused(Unknown::new(
                format!(
                    "{} refused {} with status {} ({told})",
                    self.host(),
                    ask.action,
                    answer.status
                ),
                match ask.reads() {
                    true => "look the error up in the documentation of the store",
                    false => "the local zip is complete; look the error up in the documentation of the store",
                },
            )),
        }
    }
}

fn not_built(ask: &Ask<'_>) -> Failed {
    unknown(format!("the request for {} cannot be built", ask.place), "report it")
}
