//! The one table of exit codes. The documentation repeats it, and a test holds the two equal.

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

/// `heartbeat` passes on the exit code of its command; these are its own, as with `timeout(1)`.
pub const LIMIT: u8 = 124;
/// Of `heartbeat`: what the command did cannot be vouched for.
pub const OWN_FAILURE: u8 = 125;
/// Of `heartbeat`: the command is there and cannot be run.
pub const NOT_EXECUTABLE: u8 = 126;
/// Of `heartbeat`: there is no such command.
pub const NOT_FOUND: u8 = 127;

/// Every code with its meaning, in ascending order.
pub const TABLE: [(u8, &str); 10] = [
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
    (INCONCLUSIVE, "`inconclusive`: something could not be checked"),
    (
        LIMIT,
        "`heartbeat`: a limit ended the command (its other codes are the command's own)",
    ),
    (
        OWN_FAILURE,
        "`heartbeat`: stageproof itself failed, such as a log that could not be written, and the command did not",
    ),
    (NOT_EXECUTABLE, "`heartbeat`: the command cannot be executed"),
    (NOT_FOUND, "`heartbeat`: the command was not found"),
    (
        128,
        "`heartbeat`: 128 and the number of the signal that killed the command",
    ),
];
