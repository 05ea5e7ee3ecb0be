//! Names in a tree that git refuses, because they would leave the folder or reach into a repository.
//!
//! The rules are those of `git fsck` and of a checkout with `core.protectHFS` and `core.protectNTFS`, whatever the
//! machine: a release that only some can check out is no way back. GitHub refuses such names when they are pushed.

/// What is not the same in a tree and on the disk is not looked at: only a name, and whether it is a link's.
pub fn is_refused(name: &[u8], is_link: bool) -> bool {
    let is_dot_git = |part: &[u8]| is_dot_git_on_ntfs(part) || is_hfs(part, b".git");
    name.is_empty()
        || matches!(name, b"." | b"..")
        || name.contains(&b'/')
        // On Windows what follows a backslash is a name of its own.
        || name.split(|byte| *byte == b'\\').any(is_dot_git)
        || is_link && (is_hfs(name, b".gitmodules") || is_modules_on_ntfs(name))
}

/// `.git` or its short name, and what NTFS does not tell apart from it: other case, trailing spaces and dots, streams.
fn is_dot_git_on_ntfs(name: &[u8]) -> bool {
    [&b".git"[..], b"git~1"]
        .iter()
        .any(|plain| starts_with(name, plain) && is_end_on_ntfs(&name[plain.len()..]))
}

/// The same for `.gitmodules`: its short names are `GITMOD~1` to `~4`, and then `GI7EBA~1` and so on.
fn is_modules_on_ntfs(name: &[u8]) -> bool {
    let plain = b".gitmodules";
    if starts_with(name, plain) && is_end_on_ntfs(&name[plain.len()..]) {
        return true;
    }
    let Some((short, end)) = name.split_at_checked(8) else {
        return false;
    };
    if !is_end_on_ntfs(end) {
        return false;
    }
    if starts_with(short, b"gitmod~") {
        return matches!(short[7], b'1'..=b'4');
    }
    let Some(tilde) = short.iter().position(|byte| *byte == b'~') else {
        return false;
    };
    let (head, number) = (&short[..tilde], &short[tilde + 1..]);
    starts_with(b"gi7eba", head) && matches!(number.first(), Some(b'1'..=b'9')) && number.iter().all(u8::is_ascii_digit)
}

fn is_end_on_ntfs(rest: &[u8]) -> bool {
    let end = rest.iter().position(|byte| !matches!(byte, b'.' | b' '));
    end.is_none_or(|end| rest[end] == b':')
}

fn starts_with(name: &[u8], start: &[u8]) -> bool {
    name.get(..start.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(start))
}

/// Whether it is `plain` to HFS+, which ignores case and some code points.
fn is_hfs(name: &[u8], plain: &[u8]) -> bool {
    // git takes the first character that is not one for the end.
    let name = match std::str::from_utf8(name) {
        Ok(name) => name,
        Err(error) => std::str::from_utf8(&name[..error.valid_up_to()]).unwrap_or_default(),
    };
    let is_end = |c: &char| u32::from(*c) & 0xfffe == 0xfffe;
    let ignored = |c: &char| matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}');
    let seen = name.chars().take_while(|c| !is_end(c)).filter(|c| !ignored(c));
    let seen = seen.map(|c| c.to_ascii_lowercase());
    seen.eq(plain.iter().copied().map(char::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_leave_the_folder_or_reach_into_a_repository_are_refused() {
        for name in [
            "",
            ".",
            "..",
            "a/b",
            "/etc",
            ".git",
            ".GIT",
            "git~1",
            ".git ",
            ".git...",
            ".git. .",
            "GIT~1.",
            ".git::$INDEX_ALLOCATION",
            ".git:x",
            "git~1:x",
            ".g\u{200c}it",
            "\u{feff}.Git",
            "a\\.git",
            ".git\\config",
        ] {
            assert!(is_refused(name.as_bytes(), false), "{name}");
        }
        for name in [
            ".github",
            ".gitignore",
            "...",
            "a b",
            "-rf",
            "*",
            "git~2",
            ".git~1",
            ".gitmodules",
            "a\\b",
            ".git x",
            "größe",
        ] {
            assert!(!is_refused(name.as_bytes(), false), "{name}");
        }
        assert!(!is_refused(b".g\xffit", false));
        assert!(is_refused(b".git\xff", false));
        assert!(is_refused(".git\u{fffe}x".as_bytes(), false));
    }

    #[test]
    fn a_link_may_not_stand_in_for_gitmodules() {
        for name in [
            ".gitmodules",
            ".GitModules",
            ".gitmodules ",
            ".gitmodules:x",
            "gitmod~1",
            "GITMOD~4 .",
            "gi7eba~1",
            "gi7eb~10",
            "gi7e~123",
            "~1000000",
            ".gitm\u{200d}odules",
        ] {
            assert!(is_refused(name.as_bytes(), true), "{name}");
            assert!(!is_refused(name.as_bytes(), false), "{name}");
        }
        for name in [
            ".gitmodules2",
            "gitmod~5",
            "gi7eba~0",
            "gi7ebax1",
            "gi7d~123",
            "link",
            ".gitattributes",
        ] {
            assert!(!is_refused(name.as_bytes(), true), "{name}");
        }
    }
}
