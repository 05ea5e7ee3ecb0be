//! The names of signals.

use rustix::process::Signal;

/// `SIGTERM` for 15. The signals that programs usually die of, or are told to end by.
pub fn name(number: i32) -> Option<&'static str> {
    let known = NAMES.iter().find(|(signal, _)| signal.as_raw() == number);
    known.map(|(_, name)| *name)
}

/// 15 for `SIGTERM`.
pub fn number(name: &str) -> Option<i32> {
    let known = NAMES.iter().find(|(_, known)| *known == name);
    known.map(|(signal, _)| signal.as_raw())
}

const NAMES: [(Signal, &str); 17] = [
    (Signal::HUP, "SIGHUP"),
    (Signal::INT, "SIGINT"),
    (Signal::QUIT, "SIGQUIT"),
    (Signal::ILL, "SIGILL"),
    (Signal::TRAP, "SIGTRAP"),
    (Signal::ABORT, "SIGABRT"),
    (Signal::BUS, "SIGBUS"),
    (Signal::FPE, "SIGFPE"),
    (Signal::KILL, "SIGKILL"),
    (Signal::USR1, "SIGUSR1"),
    (Signal::SEGV, "SIGSEGV"),
    (Signal::USR2, "SIGUSR2"),
    (Signal::PIPE, "SIGPIPE"),
    (Signal::ALARM, "SIGALRM"),
    (Signal::TERM, "SIGTERM"),
    (Signal::XCPU, "SIGXCPU"),
    (Signal::XFSZ, "SIGXFSZ"),
];
