//! What people see while a wrapped command runs: its own output, untouched, and our lines between.
//!
//! Here, and nowhere else but at the end of a run, something is written to standard output and standard error: a wrapped
//! command's bytes are passed on as if it was not wrapped, so they are neither made safe nor fenced. What the command
//! says to a runner (`::group::`, `::error::`) works.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::model::text::one_line;
use crate::world::output::{Stream, write_all};

/// The console of a wrapped command. Our lines go to standard error, from a thread of their own: a console that does not
/// take anything must not keep us from ending what is to be ended.
pub struct Live {
    between: Arc<Between>,
    lines: Option<mpsc::Sender<String>>,
    color: bool,
    writer: Option<JoinHandle<()>>,
}

/// What the command's bytes and our lines have to know of each other.
pub struct Between {
    /// The last byte that the command wrote was not the end of a line.
    mid_line: AtomicBool,
    /// Held while something is written to standard error, so that nothing gets into the middle of it.
    stderr: Mutex<()>,
}

/// Where one stream of the command is passed on to.
pub struct Outlet {
    file: File,
    is_stderr: bool,
    between: Arc<Between>,
}

impl Live {
    pub fn open(color: bool) -> anyhow::Result<Self> {
        let between = Arc::new(Between {
            mid_line: AtomicBool::new(false),
            stderr: Mutex::new(()),
        });
        let (sender, lines) = mpsc::channel::<String>();
        let file = Stream::Err.open().context("standard error cannot be written")?;
        let writing = Arc::clone(&between);
        let writer = thread::spawn(move || {
            for line in lines {
                let _alone = writing.stderr.lock().unwrap_or_else(PoisonError::into_inner);
                let begin = if writing.mid_line.swap(false, Ordering::Relaxed) {
                    "\n"
                } else {
                    ""
                };
                // A console that is gone is no reason to stop.
                let _ = write_all(&file, format!("{begin}{line}\n").as_bytes());
            }
        });
        Ok(Self {
            between,
            lines: Some(sender),
            color,
            writer: Some(writer),
        })
    }

    /// One line of ours, in which who says it is dim. Never waits.
    pub fn say(&self, line: &str) {
        if let Some(lines) = &self.lines {
            // A runner executes `##[command]` wherever it stands in a line, and ours hold other people's words.
            let line = one_line(line).replace("##[", "# #[");
            let _ = lines.send(match line.split_once(": ").filter(|_| self.color) {
                Some((who, what)) => format!("\u{1b}[2m{who}:\u{1b}[0m {what}"),
                None => line,
            });
        }
    }

    pub fn stdout(&self) -> anyhow::Result<Outlet> {
        let file = Stream::Out.open().context("standard output cannot be written")?;
        Ok(self.outlet(file, false))
    }

    pub fn stderr(&self) -> anyhow::Result<Outlet> {
        let file = Stream::Err.open().context("standard error cannot be written")?;
        Ok(self.outlet(file, true))
    }

    fn outlet(&self, file: File, is_stderr: bool) -> Outlet {
        Outlet {
            file,
            is_stderr,
            between: Arc::clone(&self.between),
        }
    }

    /// Waits until everything is said, for so long at most, and sees to it that what comes next begins a line.
    pub fn close(mut self, patience: Duration) {
        drop(self.lines.take());
        let until = Instant::now() + patience;
        if let Some(writer) = self.writer.take() {
            while !writer.is_finished() {
                if Instant::now() >= until {
                    Stream::Err.give_up();
                    return;
                }
                thread::sleep(Duration::from_micros(200));
            }
        }
        if self.between.mid_line.swap(false, Ordering::Relaxed) {
            Stream::Err.say(b"\n");
        }
    }
}

impl Outlet {
    pub fn pass_on(&mut self, bytes: &[u8]) -> io::Result<()> {
        let between = Arc::clone(&self.between);
        // Only standard error is shared with our lines. A lock around both would let a reader of one wait for the other.
        let _alone = self
            .is_stderr
            .then(|| between.stderr.lock().unwrap_or_else(PoisonError::into_inner));
        write_all(&self.file, bytes)?;
        between.mid_line.store(!bytes.ends_with(b"\n"), Ordering::Relaxed);
        Ok(())
    }
}
