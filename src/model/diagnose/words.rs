//! What a line is about by its words, where no rule knows it.

use super::cause::Cause;

/// Phrases that leave no doubt, parted by `|`.
const CLEAR: [(Cause, &str); 11] = [
    (Cause::ScriptBug, "duplicate key|no such column|unknown directive"),
    (
        Cause::ResourceLimit,
        "out of memory|outofmemory|no space left|heap limit|memory limit|disk quota|quota exceeded|timed out after",
    ),
    (
        Cause::HealthCheck,
        "can't reach|cannot reach|waiting for the condition|progress deadline|context deadline exceeded|not healthy|unhealthy|servicesstable|waiter has timed out|did not become|health check",
    ),
    (
        Cause::FlakyInfra,
        "resource busy|process is currently running|cache service|rate limit|too many requests|handshake|tls connect|bad gateway|service unavailable|gateway time|\
         temporary failure|could not resolve host|connection reset|connection timed out|connection refused by|\
         network is unreachable|failed to download|could not download|download failed|error sending request|\
         is currently in progress|lock is held|try again later|econnreset|etimedout",
    ),
    (
        Cause::MissingSecret,
        "token could not be found|no access token|token is missing|missing token|no token|token is required|\
         api key is|no api key|missing api key|no credentials|credentials not recognized|missing credentials|\
         please log in|please login|not logged in|project token|bearer '",
    ),
    (
        Cause::Permissions,
        "not authorized|unauthorized|sasl auth|auth failed|trusted publish|403 forbidden|access denied|authentication failed|authentication error|\
         invalid credentials|not permitted|permission denied",
    ),
    (
        Cause::WorkflowConfig,
        "github action config|advanced configurations|workflow file|not our ref|shallow clone|runs-on",
    ),
    (
        Cause::Dependency,
        "could not resolve dependenc|no required module|failed to select a version|lock file|unsatisfiable|no package called|cannot find module|no module named|\
         no matching version|no matching distribution|version conflict|hash mismatch|checksum mismatch|not up to date with|\
         lockfile|or higher is required|is not supported by|requires a different|failed to find interpreter|cannot find package|not a valid binary|\
         missing dependenc|upgrade node|is not installed|peer dep",
    ),
    (
        Cause::TestFailure,
        "tests failed|failed test|test fail|tests unsuccessful|assertionerror|assertion failed|subtests|\
         test failures|tests did not pass|xctassert|did not equal|expected:<",
    ),
    (
        Cause::CompileError,
        "does not exist on type|undeclared|not declared|undefined reference|cannot find symbol|not a member of|undefined: |cannot use |declared and not used|imported and not used|\
         not in scope|compilation failed|failed to compile|cannot find name|unresolved import|syntaxerror",
    ),
    (
        Cause::Lint,
        "not formatted|would reformat|formatting|lint|trailing whitespace|warnings as errors|code style|issue found|\
         issues found|did you really mean|misspelled",
    ),
];

/// Words that only lean to a cause.
const VAGUE: [(Cause, &str); 12] = [
    (Cause::ResourceLimit, "disk full|quota|too large to"),
    (
        Cause::FlakyInfra,
        "timed out|timeout|temporarily|unreachable|connection|network|unavailable|fetch failed",
    ),
    (Cause::Permissions, "permission|authentication|may not |credentials"),
    (Cause::MissingSecret, "secret|token is|api key|password is|licen"),
    (
        Cause::MissingConfig,
        "not set|unset|not configured|not defined in|environment variable|must be set|is empty|required value|\
         missing value|need to provide",
    ),
    (
        Cause::WrongTrigger,
        "pull request|this event|not a tag|version tag|only on |event type|on branch",
    ),
    (
        Cause::PolicyGate,
        "policy|threshold|exceeds|exceeded|not allowed|forbids|freeze|frozen|approval|gate|at least|at most|too many|\
         violat|budget|coverage",
    ),
    (Cause::TestFailure, "assert|expected|mismatch"),
    (
        Cause::ScriptBug,
        "typeerror|cannot destructure|is not a function|referenceerror|attributeerror|keyerror|valueerror|nullpointer|\
         undefined method|argument is required|already exists",
    ),
    (
        Cause::Dependency,
        "package|dependenc|version|module|could not resolve|requirement|library|plugin|incompatible|checksum",
    ),
    (
        Cause::CompileError,
        "syntax|parse error|undefined|cannot compile|compilation|type error",
    ),
    (Cause::Lint, "format of|formatted|formatting|style|indent|analysis"),
];

/// By a phrase that leaves no doubt.
pub fn clearly(line: &[u8]) -> Option<Cause> {
    first(&CLEAR, line)
}

/// By any word.
pub fn of(line: &[u8]) -> Option<Cause> {
    first(&VAGUE, line)
}

/// The first group of which a line has a phrase names its cause.
fn first(groups: &[(Cause, &str)], line: &[u8]) -> Option<Cause> {
    let text = String::from_utf8_lossy(line).to_ascii_lowercase();
    let group = groups
        .iter()
        .find(|(_, phrases)| phrases.split('|').any(|phrase| has(&text, phrase)));
    group.map(|(cause, _)| *cause)
}

/// Whether a text has a phrase that begins where a word begins.
fn has(text: &str, phrase: &str) -> bool {
    text.match_indices(phrase).any(|(at, _)| {
        !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric()) || !phrase.starts_with(char::is_alphanumeric)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_begins_where_a_word_begins() {
        assert_eq!(of(b"the format of a.py differs"), Some(Cause::Lint));
        assert_eq!(of(b"for more information"), None);
        assert_eq!(clearly(b"Error: 1 issue found"), Some(Cause::Lint));
        assert!(has("a=./x", "./x") && !has("splinter", "lint"));
    }
}
