//! Finding a program, and saying why it did not start.
#![expect(
    clippy::disallowed_methods,
    reason = "asks what a name in PATH leads to, as a shell does"
)]

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::super::Env;

/// Why nothing was run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the command `{0}` is not installed: not found in PATH")]
    NotInPath(String),
    #[error("there is no file {}", .0.display())]
    NoFile(PathBuf),
    #[error("{} cannot be executed: it is a folder or lacks execute permission", .0.display())]
    NotExecutable(PathBuf),
    #[error("{} exists, but its interpreter or loader does not", .0.display())]
    NoInterpreter(PathBuf),
    #[error("{} cannot be started: {error}", .path.display())]
    Other { path: PathBuf, error: io::Error },
    /// We were asked to stop by this signal before there was anything to end.
    #[error("interrupted by {0} before it began")]
    Interrupted(&'static str),
    #[error("{0:#}")]
    System(#[from] anyhow::Error),
}

impl StartError {
    /// Why a file that was found did not start in `folder`.
    pub fn of(path: &Path, folder: &Path, error: io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::NotFound if folder.is_dir() => Self::NoInterpreter(path),
            io::ErrorKind::PermissionDenied => Self::NotExecutable(path),
            _ => Self::Other { path, error },
        }
    }
}

/// What in a command, split into words, only a shell understands, and what to write instead.
pub fn needs_a_shell(words: &[String]) -> Option<String> {
    let line = || words.join(" ");
    let first = words.first()?;
    if is_assignment(first) {
        return Some(format!(
            "it runs without a shell, so put `env` before the variable: env {}",
            line()
        ));
    }
    let operator = words.iter().find_map(|word| match word.strip_suffix(';') {
        Some(_) => Some(";"),
        None => is_operator(word).then_some(&**word),
    })?;
    Some(format!(
        "it runs without a shell, so `{operator}` is a plain argument: put the commands into a script, or write sh -c \
         \"{}\"",
        line()
    ))
}

/// A word that joins commands or redirects their output, in a shell.
pub fn is_operator(word: &str) -> bool {
    ["&&", "||", "|", ";", "&", ">", ">>", "<", "2>", "2>&1"].contains(&word)
}

/// `NAME=VALUE`, which a shell takes for a variable when it stands before a command.
pub fn is_assignment(word: &str) -> bool {
    let name = word.split_once('=').map_or("", |(name, _)| name);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && !name.as_bytes()[0].is_ascii_digit() && name.bytes().all(plain)
}

/// The file that will be run, so that what is wrong with it can be told apart. A `program` without a slash is looked up
/// in PATH; paths are relative to `folder`.
pub fn find(program: &str, folder: &Path, env: &Env) -> Result<PathBuf, StartError> {
    if program.contains('/') {
        let path = folder.join(program);
        return match path.metadata() {
            Ok(_) if is_executable(&path) => Ok(path),
            Ok(_) => Err(StartError::NotExecutable(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(StartError::NoFile(path)),
            Err(error) => Err(StartError::Other { path, error }),
        };
    }
    let folders = env.raw("PATH").map(OsString::from).unwrap_or_default();
    let candidates: Vec<PathBuf> = std::env::split_paths(&folders)
        .filter(|entry| !entry.as_os_str().is_empty())
        .map(|entry| folder.join(entry).join(program))
        .collect();
    match candidates.iter().find(|path| is_executable(path)) {
        Some(path) => Ok(path.clone()),
        None => Err(match candidates.into_iter().find(|path| path.is_file()) {
            Some(path) => StartError::NotExecutable(path),
            None => StartError::NotInPath(program.to_owned()),
        }),
    }
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_a_shell_understands_is_named() {
        let advice = |line: &str| needs_a_shell(&shlex::split(line).unwrap()).unwrap_or_default();
        assert!(advice("PORT=1 node a.js").contains("env PORT=1 node a.js"));
        for line in ["npm ci && npm start", "a ; b", "a; b", "a | b", "a > log", "a &"] {
            assert!(advice(line).contains("sh -c"), "{line}");
        }
        for line in [
            "",
            "node a.js --port=1",
            "./A=b",
            "1=2",
            "=x",
            "sh -c 'a && b'",
            "grep 'a|b' f",
        ] {
            assert_eq!(advice(line), "", "{line}");
        }
    }
}
