//! Lines that name a failure and do not explain one.

use std::collections::HashSet;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// A line with words of a failure where nothing failed: a test that passed, nothing found, something tolerated, the script itself.
pub fn is_harmless(text: &[u8]) -> bool {
    const STARTS: &[&str] = &[
        "throw ",
        "raise ",
        "assert ",
        "if ",
        "console.",
        "print(",
        "log.",
        "logger.",
        "echo ",
        "* [new ",
        "✓",
        "✔",
        "√",
        "PASS",
        "ok ",
        "+ ",
        "++ ",
        "$ ",
        "--- PASS",
        "[       OK",
        "# ",
        "// ",
        "warning:",
        "note: ",
        "hint: ",
        "npm warn",
    ];
    const WORDS: &[&str] = &[
        "... ok",
        " PASSED",
        "0 errors",
        "0 failed",
        "0 failures",
        "no errors",
        "No errors",
        "continue-on-error",
        "(ignored)",
        "|| true",
        "|| {",
        "retrying",
        "Retrying",
        "will retry",
        "(skipped)",
        "expected failure",
        "xfail",
        "allowed to fail",
        "non-fatal",
        "Will be retried",
        "ignoring",
        "UserWarning",
        "DeprecationWarning",
        "FutureWarning",
        "and upload",
        "falling back",
        "continuing",
        "going on without",
        ", using ",
        " (expected)",
        " anyway",
        " ignored",
        "Error uploading",
    ];
    static FOUND: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| AhoCorasick::new(WORDS).ok());
    // A frame of a stack.
    if text.starts_with(b"at ") && memchr::memchr(b'(', text).is_some() {
        return true;
    }
    let starts = STARTS.iter().any(|start| text.starts_with(start.as_bytes()));
    starts || FOUND.as_ref().is_some_and(|words| words.is_match(text))
}

static SAYS_NOTHING: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "aborted aborting about above action all and articles are attempt attempts backtrace below build code command compilation compile completed did due \
     error errors exception execution exit exited exiting fail failed failing failure failures finished following for found \
     generated halted has have info information job log more non not one passed please possible previous process ran read result returned run see solutions some stack status step \
     succeed successfully task test tests the total was with zero \
     already check checks configuring detected examples failing file files formatted found incomplete issue issues left offense offenses occurred pass problem problems reformatted setup skip \
     skipped spec specs suite suites target targets unchanged violation violations warn warning warnings would"
        .split(' ')
        .collect()
});

/// A line that says no more than that something failed: `Build FAILED in 3s`, `Execution halted`, `2 errors generated`.
pub fn is_hollow(text: &[u8]) -> bool {
    let mut words = text
        .split(|b| !b.is_ascii_alphabetic())
        .filter(|word| word.len() > 2 || word.eq_ignore_ascii_case(b"no"));
    !words.any(|word| {
        let word = String::from_utf8_lossy(word).to_ascii_lowercase();
        !SAYS_NOTHING.contains(&*word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_hollow_if_it_says_only_that_something_failed() {
        for line in [
            "BUILD FAILED in 3s",
            "Execution halted",
            "2 errors generated.",
            "~~~~^^^",
            "error: test failed",
        ] {
            assert!(is_hollow(line.as_bytes()), "{line}");
        }
        for line in [
            "cannot load plugin 17",
            "Failed test 'adds up' sums",
            "fatal: bad revision",
        ] {
            assert!(!is_hollow(line.as_bytes()), "{line}");
        }
    }
}
