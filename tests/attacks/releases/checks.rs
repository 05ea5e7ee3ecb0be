//! Checks of the user that end without a response.

use crate::repo::{Repo, Told};

fn check(script: &str, more: &[&str]) -> Told {
    let quoted = shlex::try_quote(script).unwrap();
    let check = format!("--check=sh -c {quoted}");
    let mut args = vec![check.as_str()];
    args.extend(more);
    Repo::none().dry_run(&args)
}

#[test]
fn a_check_that_gave_no_answer_is_no_yes() {
    for (script, more, code) in [
        // Whatever the code, a signal is no answer.
        ("kill -TERM $$", vec!["--expect-exit=143"], 4),
        ("kill -KILL $$", vec![], 4),
        ("sleep 60", vec!["--check-timeout=300ms"], 4),
        ("trap 'exit 0' TERM; sleep 60 & wait", vec!["--check-timeout=300ms"], 4),
        ("exec sh -c 'exit 7'", vec![], 1),
        ("true", vec!["--expect-output=."], 1),
        ("exec >&- 2>&-; echo yes", vec!["--expect-output=yes"], 1),
        ("echo yes >/dev/null", vec!["--expect-output=yes"], 1),
        ("echo yes >&2; exit 1", vec!["--expect-output=yes"], 1),
        ("echo yes >&2", vec!["--expect-output=yes"], 0),
    ] {
        let told = check(script, &more);
        assert_eq!(told.code, code, "{script}: {}", told.text);
        assert_eq!(told.output("command"), "", "{script}");
    }
}

#[test]
fn a_silent_yes_says_what_it_did_not_look_at() {
    let told = check("true", &["--rollback-command=go back"]);
    told.is(0, &[]);
    let notes = told.notes();
    for part in [
        "only its exit code counted",
        "it is printed as given",
        "its result is trusted",
    ] {
        assert!(notes.contains(part), "{part}: {notes}");
    }
}

/// Of a flood the middle is not kept, and neither the cut through a line nor our note of it is output.
#[test]
fn what_is_left_out_of_a_flood_matches_nothing() {
    // The first half that is kept ends in the middle of the line.
    let script = "printf 'status: ok'; head -c 9000000 /dev/zero | tr '\\0' x; echo; echo end";
    check(script, &["--expect-output=status: ok"]).is(1, &["were not searched"]);
    check(script, &["--expect-output=[0-9]+ bytes"]).is(1, &["were not searched"]);
    check(script, &["--expect-output=(?m)^end$"]).is(0, &[]);
}
