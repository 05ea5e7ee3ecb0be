//! Which change is proposed, and what is refused.

use super::propose::{Facts, Lacks, propose};
use super::*;
use crate::model::yaml;

const TWO_STEPS: &str = "on: [push, pull_request]\njobs:\n  a:\n    runs-on: ubuntu-latest\n    timeout-minutes: 20\n    steps:\n      \
                         - uses: actions/checkout@v4\n      - uses: actions/setup-node@v4\n      - run: npm ci\n      - run: npm test\n        \
                         timeout-minutes: 9\n      - run: ./deploy.sh\n      - if: always()\n        run: ./report.sh\n";
const ONE_STEP: &str = "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n      - run: ls\n";

fn facts<'a>(lacks: Lacks<'a>, step: usize) -> Facts<'a> {
    Facts {
        lacks: Some(lacks),
        is_sure: true,
        job: "a",
        step: Some(step),
        event: Some("push"),
        ..Facts::default()
    }
}

fn proposed(facts: &Facts<'_>, text: &str) -> Option<Change> {
    propose(facts, &yaml::parse(text).unwrap())
}

#[test]
fn missing_values_are_guarded_and_where_secrets_cannot_exist_one_line_is_enough() {
    let names = ["TOKEN".to_owned()];
    let values = |step| facts(Lacks::Values(&names), step);
    let guard = |index| {
        Some(Change::SkipGuard {
            at: At::step("a", index),
            names: names.to_vec(),
            pin: None,
        })
    };
    let only = |index, condition| {
        Some(Change::Only {
            at: At::step("a", index),
            condition,
        })
    };
    assert_eq!(proposed(&values(3), TWO_STEPS), guard(3));
    assert_eq!(proposed(&values(4), TWO_STEPS), guard(4));
    let fork = |step| Facts {
        is_fork: Some(true),
        event: Some("pull_request"),
        ..values(step)
    };
    // It is no pull request, so the condition would hold.
    let pushed = Facts {
        event: Some("push"),
        ..fork(4)
    };
    assert_eq!(proposed(&pushed, TWO_STEPS), guard(4));
    // Steps behind it may need what it does.
    assert_eq!(proposed(&fork(3), TWO_STEPS), guard(3));
    assert_eq!(proposed(&fork(4), TWO_STEPS), only(4, Condition::NotFork));
    let dependabot = Facts {
        is_dependabot: Some(true),
        ..values(4)
    };
    assert_eq!(proposed(&dependabot, TWO_STEPS), only(4, Condition::NotDependabot));
    // A log may say what it likes: no run of this workflow is from a fork.
    let no_pull_request = TWO_STEPS.replace("[push, pull_request]", "push");
    assert_eq!(proposed(&fork(4), &no_pull_request), guard(4));
    assert_eq!(proposed(&dependabot, &no_pull_request), guard(4));
    for facts in [
        facts(Lacks::Values(&[]), 3),
        Facts {
            is_sure: false,
            ..values(3)
        },
        Facts {
            step: None,
            ..values(3)
        },
        Facts { job: "b", ..values(3) },
        Facts {
            lacks: None,
            ..values(3)
        },
        values(9),
    ] {
        assert_eq!(proposed(&facts, TWO_STEPS), None, "{facts:?}");
    }
}

#[test]
fn what_cannot_work_on_an_event_does_not_run_on_it() {
    let wanted = |step| facts(Lacks::Event(&["pull_request", "pull_request_target"]), step);
    let events = || Condition::Events(vec!["pull_request".to_owned()]);
    let job = Some(Change::Only {
        at: At::job("a"),
        condition: events(),
    });
    // All that is in front of it prepares for it.
    assert_eq!(proposed(&wanted(3), TWO_STEPS), job);
    // The tests in front of it have their use.
    assert_eq!(
        proposed(&wanted(4), TWO_STEPS),
        Some(Change::Only {
            at: At::step("a", 4),
            condition: events()
        })
    );
    let between = TWO_STEPS.replace("./deploy.sh", "./a.sh\n      - run: ./b.sh");
    assert_eq!(proposed(&wanted(4), &between), None);
    // It runs on no event that it could work on.
    let replace = |from: &str| {
        Some(Change::Trigger {
            from: from.to_owned(),
            to: "pull_request".to_owned(),
        })
    };
    let one = || facts(Lacks::Event(&["pull_request"]), 1);
    assert_eq!(proposed(&one(), ONE_STEP), replace("push"));
    let other_job = format!("{ONE_STEP}  b:\n    runs-on: ubuntu-latest\n    steps: [{{ run: ls }}]\n");
    for (facts, text) in [
        (one(), &*other_job),
        (one(), &ONE_STEP.replace("on: push", "on: [push, schedule]")),
        (wanted(1), ONE_STEP),
        (Facts { event: None, ..one() }, ONE_STEP),
        (
            Facts {
                event: Some("workflow_call"),
                ..one()
            },
            ONE_STEP,
        ),
        (
            Facts {
                event: Some("pull_request"),
                ..wanted(3)
            },
            TWO_STEPS,
        ),
        (wanted(3), &TWO_STEPS.replace("[push, ", "[push, workflow_call, ")),
    ] {
        assert_eq!(proposed(&facts, text), None, "{facts:?}\n{text}");
    }
}

#[test]
fn what_a_step_reads_says_on_which_events_it_can_work() {
    let lacking = || facts(Lacks::Event(&[]), 1);
    let reads = |text: &str| {
        ONE_STEP
            .replace("run: ls", text)
            .replace("on: push", "on: [push, pull_request, issues]")
    };
    let only = |condition| {
        Some(Change::Only {
            at: At::job("a"),
            condition,
        })
    };
    let event = |event: &str| only(Condition::Events(vec![event.to_owned()]));
    for (text, expected) in [
        (
            "run: ./size.sh ${{ github.event.pull_request.number }}",
            event("pull_request"),
        ),
        ("run: git diff origin/$GITHUB_BASE_REF", event("pull_request")),
        ("run: gh issue edit ${{ github.event.issue.number }}", event("issues")),
        ("run: ls", None),
        (
            "run: echo ${{ github.event.issue.number }} ${{ github.head_ref }}",
            None,
        ),
    ] {
        assert_eq!(proposed(&lacking(), &reads(text)), expected, "{text}");
    }
    let replaced = Change::Trigger {
        from: "push".to_owned(),
        to: "pull_request".to_owned(),
    };
    let alone = ONE_STEP.replace("run: ls", "run: echo ${{ github.head_ref }}");
    assert_eq!(proposed(&lacking(), &alone), Some(replaced));
    // Nothing in the step depends on the event, but where the run comes from does.
    let pushed = Facts {
        is_fork: Some(true),
        ..lacking()
    };
    let both = ONE_STEP.replace("on: push", "on: [push, pull_request]");
    assert_eq!(proposed(&pushed, &both), None);
    let fork = Facts {
        event: Some("pull_request"),
        ..pushed
    };
    assert_eq!(proposed(&fork, &both), only(Condition::NotFork));
    assert_eq!(proposed(&fork, ONE_STEP), None);
    let dependabot = Facts {
        is_dependabot: Some(true),
        ..lacking()
    };
    assert_eq!(proposed(&dependabot, &both), only(Condition::NotDependabot));
}

#[test]
fn a_permission_is_proposed_only_where_the_workflow_decides() {
    let granted = [("contents".to_owned(), Access::Read)];
    let lacking = |access| Facts {
        is_fork: Some(false),
        granted: Some(&granted),
        ..facts(
            Lacks::Permission {
                scope: "contents",
                access,
            },
            3,
        )
    };
    let write = || lacking(Access::Write);
    let grant = Some(Change::Permission {
        job: "a".to_owned(),
        scope: "contents".to_owned(),
        access: Access::Write,
        granted: Some(granted.to_vec()),
    });
    for (facts, expected) in [
        (write(), &grant),
        (
            Facts {
                event: Some("pull_request"),
                ..write()
            },
            &grant,
        ),
        (
            Facts {
                is_fork: None,
                ..write()
            },
            &grant,
        ),
        (
            Facts {
                event: Some("pull_request"),
                is_fork: None,
                ..write()
            },
            &None,
        ),
        (
            Facts {
                is_fork: Some(true),
                ..write()
            },
            &None,
        ),
        (
            Facts {
                is_dependabot: Some(true),
                ..write()
            },
            &None,
        ),
        (lacking(Access::Read), &None),
    ] {
        assert_eq!(&proposed(&facts, TWO_STEPS), expected, "{facts:?}");
    }
}

#[test]
fn the_other_changes() {
    let limit = |minutes, step| facts(Lacks::Time { minutes: Some(minutes) }, step);
    let more = |at, minutes| Some(Change::TimeLimit { at, minutes });
    let retry = Some(Change::Retry {
        at: At::step("a", 2),
        retries: 2,
        pin: None,
    });
    let renamed = Change::SecretName {
        job: "a".to_owned(),
        from: "A".to_owned(),
        to: "B".to_owned(),
    };
    for (facts, expected) in [
        (facts(Lacks::History, 3), Some(Change::FetchDepth(At::step("a", 3)))),
        (limit(9, 3), more(At::step("a", 3), 18)),
        (limit(20, 3), more(At::job("a"), 40)),
        // GitHub's own limit, or one of a step that did not fail.
        (limit(360, 3), None),
        (limit(9, 4), None),
        (facts(Lacks::Luck, 2), retry),
        // Twice may be once too often, and an action cannot be wrapped.
        (facts(Lacks::Luck, 4), None),
        (facts(Lacks::Luck, 0), None),
        (facts(Lacks::SecretName { from: "A", to: "B" }, 3), Some(renamed)),
    ] {
        assert_eq!(proposed(&facts, TWO_STEPS), expected, "{facts:?}");
    }
    let longest = TWO_STEPS.replace("timeout-minutes: 20", "timeout-minutes: 200");
    assert_eq!(proposed(&limit(200, 3), &longest), more(At::job("a"), 360));
    let written = |step| facts(Lacks::Time { minutes: None }, step);
    assert_eq!(proposed(&written(3), TWO_STEPS), more(At::step("a", 3), 18));
    assert_eq!(proposed(&written(4), TWO_STEPS), more(At::job("a"), 40));
    assert_eq!(proposed(&written(1), ONE_STEP), None);
    assert_eq!(
        proposed(&limit(200, 3), &longest.replace("200", "${{ vars.LIMIT }}")),
        None
    );
}

#[test]
fn only_a_harmless_script_is_run_again() {
    for (script, may) in [
        ("npm ci", true),
        ("sudo apt-get install -y jq", true),
        ("set -x; make test # on staging", true),
        ("./run.sh", false),
        ("curl -X PUT https://a.example/check", false),
        ("curl --data a=b https://a.example/test", false),
        ("curl -d a=b https://a.example/test", false),
        ("make test && ssh host restart", false),
        ("make build && gh release create v1", false),
        ("apt-get upgrade", false),
        ("pip install x && psql -f a.sql", false),
        ("git fetch && git tag v1", false),
        ("npm test && ./send-report.sh", false),
        ("terraform destroy # test", false),
    ] {
        let text = ONE_STEP.replace("run: ls", &format!("run: '{script}'"));
        assert_eq!(proposed(&facts(Lacks::Luck, 1), &text).is_some(), may, "{script}");
    }
}

fn guarded(text: &str, index: usize, name: &str) -> Result<String, Refusal> {
    let change = Change::SkipGuard {
        at: At::step("a", index),
        names: vec![name.to_owned()],
        pin: Some(Pin {
            at: "v1".to_owned(),
            note: None,
        }),
    };
    patch(text.as_bytes(), "x.yml", &change).map(|patch| patch.text)
}

#[test]
fn a_guard_does_not_take_the_clean_up_of_earlier_steps_away() {
    let with = |before: &str| {
        format!(
            "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - {before}\n      - run: ./deploy.sh\n        \
             env:\n          TOKEN: ${{{{ secrets.TOKEN }}}}\n      - if: always()\n        run: ./down.sh\n      - if: failure()\n        \
             run: ./tell.sh\n        env:\n          TOKEN: ${{{{ secrets.TOKEN }}}}\n"
        )
    };
    let text = guarded(&with("run: ./up.sh"), 1, "TOKEN").unwrap();
    assert!(text.contains("- if: always()\n"), "{text}");
    assert!(
        text.contains("- if: failure() && steps.guard.outputs.ready != 'false'\n"),
        "{text}"
    );
    let text = guarded(&with("uses: actions/checkout@v4"), 1, "TOKEN").unwrap();
    assert!(text.contains("- if: always() && steps.guard"), "{text}");
}

#[test]
fn a_guard_looks_at_the_whole_expression_of_a_value() {
    let both = "${{ secrets.TOKEN || vars.TOKEN }}";
    let with = |entry: &str| ONE_STEP.replace("run: ls\n", &format!("run: ls\n        env:\n          {entry}\n"));
    let text = guarded(&with(&format!("TOKEN: {both}")), 1, "TOKEN").unwrap();
    assert_eq!(text.matches(both).count(), 2, "{text}");
    let inline = ONE_STEP.replace("run: ls", &format!("run: ls {both}"));
    let input = ONE_STEP.replace(
        "run: ls\n",
        &format!("uses: a/b@v1\n        with:\n          TOKEN: {both}\n"),
    );
    let always = with("TOKEN: ${{ secrets.TOKEN || github.token }}");
    for text in [&*inline, &input, &always, &with("TOKEN: ${{ steps.x.outputs.y }}")] {
        guarded(text, 1, "TOKEN").unwrap_err();
    }
}

#[test]
fn what_cannot_be_patched_is_refused_with_the_reason() {
    let change = Change::FetchDepth(At::step("a", 1));
    for (bytes, path, says) in [
        (&b"on: \xff"[..], "x.yml", "not UTF-8"),
        (ONE_STEP.as_bytes(), "/x.yml", "outside of the repository"),
        (ONE_STEP.as_bytes(), "a\n.yml", "cannot name this path"),
        (ONE_STEP.as_bytes(), "../x.yml", "with `..`"),
        (b"", "x.yml", "there is no `jobs.a`"),
        (b"jobs: {a: b}", "x.yml", "there is no `jobs.a.steps`"),
    ] {
        let refusal = patch(bytes, path, &change).unwrap_err().to_string();
        assert!(refusal.contains(says), "{refusal}");
    }
    let spaced = patch(ONE_STEP.as_bytes(), "a b.yml", &change).unwrap();
    assert!(
        spaced.diff.starts_with("--- a/a b.yml\t\n+++ b/a b.yml\t\n@@ "),
        "{}",
        spaced.diff
    );
}
