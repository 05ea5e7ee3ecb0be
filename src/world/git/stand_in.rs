//! Files that stand for content which is not in the repository, or not readable in it.

use std::collections::BTreeSet;

/// <https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>: a pointer is smaller than this.
const LFS_LARGEST: usize = 1024;
/// The names that the format had, the newest first.
const LFS_NAMES: [&[u8]; 3] = [b"git-lfs", b"hawser", b"git-media"];
const GIT_CRYPT: &[u8] = b"\0GITCRYPT\0";
const ANNEX_LARGEST: usize = 32 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StandIn {
    Lfs,
    GitCrypt,
    Annex,
}

impl StandIn {
    /// Judges the content of a file. A pointer that Git LFS itself would not take (other line ends, another order) is
    /// one all the same: nobody means its text to be the content.
    pub fn of(content: &[u8]) -> Option<Self> {
        if content.starts_with(GIT_CRYPT) {
            Some(Self::GitCrypt)
        } else if content.len() <= LFS_LARGEST && is_lfs_pointer(content) {
            Some(Self::Lfs)
        } else if content.len() <= ANNEX_LARGEST && content.starts_with(b"/annex/objects/") {
            Some(Self::Annex)
        } else {
            None
        }
    }

    /// Judges where a link leads.
    pub fn of_link(target: &[u8]) -> Option<Self> {
        let place = b".git/annex/objects/";
        target
            .windows(place.len())
            .any(|part| part == place)
            .then_some(Self::Annex)
    }
}

fn is_lfs_pointer(content: &[u8]) -> bool {
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let lines = || {
        let lines = content.split(|byte| matches!(byte, b'\r' | b'\n'));
        lines.map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
    };
    let value = |line: &'_ [u8], key: &[u8]| -> Option<Vec<u8>> {
        let rest = line.strip_prefix(key)?;
        let value = rest.trim_ascii();
        (value.len() < rest.len()).then(|| value.to_ascii_lowercase())
    };
    let is_version = lines()
        .next()
        .and_then(|line| value(line, b"version"))
        .is_some_and(|version| {
            LFS_NAMES
                .iter()
                .any(|name| version.windows(name.len()).any(|part| part == *name))
        });
    let has = |key: &[u8], is_right: fn(&[u8]) -> bool| {
        lines().any(|line| value(line, key).is_some_and(|value| is_right(&value)))
    };
    is_version
        || has(b"oid", |oid| oid.starts_with(b"sha256:"))
            && has(b"size", |size| !size.is_empty() && size.iter().all(u8::is_ascii_digit))
}

/// The filters that a `.gitattributes` file names: programs that change content on its way to the disk.
pub fn filters(attributes: &[u8]) -> BTreeSet<String> {
    attributes
        .split(|byte| matches!(byte, b'\r' | b'\n'))
        .filter(|line| !line.trim_ascii_start().starts_with(b"#"))
        // The first word is the pattern.
        .flat_map(|line| line.trim_ascii().split(u8::is_ascii_whitespace).skip(1))
        .filter_map(|word| word.strip_prefix(b"filter="))
        .filter(|name| !name.is_empty())
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_looks_like_an_lfs_pointer_is_one() {
        let oid = "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";
        for pointer in [
            format!("version https://git-lfs.github.com/spec/v1\n{oid}"),
            format!("version https://hawser.github.com/spec/v1\n{oid}"),
            format!("version http://git-media.io/v/2\n{oid}"),
            format!("version https://git-lfs.github.com/spec/v1\next-0-foo sha256:00\n{oid}"),
            format!("version https://git-lfs.github.com/spec/v1\n{oid}").replace('\n', "\r\n"),
            format!("version https://git-lfs.github.com/spec/v1\n{}", oid.trim_end()),
            format!("\u{feff}\nversion  https://git-lfs.github.com/spec/v1 \n{oid}"),
            "version https://git-lfs.github.com/spec/v1".to_owned(),
            oid.to_owned(),
        ] {
            assert_eq!(StandIn::of(pointer.as_bytes()), Some(StandIn::Lfs), "{pointer}");
        }
        for plain in [
            "",
            "version 1\n",
            "versions of git-lfs\n",
            "size 3\n",
            "oid sha256:00\n",
            "# git-lfs\nversion https://git-lfs.github.com/spec/v1\n",
        ] {
            assert_eq!(StandIn::of(plain.as_bytes()), None, "{plain}");
        }
        let long = format!("version https://git-lfs.github.com/spec/v1\n{oid}{}", " ".repeat(1024));
        assert_eq!(StandIn::of(long.as_bytes()), None);
    }

    #[test]
    fn ciphertext_and_annexed_files() {
        assert_eq!(StandIn::of(b"\0GITCRYPT\0\x01\x02"), Some(StandIn::GitCrypt));
        assert_eq!(StandIn::of(b"GITCRYPT"), None);
        assert_eq!(StandIn::of(b"/annex/objects/SHA256E-s3--00\n"), Some(StandIn::Annex));
        assert_eq!(
            StandIn::of_link(b"../.git/annex/objects/a/b/SHA256E-s3--00"),
            Some(StandIn::Annex)
        );
        assert_eq!(StandIn::of_link(b"../annex/objects"), None);
    }

    #[test]
    fn filters_of_attributes() {
        let text = b"# *.x filter=no\n*.bin filter=lfs diff=lfs -text\r\n[attr]secret filter=git-crypt\n*.y -filter\nfilter=pattern\n";
        assert_eq!(filters(text).into_iter().collect::<Vec<_>>(), ["git-crypt", "lfs"]);
    }
}
