//! The way of a wrapped command's output: from its pipe to our own output and into the log, byte by byte as it comes.
//!
//! Each stream has a thread that reads and writes in large pieces, so that a gigabyte costs little more than with `tee`,
//! and memory does not grow with it. A thread can be told to stop although the pipe is still open: what a command left
//! behind may hold it for ever.

use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tokio::sync::watch;

use super::live::Outlet;
use super::log::Log;

/// Linux gives an unprivileged process so much; a command that writes much is then rarely held up.
#[cfg(target_os = "linux")]
const PIPE: usize = 1 << 20;
const BUFFER: usize = 256 * 1024;
/// How often a stream that nobody closes is looked at once the command has ended.
const LOOK: Duration = Duration::from_millis(20);

/// How much came, and when the last of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    pub bytes: u64,
    /// Ends of lines.
    pub lines: u64,
    /// Since the last output, or since the beginning.
    pub quiet: Duration,
}

/// The streams of one command.
pub struct Streams {
    shared: Arc<Shared>,
    /// Closed when the command has ended, which wakes the threads.
    running: Option<OwnedFd>,
    /// How many streams are still open.
    open: watch::Receiver<usize>,
}

struct Shared {
    started: Instant,
    bytes: AtomicU64,
    lines: AtomicU64,
    /// Milliseconds since `started`.
    last: AtomicU64,
    /// Open streams that had nothing more to read after the command had ended.
    drained: AtomicU64,
    cut: AtomicBool,
    /// Why something did not reach our own output.
    failure: Mutex<Option<String>>,
}

impl Streams {
    /// Begins to pass on what comes out of each of `streams`.
    pub fn start(streams: Vec<(OwnedFd, Outlet)>, log: &Arc<Log>) -> anyhow::Result<Self> {
        let (ended, running) = std::io::pipe().context("no pipe can be made")?;
        let (ended, running) = (Arc::new(OwnedFd::from(ended)), OwnedFd::from(running));
        let (count, open) = watch::channel(streams.len());
        let shared = Arc::new(Shared {
            started: Instant::now(),
            bytes: AtomicU64::new(0),
            lines: AtomicU64::new(0),
            last: AtomicU64::new(0),
            drained: AtomicU64::new(0),
            cut: AtomicBool::new(false),
            failure: Mutex::new(None),
        });
        for (from, to) in streams {
            rustix::io::ioctl_fionbio(&from, true).context("the command's output cannot be read")?;
            let stream = Stream {
                from,
                to: Some(to),
                log: Arc::clone(log),
                ended: Arc::clone(&ended),
                shared: Arc::clone(&shared),
            };
            let count = count.clone();
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                if stream.pass_on() {
                    // It is compared with those that are open, and this one is none of them any more.
                    shared.drained.fetch_sub(1, Ordering::Relaxed);
                }
                count.send_modify(|open| *open -= 1);
            });
        }
        Ok(Self {
            shared,
            running: Some(running),
            open,
        })
    }

    pub fn reading(&self) -> Reading {
        let last = Duration::from_millis(self.shared.last.load(Ordering::Relaxed));
        Reading {
            bytes: self.shared.bytes.load(Ordering::Relaxed),
            lines: self.shared.lines.load(Ordering::Relaxed),
            quiet: self.shared.started.elapsed().saturating_sub(last),
        }
    }

    /// The command has ended: what it wrote is in the pipes, and what comes later is somebody else's.
    pub fn command_ended(&mut self) {
        drop(self.running.take());
    }

    /// Whether all that the command itself wrote was read, also if somebody else holds its output open.
    pub fn is_drained(&self) -> bool {
        self.shared.drained.load(Ordering::Relaxed) >= *self.open.borrow() as u64
    }

    /// Waits until every stream has ended.
    pub async fn ended(&self) {
        let mut open = self.open.clone();
        // Without a sender all threads are gone.
        let _ = open.wait_for(|open| *open == 0).await;
    }

    pub fn has_ended(&self) -> bool {
        *self.open.borrow() == 0
    }

    /// Whatever still holds a stream open is not listened to any more.
    pub fn cut(&self) {
        self.shared.cut.store(true, Ordering::Relaxed);
    }

    /// Why something did not reach our own output.
    pub fn failure(&self) -> Option<String> {
        self.shared
            .failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        self.cut();
    }
}

/// The writing end of a pipe for the command, and the reading end for us.
pub fn pipe() -> anyhow::Result<(OwnedFd, OwnedFd)> {
    let (from, to) = std::io::pipe().context("no pipe can be made for the output")?;
    // Refused to users who have many pipes; the usual size does, too.
    #[cfg(target_os = "linux")]
    let _ = rustix::pipe::fcntl_setpipe_size(&from, PIPE);
    Ok((to.into(), from.into()))
}

struct Stream {
    from: OwnedFd,
    /// Nothing, once it takes no more.
    to: Option<Outlet>,
    log: Arc<Log>,
    ended: Arc<OwnedFd>,
    shared: Arc<Shared>,
}

impl Stream {
    /// Until its end, or until it is cut. Answers whether it was counted as drained.
    fn pass_on(mut self) -> bool {
        let mut buffer = vec![0; BUFFER];
        let mut command_ended = false;
        let mut drained = false;
        loop {
            match rustix::io::read(&self.from, &mut buffer[..]) {
                Ok(0) => return drained,
                Ok(n) => {
                    if !self.take(&buffer[..n]) {
                        return drained;
                    }
                }
                Err(Errno::AGAIN) => {
                    if command_ended && !drained {
                        drained = true;
                        self.shared.drained.fetch_add(1, Ordering::Relaxed);
                    }
                    command_ended = self.wait(command_ended);
                }
                Err(Errno::INTR) => {}
                // A terminal whose other side is closed answers so.
                Err(_) => return drained,
            }
            if self.shared.cut.load(Ordering::Relaxed) {
                return drained;
            }
        }
    }

    /// Passes one piece on. False if the reader of our output went away: then the command is to find its own output
    /// closed, as if it was not wrapped.
    fn take(&mut self, bytes: &[u8]) -> bool {
        let lines = memchr::memchr_iter(b'\n', bytes).count();
        self.shared.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.shared.lines.fetch_add(lines as u64, Ordering::Relaxed);
        let now = u64::try_from(self.shared.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.shared.last.store(now, Ordering::Relaxed);
        // First into the log: a reader of our output that takes nothing may keep us from coming back from there.
        self.log.write(bytes);
        let passed_on = self.to.as_mut().map_or(Ok(()), |to| to.pass_on(bytes));
        match passed_on {
            Ok(()) => true,
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => false,
            Err(error) => {
                self.to = None;
                let mut failure = self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner);
                failure.get_or_insert(format!("the command's output cannot be passed on: {error}"));
                true
            }
        }
    }

    /// Waits for output, or for the end of the command, and tells whether that has come.
    fn wait(&self, command_ended: bool) -> bool {
        let output = PollFd::from_borrowed_fd(self.from.as_fd(), PollFlags::IN);
        if command_ended {
            let look = Timespec::try_from(LOOK).ok();
            let _ = poll(&mut [output], look.as_ref());
            return true;
        }
        let ended = PollFd::from_borrowed_fd(self.ended.as_fd(), PollFlags::IN);
        let mut both = [output, ended];
        match poll(&mut both, None) {
            Ok(_) => !both[1].revents().is_empty(),
            Err(_) => false,
        }
    }
}
