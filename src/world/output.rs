//! Writing to our standard output and standard error, without being held up by a reader that takes nothing.
//!
//! What a stream does not take at once is written by a thread, in the order in which it was said. Nobody waits for it
//! except to learn whether all of it was written, and then only as long as something of it still is.

use std::fs::File;
use std::io::{self, IoSlice, IsTerminal as _, Write};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, mpsc};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
#[cfg(target_os = "linux")]
use rustix::io::{Errno, ReadWriteFlags, pwritev2};

use super::{Env, Interrupt};

/// How long a reader may take nothing.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same, once we were asked to stop.
const INTERRUPTED: Duration = Duration::from_secs(1);
/// How often it is looked whether something was taken.
const LOOK: Duration = Duration::from_millis(20);
/// Bytes that are written at once: Linux writes so many to a pipe in one piece.
const PIECE: usize = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Out,
    Err,
}

struct Writer {
    /// The thread, if there was anything for it to do. Locked by who says something.
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    /// What the thread has not written yet.
    queued: AtomicU64,
    file: io::Result<File>,
    /// Pieces that were written.
    taken: AtomicU64,
    /// Nothing was taken for too long once already.
    stuck: AtomicBool,
}

enum Job {
    Bytes(Vec<u8>),
    /// Tell whether everything before was written.
    Flush(mpsc::Sender<io::Result<()>>),
}

static WRITERS: [OnceLock<Writer>; 2] = [OnceLock::new(), OnceLock::new()];

impl Stream {
    /// Writes it behind what was said before. Never waits.
    pub fn say(self, bytes: &[u8]) {
        let writer = self.writer();
        let mut jobs = writer.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        // What is before it in the queue goes first.
        let rest = match writer.queued.load(Ordering::Acquire) {
            0 => writer.at_once(bytes),
            _ => bytes,
        };
        if !rest.is_empty() {
            writer.queued.fetch_add(1, Ordering::Relaxed);
            let _ = self.thread(&mut jobs).send(Job::Bytes(rest.to_owned()));
        }
    }

    /// Waits until everything that was said is written. That nobody takes it is an error of the kind `TimedOut`.
    pub fn flush(self, interrupt: &Interrupt) -> io::Result<()> {
        let writer = self.writer();
        let (tell, told) = mpsc::channel();
        match &*writer.jobs.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(jobs) => drop(jobs.send(Job::Flush(tell))),
            // Everything was taken at once.
            None => return Ok(()),
        }
        let mut taken = writer.taken.load(Ordering::Relaxed);
        let mut since = Instant::now();
        loop {
            match told.recv_timeout(LOOK) {
                Ok(result) => return result,
                Err(mpsc::RecvTimeoutError::Disconnected) => return Err(io::ErrorKind::BrokenPipe.into()),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
            let now = writer.taken.load(Ordering::Relaxed);
            if now != taken {
                (taken, since) = (now, Instant::now());
            }
            let patience = match interrupt.received() {
                _ if writer.stuck.load(Ordering::Relaxed) => Duration::ZERO,
                Some(_) => INTERRUPTED,
                None => PATIENCE,
            };
            if since.elapsed() >= patience {
                writer.stuck.store(true, Ordering::Relaxed);
                return Err(io::Error::new(io::ErrorKind::TimedOut, "nobody reads it"));
            }
        }
    }

    /// Marks the reader as stuck, as noticed elsewhere.
    pub fn give_up(self) {
        self.writer().stuck.store(true, Ordering::Relaxed);
    }

    pub fn is_terminal(self) -> bool {
        match self {
            Self::Out => io::stdout().is_terminal(),
            Self::Err => io::stderr().is_terminal(),
        }
    }

    /// Whether colors are used on it, where `asked` is what --color says.
    pub fn has_color(self, asked: Option<bool>, env: &Env) -> bool {
        asked.unwrap_or_else(|| wants_color(env, self.is_terminal()))
    }

    fn writer(self) -> &'static Writer {
        let slot = match self {
            Self::Out => &WRITERS[0],
            Self::Err => &WRITERS[1],
        };
        slot.get_or_init(|| Writer {
            jobs: Mutex::default(),
            queued: AtomicU64::new(0),
            file: self.open(),
            taken: AtomicU64::new(0),
            stuck: AtomicBool::new(false),
        })
    }

    /// It ends with the process.
    fn thread(self, jobs: &mut Option<mpsc::Sender<Job>>) -> &mpsc::Sender<Job> {
        jobs.get_or_insert_with(|| {
            let (sender, jobs) = mpsc::channel();
            std::thread::spawn(move || self.writer().work(&jobs));
            sender
        })
    }

    /// The stream itself, without the buffer and the lock that the standard library has for it.
    pub fn open(self) -> io::Result<File> {
        let file: OwnedFd = match self {
            Self::Out => io::stdout().as_fd().try_clone_to_owned()?,
            Self::Err => io::stderr().as_fd().try_clone_to_owned()?,
        };
        Ok(file.into())
    }
}

impl Writer {
    /// Writes what is taken without waiting, and answers with the rest.
    #[cfg(target_os = "linux")]
    fn at_once<'b>(&self, mut bytes: &'b [u8]) -> &'b [u8] {
        // Where the stream is, which a pipe or a terminal has no word for.
        const HERE: u64 = u64::MAX;
        let Ok(file) = &self.file else { return bytes };
        while !bytes.is_empty() {
            // Not every kernel and every kind of file can do it. The thread finds out what is wrong.
            match pwritev2(file, &[IoSlice::new(bytes)], HERE, ReadWriteFlags::NOWAIT) {
                Ok(n) if n > 0 => bytes = &bytes[n..],
                Err(Errno::INTR) => {}
                _ => break,
            }
        }
        bytes
    }

    #[cfg(not(target_os = "linux"))]
    fn at_once<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        bytes
    }

    fn work(&self, jobs: &mpsc::Receiver<Job>) {
        let mut failed = None;
        for job in jobs {
            match job {
                Job::Bytes(bytes) => {
                    let written = match &self.file {
                        Ok(file) => self.write(file, &bytes),
                        Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
                    };
                    failed = failed.or(written.err());
                    self.queued.fetch_sub(1, Ordering::Release);
                }
                Job::Flush(tell) => {
                    let _ = tell.send(failed.take().map_or(Ok(()), Err));
                }
            }
        }
    }

    fn write(&self, file: &File, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(PIECE) {
            write_all(file, piece)?;
            self.taken.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Columns of the terminal that standard error is.
pub fn width() -> usize {
    match rustix::termios::tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_col > 0 => size.ws_col.into(),
        _ => 80,
    }
}

/// As other programs read these variables (no-color.org, bixense.com/clicolors). GitHub's log is no terminal and shows
/// colors all the same.
fn wants_color(env: &Env, is_terminal: bool) -> bool {
    let is_forced = |name| env.get(name).is_some_and(|value| value != "0");
    if env.get("NO_COLOR").is_some() {
        return false;
    }
    if is_forced("FORCE_COLOR") || is_forced("CLICOLOR_FORCE") {
        return true;
    }
    let is_off = env.get("CLICOLOR") == Some("0") || env.get("TERM") == Some("dumb");
    !is_off && (is_terminal || env.get("GITHUB_ACTIONS") == Some("true"))
}

/// For what wants something to write to.
impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.say(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Also to a file that others made not to wait, as some programs do with a terminal they share.
pub fn write_all(mut file: &File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => bytes = &bytes[n..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                poll(&mut [PollFd::new(file, PollFlags::OUT)], None)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_are_for_terminals_and_logs_that_show_them_unless_a_variable_says_otherwise() {
        let actions = ("GITHUB_ACTIONS", "true");
        for (is_terminal, variables, expected) in [
            (true, &[][..], true),
            (false, &[], false),
            (false, &[actions], true),
            (true, &[("NO_COLOR", "1")], false),
            (true, &[("NO_COLOR", "")], true),
            (false, &[actions, ("NO_COLOR", "1")], false),
            (false, &[("FORCE_COLOR", "1")], true),
            (false, &[("FORCE_COLOR", "0")], false),
            (false, &[("FORCE_COLOR", "")], false),
            (true, &[("FORCE_COLOR", "0")], true),
            (false, &[("CLICOLOR_FORCE", "1"), ("CLICOLOR", "0")], true),
            (false, &[("CLICOLOR_FORCE", "0")], false),
            (false, &[("FORCE_COLOR", "1"), ("NO_COLOR", "1")], false),
            (false, &[("FORCE_COLOR", "1"), ("TERM", "dumb")], true),
            (true, &[("CLICOLOR", "0")], false),
            (true, &[("CLICOLOR", "1")], true),
            (true, &[("TERM", "dumb")], false),
            (false, &[actions, ("TERM", "dumb")], false),
        ] {
            let env: Env = variables.iter().copied().collect();
            assert_eq!(wants_color(&env, is_terminal), expected, "{is_terminal} {variables:?}");
            assert!(Stream::Out.has_color(Some(true), &env) && !Stream::Out.has_color(Some(false), &env));
        }
    }
}
