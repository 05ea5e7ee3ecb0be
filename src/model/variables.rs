//! Variables in one text, in the form of the runner's GITHUB_ENV file: `NAME=VALUE`, or `NAME<<END`, lines and `END`.

/// Why a text is no list of variables. A line may hold a secret and is not repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VariablesError {
    #[error("line {0} is neither NAME=VALUE nor NAME<<END")]
    NoName(usize),
    #[error("line {0} begins a value of several lines that does not end")]
    NoEnd(usize),
    #[error("line {0} looks like the rest of a value of several lines, which NAME=VALUE cannot hold")]
    Rest(usize),
    #[error("line {0} sets a variable that an earlier line sets")]
    Twice(usize),
}

/// Each name and its value, as they are written. Blank lines are skipped.
pub fn parse(text: &str) -> Result<Vec<(String, String)>, VariablesError> {
    let mut variables: Vec<(String, String)> = Vec::new();
    let mut lines = (1..).zip(text.lines());
    while let Some((number, line)) = lines.next() {
        if line.trim().is_empty() {
            continue;
        }
        let long = line
            .find("<<")
            .filter(|at| line.find('=').is_none_or(|equals| *at < equals));
        let (name, value) = match long {
            Some(at) => {
                let end = &line[at + 2..];
                let mut value = Vec::new();
                loop {
                    match lines.next() {
                        Some((_, line)) if line == end => break,
                        Some((_, line)) => value.push(line),
                        None => return Err(VariablesError::NoEnd(number)),
                    }
                }
                (&line[..at], value.join("\n"))
            }
            None => {
                let (name, value) = line.split_once('=').ok_or(VariablesError::NoName(number))?;
                (name, value.to_owned())
            }
        };
        if !is_name(name) {
            return Err(VariablesError::NoName(number));
        }
        // The last line of a key in base64 may end in one or two of them.
        if long.is_none() && !variables.is_empty() && value == "=" {
            return Err(VariablesError::Rest(number));
        }
        if variables.iter().any(|(known, _)| known == name) {
            return Err(VariablesError::Twice(number));
        }
        variables.push((name.to_owned(), value));
    }
    Ok(variables)
}

/// A name that every shell can use.
fn is_name(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !text.is_empty() && text.bytes().all(is_word) && !text.as_bytes()[0].is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_taken_as_they_are() {
        let text = "A=1\n\nB=x=y<<z\nEMPTY=\nKEY<<END\n-----BEGIN KEY-----\nab==\n\nEND\nLAST= two words ";
        let expected = [
            ("A", "1"),
            ("B", "x=y<<z"),
            ("EMPTY", ""),
            ("KEY", "-----BEGIN KEY-----\nab==\n"),
            ("LAST", " two words "),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(parse(text).unwrap(), expected);
        assert_eq!(parse("").unwrap(), []);
    }

    /// Such as a key of several lines after `KEY=`.
    #[test]
    fn what_is_no_variable_is_named_by_its_line_alone() {
        for (text, error) in [
            ("A=1\ns3cret", VariablesError::NoName(2)),
            ("KEY=-----BEGIN KEY-----\ns3+cret==", VariablesError::NoName(2)),
            ("KEY=-----BEGIN\ns3cretcret==", VariablesError::Rest(2)),
            ("A=1\nB=2\nA=s3cret", VariablesError::Twice(3)),
            ("1A=x", VariablesError::NoName(1)),
            ("A =x", VariablesError::NoName(1)),
            ("=x", VariablesError::NoName(1)),
            ("A=1\nB<<END\ns3cret\nEND ", VariablesError::NoEnd(2)),
        ] {
            assert_eq!(parse(text), Err(error.clone()), "{text}");
            assert!(!error.to_string().contains("s3cret"));
        }
    }
}
