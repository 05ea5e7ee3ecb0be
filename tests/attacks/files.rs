//! Files that are none, or belong to others: FIFOs, devices, links, folders of other users, what a kill left.

use std::fs::{self, File};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::gate::{Gate, Ran};
use crate::servers::{answer, eventually};
use crate::skipped::not_checked;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
/// What a test cannot do without root is a failure where this is set.
const REQUIRED: &str = "STAGEPROOF_REQUIRE_ROOT";
/// Far more than refusing a file takes, and far less than the limits of what is refused.
const AT_ONCE: Duration = Duration::from_secs(20);

fn fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

/// Like [`Gate::run`], but one that hangs is ended and fails.
#[track_caller]
fn run<'a>(gate: &'a Gate, args: &[&str]) -> Ran<'a> {
    let began = Instant::now();
    let ran = gate.run(args);
    assert!(began.elapsed() < AT_ONCE, "{args:?} took {:?}", began.elapsed());
    ran
}

mod read {
    use super::*;

    /// What names a file to be read, and the words around it.
    const NAMED: [&[&str]; 7] = [
        &["smoke", "URL", "--config=FILE"],
        &["smoke", "URL", "--body-file=FILE"],
        &["smoke", "https://127.0.0.1:1/", "--ca-file=FILE", "--within=1s"],
        &[
            "smoke",
            "https://127.0.0.1:1/",
            "--client-cert=FILE",
            "--client-key=FILE",
            "--within=1s",
        ],
        &["verdict", "--read=FILE"],
        &["skip-guard", "--require=not-frozen:FILE"],
        &["foreground-proof", "--log=FILE"],
    ];

    fn words(words: &[&str], file: &str) -> Vec<String> {
        let url = answer(OK);
        words
            .iter()
            .map(|word| word.replace("URL", &url).replace("FILE", file))
            .collect()
    }

    #[test]
    fn a_fifo_a_device_a_socket_and_a_folder_are_refused_by_name_and_at_once() {
        let gate = Gate::new();
        fifo(&gate.path("fifo"));
        fs::create_dir(gate.path("folder")).unwrap();
        let _socket = UnixListener::bind(gate.path("socket")).unwrap();
        for named in NAMED {
            for (file, what) in [
                ("fifo", "a FIFO"),
                ("/dev/zero", "a device"),
                ("socket", "a socket"),
                ("folder", "a folder"),
            ] {
                let args = words(named, file);
                let args: Vec<&str> = args.iter().map(String::as_str).collect();
                let ran = run(&gate, &args);
                // A freeze that cannot be read is a freeze, and no failure.
                let frozen = ran.stdout().contains("there is an unreadable freeze");
                assert!(frozen || !ran.output.status.success(), "{}", ran.explain());
                // A log has words of its own for what it must be.
                if named[0] != "foreground-proof" {
                    ran.says(what);
                }
            }
        }
    }

    #[test]
    fn files_that_variables_name_are_no_other() {
        let gate = Gate::new();
        fifo(&gate.path("fifo"));
        for file in ["fifo", "/dev/zero"] {
            let variable = gate.path(file).display().to_string();
            let mut command = gate.command(["smoke", "https://127.0.0.1:1/", "--within=1s"]);
            let output = command.env("SSL_CERT_FILE", &variable).output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(
                !output.status.success() && said.contains("not a regular file"),
                "{said}"
            );
            let mut command = gate.command(["skip-guard", "--require=not-fork"]);
            command
                .env("GITHUB_ACTIONS", "true")
                .env("GITHUB_EVENT_NAME", "pull_request");
            let output = command.env("GITHUB_EVENT_PATH", &variable).output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(
                !output.status.success() && said.contains("not a regular file"),
                "{said}"
            );
        }
    }

    #[test]
    fn a_link_that_the_user_names_is_followed() {
        let gate = Gate::new();
        gate.write("real/body.json", "{}")
            .write("real/config.yml", "version: 1\n");
        gate.write("real/status.md", "staging_status: SUCCESS\n");
        for (file, link) in [
            ("real/body.json", "body"),
            ("real/config.yml", "config"),
            ("real/status.md", "status"),
        ] {
            symlink(file, gate.path(link)).unwrap();
        }
        let url = answer(OK);
        run(&gate, &["smoke", &url, "--config=config", "--body-file=body"]).code(0);
        symlink("nowhere", gate.path("dangling")).unwrap();
        run(&gate, &["smoke", &url, "--body-file=dangling"])
            .code(2)
            .says("does not exist");
    }

    #[test]
    fn a_file_that_is_too_large_is_refused_with_the_limit() {
        let gate = Gate::new();
        File::create(gate.path("large")).unwrap().set_len(64 << 20).unwrap();
        for (named, limit) in [
            (NAMED[0], "1048576"),
            (NAMED[1], "16777216"),
            (NAMED[2], "4194304"),
            (NAMED[4], "1048576"),
        ] {
            let args = words(named, "large");
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let ran = run(&gate, &args);
            assert_ne!(ran.output.status.code(), Some(0), "{}", ran.explain());
            ran.says(&format!("larger than {limit} bytes"));
        }
    }

    #[test]
    fn an_evidence_directory_that_cannot_be_looked_into_ends_a_rehearsal_at_once() {
        let config = "version: 1\nskip-guard:\n  require: [env:PATH]\nrollback-dry-run:\n  check: touch was-run\n";
        let long = format!("{}/x", "n".repeat(300));
        for (dir, make) in [
            ("artifacts/x", "file"),
            ("artifacts/x", "loop"),
            ("/dev/null/x", ""),
            (long.as_str(), ""),
        ] {
            let gate = Gate::new();
            gate.write(".github/stageproof.yml", config);
            match make {
                "file" => drop(gate.write("artifacts", "a file")),
                "loop" => symlink("artifacts", gate.path("artifacts")).unwrap(),
                _ => {}
            }
            run(&gate, &["rehearse", "--evidence-dir", dir])
                .code(1)
                .says("the report cannot be written")
                .says("--evidence-dir");
            assert!(!gate.root().join("was-run").exists(), "{}", gate.listing());
        }
    }
}

mod replaced {
    use super::*;

    /// What is written by a name that the user or a convention gives, and the command that writes it.
    const WRITTEN: [(&[&str], &str); 5] = [
        (&["verdict", "--status-file=target"], "target"),
        (&["evidence-bundle", "--evidence-dir=e", "--output=target"], "target"),
        (
            &["skip-guard", "--require=env:PATH", "--evidence-dir=e"],
            "e/reports/skip-guard.json",
        ),
        (
            &["skip-guard", "--require=env:PATH", "--evidence-dir=e"],
            "e/reports/skip-guard.junit.xml",
        ),
        (&["heartbeat", "--evidence-dir=e", "--", "true"], "e/logs/heartbeat.log"),
    ];

    fn evidence() -> Gate {
        let gate = Gate::new();
        gate.run(["skip-guard", "--require=env:PATH", "--evidence-dir=e"])
            .code(0);
        fs::remove_file(gate.path("e/reports/skip-guard.json")).unwrap();
        fs::remove_file(gate.path("e/reports/skip-guard.junit.xml")).unwrap();
        gate.write("e/reports/other.log", "x");
        gate
    }

    #[test]
    fn a_fifo_a_socket_a_folder_and_a_link_stay_what_they_are() {
        for (args, target) in WRITTEN {
            for (make, what) in [
                ("fifo", "a FIFO"),
                ("socket", "a socket"),
                ("folder", "a folder"),
                ("link", "a symbolic link"),
            ] {
                let gate = evidence();
                gate.write("precious", "precious");
                let path = gate.path(target);
                match make {
                    "fifo" => fifo(&path),
                    "socket" => drop(UnixListener::bind(&path).unwrap()),
                    "folder" => drop(gate.write(&format!("{target}/inside"), "inside")),
                    _ => symlink(gate.path("precious"), &path).unwrap(),
                }
                let before = fs::symlink_metadata(&path).unwrap();
                let ran = run(&gate, args);
                assert_ne!(
                    ran.output.status.code(),
                    Some(0),
                    "{make} as {target}\n{}",
                    ran.explain()
                );
                // The bundle's own words come before the work.
                if args[0] != "evidence-bundle" {
                    ran.says(what);
                }
                let after = fs::symlink_metadata(&path).unwrap();
                assert_eq!(
                    (before.ino(), before.mode()),
                    (after.ino(), after.mode()),
                    "{make} as {target}"
                );
                assert_eq!(gate.read("precious"), "precious");
                if make == "folder" {
                    assert_eq!(gate.read(&format!("{target}/inside")), "inside");
                }
            }
        }
    }

    /// With a node of its own: where this fails as root, the machine must not lose one of its devices.
    #[test]
    fn a_device_stays_a_device() {
        for (args, target) in WRITTEN {
            let gate = evidence();
            let made = Command::new("mknod")
                .arg(gate.path(target))
                .args(["c", "1", "7"])
                .output();
            if !made.is_ok_and(|made| made.status.success()) {
                return not_checked(
                    "a device in the place of a file",
                    "no device can be made here",
                    REQUIRED,
                );
            }
            let ran = run(&gate, args);
            assert_ne!(ran.output.status.code(), Some(0), "{}", ran.explain());
            ran.says("regular file");
            let meta = fs::symlink_metadata(gate.path(target)).unwrap();
            assert!(meta.file_type().is_char_device(), "{target}");
        }
    }
}

mod left_behind {
    use super::*;

    fn temporary(gate: &Gate) -> Vec<String> {
        let names = walkdir::WalkDir::new(gate.root()).into_iter().map(Result::unwrap);
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with(".stageproof-")).collect()
    }

    #[test]
    fn what_a_killed_seal_left_is_gone_after_the_next_one() {
        let gate = Gate::new();
        gate.write("e/reports/x.log", vec![b'x'; 40 << 20]);
        // Packing it takes long enough to be killed in.
        for _ in 0..3 {
            let mut child = gate
                .command(["evidence-bundle", "--evidence-dir=e", "--output=out/e.zip"])
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            let half = || fs::read_dir(gate.root().join("out")).is_ok_and(|mut names| names.next().is_some());
            eventually("the zip is being written", || {
                half() || child.try_wait().unwrap().is_some()
            });
            child.kill().unwrap();
            child.wait().unwrap();
        }
        gate.run(["evidence-bundle", "--evidence-dir=e", "--output=out/e.zip"])
            .code(0);
        assert_eq!(temporary(&gate), [] as [&str; 0], "{}", gate.listing());
    }

    #[test]
    fn a_temporary_file_that_somebody_works_on_is_not_touched() {
        let gate = Gate::new();
        let names = [
            "e/.stageproof-new-dead01",
            "e/reports/.stageproof-new-dead02",
            "out/.stageproof-new-dead03",
        ];
        let alive = [
            "e/.stageproof-new-live01",
            "e/reports/.stageproof-new-live02",
            "out/.stageproof-new-live03",
        ];
        let mut locks = Vec::new();
        for name in names.iter().chain(&alive) {
            gate.write(name, "half");
        }
        for name in alive {
            let file = File::open(gate.path(name)).unwrap();
            file.lock().unwrap();
            locks.push(file);
        }
        // Names that only look alike are nobody's business.
        gate.write("out/.stageproof-bin/stageproof", "mine")
            .write("out/stageproof-new-1", "mine");
        gate.write("e/reports/x.log", "x");
        gate.run(["evidence-bundle", "--evidence-dir=e", "--output=out/e.zip"]);
        for name in names {
            assert!(!gate.root().join(name).exists(), "{name}\n{}", gate.listing());
        }
        for name in alive
            .into_iter()
            .chain(["out/.stageproof-bin/stageproof", "out/stageproof-new-1"])
        {
            assert!(gate.root().join(name).exists(), "{name}\n{}", gate.listing());
        }
    }

    #[test]
    fn many_at_once_in_one_folder_do_not_take_each_others_files() {
        let gate = Gate::new();
        let children: Vec<_> = (0..16)
            .map(|number| {
                let label = format!("--label=n{number}");
                let mut command = gate.command(["skip-guard", "--require=env:PATH", "--evidence-dir=e", &label]);
                command.stdout(Stdio::null()).spawn().unwrap()
            })
            .collect();
        for mut child in children {
            assert!(child.wait().unwrap().success(), "{}", gate.listing());
        }
        assert_eq!(
            fs::read_dir(gate.path("e/reports/x").parent().unwrap())
                .unwrap()
                .count(),
            32
        );
    }
}

#[test]
fn a_copy_is_for_nobody_who_may_not_read_the_original() {
    let gate = Gate::new();
    gate.write("private.log", "p")
        .write("public.log", "p")
        .write("run.sh", "#!/bin/sh\n");
    for (name, mode) in [("private.log", 0o600), ("public.log", 0o666), ("run.sh", 0o750)] {
        fs::set_permissions(gate.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    gate.run([
        "evidence-bundle",
        "private.log",
        "public.log",
        "run.sh",
        "--evidence-dir=e",
    ])
    .code(0);
    for (name, mode) in [("private.log", 0o600), ("public.log", 0o644), ("run.sh", 0o750)] {
        let kept = fs::metadata(gate.path(&format!("e/files/{name}"))).unwrap();
        assert_eq!(kept.permissions().mode() & 0o777, mode, "{name}");
    }
}
