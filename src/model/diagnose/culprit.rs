//! Which step failed the job.

use super::log::{Log, Piece, Step};
use super::step_kind::runs;

/// Lines that one thread looks at at once.
const PIECE: usize = 2000;

/// The index of the step that failed the job; `None` if nothing did.
pub fn of(log: &Log) -> Option<usize> {
    let failed = failed(log);
    if failed.is_empty() {
        // An error that no step ended with; at last, that of an action's own cleanup.
        let has_error = |step: &Step| step.error_at.is_some();
        let last = indices(log, has_error).last().copied();
        return last.or_else(|| log.steps.iter().rposition(has_error));
    }
    // What runs after a failure is there to clean up and to report. If a step of another kind ran, the failure before it
    // was tolerated.
    let goes_on = |step: &Step| !step.is_cleanup && !step.title.is_empty() && !runs_always(&step.title);
    let last = log.steps.iter().rposition(goes_on).unwrap_or(0);
    let culprit = failed.iter().find(|index| **index >= last);
    culprit.or(failed.last()).copied()
}

/// The steps that ended with an error.
pub fn failed(log: &Log) -> Vec<usize> {
    indices(log, |step| {
        step.exit.is_some_and(|code| code != 0) || step.ends_with_error()
    })
}

/// The last step that wrote anything.
pub fn last(log: &Log) -> Option<usize> {
    indices(log, |step| !step.body.is_empty()).last().copied()
}

fn indices(log: &Log, wanted: impl Fn(&Step) -> bool) -> Vec<usize> {
    let steps = log.steps.iter().enumerate().filter(|(_, step)| !step.is_cleanup);
    steps.filter(|(_, step)| wanted(step)).map(|(index, _)| index).collect()
}

/// By its title, a step that reports or cleans up.
fn runs_always(title: &str) -> bool {
    const WORDS: &str = "upload|uploads|artifact|artifacts|report|reports|reporter|notify|notification|slack|discord|teams|cleanup|\
        clean up|clean-up|teardown|tear down|logs|log|summary|publish-unit-test|publish-test|publish test|coverage|codecov|\
        cache|compose down|make down|rm -|docker rm|echo|comment|github-script|collect|dump|print|annotate|annotations|junit|\
        stop|kill|delete|hook|save|archive";
    let title = title.to_ascii_lowercase();
    WORDS.split('|').any(|word| runs(&title, word))
}

impl Log {
    /// All lines in which a failure may be explained.
    pub fn pieces(&self) -> Vec<Piece> {
        let failing = of(self);
        let steps = self.steps.iter().enumerate();
        let steps = steps.filter(|(index, step)| !step.is_cleanup || Some(*index) == failing);
        let of_step = |(step, content): (usize, &Step)| {
            let all = content.body.lines().len();
            let lines = (0..all).step_by(PIECE).map(move |from| from..all.min(from + PIECE));
            lines.map(move |lines| Piece { step, lines })
        };
        steps.flat_map(of_step).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Cause;
    use super::super::tests::{FAILED, log, of as diagnosed, step};
    use super::*;

    #[test]
    fn a_step_reports_by_whole_words_only() {
        let lint = step(
            "npx eslint .",
            "",
            &format!("1:1  error  'a' is not defined  no-undef\n{FAILED}"),
        );
        let tests = step(
            "pytest -p no:cacheprovider",
            "",
            &format!("E   assert 1 == 2\n{FAILED}"),
        );
        let report = step("./report-to-slack.sh", "", &format!("Error: no channel\n{FAILED}"));
        assert_eq!(
            diagnosed(&format!("{lint}{tests}{report}")).step,
            "pytest -p no:cacheprovider"
        );
    }

    #[test]
    fn a_job_whose_steps_passed_fails_by_an_actions_cleanup() {
        let good = step("./links.sh", "", "150 links, 0 errors\n");
        let post = "Post job cleanup.\n##[error]Cache folder path is retrieved for pip but doesn't exist on disk: /a\n";
        let found = diagnosed(&format!("{good}{post}"));
        assert_eq!((found.cause, found.fix.unwrap().id()), (Cause::WorkflowConfig, "edit"));
        // What failed before is the cause.
        let bad = step("pytest", "", &format!("E   assert 1 == 2\n{FAILED}"));
        assert_eq!(diagnosed(&format!("{bad}{post}")).cause, Cause::TestFailure);
    }

    #[test]
    fn what_goes_on_after_a_failure_is_not_taken_for_a_report() {
        let tolerated = step("npm run lint", "", &format!("odd\n{FAILED}"));
        for (title, expected) in [
            ("terraform apply", 2),
            ("make markdown", 2),
            ("kubectl rollout status", 2),
            ("npm publish", 2),
            ("docker run --rm app", 2),
            ("actions/upload-artifact@v4", 1),
            ("docker compose down", 1),
            ("rm -rf build", 1),
        ] {
            let later = step(title, "", &format!("boom\n{FAILED}"));
            assert_eq!(of(&log(&format!("{tolerated}{later}"))), Some(expected), "{title}");
        }
    }
}
