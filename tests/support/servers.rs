//! Servers that behave, and servers that do not, on free ports of this machine.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A port nobody listens on, each time another one. It is below those that the system gives to whoever asks for any, so no
/// server or connection of another test takes it before it is used.
pub fn free_port() -> u16 {
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 22_000;
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    (0..COUNT)
        .map(|_| {
            FIRST
                + (std::process::id()
                    .wrapping_mul(131)
                    .wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed)))
                    % COUNT
        })
        .filter_map(|port| u16::try_from(port).ok())
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a port is free")
}

/// Answers every connection with `behave`, for as long as the test runs.
pub fn serve(behave: impl Fn(TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let behave = std::sync::Arc::new(behave);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let behave = std::sync::Arc::clone(&behave);
            std::thread::spawn(move || behave(stream));
        }
    });
    format!("http://{address}")
}

/// Reads the request's head and answers with `bytes` as they are.
pub fn answer(bytes: &'static str) -> String {
    serve(move |mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(bytes.as_bytes());
    })
}

pub fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0u8];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// Takes the request and then nothing, until the client has had enough.
pub fn hang(mut stream: TcpStream) {
    let mut bytes = [0u8; 1024];
    while stream.read(&mut bytes).unwrap_or(0) > 0 {}
}

/// The quickstart's server, built once: a package of its own without dependencies.
pub fn hello_server() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            let target = concat!(env!("CARGO_TARGET_TMPDIR"), "/quickstart");
            let built = Command::new(env!("CARGO"))
                .args(["build", "--quiet", "--target-dir", target, "--manifest-path"])
                .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/quickstart/Cargo.toml"))
                .status()
                .unwrap();
            assert!(built.success(), "the quickstart's server builds");
            PathBuf::from(target).join("debug/hello-server")
        })
        .clone()
}

/// The words that start the example's server on `port`.
pub fn hello(port: u16) -> String {
    format!(
        "{} 127.0.0.1:{port} {}/examples/quickstart/releases/v2",
        hello_server().display(),
        env!("CARGO_MANIFEST_DIR")
    )
}

/// Waits until something is true, or gives up after a time far beyond what it should take.
#[track_caller]
pub fn eventually(what: &str, mut is_true: impl FnMut() -> bool) {
    for _ in 0..1500 {
        if is_true() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("never came true: {what}");
}

/// Whether a process runs whose command line begins so.
pub fn runs(text: &str) -> bool {
    !pids(text).is_empty()
}

/// The processes whose command line begins so.
pub fn pids(text: &str) -> Vec<u32> {
    let begins = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        // A dead process that nobody has waited for yet has an empty command line.
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let (program, arguments) = line.split_once(' ').unwrap_or((&line, ""));
        let name = program.rsplit('/').next().unwrap_or(program);
        // By its path, or by its name wherever it lies.
        line.starts_with(text) || format!("{name} {arguments}").starts_with(text)
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(begins).collect()
}
