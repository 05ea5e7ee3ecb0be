//! What is said to people and to the runner, and in which order.

use std::io;

use anyhow::Context as _;

use crate::model::text::printable;
use crate::render::annotations;
use crate::world::output::Stream;
use crate::world::{Interrupt, World, random};

/// Standard output, behind a fence on a runner: the runner executes what it prints, and between the fence's two lines
/// it does not, so foreign text can do no harm.
pub struct Console {
    token: Option<String>,
    streams: Streams,
    interrupt: Interrupt,
}

/// Which stream is whose.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Streams {
    /// Everything is said on standard output.
    Plain,
    /// Standard output holds nothing but JSON. Everything else goes to standard error, which the runner reads as well.
    Json,
    /// Both streams are those of a command that we run for somebody, and what it says to the runner is meant for it. So
    /// there is no fence until it has ended, and standard output is not touched.
    Wrapped,
}

impl Console {
    pub fn open(streams: Streams, world: &World) -> anyhow::Result<Self> {
        let interrupt = world.interrupt.clone();
        if !world.runner.active {
            return Ok(Self {
                token: None,
                streams,
                interrupt,
            });
        }
        let token = random::token()?;
        let mut lines = String::new();
        // Masks must be known before the first line that could hold a value.
        for value in world.secrets.named() {
            lines.push_str(&annotations::mask(value));
        }
        if streams != Streams::Wrapped {
            lines.push_str(&format!("::stop-commands::{token}\n"));
        }
        let console = Self {
            token: Some(token),
            streams,
            interrupt,
        };
        // A log that cannot be written is found out in the end, with the report.
        let _ = console.aside(&lines);
        Ok(console)
    }

    /// Says the result, lifts the fence and sets the annotations. `beside` is what went wrong and does not change the result.
    pub fn close(mut self, text: &str, found: &str, beside: Option<&str>) -> anyhow::Result<()> {
        if self.streams != Streams::Wrapped {
            // What was said about the work is not cut off by the end of the process, nor mixed with the result.
            let _ = Stream::Err.flush(&self.interrupt);
        }
        let said = match (self.streams, &self.token) {
            (Streams::Wrapped, Some(token)) => self.aside(&format!("::stop-commands::{token}\n{text}")),
            (Streams::Wrapped, None) => self.aside(text),
            (Streams::Plain | Streams::Json, _) => self.all(Stream::Out, text),
        };
        if let Some(token) = self.token.take() {
            let beside = beside.map(annotations::warning).unwrap_or_default();
            self.aside(&format!("::{token}::\n{beside}{found}"))?;
        } else if let Some(beside) = beside {
            self.all(Stream::Err, &format!("warning: {}\n", printable(beside)))?;
        }
        said
    }

    fn aside(&self, text: &str) -> anyhow::Result<()> {
        match self.streams {
            Streams::Plain => self.all(Stream::Out, text),
            Streams::Json | Streams::Wrapped => self.all(Stream::Err, text),
        }
    }

    /// A closed pipe is not an error: its reader has seen enough. Any other failed write is one, but never changes the exit
    /// code of a wrapped command.
    fn all(&self, stream: Stream, text: &str) -> anyhow::Result<()> {
        stream.say(text.as_bytes());
        match stream.flush(&self.interrupt) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::TimedOut && self.streams == Streams::Wrapped => Ok(()),
            said => said.context("the result cannot be written to standard output"),
        }
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        // A wrapped command was given no fence yet.
        if let Some(token) = self.token.take().filter(|_| self.streams != Streams::Wrapped) {
            let _ = self.aside(&format!("::{token}::\n"));
        }
    }
}
