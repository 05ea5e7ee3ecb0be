//! Where an object lies: `s3://BUCKET/KEY`.

use std::fmt;
use std::str::FromStr;

/// Of a key (Amazon S3 User Guide, "Naming Amazon S3 objects").
const LONGEST: usize = 1024;

/// A bucket, and a key or the beginning of one, which may be empty. Both are written in URLs and signatures as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub bucket: String,
    pub key: String,
}

impl Place {
    /// This key, if it names a zip; else `name` below it.
    #[must_use]
    pub fn or_below(mut self, name: &str) -> Self {
        if !self.key.ends_with(".zip") {
            let slash = if self.key.is_empty() { "" } else { "/" };
            self.key.push_str(&format!("{slash}{name}"));
        }
        self
    }
}

impl FromStr for Place {
    /// Why it is none, as the second half of a sentence.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("s3://").ok_or(match text.starts_with("S3://") {
            true => "begins with S3:// in capitals",
            false => "does not begin with s3://",
        })?;
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        let is_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
        let ends_well = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = bucket.as_bytes();
        let is_long_enough = (3..=63).contains(&bytes.len());
        let is_bucket = is_long_enough && ends_well(bytes.first()) && ends_well(bytes.last());
        let is_address = bucket.parse::<std::net::Ipv4Addr>().is_ok();
        if bucket.contains(':') {
            return Err(format!(
                "is wrong: `{bucket}` is not a valid bucket name; the address of a store is given by --store-endpoint"
            ));
        }
        if !is_bucket || !bytes.iter().copied().all(is_name) || bucket.contains("..") || is_address {
            return Err(format!("is wrong: `{bucket}` is not a valid bucket name"));
        }
        let key = key.trim_end_matches('/');
        // All others are encoded in one way by some stores and in another way by others.
        let odd = key
            .chars()
            .find(|c| !c.is_ascii_alphanumeric() && !"-_.~/".contains(*c));
        if let Some(odd) = odd {
            return Err(format!(
                "has the character {odd:?}; use letters, digits, `-`, `_`, `.`, `~` and `/`"
            ));
        }
        if !key.is_empty() && key.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err("has an empty part, `.` or `..`".to_owned());
        }
        if key.len() > LONGEST {
            return Err(format!("is longer than {LONGEST} bytes"));
        }
        Ok(Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_zip_is_named_or_a_folder_for_it() {
        let at = |text: &str| text.parse::<Place>().unwrap().or_below("e.zip").to_string();
        assert_eq!(at("s3://proof"), "s3://proof/e.zip");
        assert_eq!(at("s3://proof/shop/staging/"), "s3://proof/shop/staging/e.zip");
        assert_eq!(at("s3://proof/shop/own.zip"), "s3://proof/shop/own.zip");
    }

    #[test]
    fn what_is_no_place_says_why() {
        for (text, why) in [
            ("https://proof/x", "does not begin with s3://"),
            ("S3://proof/x", "begins with S3:// in capitals"),
            (
                "s3://proof:65536/x",
                "the address of a store is given by --store-endpoint",
            ),
            ("s3://", "`` is not a valid bucket name"),
            ("s3://Proof/x", "`Proof` is not a valid bucket name"),
            ("s3://-proof/x", "not a valid bucket name"),
            ("s3://proof..x/x", "not a valid bucket name"),
            ("s3://192.0.2.1/x", "not a valid bucket name"),
            ("s3://a:b@proof/x", "not a valid bucket name"),
            ("s3://proof/a b", "has the character ' '"),
            ("s3://proof/a?x", "has the character '?'"),
            ("s3://proof/a%2e", "has the character '%'"),
            ("s3://proof//a", "has an empty part"),
            ("s3://proof/a/../b", "has an empty part, `.` or `..`"),
        ] {
            let error = text.parse::<Place>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn a_place_stays_in_its_bucket_in_every_url(text in "s3://[a-z.-]{1,9}/\\PC{0,20}") {
            if let Ok(place) = text.parse::<Place>() {
                let url = url::Url::parse(&format!("https://h/{}/{}", place.bucket, place.key)).unwrap();
                prop_assert_eq!(url.path(), format!("/{}/{}", place.bucket, place.key));
                prop_assert!(url.query().is_none() && url.fragment().is_none());
            }
        }
    }
}
