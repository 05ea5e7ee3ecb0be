//! One request to the store, signed anew each time it is sent.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::refusal;
use super::{NotStored, Place, Store, unknown};
use crate::world::aws::explain;
use crate::world::calls::{NoAnswer, Sign as _, Unknown, Unsigned};
use crate::world::http::{Answer, Header, Method, Request};

/// For one part; whoever sends 16 MiB in it has 0.5 Mbit/s.
const TIMEOUT: Duration = Duration::from_secs(300);
const LARGEST_ANSWER: usize = 64 << 10;
const PAUSES: [Duration; 3] = [
    Duration::from_millis(500),
    Duration::from_secs(4),
    Duration::from_secs(12),
];
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What is asked.
pub struct Ask<'a> {
    pub method: &'a str,
    pub place: &'a Place,
    /// Encoded: `uploadId=x%2B`.
    pub query: String,
    pub headers: Vec<(&'a str, String)>,
    pub body: Bytes,
    /// As a policy names it: `s3:PutObject`.
    pub action: &'static str,
}

/// An answer of the store.
pub struct Answered {
    pub answer: Answer,
    /// A try before this one may have had its effect, unseen.
    pub again: bool,
    /// The name of the error, if it is one.
    pub code: Option<String>,
}

impl Store {
    /// Sends again after a broken connection or what the store calls temporary.
    pub async fn ask(&self, ask: &Ask<'_>) -> Result<Answered, NotStored> {
        let mut url = self.base.clone();
        let Place { bucket, key } = ask.place;
        url.set_path(&format!("{}/{bucket}/{key}", self.base.path().trim_end_matches('/')));
        url.set_query(Some(ask.query.as_str()).filter(|query| !query.is_empty()));
        let not_built = || unknown(format!("the request for {} cannot be built", ask.place), "report it");
        let method: Method = ask.method.parse().map_err(|_| not_built())?;
        let mut pauses = PAUSES.into_iter();
        let mut again = false;
        loop {
            let headers = ask.headers.iter().map(|(name, value)| Header::new(name, value, false));
            let mut headers: Vec<_> = headers.collect::<Result<_, _>>().map_err(|_| not_built())?;
            let unsigned = Unsigned {
                method: ask.method,
                url: &url,
                headers: &headers,
                body: &ask.body,
            };
            let signature = self.signer.sign(unsigned).ok_or_else(not_built)?;
            headers.extend(signature);
            let request = Request {
                url: &url,
                method: &method,
                headers: &headers,
                body: Some(&ask.body).filter(|_| matches!(ask.method, "PUT" | "POST")),
                timeout: TIMEOUT,
                body_limit: LARGEST_ANSWER,
            };
            let sent = self.http.send(request).await;
            let (may_help, pause) = match &sent {
                Ok(answer) => (matches!(answer.status, 429 | 500 | 502..=504), answer.retry_after),
                Err(_) => (true, None),
            };
            let pause = pauses.next().filter(|_| may_help).map(|own| pause.unwrap_or(own));
            if let Some(pause) = pause.filter(|pause| *pause <= LONGEST_PAUSE) {
                again = true;
                tokio::time::sleep(pause).await;
                continue;
            }
            let answer = sent.map_err(|error| {
                let check = "check AWS_REGION, AWS_ENDPOINT_URL_S3 and --store-endpoint";
                NotStored::Unknown(Unknown::unanswered(self.host(), &NoAnswer::Failed(error), check))
            })?;
            let code = refusal::tag(&answer.body, "Code").filter(|code| refusal::is_name(code));
            return Ok(Answered { answer, again, code });
        }
    }

    /// The answer if the store did what it was asked.
    pub async fn done(&self, ask: &Ask<'_>) -> Result<Answer, NotStored> {
        let answered = self.ask(ask).await?;
        match (answered.answer.status, &answered.code) {
            (200..=299, None) => Ok(answered.answer),
            _ => Err(self.refused(ask, &answered)),
        }
    }

    pub fn refused(&self, ask: &Ask<'_>, Answered { answer, code, .. }: &Answered) -> NotStored {
        let told = code.as_deref().unwrap_or_default();
        if let Some(refused) = refusal::of_s3(ask, &self.signer.region, told, answer) {
            return refused;
        }
        match explain(self.host(), ask.action, told, answer) {
            Some(why) if answer.status >= 500 || answer.status == 429 => NotStored::Unknown(why),
            Some(why) => NotStored::Refused(why),
            None => NotStored::Refused(Unknown::new(
                format!(
                    "{} refused {} with status {} ({told})",
                    self.host(),
                    ask.action,
                    answer.status
                ),
                "the local zip is complete; look the error up in the documentation of the store",
            )),
        }
    }
}

/// As it is signed: all but the unreserved characters as `%` and two digits.
pub fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// A hash as the store writes it.
pub fn base64(hash: &[u8]) -> String {
    STANDARD.encode(hash)
}
