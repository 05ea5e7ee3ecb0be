//! What is attested of sealed evidence: an in-toto Statement v1 about the zip and its manifest, with the result of the
//! tests in it as its predicate.
//!
//! Source: in-toto/attestation, `spec/v1/statement.md` and `spec/predicates/test-result.md`.

pub mod envelope;
pub mod junit;
mod test_result;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use test_result::{TestResult, Tests};

/// What a statement says it is.
pub const STATEMENT: &str = "https://in-toto.io/Statement/v1";
/// What its predicate is, as `actions/attest` wants to be told.
pub const PREDICATE_TYPE: &str = "https://in-toto.io/attestation/test-result/v0.1";

/// The statement, beside the zip.
pub const STATEMENT_FILE: &str = "statement.json";
/// Its predicate alone, which `actions/attest` makes a statement of.
pub const PREDICATE_FILE: &str = "predicate.json";
/// The signed statement.
pub const ENVELOPE_FILE: &str = "dsse.json";
/// All of them.
pub const FILES: [&str; 3] = [STATEMENT_FILE, PREDICATE_FILE, ENVELOPE_FILE];

/// A file beside sealed evidence, whether its zip or its directory is given: `evidence.zip`, `evidence.dsse.json`.
pub fn beside(evidence: &Path, what: &str) -> PathBuf {
    let stem = match evidence.extension() {
        Some(extension) if extension == "zip" => evidence.with_extension(""),
        _ => evidence.to_owned(),
    };
    let mut name = stem.into_os_string();
    name.push(".");
    name.push(what);
    PathBuf::from(name)
}

/// A statement as it is written.
#[derive(Debug, Serialize)]
pub struct Statement<'a> {
    #[serde(rename = "_type")]
    kind: &'static str,
    subject: Vec<Resource>,
    #[serde(rename = "predicateType")]
    predicate_type: &'static str,
    predicate: &'a TestResult,
}

impl<'a> Statement<'a> {
    pub fn new(subject: Vec<Resource>, predicate: &'a TestResult) -> Self {
        Self {
            kind: STATEMENT,
            subject,
            predicate_type: PREDICATE_TYPE,
            predicate,
        }
    }
}

/// What something is called and what its content is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Hexadecimal digits by the name of the algorithm.
    #[serde(default)]
    pub digest: BTreeMap<String, String>,
}

impl Resource {
    pub fn of_sha256(name: impl Into<String>, sha256: &str) -> Self {
        Self {
            name: Some(name.into()),
            uri: None,
            digest: BTreeMap::from([("sha256".to_owned(), sha256.to_owned())]),
        }
    }
}

/// A statement that somebody signed: what of it matters to whoever compares it with the evidence.
#[derive(Debug, Deserialize)]
pub struct Signed {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Resource>,
    #[serde(rename = "predicateType", default)]
    predicate_type: String,
    #[serde(default)]
    predicate: serde_json::Value,
}

impl Signed {
    /// # Errors
    /// Why it is no statement, as the second half of a sentence.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let signed: Self =
            serde_json::from_slice(bytes).map_err(|error| format!("is not an in-toto statement: {error}"))?;
        if signed.kind != STATEMENT {
            return Err(format!("has the type `{}`, not `{STATEMENT}`", signed.kind));
        }
        Ok(signed)
    }

    /// Whether it is about this content, whatever it calls it: subjects are matched by their digests alone.
    pub fn is_about(&self, sha256: &str) -> bool {
        let digests = self.subject.iter().filter_map(|subject| subject.digest.get("sha256"));
        digests.into_iter().any(|digest| digest.eq_ignore_ascii_case(sha256))
    }

    /// The result of the tests, if it states one.
    pub fn result(&self) -> Option<&str> {
        let is_result = self.predicate_type == PREDICATE_TYPE;
        self.predicate.get("result")?.as_str().filter(|_| is_result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_beside_a_zip_and_its_directory_are_the_same() {
        for (evidence, expected) in [
            ("a/e.zip", "a/e.dsse.json"),
            ("a/e", "a/e.dsse.json"),
            ("a/2026-01.31", "a/2026-01.31.dsse.json"),
            ("a/e.v1.zip", "a/e.v1.dsse.json"),
        ] {
            assert_eq!(beside(Path::new(evidence), ENVELOPE_FILE), Path::new(expected));
        }
    }

    #[test]
    fn a_statement_reads_as_it_is_written() {
        let predicate = Tests::default().into_predicate(Vec::new(), None);
        let statement = Statement::new(vec![Resource::of_sha256("e.zip", "AB12")], &predicate);
        let signed = Signed::parse(&serde_json::to_vec(&statement).unwrap()).unwrap();
        assert!(signed.is_about("ab12") && !signed.is_about("ab13"));
        assert_eq!(signed.result(), Some("WARNED"));
    }

    #[test]
    fn what_is_no_statement_of_version_1_is_refused() {
        for (text, says) in [
            ("{}", "not an in-toto statement"),
            (
                r#"{"_type":"https://in-toto.io/Statement/v0.1","subject":[]}"#,
                "Statement/v0.1",
            ),
        ] {
            let said = Signed::parse(text.as_bytes()).unwrap_err();
            assert!(said.contains(says), "{said}");
        }
        // Another predicate is as good, and has no result that could be shown.
        let text = format!(
            r#"{{"_type":"{STATEMENT}","subject":[{{}}],"predicateType":"x","predicate":{{"result":"PASSED"}}}}"#
        );
        assert_eq!(Signed::parse(text.as_bytes()).unwrap().result(), None);
    }
}
