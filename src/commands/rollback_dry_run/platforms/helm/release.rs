//! A release as Helm keeps it in a Secret: JSON in gzip in base64, which Kubernetes has in base64 once more.
//!
//! Source: helm.sh/helm/v3, `pkg/storage/driver/util.go` and `pkg/release`.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use serde::Deserialize;

/// A Secret has at most 1 MiB, and a chart compresses well.
const LARGEST: u64 = 16 << 20;
const GZIP: [u8; 3] = [0x1f, 0x8b, 8];

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Release {
    pub name: String,
    pub version: u64,
    pub info: Info,
    pub chart: Chart,
    pub manifest: String,
    pub hooks: Option<Vec<Hook>>,
    /// Of Helm 4: `ssa` for server-side apply, or `csa`.
    pub apply_method: String,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Info {
    pub status: String,
    /// RFC 3339.
    pub last_deployed: String,
    pub description: String,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Chart {
    pub metadata: ChartMetadata,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all = "camelCase")]
pub struct ChartMetadata {
    pub name: String,
    pub version: String,
    pub app_version: String,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Hook {
    pub name: String,
    pub kind: String,
    pub manifest: String,
    pub events: Vec<String>,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotARelease {
    #[error("it is not base64")]
    Base64,
    #[error("it cannot be unpacked")]
    Gzip,
    #[error("it is larger than 16 MiB when it is unpacked")]
    TooLarge,
    #[error("it is not the JSON of a release")]
    Json,
}

/// `data` is the value of the key `release` of the Secret.
pub fn decode(data: &str) -> Result<Release, NotARelease> {
    let text = STANDARD.decode(data).map_err(|_| NotARelease::Base64)?;
    let packed = STANDARD.decode(text.trim_ascii()).map_err(|_| NotARelease::Base64)?;
    // Helm 2 did not compress, and what it wrote may have been taken over.
    let json = if packed.starts_with(&GZIP) {
        let mut json = Vec::new();
        let mut unpacked = GzDecoder::new(&packed[..]).take(LARGEST + 1);
        unpacked.read_to_end(&mut json).map_err(|_| NotARelease::Gzip)?;
        if json.len() as u64 > LARGEST {
            return Err(NotARelease::TooLarge);
        }
        json
    } else {
        packed
    };
    serde_json::from_slice(&json).map_err(|_| NotARelease::Json)
}

impl Release {
    /// Its chart, as `helm history` shows it.
    pub fn chart(&self) -> String {
        format!("{}-{}", self.chart.metadata.name, self.chart.metadata.version)
    }

    /// Helm supersedes a failed release when a rollback from it fails, too. What it says about it stays.
    pub fn has_failed(&self) -> bool {
        self.info.status == "failed" || self.info.description.contains("\" failed: ")
    }

    /// Whether a rollback to it is done by server-side apply.
    pub fn is_applied(&self) -> bool {
        self.apply_method == "ssa"
    }

    /// Those that a rollback to this release runs.
    pub fn rollback_hooks(&self) -> impl Iterator<Item = &Hook> {
        let runs = |event: &String| event == "pre-rollback" || event == "post-rollback";
        let hooks = self.hooks.iter().flatten();
        hooks.filter(move |hook| hook.events.iter().any(runs))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn packed(json: &[u8]) -> String {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(json).unwrap();
        STANDARD.encode(STANDARD.encode(gzip.finish().unwrap()))
    }

    #[test]
    fn a_release_is_read_compressed_or_not_and_within_bounds() {
        let json =
            br#"{"name":"shop","version":3,"info":{"status":"deployed"},"manifest":"---","hooks":null,"other":1}"#;
        let plain = STANDARD.encode(STANDARD.encode(json));
        for data in [packed(json), plain] {
            let release = decode(&data).unwrap();
            assert_eq!((release.version, &*release.info.status), (3, "deployed"));
        }
        let bomb = vec![b' '; 17 << 20];
        assert_eq!(decode(&packed(&bomb)), Err(NotARelease::TooLarge));
        assert_eq!(decode("%"), Err(NotARelease::Base64));
        let cut = STANDARD.encode(STANDARD.encode([&GZIP[..], b"xyz"].concat()));
        assert_eq!(decode(&cut), Err(NotARelease::Gzip));
        assert_eq!(decode(&packed(b"[]x")), Err(NotARelease::Json));
    }

    proptest! {
        #[test]
        fn what_was_packed_is_read_again(name in ".{0,40}", version: u64, manifest in "(?s).{0,400}") {
            let json = serde_json::json!({"name": name, "version": version, "manifest": manifest}).to_string();
            let release = decode(&packed(json.as_bytes())).unwrap();
            prop_assert_eq!((release.name, release.version, release.manifest), (name, version, manifest));
        }

        #[test]
        fn any_bytes_are_a_release_or_an_error(bytes: Vec<u8>) {
            let _ = decode(&STANDARD.encode(STANDARD.encode(&bytes)));
            let _ = decode(&STANDARD.encode(STANDARD.encode([&GZIP[..], &bytes].concat())));
            let _ = decode(&packed(&bytes));
        }
    }
}
