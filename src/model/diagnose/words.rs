//! What a line is about by its words, where no rule knows it.

use super::cause::Cause;

/// The first group of which a line has a word names its cause.
const GROUPS: [(&[&str], Cause); 11] = [
    (
        &[
            "out of memory",
            "no space left",
            "disk full",
            "quota",
            "too large to",
            "memory limit",
        ],
        Cause::ResourceLimit,
    ),
    (
        &[
            "rate limit",
            "timed out",
            "timeout",
            "temporarily",
            "unreachable",
            "connection",
            "network",
            "bad gateway",
            "unavailable",
            "try again later",
            "lock is held",
            "fetch failed",
            "handshake",
        ],
        Cause::FlakyInfra,
    ),
    (
        &[
            "permission",
            "unauthorized",
            "forbidden",
            "access denied",
            "not authorized",
            "authentication",
            "may not ",
            "credentials",
        ],
        Cause::Permissions,
    ),
    (
        &["secret", "token is", "api key", "password is", "no token"],
        Cause::MissingSecret,
    ),
    (
        &[
            "not set",
            "unset",
            "not configured",
            "not defined in",
            "environment variable",
            "must be set",
            "is empty",
            "required value",
            "missing value",
        ],
        Cause::MissingConfig,
    ),
    (
        &[
            "pull request",
            "this event",
            "not a tag",
            "only on ",
            "event type",
            "on branch",
        ],
        Cause::WrongTrigger,
    ),
    (
        &[
            "policy",
            "threshold",
            "exceeds",
            "exceeded",
            "not allowed",
            "forbids",
            "freeze",
            "frozen",
            "approval",
            "gate",
            "at least",
            "at most",
            "too many",
            "violat",
            "budget",
            "coverage",
        ],
        Cause::PolicyGate,
    ),
    (
        &["assert", "expected", "mismatch", "tests failed", "test failed"],
        Cause::TestFailure,
    ),
    (
        &[
            "package",
            "dependenc",
            "version",
            "module",
            "could not resolve",
            "requirement",
            "library",
            "plugin",
            "incompatible",
            "not installed",
            "checksum",
        ],
        Cause::Dependency,
    ),
    (
        &[
            "syntax",
            "parse error",
            "undeclared",
            "undefined",
            "cannot compile",
            "compilation",
            "type error",
        ],
        Cause::CompileError,
    ),
    (
        &["format", "lint", "style", "indent", "trailing whitespace"],
        Cause::Lint,
    ),
];

pub fn of(line: &[u8]) -> Option<Cause> {
    let text = String::from_utf8_lossy(line).to_ascii_lowercase();
    let group = GROUPS
        .iter()
        .find(|(words, _)| words.iter().any(|word| text.contains(word)));
    group.map(|(_, cause)| *cause)
}
