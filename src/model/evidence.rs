//! What sealed evidence consists of: the names of its parts and the index, `evidence.json`.
//!
//! ```text
//! <evidence directory>/
//!   reports/…, logs…       whatever was there, in place
//!   files/…                copies of the files and folders that were named, by their path in the workspace
//!   evidence.json          the index: run metadata, every file, everything left out
//!   sha256_manifest.txt    the hash of every file above; `sha256sum -c` reads it
//! <evidence directory>.zip all of it
//! ```

mod redaction;

use std::ffi::OsStr;
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use redaction::{Masked, NotScanned, Redact, Redaction};

use super::report::Tool;
use super::subject::Subject;

/// The name and version of the index. Additions that a reader may ignore keep it; anything else raises it.
pub const SCHEMA: &str = "stageproof.evidence/v1";
/// The index.
pub const INDEX: &str = "evidence.json";
/// The hashes.
pub const MANIFEST: &str = "sha256_manifest.txt";
/// The folder of the copies. It belongs to stageproof: what else lies there stops a seal.
pub const COPIES: &str = "files";
/// How files that are being written begin. They are never evidence.
pub const TEMPORARY: &str = ".stageproof-";
/// How a file begins that is renamed when it is whole. A kill leaves it to the next run to remove.
pub const HALF_WRITTEN: &str = ".stageproof-new-";
/// How the folder begins in which a seal is made. A seal that was killed leaves it to the next one to remove.
pub const SEALING: &str = ".stageproof-seal-";
/// The index and the manifest are read into memory, also from a zip that anybody may have made. No seal writes larger
/// ones: this is an index of some 300,000 files.
pub const LARGEST_TEXT: u64 = 64 << 20;

/// `evidence.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Index")]
pub struct Index<Files = Vec<Entry>> {
    /// Always `stageproof.evidence/v1`.
    pub schema: String,
    pub tool: Tool,
    pub subject: Subject,
    /// SHA-256 of the values of the job's matrix, as JSON; of `null` if it has none. Absent where only the action knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matrix: Option<String>,
    /// When sealing began. RFC 3339, UTC.
    pub started_at: String,
    /// When everything had been hashed. RFC 3339, UTC.
    pub hashed_at: String,
    /// How the zip is made, to reproduce it byte for byte.
    pub packing: String,
    /// Bytes of all files.
    pub total_bytes: u64,
    /// Every sealed file but this one and the manifest, sorted by the bytes of its path.
    pub files: Files,
    /// What was found and not sealed, one entry per folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// Absent in an index of a version that did not search the files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redaction: Option<Redaction>,
}

/// One sealed file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// Relative to the evidence directory, as in the manifest and the zip.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// The original path, if it is stored under a safe one. Bytes that are not printable UTF-8, and `%`, are written as
    /// `%` and two hexadecimal digits. Relative to the evidence directory, or to the workspace for a copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<String>,
    /// It is a copy of a named file, whose path in the workspace is `original`, or else `path` without `files/`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub copied: bool,
    /// Whether it is executable.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub executable: bool,
}

/// One thing that was found and not sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeftOut {
    /// Relative to the workspace, or to the evidence directory for what lies in it; written like an entry's `original`.
    pub path: String,
    pub reason: Why,
    /// Details: where a link points, or the system's error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Why something was not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// `--exclude` names it, or the file a link points to.
    Excluded,
    /// A link that leads out of the workspace, to a folder, or nowhere. Links are not followed.
    Symlink,
    /// A named pipe, a socket or a device.
    NotARegularFile,
    /// The system denied access.
    Unreadable,
    /// A `.git`: the history of the repository is not evidence of this run, and may hold credentials.
    GitMetadata,
    /// The evidence directory, the zip, or a file that is being written.
    OwnOutput,
    /// Its name begins with a dot; `--hidden` includes it.
    Hidden,
    /// It does not fit into `--max-size`; the smallest files come first.
    TooLarge,
}

impl Why {
    /// Why it is not there, as the second half of a sentence.
    pub fn explain(self) -> &'static str {
        match self {
            Self::Excluded => "it is excluded",
            Self::Symlink => "it is a symbolic link that is not followed",
            Self::NotARegularFile => "it is not a regular file",
            Self::Unreadable => "it cannot be read",
            Self::GitMetadata => "it is git's own data",
            Self::OwnOutput => "it is what stageproof itself writes",
            Self::Hidden => "it is hidden",
            Self::TooLarge => "it does not fit into --max-size",
        }
    }
}

/// Why an index cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    #[error("it is not an evidence index: {0}")]
    Json(#[from] serde_json::Error),
    #[error("its schema is `{0}`, and this build reads `{SCHEMA}`")]
    Schema(String),
}

impl Index {
    pub fn parse(bytes: &[u8]) -> Result<Self, IndexError> {
        #[derive(Deserialize)]
        struct Header {
            schema: String,
        }
        let header: Header = serde_json::from_slice(bytes)?;
        if header.schema != SCHEMA {
            return Err(IndexError::Schema(header.schema));
        }
        Ok(serde_json::from_slice(bytes)?)
    }
}

/// Whether a relative path can be stored as it is by every tool and system that evidence goes through. It is the only
/// kind of path that a seal writes.
pub fn is_safe(path: &str) -> bool {
    path.split('/').all(|part| !is_odd_name(part))
}

/// A part of a path that cannot be stored as it is; `.`, `..` and nothing at all are such parts.
pub fn is_odd_name(name: &str) -> bool {
    name.is_empty() || name == "-" || name.starts_with(' ') || name.ends_with([' ', '.']) || name.chars().any(is_odd)
}

pub fn is_odd(c: char) -> bool {
    c.is_control() || matches!(c, '\\' | '%' | '"' | ':' | '<' | '>' | '|' | '*' | '?')
}

/// Whether git keeps its data under this name, on systems that do not tell upper from lower case as well. A checkout's
/// token is in it.
pub fn is_git(name: &OsStr) -> bool {
    name.eq_ignore_ascii_case(".git")
}

/// A path of arbitrary bytes as text that can be turned back: bytes that are not printable UTF-8, and `%`, become `%`
/// and two hexadecimal digits.
pub fn encode_path(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '%' || c.is_control() {
                let mut buffer = [0; 4];
                push_hex(&mut out, c.encode_utf8(&mut buffer).as_bytes());
            } else {
                out.push(c);
            }
        }
        push_hex(&mut out, chunk.invalid());
    }
    out
}

/// Turns back what [`encode_path`] made. `None` if it did not make this.
pub fn decode_path(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    out.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        out.extend(hex::decode(digits).ok()?);
        out.extend_from_slice(rest.as_bytes());
    }
    (encode_path(&out) == text).then_some(out)
}

fn push_hex(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(out, "%{byte:02X}");
    }
}

#[cfg(test)]
mod tests;
