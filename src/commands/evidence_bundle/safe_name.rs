//! Names under which every tool can store and list a file.
//!
//! `sha256sum` escapes some names in a way that other tools do not read, upload-artifact refuses some, Windows cannot
//! have some. Such a file is stored under a name made from its own: what is odd becomes `_`, and a part of the hash of
//! the whole name keeps two of them apart.

use std::collections::HashSet;

use sha2::{Digest as _, Sha256};

use crate::model::evidence::{decode_path, is_odd, is_odd_name, is_safe};

/// The longest name Linux's file systems store, in bytes.
const LONGEST: usize = 255;

/// Gives each path a safe one of its own.
#[derive(Default)]
pub struct SafeNames(HashSet<String>);

impl SafeNames {
    /// Paths that are taken already and safe as they are.
    pub fn taken(paths: impl IntoIterator<Item = String>) -> Self {
        Self(paths.into_iter().collect())
    }

    /// The path to store `original` under. A path that needs no change gets itself, so those are asked for first.
    pub fn assign(&mut self, original: &[u8]) -> String {
        let mut digits = 8;
        loop {
            let safe = safe_path(original, digits);
            // 64 digits cannot meet another name's.
            if self.0.insert(safe.clone()) || digits >= 64 {
                return safe;
            }
            digits *= 2;
        }
    }
}

/// The path itself, if it can be stored as it is.
pub fn as_is(path: &[u8]) -> Option<&str> {
    std::str::from_utf8(path).ok().filter(|path| is_safe(path))
}

/// Whether `safe` is a name that [`SafeNames`] gives to what an index says was called `original`.
pub fn is_made_from(safe: &str, original: &str) -> bool {
    decode_path(original).is_some_and(|bytes| {
        as_is(&bytes).is_none() && [8, 16, 32, 64].iter().any(|digits| safe_path(&bytes, *digits) == safe)
    })
}

fn safe_path(original: &[u8], digits: usize) -> String {
    let parts: Vec<String> = original
        .split(|b| *b == b'/')
        .map(|part| safe_part(part, digits))
        .collect();
    parts.join("/")
}

fn safe_part(part: &[u8], digits: usize) -> String {
    match std::str::from_utf8(part) {
        Ok(text) if !is_odd_name(text) && digits == 8 => return text.to_owned(),
        _ => {}
    }
    let mut text = String::new();
    for chunk in part.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_odd(c) {
                text.extend(std::iter::repeat_n('_', c.len_utf8()));
            } else {
                text.push(c);
            }
        }
        text.extend(std::iter::repeat_n('_', chunk.invalid().len()));
    }
    let text = text.trim_start_matches(' ').trim_end_matches([' ', '.']);
    // `report.html` keeps its ending, so that it still opens.
    let (stem, ending) = match text.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && (1..=10).contains(&ending.len()) => (stem, format!(".{ending}")),
        _ => (text, String::new()),
    };
    let mark = format!("~{}", &hex::encode(Sha256::digest(part))[..digits]);
    let mut room = LONGEST.saturating_sub(mark.len() + ending.len()).min(stem.len());
    #[expect(
        clippy::disallowed_methods,
        reason = "the name of a file, which keeps the name it has"
    )]
    while !stem.is_char_boundary(room) {
        room -= 1;
    }
    format!("{}{mark}{ending}", &stem[..room])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::evidence::encode_path;
    use crate::model::manifest::{self, path_problem};
    use proptest::prelude::*;
    use std::collections::HashMap;

    #[test]
    fn odd_names_stay_readable() {
        let safe = |original: &[u8]| SafeNames::default().assign(original);
        assert_eq!(safe(b"logs/app.log"), "logs/app.log");
        assert!(safe(b"a\nb.log").starts_with("a_b~") && safe(b"a\nb.log").ends_with(".log"));
        assert!(safe(b"-").starts_with("-~"));
        assert!(safe(b"d\\e/f").starts_with("d_e~") && safe(b"d\\e/f").ends_with("/f"));
        assert!(safe(b"x\xff").starts_with("x_~"));
        assert!(safe(b" lead").starts_with("lead~") && safe(b"trail. ").starts_with("trail~"));
        assert_eq!(safe("grün.txt".as_bytes()), "grün.txt");
    }

    #[test]
    fn a_name_that_is_taken_gets_a_longer_mark() {
        let mut names = SafeNames::default();
        let first = names.assign(b"a:b");
        let mut names = SafeNames::taken([first.clone()]);
        let second = names.assign(b"a:b");
        assert_ne!(first, second);
        assert!(second.len() > first.len());
    }

    #[test]
    fn a_long_name_is_cut_to_what_can_be_stored() {
        let name = [b"\n".repeat(200), b"x".repeat(55), b".log".to_vec()].concat();
        assert_eq!(SafeNames::default().assign(&name[..255]).len(), 255);
    }

    proptest! {
        #[test]
        fn safe_names_need_no_escape_and_do_not_meet(
            originals in proptest::collection::hash_set(
                proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'a'), Just(b'.'), Just(b' '), Just(b'-'), any::<u8>()], 1..12),
                1..20,
            ),
        ) {
            let mut names = SafeNames::default();
            let mut seen = HashMap::new();
            for original in originals {
                if original.contains(&0) || original.split(|b| *b == b'/').any(|p| matches!(p, b"" | b"." | b"..")) {
                    continue;
                }
                let safe = names.assign(&original);
                prop_assert_eq!(path_problem(&safe), None, "{:?}", safe);
                prop_assert!(as_is(safe.as_bytes()).is_some(), "{:?}", safe);
                prop_assert!(as_is(&original).is_some() != is_made_from(&safe, &encode_path(&original)));
                prop_assert!(!is_made_from(&safe, "other:name"));
                let line = manifest::print([("0".repeat(64).as_str(), safe.as_str())]);
                prop_assert_eq!(manifest::parse(line.as_bytes()).0.len(), 1);
                if let Some(other) = seen.insert(safe, original.clone()) {
                    prop_assert!(false, "{:?} and {:?}", other, original);
                }
            }
        }
    }
}
