//! What a line is about by its words, where no rule knows it.

use std::sync::LazyLock;

use super::cause::Cause;
use super::phrases::Phrases;

/// Phrases that leave no doubt, parted by `|`.
const CLEAR: &[(Cause, &str)] = &[
    (
        Cause::ScriptBug,
        "[[: not found|duplicate key|no such column|no such table|relation \"|unknown directive|\
         error: invalid path|no module named 'src|no module named 'app|no module named 'lib|\
         no module named 'test|no module named 'scripts|missing script",
    ),
    (
        Cause::MissingConfig,
        "host key verification|invalid url|parse url|executable doesn't exist|can't connect to server on|\
         missing environment|required environment|missing required|command not found|\
         executable file not found|no such environment|undefined variable",
    ),
    (
        Cause::ResourceLimit,
        "out of memory|outofmemory|no space left|heap limit|memory limit|disk quota|\
         quota exceeded|java heap space|oomkilled|insufficient memory|\
         too many open files|storage limit|storage quota|vcpulimitexceeded|instancelimitexceeded|\
         addresslimitexceeded|volumelimitexceeded|vpclimitexceeded|limitexceededexception|quotaexceeded|\
         servicequotaexceeded|quotaexceedederror|exceeds your quota|exceeding quota|over quota|\
         insufficientinstancecapacity|insufficient capacity|shared memory|zone_resource_pool_exhausted|vcpu capacity",
    ),
    (
        Cause::HealthCheck,
        "can't reach|cannot reach|waiting for the condition|progress deadline|\
         not healthy|unhealthy|did not become|health check|healthcheck|\
         readiness probe|crashloopbackoff|timed out waiting for|become ready|become healthy",
    ),
    (
        Cause::FlakyInfra,
        "acquiring the state lock|503 service|returned error: 500|returned error: 502|returned error: 503|\
         returned error: 504|empty reply|eai_again|enotfound|rate limit|too many requests|tls handshake|tls connect|\
         bad gateway|service unavailable|gateway time|temporary failure|could not resolve host|\
         connection reset|connection timed out|connection refused by|network is unreachable|\
         failed to download|could not download|download failed|error sending request|\
         try again later|econnreset|etimedout|\
         remote end closed|ssl_error|lost communication|operation timed out|read timed out|\
         connect timeout|503 from|502 from|504 from",
    ),
    (
        Cause::MissingSecret,
        "eneedauth|need auth|be logged in|token could not be found|no access token|token is missing|missing token|\
         no token found|no token provided|token is required|no api key|missing api key|no credentials|\
         missing credentials|please log in|please login|not logged in|\
         token not found|credentials not found|\
         could not find credentials|login required|authentication required|unauthenticated|\
         not authenticated",
    ),
    (
        Cause::Permissions,
        "invalid api key|invalid token|bad credentials|is forbidden: |expiredtoken|\
         token has expired|token is expired|could not read username|could not read password|publickey|\
         federated identity|sts:assumerole|gh006|protected branch|401 unauthorized|code e401|code e403|\
         not authorized|unauthorized|sasl auth|auth failed|trusted publish|403 forbidden|access denied|\
         authentication failed|authentication error|invalid credentials|permission denied|\
         insufficient scope|insufficient permission|insufficient privilege|\
         do not have permission|does not have permission|lacks permission",
    ),
    (
        Cause::WorkflowConfig,
        "exec format error|workflow file|not our ref|shallow clone",
    ),
    (
        Cause::PolicyGate,
        "breaking change|uncommitted changes|potential secret|cve-|vulnerabilit",
    ),
    (Cause::DerivedFailure, "required to succeed"),
    (
        Cause::WrongTrigger,
        "couldn't find remote ref|branch or tag with the name",
    ),
    (
        Cause::Dependency,
        "you may need to install|can't locate |compiled by a more recent|unsupportedclassversion|\
         compiled against a different|cannot open shared object|unable to find library|\
         could not find a version|resolutionimpossible|\
         no solution found|unable to resolve dependency|eresolve|etarget|manifest unknown|no such image|\
         could not resolve dependenc|no required module|\
         failed to select a version|unsatisfiable|no package called|cannot find module|\
         no module named|no matching version|no matching distribution|version conflict|hash mismatch|\
         checksum mismatch|not up to date with|lockfile|\
         requires a different|failed to find interpreter|cannot find package|\
         missing dependenc|is not installed|peer dep|unresolved dependenc|dependency resolution|\
         version solving failed|conflicting dependenc|cannot satisfy|unsatisfied|could not find package|\
         unable to locate package|package not found|requires a newer|unsupported version|incompatible version",
    ),
    (
        Cause::TestFailure,
        "no tests ran|no tests found|no tests were|addresssanitizer|expected but|but expected|\
         to strictly equal|to be equal|to equal|failed asserting|tests failed|failed test|\
         test fail|tests unsuccessful|assertionerror|assertion failed|test failures|\
         tests did not pass|xctassert|did not equal|expected:<|snapshot failed|snapshots failed|\
         match snapshot|expectation failed",
    ),
    (
        Cause::CompileError,
        "type mismatch|but an expression was expected|incompatible types|has type |mismatched types|\
         borrow of|warnings-as-errors|does not exist on type|undeclared|not declared|undefined reference|\
         cannot find symbol|not a member of|undefined: |cannot use |declared and not used|\
         imported and not used|not in scope|compilation failed|failed to compile|cannot find name|\
         unresolved import|syntaxerror|undeclared identifier|unknown identifier|unresolved reference|\
         unresolved identifier|cannot resolve symbol|no member named|no matching function|undefined symbol|\
         redefinition of|unknown type|in this scope|no such module|cannot infer",
    ),
    (
        Cause::Lint,
        "style issues|reformatted|rustfmt|not formatted|would reformat|lint|trailing whitespace|\
         warnings as errors|code style|issue found|issues found|did you really mean|misspelled",
    ),
];

/// Words that only lean to a cause.
const VAGUE: &[(Cause, &str)] = &[
    (Cause::ResourceLimit, "disk full|quota|too large to"),
    (
        Cause::FlakyInfra,
        "timed out|timeout|temporarily|unreachable|connection|network|unavailable|fetch failed",
    ),
    (Cause::Permissions, "permission|authentication|credentials"),
    (Cause::MissingSecret, "secret|token is|api key|password is"),
    (
        Cause::MissingConfig,
        "not set|unset|not configured|not defined in|environment variable|must be set|is empty|\
         required value|missing value|need to provide|404|does not exist",
    ),
    (
        Cause::WrongTrigger,
        "pull request|this event|not a tag|version tag|only on |event type|on branch",
    ),
    (
        Cause::PolicyGate,
        "does not match|minimum|maximum|less than|policy|threshold|exceeds|exceeded|not allowed|forbids|\
         freeze|frozen|approval|gate|at least|at most|too many|violat|budget|coverage",
    ),
    (Cause::TestFailure, "assert|expected|mismatch"),
    (
        Cause::ScriptBug,
        "typeerror|cannot destructure|is not a function|referenceerror|attributeerror|keyerror|valueerror|\
         nullpointer|undefined method|argument is required|already exists|409|422",
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
    (
        Cause::MissingConfig,
        "not found|no such|cannot find|could not find|missing",
    ),
];

fn causes(groups: &[(Cause, &'static str)]) -> Option<Phrases<usize>> {
    Phrases::new(groups.iter().enumerate().map(|(index, (_, phrases))| (index, *phrases)))
}

static CLEARLY: LazyLock<Option<Phrases<usize>>> = LazyLock::new(|| causes(CLEAR));
static VAGUELY: LazyLock<Option<Phrases<usize>>> = LazyLock::new(|| causes(VAGUE));

/// By a phrase that leaves no doubt.
pub fn clearly(line: &[u8]) -> Option<Cause> {
    Some(CLEAR[CLEARLY.as_ref()?.least(line)?].0)
}

/// By any word.
pub fn of(line: &[u8]) -> Option<Cause> {
    Some(VAGUE[VAGUELY.as_ref()?.least(line)?].0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_begins_where_a_word_begins() {
        assert_eq!(of(b"the format of a.py differs"), Some(Cause::Lint));
        assert_eq!(of(b"for more information"), None);
        assert_eq!(clearly(b"Error: 1 issue found"), Some(Cause::Lint));
        assert_eq!(of(b"splinter"), None);
    }

    #[test]
    fn a_limit_of_a_cloud_is_no_outage() {
        let limit = b"api error VcpuLimitExceeded: You have requested more vCPU capacity";
        assert_eq!(clearly(limit), Some(Cause::ResourceLimit));
        assert_eq!(clearly(b"Releasing state lock. This may take a few moments..."), None);
        assert_eq!(clearly(b"rate limit exceeded"), Some(Cause::FlakyInfra));
    }
}
