//! How a server ended, in words and on the wire between the helper and us. Nothing if the helper died and took the answer
//! with it.

use crate::world::process::Ending;

/// The helper's last line.
pub fn to_line(ending: Option<Ending>) -> String {
    match ending {
        Some(Ending::Code(code)) => format!("ended code {code}"),
        Some(Ending::Signal(number)) => format!("ended signal {number}"),
        None => "ended".to_owned(),
    }
}

pub fn from_line(line: &str) -> Option<Ending> {
    let mut words = line.split(' ');
    match (words.next(), words.next(), words.next().map(str::parse)) {
        (Some("ended"), Some("code"), Some(Ok(code))) => Some(Ending::Code(code)),
        (Some("ended"), Some("signal"), Some(Ok(number))) => Some(Ending::Signal(number)),
        _ => None,
    }
}

pub fn in_words(ending: Option<Ending>) -> String {
    match ending {
        // A server that is killed from outside was most often too large.
        Some(ending @ Ending::Signal(9)) => format!("{ending}: out of memory?"),
        Some(ending) => ending.to_string(),
        None => "exit status unknown: its supervisor process was killed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_understood() {
        for ending in [Some(Ending::Code(3)), Some(Ending::Signal(9)), None] {
            assert_eq!(from_line(&to_line(ending)), ending);
        }
        assert_eq!(from_line("ended code x"), None);
    }
}
