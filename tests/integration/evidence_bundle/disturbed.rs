//! Others who write, kill or seal at the same time, and a disk that is full.

use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{DIR, REQUIRED, is_root, originals, seal, verified, workspace};
use crate::gate::Gate;
use crate::scan::token;
use crate::skipped::not_checked;

/// A command of root's, by sudo if it asks for no password.
fn as_root(program: &str) -> Command {
    if is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["-n", program]);
    command
}

#[test]
fn two_seals_of_one_directory_do_not_meet() {
    let gate = workspace();
    let other = fs::File::open(gate.root().join("evidence")).unwrap();
    other.lock().unwrap();
    seal(&gate, &[])
        .code(4)
        .says("another stageproof is sealing the same evidence directory")
        .says("--evidence-dir");
    assert!(!gate.root().join("evidence.zip").exists());
    drop(other);
    seal(&gate, &[]).code(0);
}

struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = as_root("umount").arg(&self.0).status();
    }
}

/// A small disk.
fn mounted(folder: &Path) -> Option<Mounted> {
    let mount = as_root("mount")
        .args(["-t", "tmpfs", "-o", "size=256k,mode=1777", "tmpfs"])
        .arg(folder)
        .output();
    match mount {
        Ok(output) if output.status.success() => Some(Mounted(folder.to_owned())),
        other => {
            not_checked("a full disk", &format!("mount: {other:?}"), REQUIRED);
            None
        }
    }
}

#[test]
fn a_disk_that_is_full_while_masking_is_no_fault_of_the_file() {
    let gate = Gate::new();
    let Some(_mounted) = mounted(gate.path("evidence/x").parent().unwrap()) else {
        return;
    };
    let line = format!("GET / 200 {}\n", token());
    gate.write("evidence/big.log", line.repeat(160_000 / line.len()));
    gate.run(["evidence-bundle", DIR])
        .code(4)
        .says("cannot write a masked copy of big.log in ")
        .says("No space left on device")
        .says("free space");
}

#[test]
fn a_full_disk_leaves_the_earlier_bundle() {
    let gate = workspace();
    let small = gate.path("small/x").parent().unwrap().to_owned();
    let Some(_mounted) = mounted(&small) else { return };
    seal(&gate, &["--output=small/e.zip"]).code(0);
    let (zip, manifest) = (
        fs::read(small.join("e.zip")).unwrap(),
        gate.read("evidence/sha256_manifest.txt"),
    );
    let noise: Vec<u8> = (0..600_000u32)
        .flat_map(|i| i.wrapping_mul(2_654_435_761).rotate_left(i % 31).to_le_bytes())
        .collect();
    gate.write("noise.bin", noise).write("evidence/co:lon", "c");
    symlink("smoke.log", gate.root().join("evidence/link")).unwrap();
    seal(&gate, &["--output=small/e.zip", "noise.bin"])
        .code(4)
        .says("No space left on device")
        .says("small/e.zip");
    assert_eq!(fs::read(small.join("e.zip")).unwrap(), zip);
    assert_eq!(gate.read("evidence/sha256_manifest.txt"), manifest);
    assert_eq!(
        fs::read_dir(&small).unwrap().count(),
        3,
        "the zip, the statement and its predicate"
    );
    // A name is changed only when the index that knows it is in place.
    assert_eq!(gate.read("evidence/co:lon"), "c");
    assert!(gate.root().join("evidence/link").is_symlink());
}

#[test]
fn a_kill_at_any_moment_leaves_a_whole_zip() {
    let gate = workspace();
    for i in 0..100 {
        gate.write(&format!("data/{i}.txt"), format!("{i}\n").repeat(2000));
    }
    let started = Instant::now();
    seal(&gate, &["data"]).code(0);
    let whole = started.elapsed();
    let (mut killed, mut names) = (0, Vec::new());
    for step in 0..50 {
        // At random, so that each run of the tests tries others.
        let moment = whole.mul_f64(RandomState::new().hash_one(step) as f64 / u64::MAX as f64);
        let before = fs::read(gate.root().join("evidence.zip")).unwrap();
        names.push(format!("odd:{step:02}"));
        gate.write(&format!("evidence/odd:{step:02}"), "odd");
        let mut command = gate.command(["evidence-bundle", DIR, "data"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(moment);
        child.kill().unwrap();
        let was_killed = !child.wait().unwrap().success();
        killed += u32::from(was_killed);
        eprintln!("killed after {moment:?} of {whole:?}: {was_killed}");
        if fs::read(gate.root().join("evidence.zip")).unwrap() != before {
            verified(&gate, "evidence.zip");
        }
    }
    assert!(killed > 10, "most had ended before they were killed: {killed}");
    seal(&gate, &["data"]).code(0);
    verified(&gate, "evidence");
    verified(&gate, "evidence.zip");
    assert_eq!(originals(&gate), names, "no original name is lost");
}

#[test]
fn a_signal_ends_it_with_the_old_zip_in_place() {
    let gate = workspace();
    seal(&gate, &[]).code(0);
    let before = fs::read(gate.root().join("evidence.zip")).unwrap();
    fs::File::create(gate.path("evidence/huge"))
        .unwrap()
        .set_len(8 << 30)
        .unwrap();
    gate.write("evidence/co:lon", "c");
    symlink("smoke.log", gate.root().join("evidence/link")).unwrap();
    let mut child = gate
        .command(["evidence-bundle", "--verbose", DIR])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Everything has been looked at, and 8 GiB are left to be hashed.
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("hashing ")));
    let asked = Instant::now();
    assert!(
        Command::new("kill")
            .args(["-TERM", &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    let status = child.wait().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert_eq!(status.code(), Some(4));
    assert!(
        gate.read("evidence.evidence-bundle.json")
            .contains("interrupted by SIGTERM")
    );
    // A name is changed only when the index that knows it is in place.
    assert_eq!(gate.read("evidence/co:lon"), "c");
    assert!(gate.root().join("evidence/link").is_symlink());
    assert_eq!(fs::read(gate.root().join("evidence.zip")).unwrap(), before);
}

#[test]
fn a_file_that_is_being_written_never_makes_a_wrong_bundle() {
    use std::io::Write as _;
    let gate = workspace();
    gate.write("growing.log", "first\n".repeat(1000))
        .write("evidence/growing.log", "first\n".repeat(1000));
    let going = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let writers: Vec<_> = ["growing.log", "evidence/growing.log"]
        .map(|name| {
            let (path, going) = (gate.root().join(name), going.clone());
            std::thread::spawn(move || {
                let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
                while going.load(std::sync::atomic::Ordering::Relaxed) {
                    file.write_all(b"more and more\n").unwrap();
                }
            })
        })
        .into();
    for _ in 0..3 {
        let ran = seal(&gate, &["growing.log"]);
        match ran.output.status.code() {
            Some(0) => verified(&gate, "evidence.zip"),
            Some(1) => {
                ran.says("growing.log changed while it was being sealed");
            }
            _ => panic!("{}", ran.explain()),
        }
    }
    going.store(false, std::sync::atomic::Ordering::Relaxed);
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    seal(&gate, &["growing.log"]).code(0);
    verified(&gate, "evidence");
}
