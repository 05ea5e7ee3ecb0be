//! `no-other-run` where more is going on than is read.

use crate::github::{Mock, RUN};

/// GitHub's lists come with the newest first, and ten pages are read.
fn crowd(newer: u64) -> Mock {
    let mut mock = Mock::new().pages_of(1);
    for number in 1..=newer {
        mock = mock.run(1000 + number, 100 + number, "queued", 0);
    }
    mock
}

#[test]
fn an_older_run_behind_the_pages_that_are_read_is_not_taken_for_none() {
    for older in [0, 1] {
        let mut mock = crowd(12);
        for number in 0..older {
            mock = mock.run(70 - number, 49 - number, "queued", 0);
        }
        mock.gate()
            .run(["skip-guard", "--require=no-other-run"])
            .code(4)
            .says("too many runs of this workflow are in progress to read them all");
    }
    let exact = crowd(10);
    exact
        .gate()
        .run(["skip-guard", "--require=no-other-run"])
        .code(0)
        .says("Verdict: pass");
    // What was read is enough to wait for.
    let seen = crowd(0).run(RUN - 1, 49, "queued", 0);
    let seen = (0..12).fold(seen, |mock, n| mock.run(2000 + n, 30 - n, "queued", 0));
    seen.gate()
        .run(["skip-guard", "--require=no-other-run"])
        .code(0)
        .says("Verdict: skip");
}
