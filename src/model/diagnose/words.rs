//! What a line is about by its words, where no rule knows it.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::cause::Cause;

/// Phrases that leave no doubt, parted by `|`.
const CLEAR: &[(Cause, &str)] = &[
    (
        Cause::ScriptBug,
        "[[: not found|duplicate key|no such column|no such table|column \"|relation \"|unknown directive|\
         error: invalid path|no module named 'src|no module named 'app|no module named 'lib|\
         no module named 'test|no module named 'scripts|has no deployed releases|missing script",
    ),
    (
        Cause::MissingConfig,
        "no value for |notfoundexception|host key verification|invalid url|parse url|\
         executable doesn't exist|can't connect to server on|no context exists|is not defined correctly|\
         no hosts matched|missing environment|required environment|missing required|command not found|executable file not found|\
         no such environment|undefined variable",
    ),
    (
        Cause::ResourceLimit,
        "no output for|out of memory|outofmemory|no space left|heap limit|memory limit|disk quota|quota exceeded|\
         timed out after|exceeded its lfs|java heap space|oomkilled|insufficient memory|too many open files|\
         storage limit|storage quota",
    ),
    (
        Cause::HealthCheck,
        "can't reach|cannot reach|waiting for the condition|progress deadline|context deadline exceeded|\
         not healthy|unhealthy|servicesstable|waiter has timed out|did not become|health check|healthcheck|\
         readiness probe|crashloopbackoff|timed out waiting for|become ready|become healthy",
    ),
    (
        Cause::FlakyInfra,
        "acquiring the state lock|state lock|daemon running|could not fetch content|503 service|\
         unexpected http status|returned error: 5|empty reply|eai_again|enotfound|resource busy|\
         process is currently running|cache service|rate limit|too many requests|handshake|tls connect|\
         bad gateway|service unavailable|gateway time|temporary failure|could not resolve host|\
         connection reset|connection timed out|connection refused by|network is unreachable|\
         failed to download|could not download|download failed|error sending request|\
         is currently in progress|lock is held|try again later|econnreset|etimedout|_in_progress|\
         remote end closed|unexpected eof|ssl_error|lost communication|operation timed out|read timed out|\
         connect timeout|503 from|502 from|504 from",
    ),
    (
        Cause::MissingSecret,
        "eneedauth|need auth|interactive login|requires you to be logged in|setting must not be empty|\
         be logged in|log in with|token could not be found|no access token|token is missing|missing token|\
         no token|token is required|api key is|no api key|missing api key|no credentials|\
         credentials not recognized|missing credentials|please log in|please login|not logged in|\
         project token|bearer '|have you run|token not found|credentials not found|\
         could not find credentials|no credential|login required|authentication required|unauthenticated|\
         not authenticated|api_key|license key|license activation|no license",
    ),
    (
        Cause::Permissions,
        "invalid api key|invalid token|bad credentials|is forbidden|forbidden: |expiredtoken|token has expired|token is expired|could not read username|\
         could not read password|publickey|federated identity|oidc|sts:assumerole|gh006|protected branch|\
         401 unauthorized|e401|e403|not authorized|unauthorized|sasl auth|auth failed|trusted publish|\
         403 forbidden|access denied|authentication failed|authentication error|invalid credentials|\
         not permitted|permission denied|may not create|insufficient scope|insufficient permission|\
         insufficient privilege|do not have permission|does not have permission|\
         lacks permission",
    ),
    (
        Cause::WorkflowConfig,
        "exec format error|is not supported for the|working directory|does not contain main module|\
         no version is specified|github action config|advanced configurations|workflow file|not our ref|\
         shallow clone|runs-on",
    ),
    (
        Cause::PolicyGate,
        "breaking change|dirty state|uncommitted changes|license|licence|precondition failed|potential secret|not covered by|cve-|vulnerabilit",
    ),
    (Cause::DerivedFailure, "required to succeed"),
    (
        Cause::WrongTrigger,
        "couldn't find remote ref|branch or tag with the name",
    ),
    (
        Cause::Dependency,
        "you may need to install|can't locate |compiled by a more recent|unsupportedclassversion|\
         compiled against a different|cannot open shared object|unable to find library|failed to resolve|\
         could not find a version|requires php|install or enable|your ruby version|resolutionimpossible|\
         no solution found|unable to resolve dependency|eresolve|etarget|manifest unknown|no such image|\
         dependency \"|requirements file|could not resolve dependenc|no required module|\
         failed to select a version|lock file|unsatisfiable|no package called|cannot find module|\
         no module named|no matching version|no matching distribution|version conflict|hash mismatch|\
         checksum mismatch|not up to date with|lockfile|or higher is required|is not supported by|\
         requires a different|failed to find interpreter|cannot find package|not a valid binary|\
         missing dependenc|upgrade node|is not installed|peer dep|unresolved dependenc|dependency resolution|\
         version solving failed|conflicting dependenc|cannot satisfy|unsatisfied|could not find package|\
         unable to locate package|package not found|requires a newer|unsupported version|\
         incompatible version",
    ),
    (
        Cause::TestFailure,
        "no tests ran|no tests found|no tests were|addresssanitizer|expected but|but expected|to strictly equal|to be equal|to equal|assertion with|\
         failed asserting|tests failed|failed test|test fail|tests unsuccessful|assertionerror|\
         assertion failed|subtests|test failures|tests did not pass|xctassert|did not equal|expected:<|\
         snapshot failed|snapshots failed|match snapshot|expectation failed",
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
        "style issues|reformatted|rustfmt|not formatted|would reformat|formatting|lint|trailing whitespace|\
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
        "does not match|minimum|maximum|less than|policy|threshold|exceeds|exceeded|not allowed|forbids|freeze|frozen|approval|gate|at least|at most|too many|\
         violat|budget|coverage",
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

/// What sums up, points elsewhere or tells what to do: no explanation.
const ADVICE: &str = "for more info|more information|for more details|for additional|for details|for help|see also|see http|see the |see full |\
    learn more|get help|visit |complete log of this run|please report|please refer|to rerun|re-run |to see |to fix|to ignore|you can also|\
    alternatively|with seed|finished in |total time|make: *** [|go to http|to continue|not recommended|hint:|help:";
/// And what says only that a program failed.
const SUMMARY: &str = "strict mode|treated as errors|aborted with|exit code|exit status|exited with|returned non-zero|did not complete successfully|with an exception|some refs|previous error|failed to load command|\
    test failed, to|tests failed:|the following tests|targets failed|problems were encountered|task failed|command failed|step failed";

/// Words for what is not as it should be.
const PROBLEM: &str = " not |n't |no |without |unbound|unknown|unable|undefined|unexpected|unresolved|unsupported|fail|wrong|invalid|illegal|\
    exceed|mismatch|missing|cannot|denied|refus|expect|already|forbid|must|should|too |conflict|broken|corrupt|abort|killed|timed out|\
    unhealthy|violat|differ|rejected|was never|warning";
/// Where advice begins.
const BEGINNING: usize = 48;

/// Phrases to find in a line, whatever their case.
struct Phrases<T> {
    words: AhoCorasick,
    /// What the phrase of each index stands for.
    of: Vec<T>,
}

impl<T: Copy + Ord> Phrases<T> {
    fn new(groups: impl IntoIterator<Item = (T, &'static str)>) -> Option<Self> {
        let each = groups
            .into_iter()
            .flat_map(|(of, phrases)| phrases.split('|').map(move |phrase| (phrase, of)));
        let (phrases, of): (Vec<&str>, Vec<T>) = each.unzip();
        let words = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(phrases)
            .ok()?;
        Some(Self { words, of })
    }

    /// The least of what the phrases of a line stand for that begin where a word begins.
    fn least(&self, line: &[u8]) -> Option<T> {
        let begins =
            |at: usize| !line[at].is_ascii_alphanumeric() || !line[..at].last().is_some_and(u8::is_ascii_alphanumeric);
        let hits = self.words.find_overlapping_iter(line);
        hits.filter(|hit| begins(hit.start()))
            .map(|hit| self.of[hit.pattern()])
            .min()
    }
}

fn causes(groups: &[(Cause, &'static str)]) -> Option<Phrases<usize>> {
    Phrases::new(groups.iter().enumerate().map(|(index, (_, phrases))| (index, *phrases)))
}

static CLEARLY: LazyLock<Option<Phrases<usize>>> = LazyLock::new(|| causes(CLEAR));
static VAGUELY: LazyLock<Option<Phrases<usize>>> = LazyLock::new(|| causes(VAGUE));
static SUMMARIES: LazyLock<Option<Phrases<()>>> = LazyLock::new(|| Phrases::new([((), SUMMARY)]));
static PROBLEMS: LazyLock<Option<Phrases<()>>> = LazyLock::new(|| Phrases::new([((), PROBLEM)]));
static ADVISES: LazyLock<Option<Phrases<()>>> = LazyLock::new(|| Phrases::new([((), ADVICE)]));

/// By a phrase that leaves no doubt.
pub fn clearly(line: &[u8]) -> Option<Cause> {
    Some(CLEAR[CLEARLY.as_ref()?.least(line)?].0)
}

/// By any word.
pub fn of(line: &[u8]) -> Option<Cause> {
    Some(VAGUE[VAGUELY.as_ref()?.least(line)?].0)
}

/// How much more a line explains than others that no tool's rule knows, by its words. One that is there for its place,
/// or for a word of failure, gains by any word for a problem.
pub fn worth(line: &[u8], is_weak: bool) -> i32 {
    let has = |phrases: &LazyLock<Option<Phrases<()>>>, line: &[u8]| {
        phrases.as_ref().is_some_and(|phrases| phrases.least(line).is_some())
    };
    if has(&SUMMARIES, line) {
        return -14;
    }
    if is_tally(line) {
        return -10;
    }
    // Advice at the end of a message takes nothing from it.
    if has(&ADVISES, &line[..line.len().min(BEGINNING)]) || line.starts_with(b"http") {
        return -8;
    }
    let about = match clearly(line) {
        // Of lints, the line with the place says more.
        Some(Cause::Lint) => 0,
        Some(_) => 8,
        None if is_weak && has(&PROBLEMS, line) => 4,
        None => 0,
    };
    // What it announces is on another line.
    let announces = [&b":"[..], b"FAIL", b"FAILED"].iter().any(|end| line.ends_with(end));
    about - if announces { 6 } else { 0 }
}

/// `3 passed, 1 failed`
fn is_tally(line: &[u8]) -> bool {
    let mut at = memchr::memmem::find_iter(line, b" fail");
    at.any(|at| line[..at].last().is_some_and(u8::is_ascii_digit))
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
}
