//! The one table of exit codes. The README repeats it and a test holds the two equal.

/// The gate is open: verdict `pass`, `pass-weak` or `skip`.
pub const OK: u8 = 0;
/// Verdict `fail`, or stageproof itself could not finish (a report it could not write, an internal error).
pub const FAIL: u8 = 1;
/// The command line, an action input or the configuration is wrong; nothing was run.
pub const USAGE: u8 = 2;
/// Nothing was checked, which is never success.
pub const NOTHING_CHECKED: u8 = 3;
/// Something could not be looked at, and nothing that could be looked at failed.
pub const INCONCLUSIVE: u8 = 4;

/// Every code with its meaning, in ascending order.
pub const TABLE: [(u8, &str); 5] = [
    (OK, "`pass`, `pass-weak` or `skip`"),
    (
        FAIL,
        "`fail`, or an internal error such as a report that could not be written",
    ),
    (
        USAGE,
        "wrong command line, action input or configuration; nothing was run",
    ),
    (NOTHING_CHECKED, "`nothing-checked`"),
    (INCONCLUSIVE, "`inconclusive`: something could not be looked at"),
];
