//! What a test leaves out, said where a reader of the log sees it: libtest swallows what passing tests print with the
//! macros, so this goes to standard error itself.

use std::io::Write as _;

/// Says what was left out and why. If the variable `unless` is set, as in CI, leaving it out is a failure.
#[track_caller]
pub fn not_checked(what: &str, why: &str, unless: &str) {
    let required = std::env::var_os(unless).is_some_and(|value| !value.is_empty());
    assert!(!required, "{unless} is set, and {what} cannot be checked: {why}");
    // In one piece: other tests are printing too.
    let line = format!("NOT CHECKED: {what}: {why}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}
