//! How much a line explains by its words, where no rule of a tool knows it.

use std::sync::LazyLock;

use super::cause::Cause;
use super::phrases::Phrases;
use super::words::clearly;

/// What points elsewhere or tells what to do: no explanation.
const ADVICE: &str = "for more info|more information|for more details|for additional|for details|for help|see also|see http|see the |\
    see full |learn more|get help|visit |complete log of this run|please report|please refer|to rerun|re-run |\
    to see |to fix|to ignore|you can also|alternatively|with seed|finished in |total time|make: *** [|go to http|\
    to continue|not recommended|hint:|help:";
/// And what says only that a program failed.
const SUMMARY: &str = "strict mode|treated as errors|aborted with|exit code|exit status|exited with|returned non-zero|\
    did not complete successfully|with an exception|some refs|previous error|failed to load command|test failed, to|\
    tests failed:|the following tests|targets failed|problems were encountered|task failed|command failed|\
    step failed";

/// Words for what is not as it should be.
const PROBLEM: &str = " not |n't |no |without |unbound|unknown|unable|undefined|unexpected|unresolved|unsupported|fail|wrong|invalid|\
    illegal|exceed|mismatch|missing|cannot|denied|refus|expect|already|forbid|must|should|too |conflict|broken|\
    corrupt|abort|killed|timed out|unhealthy|violat|differ|rejected|was never|warning";
/// Where advice begins.
const BEGINNING: usize = 48;

static SUMMARIES: LazyLock<Option<Phrases<()>>> = LazyLock::new(|| Phrases::new([((), SUMMARY)]));
static PROBLEMS: LazyLock<Option<Phrases<()>>> = LazyLock::new(|| Phrases::new([((), PROBLEM)]));
static ADVISES: LazyLock<Option<Phrases<()>>> = LazyLock::new(|| Phrases::new([((), ADVICE)]));

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
    fn what_names_a_problem_is_worth_more_than_what_sums_up_or_points_elsewhere() {
        let of = |line: &str| worth(line.as_bytes(), true);
        let names = of("could not resolve host a.example");
        let tells = of("the plan is not there");
        assert!(names > tells && tells > of("the plan"));
        for less in [
            "3 passed, 1 failed",
            "the program ended with exit code 3",
            "For more information, see the log",
            "https://a.example/help",
            "these files:",
        ] {
            assert!(of(less) < of("the plan"), "{less}");
        }
        // Advice at the end of a message takes nothing from it.
        let message = "error: the plan of this environment is not there, for more information ask";
        assert_eq!(of(message), tells);
    }
}
