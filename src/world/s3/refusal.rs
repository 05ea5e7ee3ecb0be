//! What a store means by an error, where it is more than AWS's other services know.

use super::ask::{Answered, Ask};
use super::{Failed, NotStored, Place};
use crate::model::text;
use crate::world::aws::{KEY_ID, SECRET_KEY};
use crate::world::calls::Unknown;
use crate::world::http::Answer;

/// Names of errors, regions and times are shorter.
const LONGEST: usize = 60;
const LONGEST_MESSAGE: usize = 200;

/// What is in the first element of this name. Stores write short documents without attributes there.
pub fn tag(body: &[u8], name: &str) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let inner = text
        .split_once(&format!("<{name}>"))?
        .1
        .split_once(&format!("</{name}>"))?
        .0;
    Some(inner.replace("&quot;", "\"").replace("&#34;", "\""))
}

pub fn is_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b':' | b'.');
    !text.is_empty() && text.len() <= LONGEST && text.bytes().all(plain)
}

/// `None`: an error that the other services have, too.
pub fn of_s3(ask: &Ask<'_>, region: &str, told: &str, answer: &Answer) -> Option<Failed> {
    let place = ask.place;
    let bucket = &place.bucket;
    let said = |name: &str| tag(&answer.body, name).filter(|text| is_name(text));
    let elsewhere = answer.headers.get("x-amz-bucket-region").or_else(|| said("Region"));
    let elsewhere = elsewhere.filter(|other| is_name(other) && other != region);
    let refused = |why: String, help: &str| Some(Failed::Refused(Unknown::new(why, help)));
    match (answer.status, told) {
        (300..=399 | 400 | 403, _) if elsewhere.is_some() => {
            let elsewhere = elsewhere.unwrap_or_default();
            refused(
                format!("the bucket {bucket} is in the region {elsewhere}, and not in {region}"),
                &format!("set AWS_REGION to {elsewhere}"),
            )
        }
        (300..=399, _) => refused(
            format!("the store answered for {place} with the redirect {}", answer.status),
            "check AWS_REGION, AWS_ENDPOINT_URL_S3 and --store-endpoint: redirects are not followed with credentials",
        ),
        (_, "NoSuchBucket") => refused(
            format!("there is no bucket {bucket}"),
            "check its name, and AWS_ENDPOINT_URL_S3 or --store-endpoint if it is not Amazon's; stageproof creates none",
        ),
        (_, "RequestTimeTooSkewed") => {
            let theirs = said("ServerTime").map(|time| format!("; there it is {time}"));
            refused(
                format!(
                    "the clock of this machine is wrong by too much for the store{}",
                    theirs.unwrap_or_default()
                ),
                "set the clock, for example by NTP",
            )
        }
        (_, "AccessDenied") if ask.action == "s3:GetObject" => refused(
            format!(
                "the credentials of {KEY_ID} may not call s3:GetObject in {bucket} ({told}), or there is no object \
                 {place}: without s3:ListBucket the store does not say so"
            ),
            &format!(
                "check the key; allow s3:GetObject on arn:aws:s3:::{bucket}/* and s3:ListBucket on \
                 arn:aws:s3:::{bucket} in the policy of that role, user or bucket"
            ),
        ),
        (_, "AccessDenied" | "AllAccessDisabled") => refused(
            format!(
                "the credentials of {KEY_ID} may not call {} in {bucket} ({told})",
                ask.action
            ),
            &format!(
                "allow {} on arn:aws:s3:::{bucket}/* in the policy of that role, user or bucket",
                ask.action
            ),
        ),
        // Some answer so to a signature, and say nothing else.
        (403, "") => refused(
            format!("the store refuses the credentials of {KEY_ID} (403)"),
            &format!("check {KEY_ID}, {SECRET_KEY} and what they may do in {bucket}"),
        ),
        (400 | 404, "InvalidRequest" | "ObjectLockConfigurationNotFoundError" | "NoSuchObjectLockConfiguration")
            if ask.headers.iter().any(|(name, _)| name.contains("object-lock")) =>
        {
            refused(
                format!("the store refuses to lock {place} ({told}){}", message(answer)),
                "turn on object lock for the bucket, or leave out --store-lock",
            )
        }
        (501, _) if !ask.reads() => refused(
            format!(
                "the store does not have what {} asks for (501){}",
                ask.action,
                message(answer)
            ),
            "it must support conditional writes (If-None-Match) and SHA-256 checksums; update it, or use another one",
        ),
        (507, _) | (_, "XMinioStorageFull" | "QuotaExceeded" | "EntityTooLarge") if !ask.reads() => refused(
            format!(
                "the store has no room for {place} ({}){}",
                answer.status,
                message(answer)
            ),
            "raise its limit, or leave large files out with --max-size",
        ),
        (400..=499, _) if matches!(told, "BadDigest" | "InvalidDigest" | "XAmzContentSHA256Mismatch") => refused(
            format!("the bundle arrived damaged at the store ({told})"),
            "run it again; a proxy in between may change what it carries",
        ),
        _ => None,
    }
}

/// `None`: it is nothing of another object there.
pub fn in_use(place: &Place, Answered { answer, code, .. }: &Answered) -> Option<NotStored> {
    match (answer.status, code.as_deref()) {
        (412, _) => Some(taken(place, " (412)")),
        (409, None | Some("ConditionalRequestConflict" | "OperationAborted")) => Some(NotStored::Taken(Unknown::new(
            format!("another request is writing or deleting {place} (409)"),
            "run it again when that is over, or name another key with --store",
        ))),
        _ => None,
    }
}

/// `told` is how the store says it.
pub fn taken(place: &Place, told: &str) -> NotStored {
    NotStored::Taken(Unknown::new(
        format!("{place} exists{told}, and nothing is overwritten"),
        "name another key with --store, or a folder: then every bundle has a key of its own",
    ))
}

/// The store's own words, if they are few.
fn message(answer: &Answer) -> String {
    let words = tag(&answer.body, "Message").map(|words| text::one_line(&words));
    let words = words.filter(|words| words.len() <= LONGEST_MESSAGE);
    words.map(|words| format!(": {words}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_element_holds_is_taken_from_whole_ones_only() {
        let body = b"<Error><Code>NoSuchBucket</Code><ETag>&quot;a&#34;</ETag><Region>eu";
        assert_eq!(tag(body, "Code").as_deref(), Some("NoSuchBucket"));
        assert_eq!(tag(body, "ETag").as_deref(), Some("\"a\""));
        assert_eq!(tag(body, "Region"), None);
        assert_eq!(tag(b"<Code>\xff</Code>", "Code"), None);
        for odd in ["", "a b", "<x>", "\u{1b}[31m"] {
            assert!(!is_name(odd), "{odd}");
        }
    }
}
