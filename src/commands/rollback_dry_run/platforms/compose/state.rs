//! A file in which each deploy has noted its images.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::text::is_hex;
use crate::world::registry::ImageName;

/// One entry; the last is what runs now.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub release: String,
    /// RFC 3339.
    pub at: Option<String>,
    pub commit: Option<String>,
    /// What became of it; one that is not `success` is nothing to go back to.
    pub status: Option<String>,
    #[serde(deserialize_with = "image_names")]
    pub images: BTreeMap<String, ImageName>,
}

fn image_names<'de, D: serde::Deserializer<'de>>(from: D) -> Result<BTreeMap<String, ImageName>, D::Error> {
    use serde::de::Error as _;
    let texts: BTreeMap<String, String> = Deserialize::deserialize(from)?;
    let parsed = |(service, text): (String, String)| {
        let image = text
            .parse()
            .map_err(|error| D::Error::custom(format!("the image of `{service}`: {error}")));
        image.map(|image| (service, image))
    };
    texts.into_iter().map(parsed).collect()
}

/// All entries, oldest first.
pub fn parse(text: &[u8]) -> Result<Vec<Entry>, String> {
    let entries: Vec<Entry> = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if entries.is_empty() {
        return Err("it lists no release".to_owned());
    }
    if let Some(entry) = entries.iter().find(|entry| entry.images.is_empty()) {
        return Err(format!("the release `{}` has no images", entry.release));
    }
    for entry in &entries {
        let is_commit = |id: &String| is_hex(id, 40) || is_hex(id, 64);
        if entry.commit.as_ref().is_some_and(|id| !is_commit(id)) {
            return Err(format!(
                "the commit of the release `{}` is not a whole commit id",
                entry.release
            ));
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_file_is_read_whole_or_not_at_all() {
        let good = br#"[{"release":"v1","images":{"web":"ghcr.io/acme/shop:v1"}},
            {"release":"v2","at":"2026-11-01T00:00:00Z","commit":"0123456789abcdef0123456789abcdef01234567","status":"success","images":{"web":"ghcr.io/acme/shop:v2"}}]"#;
        let entries = parse(good).unwrap();
        assert_eq!(entries[1].release, "v2");
        for (text, says) in [
            ("", "EOF"),
            ("[]", "no release"),
            (r#"[{"release":"v1","images":{}}]"#, "`v1` has no images"),
            (
                r#"[{"release":"v1","commit":"main","images":{"web":"x:1"}}]"#,
                "not a whole commit id",
            ),
            (r#"[{"release":"v1","image":"x"}]"#, "unknown field"),
            (r#"[{"release":"v1","images":{"web":"X Y"}}]"#, "the image of `web`"),
        ] {
            let error = parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
