//! Transfers that are cancelled half-way.

use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

/// A place at which a server lets a transfer wait, and what cancels it there.
pub fn half_way() -> (impl Fn() + Send + Sync + 'static, HalfWay) {
    let (arrived, arrives) = channel();
    let (release, released) = channel::<()>();
    let (arrived, released) = (Mutex::new(arrived), Mutex::new(released));
    let wait = move || {
        arrived.lock().unwrap().send(()).unwrap();
        let _ = released.lock().unwrap().recv();
    };
    let half_way = HalfWay {
        arrives,
        _release: release,
    };
    (wait, half_way)
}

pub struct HalfWay {
    arrives: Receiver<()>,
    /// Dropped, it ends the wait.
    _release: Sender<()>,
}

impl HalfWay {
    /// Ends the command by SIGTERM as soon as its transfer waits. Answers with the exit code.
    pub fn cancel(self, command: &mut Command) -> Option<i32> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let limit = Instant::now() + Duration::from_secs(60);
        let mut is_told = false;
        // A command that ends before, or does not end, must not hang the tests.
        while child.try_wait().unwrap().is_none() && Instant::now() < limit {
            let arrived = self.arrives.recv_timeout(Duration::from_millis(20)).is_ok();
            if arrived && !is_told {
                is_told = true;
                rustix::process::kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
            }
        }
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && text.contains("interrupted by SIGTERM"),
            "{text}"
        );
        output.status.code()
    }
}
