//! Telling what is going on while it goes on: one line per change of state.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use super::output::Stream;
use super::secrets::Redactor;
use crate::model::{Verbosity, text};

/// Where lines about the running work go.
#[derive(Clone)]
pub struct Progress {
    sink: Arc<Mutex<Box<dyn Write + Send>>>,
    started: std::time::Instant,
    secrets: Arc<Redactor>,
    verbosity: Verbosity,
}

impl Progress {
    /// On a runner both streams are read for commands and their order is not kept, so everything goes to standard
    /// output there, inside the same fence. Elsewhere standard output stays free for the result.
    pub fn to_console(on_runner: bool) -> Self {
        if on_runner {
            Self::to(Box::new(Stream::Out))
        } else {
            Self::to(Box::new(Stream::Err))
        }
    }

    /// Nothing is told.
    pub fn silent() -> Self {
        Self::to(Box::new(io::sink()))
    }

    /// The same, with secret values taken out, and on standard error if standard output holds nothing but JSON.
    #[must_use]
    pub fn careful(self, secrets: Arc<Redactor>, json: bool, verbosity: Verbosity) -> Self {
        let to_stderr = || Arc::new(Mutex::new(Box::new(Stream::Err) as Box<dyn Write + Send>));
        Self {
            sink: if json { to_stderr() } else { self.sink },
            secrets,
            verbosity,
            ..self
        }
    }

    /// What is taken out of everything that is said.
    pub fn secrets(&self) -> &Redactor {
        &self.secrets
    }

    fn to(sink: Box<dyn Write + Send>) -> Self {
        Self {
            sink: Arc::new(Mutex::new(sink)),
            started: std::time::Instant::now(),
            secrets: Arc::default(),
            verbosity: Verbosity::default(),
        }
    }

    /// One line, stamped with the seconds since the start, if everything is to be shown. Never fails and never waits: a
    /// closed terminal, or one that takes nothing, is no reason to stop.
    pub fn say(&self, what: &str) {
        if self.verbosity < Verbosity::Verbose {
            return;
        }
        let seconds = self.started.elapsed().as_secs_f64();
        let line = format!("[{seconds:7.1}s] {}\n", text::one_line(&self.secrets.redact(what)));
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = sink.write_all(line.as_bytes());
    }
}
