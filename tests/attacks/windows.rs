//! Windows that look calm because nobody counted: silent attempts, holes, bad moments between good ones.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::gate::Gate;
use crate::servers::{eventually, hang, read_head, serve};

const GOOD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
const BROKEN: &str = "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// A server that behaves by the letters, one for each connection, over and over after a first good answer: `g`ood,
/// `5`00, `r`eset, or `t`ime out.
fn by(letters: &'static str) -> String {
    let asked = AtomicUsize::new(0);
    serve(move |mut stream| {
        let n = asked.fetch_add(1, Ordering::SeqCst);
        let letter = match n.checked_sub(1) {
            None => b'g',
            Some(n) => letters.as_bytes()[n % letters.len()],
        };
        match letter {
            b'g' => good(stream),
            b'5' => {
                read_head(&mut stream);
                let _ = stream.write_all(BROKEN.as_bytes());
            }
            b'r' => {}
            _ => hang(stream),
        }
    })
}

fn good(mut stream: TcpStream) {
    read_head(&mut stream);
    let _ = stream.write_all(GOOD.as_bytes());
}

/// Each would pass for a minute if what gets no answer did not count.
#[test]
fn a_server_that_is_dead_for_more_than_the_ratio_allows_is_degraded_however_it_is_dead() {
    for letters in [
        "rrrrg",
        "rg",
        "tg",
        "ttg",
        "gggr",
        "rg5g",
        "tgrg",
        "ggrggt",
        "gggggggggr",
    ] {
        for window in ["--watch=60s", "--steady=60s"] {
            let began = Instant::now();
            let gate = Gate::new();
            gate.run([
                "smoke",
                &by(letters),
                window,
                "--interval=10ms",
                "--timeout=60ms",
                "--within=1s",
            ])
            .code(1)
            .says("failures in")
            .says("more than 5% of at least 60");
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "{letters} {:?}",
                began.elapsed()
            );
        }
    }
}

#[test]
fn failures_of_both_kinds_in_a_row_end_a_window() {
    let gate = Gate::new();
    let args = ["--watch=60s", "--interval=10ms", "--max-error-ratio=100%"];
    let both = by("55rrrrrrr");
    gate.run(["smoke", both.as_str()].iter().chain(&args))
        .code(1)
        .says("5 failures in a row");
}

#[test]
fn a_blip_within_the_limits_stays_a_warning() {
    for letters in [
        "grggggggggggggggggggggggggggggg",
        "gg5ggggggggggggggggggggggggggg",
        "gtggggggggggggggggggggggggggg",
    ] {
        let gate = Gate::new();
        gate.run([
            "smoke",
            &by(letters),
            "--watch=300ms",
            "--interval=20ms",
            "--timeout=60ms",
        ])
        .code(0)
        .says("Verdict: pass-weak");
    }
}

fn is_stopped(pid: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    threads.flatten().all(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        stat.rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with('T'))
    })
}

/// When the server is asked the `n`th time, the asking process is stopped for longer than anybody may look away: before
/// it gets its answer, or while it waits for its next turn.
fn stopped(window: &'static str, n: usize, before_the_answer: bool) {
    let (asked, stops) = mpsc::channel::<mpsc::Sender<()>>();
    let count = AtomicUsize::new(0);
    let url = serve(move |stream| {
        let is_it = count.fetch_add(1, Ordering::SeqCst) == n;
        let stop = || {
            let (done, is_done) = mpsc::channel();
            let _ = asked.send(done);
            let _ = is_done.recv_timeout(Duration::from_secs(5));
        };
        if is_it && before_the_answer {
            stop();
        }
        good(stream);
        if is_it && !before_the_answer {
            // So that the answer is read, well before the next turn.
            thread::sleep(Duration::from_millis(30));
            stop();
        }
    });
    let gate = Gate::new();
    let mut command = gate.command(["smoke", &url, window, "--interval=150ms", "--timeout=20s"]);
    let child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let child = child.spawn().unwrap();
    let pid = Pid::from_child(&child);
    let done = stops.recv_timeout(Duration::from_secs(30)).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    // The signal goes to one thread, which stops the others when it comes to run.
    eventually("every thread is stopped", || is_stopped(child.id()));
    done.send(()).unwrap();
    thread::sleep(Duration::from_millis(1200));
    kill_process(pid, Signal::CONT).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let case = format!("{window} {n} {before_the_answer}\n{said}");
    assert_eq!(output.status.code(), Some(4), "{case}");
    assert!(said.contains("no sample for 1."), "{case}");
    assert!(said.contains("Z and 20"), "it says between when and when: {case}");
    assert!(said.contains("Verdict: inconclusive"), "{case}");
}

#[test]
fn a_window_in_which_stageproof_was_stopped_is_inconclusive_wherever_the_hole_is() {
    thread::scope(|scope| {
        for window in ["--watch=600ms", "--steady=600ms"] {
            // At the start, in the middle and at the end.
            for (n, before_the_answer) in [(1, true), (2, true), (2, false), (4, true)] {
                scope.spawn(move || stopped(window, n, before_the_answer));
            }
        }
    });
}

#[test]
fn a_slow_answer_within_its_time_limit_is_no_hole() {
    let asked = AtomicUsize::new(0);
    let url = serve(move |stream| {
        if asked.fetch_add(1, Ordering::SeqCst) == 1 {
            thread::sleep(Duration::from_millis(1300));
        }
        good(stream);
    });
    for window in ["--watch=300ms", "--steady=300ms"] {
        Gate::new()
            .run(["smoke", &url, window, "--interval=20ms"])
            .code(0)
            .never_says("no sample");
    }
}

#[test]
fn a_server_cannot_send_a_window_away_with_retry_after() {
    for (status, window) in [("503 Busy", "--watch=60s"), ("429 Slow down", "--steady=60s")] {
        let asked = AtomicUsize::new(0);
        let url = serve(move |mut stream| {
            if asked.fetch_add(1, Ordering::SeqCst) == 0 {
                return good(stream);
            }
            read_head(&mut stream);
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nRetry-After: 50\r\nContent-Length: 0\r\n\r\n"
            );
        });
        let began = Instant::now();
        Gate::new()
            .run(["smoke", &url, window, "--interval=20ms", "--max-failures=2"])
            .code(1)
            .says("2 bad responses in a row");
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
}

#[test]
fn probes_that_together_take_too_long_are_inconclusive_and_not_forgotten() {
    let paths: Vec<String> = (0..40).map(|n| format!("--path=/{n}")).collect();
    let mut args = vec![
        "smoke",
        "http://127.0.0.1:1",
        "--all-within=400ms",
        "--within=30s",
        "--parallel=4",
    ];
    args.extend(paths.iter().map(String::as_str));
    let began = Instant::now();
    let gate = Gate::new();
    gate.run(args)
        .code(4)
        .says("timed out after 400ms, the limit for all probes (--all-within)")
        .says("not started within 400ms, the limit for all probes (--all-within)");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(gate.report("smoke")["checks"].as_array().unwrap().len(), 40);
}
