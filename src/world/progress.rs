//! Telling what is going on while it goes on.
//!
//! On a terminal one line shows what is waited for and is drawn again in place; elsewhere, as in a CI log, a line comes every
//! ten seconds. `--verbose` adds a line for each step. A few lines here do what a crate for progress bars would: those draw on
//! the terminal themselves and wait for it, and what is shown has to go through the redactor and through [`Stream`], which
//! never waits.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::output::Stream;
use super::secrets::Redactor;
use super::{Env, output};
use crate::model::{TimeSpan, Verbosity, text};

/// Between two lines in a log.
const LOGGED: Duration = Duration::from_secs(10);
/// Between two drawings on a terminal.
const DRAWN: Duration = Duration::from_millis(200);
/// To the line's beginning, and what is on it is gone.
const ERASE: &str = "\r\u{1b}[K";

/// Where lines about the running work go.
#[derive(Clone)]
pub struct Progress {
    board: Arc<Mutex<Board>>,
    secrets: Arc<Redactor>,
    verbosity: Verbosity,
}

/// What is going on.
struct Board {
    sink: Box<dyn Write + Send>,
    started: Instant,
    /// The live line is redrawn in place.
    live: bool,
    every: Duration,
    tasks: Vec<Doing>,
    begun: u64,
    /// The live line is there.
    drawn: bool,
    /// When the last line was written.
    last: Instant,
    ticks: bool,
    ended: bool,
}

struct Doing {
    id: u64,
    what: String,
    state: String,
    until: Option<Instant>,
}

/// Something that takes time, until this is dropped.
pub struct Task {
    progress: Progress,
    id: u64,
}

impl Progress {
    /// On a runner both streams are read for commands and their order is not kept, so everything goes to standard
    /// output there, inside the same fence. Elsewhere standard output stays free for the result.
    pub fn to_console(on_runner: bool, env: &Env) -> Self {
        let stream = if on_runner { Stream::Out } else { Stream::Err };
        let is_dumb = env.get("TERM").is_none_or(|term| term == "dumb");
        let live = !on_runner && env.get("CI").is_none() && !is_dumb && stream.is_terminal();
        Self::to(Box::new(stream), live)
    }

    /// Nothing is told.
    pub fn silent() -> Self {
        Self {
            verbosity: Verbosity::Quiet,
            ..Self::to(Box::new(io::sink()), false)
        }
    }

    /// The same, with secret values taken out, and on standard error if standard output holds nothing but JSON.
    #[must_use]
    pub fn careful(self, secrets: Arc<Redactor>, json: bool, verbosity: Verbosity) -> Self {
        if json {
            self.board().sink = Box::new(Stream::Err);
        }
        Self {
            secrets,
            verbosity,
            ..self
        }
    }

    /// What is taken out of everything that is said.
    pub fn secrets(&self) -> &Redactor {
        &self.secrets
    }

    fn to(sink: Box<dyn Write + Send>, live: bool) -> Self {
        let now = Instant::now();
        let board = Board {
            sink,
            started: now,
            live,
            every: if live { DRAWN } else { LOGGED },
            tasks: Vec::new(),
            begun: 0,
            drawn: false,
            last: now,
            ticks: false,
            ended: false,
        };
        Self {
            board: Arc::new(Mutex::new(board)),
            secrets: Arc::default(),
            verbosity: Verbosity::default(),
        }
    }

    /// One line, stamped with the seconds since the start, if each step is to be shown. Never fails and never waits: a
    /// closed terminal, or one that takes nothing, is no reason to stop.
    pub fn say(&self, what: &str) {
        if self.verbosity == Verbosity::Verbose {
            let line = self.shown(what);
            self.board().write(&line);
        }
    }

    /// Says it, and shows it as long as it lasts.
    #[must_use = "it lasts until it is dropped"]
    pub fn doing(&self, what: &str) -> Task {
        self.say(what);
        self.waiting(what, None)
    }

    /// Waits before another try, and says so.
    pub async fn pause(&self, why: &str, pause: Duration) {
        let _waiting = self.doing(&format!("{why}; trying again in {}", TimeSpan(pause)));
        tokio::time::sleep(pause).await;
    }

    /// Shows as long as it lasts what is waited for, and until when at most.
    #[must_use = "it lasts until it is dropped"]
    pub fn waiting(&self, what: &str, until: Option<Instant>) -> Task {
        let what = self.shown(what);
        let mut board = self.board();
        board.begun += 1;
        let id = board.begun;
        board.tasks.push(Doing {
            id,
            what,
            state: String::new(),
            until,
        });
        if !board.ticks && self.verbosity > Verbosity::Quiet {
            board.ticks = true;
            let board = Arc::clone(&self.board);
            // It ends with the process.
            let _ = std::thread::Builder::new().spawn(move || tick(&board));
        }
        drop(board);
        Task {
            progress: self.clone(),
            id,
        }
    }

    /// What comes next on the console is the result.
    pub fn end(&self) {
        let mut board = self.board();
        board.ended = true;
        board.erase();
    }

    fn shown(&self, what: &str) -> String {
        text::one_line(&self.secrets.redact(what))
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Task {
    /// A step that a log must show: a line of its own there, and the state on a terminal.
    pub fn step(&self, state: &str) {
        self.now(state, None);
        let mut board = self.progress.board();
        if self.progress.verbosity > Verbosity::Quiet && !board.live {
            let line = board.tasks.iter().find(|doing| doing.id == self.id);
            if let Some(line) = line.map(|doing| format!("{}: {}", doing.what, doing.state)) {
                board.write(&line);
            }
        }
    }

    /// How it is going.
    pub fn now(&self, state: &str, until: Option<Instant>) {
        let state = self.progress.shown(state);
        let mut board = self.progress.board();
        if let Some(doing) = board.tasks.iter_mut().find(|doing| doing.id == self.id) {
            doing.state = state;
            doing.until = until;
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        let mut board = self.progress.board();
        board.tasks.retain(|doing| doing.id != self.id);
        if board.tasks.is_empty() {
            board.erase();
        }
    }
}

fn tick(board: &Mutex<Board>) {
    let open = || board.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let next = {
            let board = open();
            match board.live {
                true => board.every,
                false => board.every.saturating_sub(board.last.elapsed()),
            }
        };
        std::thread::sleep(next);
        let mut board = open();
        if board.ended {
            return;
        }
        board.show();
    }
}

impl Board {
    /// Draws the live line again, or writes one if it is time for it.
    fn show(&mut self) {
        let now = Instant::now();
        if self.live {
            if let Some((head, state, tail)) = self.line(now) {
                let room = output::width().saturating_sub(tail.len() + 1);
                let head = short(&self.stamp(), &head, &state, room);
                let _ = self.sink.write_all(format!("{ERASE}{head}{tail}").as_bytes());
                self.drawn = true;
            }
        } else if now.duration_since(self.last) >= self.every {
            match self.line(now) {
                Some((head, state, tail)) => self.write(&format!("… {head}{state}{tail}")),
                None => self.last = now,
            }
        }
    }

    /// What began first of all that goes on, how it is going, and how long it may take.
    fn line(&self, now: Instant) -> Option<(String, String, String)> {
        let doing = self.tasks.first()?;
        let (head, state) = match doing.state.as_str() {
            "" => (doing.what.clone(), String::new()),
            state => (format!("{}: ", doing.what), state.to_owned()),
        };
        let mut tail = String::new();
        if let Some(left) = doing.until.and_then(|until| until.checked_duration_since(now)) {
            // Whole seconds, as it is seen again and again.
            tail = format!("; {} left", TimeSpan::from_secs(left.as_secs()));
        }
        if self.tasks.len() > 1 {
            tail.push_str(&format!(" (and {} more)", self.tasks.len() - 1));
        }
        Some((head, state, tail))
    }

    fn write(&mut self, line: &str) {
        // The result is told, and what was given up may still be running.
        if self.ended {
            return;
        }
        self.erase();
        let line = format!("{}{line}\n", self.stamp());
        let _ = self.sink.write_all(line.as_bytes());
        self.last = Instant::now();
    }

    fn stamp(&self) -> String {
        format!("[{:7.1}s] ", self.started.elapsed().as_secs_f64())
    }

    fn erase(&mut self) {
        if std::mem::take(&mut self.drawn) {
            let _ = self.sink.write_all(ERASE.as_bytes());
        }
    }
}

/// Characters that are not ASCII are two columns wide at most.
fn columns(line: &str) -> usize {
    line.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum()
}

/// A line that does not wrap. How it is going says more than what it is, which is left out first.
fn short(stamp: &str, head: &str, state: &str, width: usize) -> String {
    let whole = format!("{stamp}{head}{state}");
    match state.is_empty() || columns(&whole) <= width {
        true => fitting(&whole, width),
        false => fitting(&format!("{stamp}{state}"), width),
    }
}

/// As much of it as does not wrap.
fn fitting(line: &str, width: usize) -> String {
    if columns(line) <= width {
        return line.to_owned();
    }
    let mut left = width.saturating_sub(columns("…"));
    let fits = |c: &char| {
        let wide = if c.is_ascii() { 1 } else { 2 };
        let fits = wide <= left;
        left = left.saturating_sub(wide);
        fits
    };
    line.chars().take_while(fits).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was written, and a progress that writes it.
    fn progress(live: bool, every: Duration, secrets: &[(&str, &str)]) -> (Arc<Mutex<Vec<u8>>>, Progress) {
        #[derive(Clone, Default)]
        struct Sink(Arc<Mutex<Vec<u8>>>);
        impl Write for Sink {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().extend(bytes);
                Ok(bytes.len())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let sink = Sink::default();
        let progress = Progress::to(Box::new(sink.clone()), live);
        progress.board().every = every;
        let env: Env = secrets.iter().copied().collect();
        let names = secrets.iter().map(|(name, _)| *name);
        let redactor = Arc::new(Redactor::new(&env, names));
        (sink.0, progress.careful(redactor, false, Verbosity::Normal))
    }

    fn written(bytes: &Mutex<Vec<u8>>) -> String {
        String::from_utf8(bytes.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_line_comes_now_and_then_as_long_as_something_is_waited_for() {
        let (bytes, progress) = progress(false, Duration::from_millis(50), &[("KEY", "verysecretvalue")]);
        let task = progress.waiting("GET http://h/", Some(Instant::now() + Duration::from_secs(61)));
        task.now(
            "still waiting: 2 attempts, last: verysecretvalue\nrefused",
            Some(Instant::now() + Duration::from_secs(61)),
        );
        progress.say("this is for --verbose");
        let other = progress.doing("hashing 2 files");
        std::thread::sleep(Duration::from_millis(120));
        drop((task, other));
        let said = written(&bytes);
        let line = "… GET http://h/: still waiting: 2 attempts, last: ***\\nrefused; 1m left (and 1 more)\n";
        assert!(said.starts_with("[    0.") && said.contains(line), "{said}");
        assert!((1..=3).contains(&said.lines().count()), "{said}");
        std::thread::sleep(Duration::from_millis(120));
        assert_eq!(written(&bytes), said, "there is nothing to wait for");
    }

    #[test]
    fn a_step_is_a_line_of_a_log_and_a_state_on_a_terminal() {
        for (live, says) in [(false, "[    0.0s] uploading: 10 % of 5 bytes\n"), (true, "")] {
            let (bytes, progress) = progress(live, Duration::from_secs(60), &[]);
            let task = progress.doing("uploading");
            task.step("10 % of 5 bytes");
            assert_eq!(written(&bytes), says);
            let (head, state, _) = progress.board().line(Instant::now()).unwrap();
            assert_eq!(head + &state, "uploading: 10 % of 5 bytes");
            drop(task);
        }
        let (bytes, progress) = progress(false, Duration::from_secs(60), &[]);
        let quiet = progress.careful(Arc::default(), false, Verbosity::Quiet);
        quiet.doing("uploading").step("10 %");
        assert_eq!(written(&bytes), "");
    }

    #[test]
    fn on_a_terminal_one_line_is_drawn_again_and_gone_before_another_comes() {
        let (bytes, progress) = progress(true, Duration::from_millis(10), &[]);
        let task = progress.waiting("GET http://h/", None);
        task.now("still waiting", None);
        std::thread::sleep(Duration::from_millis(60));
        let said = written(&bytes);
        assert!(said.starts_with(ERASE) && !said.contains('\n'), "{said:?}");
        assert!(said.matches(ERASE).count() > 1, "{said:?}");
        progress.end();
        let said = written(&bytes);
        assert!(said.ends_with(ERASE), "{said:?}");
        std::thread::sleep(Duration::from_millis(40));
        drop(task);
        assert_eq!(written(&bytes), said, "nothing comes after the end");
    }

    #[test]
    fn quiet_shows_nothing() {
        let (bytes, progress) = progress(true, Duration::from_millis(10), &[]);
        let quiet = progress.careful(Arc::default(), false, Verbosity::Quiet);
        let _task = quiet.doing("hashing");
        std::thread::sleep(Duration::from_millis(40));
        assert_eq!(written(&bytes), "");
    }

    #[test]
    fn a_line_that_would_wrap_is_cut() {
        assert_eq!(fitting("abcdef", 80), "abcdef");
        assert_eq!(fitting("abcdef", 6), "abcdef");
        assert_eq!(fitting("abcdef", 5), "abc…");
        assert_eq!(fitting("aüüb", 5), "aü…");
        assert_eq!(
            short("[1s] ", "GET http://h/: ", "refused", 80),
            "[1s] GET http://h/: refused"
        );
        assert_eq!(short("[1s] ", "GET http://h/: ", "refused", 20), "[1s] refused");
        assert_eq!(short("[1s] ", "GET http://h/", "", 12), "[1s] GET h…");
    }
}
