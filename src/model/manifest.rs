//! `sha256_manifest.txt`: `<64 hexadecimal digits><two spaces><path>`, one line per file, sorted by the bytes of the
//! path, LF at each end, nothing else.
//!
//! It is read more strictly than `sha256sum -c` reads it: that tool accepts absolute paths, `..`, repeated lines and
//! skips what it does not understand.

use std::collections::HashSet;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub sha256: [u8; 32],
    /// Relative to the folder of the manifest, `/` between the parts.
    pub path: String,
}

/// A line that cannot be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// 1-based.
    pub number: u32,
    /// What is wrong, as a sentence that names the path where there is one.
    pub message: String,
    /// Kebab-case: what kind of wrong it is.
    pub code: &'static str,
}

/// The text of a manifest. `lines` must be sorted already, and no path may need escaping.
pub fn print<'a>(lines: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::new();
    for (hex, path) in lines {
        out.push_str(hex);
        out.push_str("  ");
        out.push_str(path);
        out.push('\n');
    }
    out
}

/// A hostile manifest could be nothing but wrong lines, and each costs a hundred times its own size to tell of.
const MOST_BAD_LINES: usize = 1000;

/// Reads a manifest. Lines that are wrong are not among the lines; each is reported, and none is skipped silently.
pub fn parse(bytes: &[u8]) -> (Vec<Line>, Vec<BadLine>) {
    let mut lines = Vec::new();
    let mut bad = Vec::new();
    let mut seen = HashSet::new();
    // A text that ends with a line break has nothing after it.
    let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    if body.is_empty() {
        return (lines, bad);
    }
    for (index, raw) in body.split(|byte| *byte == b'\n').enumerate() {
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        if bad.len() == MOST_BAD_LINES {
            bad.push(BadLine {
                number,
                message: "too many wrong lines; the rest is not read".to_owned(),
                code: "malformed-line",
            });
            break;
        }
        match line(raw) {
            Ok((_, path)) if !seen.insert(path) => bad.push(BadLine {
                number,
                message: format!("{path} is listed twice"),
                code: "duplicate",
            }),
            Ok((sha256, path)) => lines.push(Line {
                sha256,
                path: path.to_owned(),
            }),
            Err((code, message)) => bad.push(BadLine { number, message, code }),
        }
    }
    (lines, bad)
}

fn line(raw: &[u8]) -> Result<([u8; 32], &str), (&'static str, String)> {
    let malformed = |message: &str| Err(("malformed-line", message.to_owned()));
    let Ok(text) = std::str::from_utf8(raw) else {
        return malformed("it is not UTF-8");
    };
    if text.starts_with('\\') {
        return malformed("it is escaped; stageproof stores such files under a safe name instead");
    }
    let Some((digits, rest)) = text.split_at_checked(64) else {
        return malformed("it is too short for a hash and a name");
    };
    let mut sha256 = [0; 32];
    if hex::decode_to_slice(digits, &mut sha256).is_err() {
        return malformed("it does not begin with 64 hexadecimal digits");
    }
    let Some(path) = rest.strip_prefix("  ").or_else(|| rest.strip_prefix(" *")) else {
        return malformed("it lacks two spaces between the hash and the name");
    };
    match path_problem(path) {
        Some(problem) => Err(("unsafe-path", format!("{path:?} {problem}"))),
        None => Ok((sha256, path)),
    }
}

/// Why a path inside a bundle must not be trusted, as the second half of a sentence. `None` if it may.
pub fn path_problem(path: &str) -> Option<&'static str> {
    let drive = path.as_bytes().get(1) == Some(&b':') && path.as_bytes()[0].is_ascii_alphabetic();
    if path.is_empty() {
        Some("is an empty name")
    } else if path.starts_with('/') || drive {
        Some("is an absolute path")
    } else if path.contains('\\') {
        Some("holds a backslash, which is a separator on other systems")
    } else if path.chars().any(char::is_control) {
        Some("holds a control character")
    } else if path.split('/').any(|part| part == "..") {
        Some("leads out of the bundle")
    } else if path.split('/').any(|part| part.is_empty() || part == ".") {
        Some("is not written in its shortest form")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HASH: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn each_bad_line_is_reported_with_its_number() {
        let text = format!(
            "{HASH}  a\n{HASH}  a\n{HASH}  /etc/passwd\n{HASH}  x/../../y\n{HASH} one-space\nzz\n\n{HASH}  C:/x\n\
             {HASH}  a//b\n\\{HASH}  a\\nb\n{}g  short\n{HASH}  \n{HASH}  cr\r\n{HASH} *binary\n",
            &HASH[..63]
        );
        let (lines, bad) = parse(text.as_bytes());
        let good: Vec<&str> = lines.iter().map(|l| l.path.as_str()).collect();
        assert_eq!(good, ["a", "binary"]);
        let bad: Vec<(u32, &str)> = bad.iter().map(|b| (b.number, b.code)).collect();
        assert_eq!(
            bad,
            [
                (2, "duplicate"),
                (3, "unsafe-path"),
                (4, "unsafe-path"),
                (5, "malformed-line"),
                (6, "malformed-line"),
                (7, "malformed-line"),
                (8, "unsafe-path"),
                (9, "unsafe-path"),
                (10, "malformed-line"),
                (11, "malformed-line"),
                (12, "unsafe-path"),
                (13, "unsafe-path"),
            ]
        );
    }

    #[test]
    fn what_is_wrong_with_a_path_is_said_and_what_only_looks_so_is_right() {
        for (path, problem) in [
            ("a", None),
            ("a/b c/%41", None),
            ("1:/x", None),
            ("ab:/x", None),
            ("...", None),
            ("a/..b", None),
            ("a/b..", None),
            ("", Some("an empty name")),
            ("/a", Some("an absolute path")),
            ("c:x", Some("an absolute path")),
            ("a\\b", Some("a backslash")),
            ("a\tb", Some("a control character")),
            ("..", Some("out of the bundle")),
            ("a/..", Some("out of the bundle")),
            (".", Some("shortest form")),
            ("a/./b", Some("shortest form")),
            ("a/", Some("shortest form")),
        ] {
            let said = path_problem(path);
            match problem {
                Some(problem) => assert!(said.is_some_and(|said| said.contains(problem)), "{path}: {said:?}"),
                None => assert_eq!(said, None, "{path}"),
            }
        }
    }

    #[test]
    fn of_a_manifest_of_wrong_lines_the_end_is_not_read() {
        let bad = |lines: usize| parse("x\n".repeat(lines).as_bytes()).1;
        assert_eq!(bad(MOST_BAD_LINES).len(), MOST_BAD_LINES);
        let more = bad(MOST_BAD_LINES + 5);
        assert_eq!(more.len(), MOST_BAD_LINES + 1);
        let last = more.last().unwrap();
        assert_eq!(last.number, 1001);
        assert!(last.message.contains("is not read"), "{}", last.message);
    }

    #[test]
    fn an_empty_manifest_has_no_lines() {
        assert_eq!(parse(b""), (vec![], vec![]));
        assert_eq!(parse(b"\n"), (vec![], vec![]));
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(
            paths in proptest::collection::btree_set("[a-z][a-z ._~-]{0,8}[a-z](/[a-z]{1,5}){0,3}", 0..20), byte: u8,
        ) {
            let hash = [byte; 32];
            let digits = hex::encode(hash);
            let text = print(paths.iter().map(|path| (digits.as_str(), path.as_str())));
            let (lines, bad) = parse(text.as_bytes());
            prop_assert_eq!(bad, vec![]);
            let expected: Vec<Line> =
                paths.into_iter().map(|path| Line { sha256: hash, path }).collect();
            prop_assert_eq!(lines, expected);
        }

        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
        }
    }
}
