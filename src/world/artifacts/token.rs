//! What the runner's token says about the job. Its signature is for the service to check.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

const SCOPE: &str = "Actions.Results";

/// How the service names the run and the job.
#[derive(Debug, PartialEq, Eq)]
pub struct Ids {
    pub run: String,
    pub job: String,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("is not a token with three parts")]
    Parts,
    #[error("cannot be decoded")]
    Payload,
    #[error("does not allow uploading: it has no scope {SCOPE}:RUN:JOB")]
    Scope,
}

pub fn ids(token: &str) -> Result<Ids, Malformed> {
    #[derive(Deserialize)]
    struct Claims {
        scp: String,
    }
    let mut parts = token.split('.');
    let (Some(_), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(Malformed::Parts);
    };
    let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('='));
    let claims: Claims =
        serde_json::from_slice(&bytes.map_err(|_| Malformed::Payload)?).map_err(|_| Malformed::Payload)?;
    let mut scopes = claims.scp.split(' ').map(|scope| scope.split(':').collect::<Vec<_>>());
    match scopes.find(|parts| parts[0] == SCOPE).as_deref() {
        Some([_, run, job]) if !run.is_empty() && !job.is_empty() => Ok(Ids {
            run: (*run).to_owned(),
            job: (*job).to_owned(),
        }),
        _ => Err(Malformed::Scope),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(scope: &str) -> String {
        let payload = URL_SAFE_NO_PAD.encode(serde_json::json!({"scp": scope, "exp": 1}).to_string());
        format!("e30.{payload}.c2ln")
    }

    #[test]
    fn the_ids_are_those_of_the_one_scope() {
        let ids_of = |scope: &str| ids(&token(scope)).map(|ids| (ids.run, ids.job));
        let right = Ok(("r-1".to_owned(), "j-2".to_owned()));
        assert_eq!(ids_of("Actions.ExampleScope Actions.Results:r-1:j-2 x:y:z"), right);
        for scope in [
            "",
            "Actions.Results",
            "Actions.Results:a",
            "Actions.Results:a:b:c",
            "Actions.Results::b",
            "Actions.Resultsx:a:b",
        ] {
            assert_eq!(ids_of(scope), Err(Malformed::Scope), "{scope}");
        }
        assert_eq!(ids("a.b"), Err(Malformed::Parts));
        assert_eq!(ids("a.%.c"), Err(Malformed::Payload));
        assert_eq!(ids("a.e30.c"), Err(Malformed::Payload));
    }
}
