//! How a server ended, in words and on the wire between the helper and us.

use std::fmt;

use crate::world::process::signal;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Code(i32),
    Signal(i32),
    /// The helper process died and took the answer with it.
    Unknown,
}

impl Ending {
    /// The helper's last line.
    pub fn to_line(self) -> String {
        match self {
            Self::Code(code) => format!("ended code {code}"),
            Self::Signal(number) => format!("ended signal {number}"),
            Self::Unknown => "ended".to_owned(),
        }
    }

    pub fn from_line(line: &str) -> Self {
        let mut words = line.split(' ');
        match (words.next(), words.next(), words.next().map(str::parse)) {
            (Some("ended"), Some("code"), Some(Ok(code))) => Self::Code(code),
            (Some("ended"), Some("signal"), Some(Ok(number))) => Self::Signal(number),
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with code {code}"),
            Self::Signal(number) => match signal_name(*number) {
                Some(name) => write!(f, "was killed by signal {number} ({name})"),
                None => write!(f, "was killed by signal {number}"),
            },
            Self::Unknown => f.write_str("was lost sight of: the helper process that watched over it was killed"),
        }
    }
}

/// A server that is killed from outside was most often too large.
fn signal_name(number: i32) -> Option<String> {
    let name = signal::name(number)?;
    let hint = if name == "SIGKILL" { ": out of memory?" } else { "" };
    Some(format!("{name}{hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_understood() {
        for ending in [Ending::Code(3), Ending::Signal(9), Ending::Unknown] {
            assert_eq!(Ending::from_line(&ending.to_line()), ending);
        }
        assert_eq!(Ending::from_line("ended code x"), Ending::Unknown);
    }
}
