//! A terminal for commands that write in large pieces, or without colors, when there is none.
//!
//! A command gets a terminal as its own only from inside, so a helper process does that and becomes the command: this same
//! binary as `stageproof on-terminal`.
#![expect(
    clippy::disallowed_methods,
    reason = "opens a terminal, which is no file, and starts the helper on it"
)]

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::Context as _;
use rustix::pty::OpenptFlags;
use rustix::termios::{
    LocalModes, OptionalActions, OutputModes, SpecialCodeIndex, Termios, Winsize, isatty, tcgetattr, tcgetwinsize,
    tcsetattr, tcsetwinsize,
};

use crate::world::Env;

/// Where nobody has a terminal: a width that tables fit into.
const SIZE: (u16, u16) = (120, 40);

/// Our side of the terminal.
pub struct Terminal {
    ours: OwnedFd,
    /// How our own terminal was set before.
    before: Option<Termios>,
}

impl Terminal {
    /// A new terminal, and the command's side of it. It has the size of ours, or of `COLUMNS` and `LINES`.
    pub fn open(env: &Env) -> anyhow::Result<(Self, OwnedFd)> {
        let wrong = "no terminal can be made for the command (--pty)";
        let ours = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).context(wrong)?;
        rustix::io::fcntl_setfd(&ours, rustix::io::FdFlags::CLOEXEC).context(wrong)?;
        rustix::pty::grantpt(&ours).context(wrong)?;
        rustix::pty::unlockpt(&ours).context(wrong)?;
        let name = rustix::pty::ptsname(&ours, Vec::new()).context(wrong)?;
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
        let theirs = rustix::fs::open(name.as_c_str(), flags, rustix::fs::Mode::empty()).context(wrong)?;
        let mut settings = tcgetattr(&theirs).context(wrong)?;
        // A log has lines that end as lines do in files; a terminal of ours does for its own what this one leaves out.
        settings.output_modes -= OutputModes::ONLCR;
        if !isatty(io::stdin()) {
            // Nobody types, so nobody needs to see what was typed.
            settings.local_modes -= LocalModes::ECHO;
        }
        tcsetattr(&theirs, OptionalActions::Now, &settings).context(wrong)?;
        tcsetwinsize(&theirs, size(env)).context(wrong)?;
        Ok((Self { ours, before: None }, theirs))
    }

    /// What the command writes.
    pub fn output(&self) -> anyhow::Result<OwnedFd> {
        self.ours.try_clone().context("the command's terminal cannot be read")
    }

    /// Passes our standard input on, keys as they are pressed.
    pub fn pass_input_on(&mut self) -> anyhow::Result<()> {
        let stdin = io::stdin();
        if isatty(&stdin)
            && let Ok(settings) = tcgetattr(&stdin)
        {
            let mut raw = settings.clone();
            raw.make_raw();
            // Our own lines still end as lines do.
            raw.output_modes = settings.output_modes;
            if tcsetattr(&stdin, OptionalActions::Now, &raw).is_ok() {
                self.before = Some(settings);
            }
        }
        let end = tcgetattr(&self.ours).map_or(4, |settings| settings.special_codes[SpecialCodeIndex::VEOF]);
        let mut to = File::from(
            self.ours
                .try_clone()
                .context("the command's terminal cannot be written")?,
        );
        // It ends with us: reading cannot be taken back.
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            let mut from = io::stdin();
            while let Ok(n) = from.read(&mut buffer) {
                if n == 0 {
                    let _ = write_all(&mut to, &[end]);
                    return;
                }
                if write_all(&mut to, &buffer[..n]).is_err() {
                    return;
                }
            }
        });
        Ok(())
    }

    /// Our own terminal has another size now.
    pub fn resize(&self, env: &Env) {
        let _ = tcsetwinsize(&self.ours, size(env));
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}

/// The helper, which becomes the command.
pub fn helper(path: &Path, name: &OsStr, args: &[OsString]) -> anyhow::Result<Command> {
    let myself = std::env::current_exe().context("stageproof cannot find its own binary")?;
    let mut command = Command::new(myself);
    command.arg("on-terminal").arg("--").arg(path).arg(name).args(args);
    Ok(command)
}

/// What the helper does: takes the terminal it has for its own and becomes the command. Comes back only with an error.
pub fn on_terminal(words: &[OsString]) -> io::Error {
    let [path, name, args @ ..] = words else {
        return io::ErrorKind::InvalidInput.into();
    };
    let taken = rustix::process::setsid().and_then(|_| rustix::process::ioctl_tiocsctty(io::stdin().as_fd()));
    match taken {
        Ok(()) => Command::new(PathBuf::from(path)).arg0(name).args(args).exec(),
        Err(error) => error.into(),
    }
}

fn size(env: &Env) -> Winsize {
    if let Ok(size) = tcgetwinsize(io::stdout())
        && size.ws_col > 0
        && size.ws_row > 0
    {
        return size;
    }
    let asked = |name: &str| env.get(name)?.parse().ok().filter(|n| *n > 0);
    Winsize {
        ws_col: asked("COLUMNS").unwrap_or(SIZE.0),
        ws_row: asked("LINES").unwrap_or(SIZE.1),
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

/// Our side does not wait for its reader, since the output is read without waiting.
fn write_all(file: &mut File, mut bytes: &[u8]) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                poll(&mut [PollFd::new(&*file, PollFlags::OUT)], None)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
