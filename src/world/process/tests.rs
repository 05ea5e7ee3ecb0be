use super::*;

fn limits(deadline_ms: u64) -> Limits {
    Limits {
        deadline: Duration::from_millis(deadline_ms),
        grace: Duration::from_millis(300),
        keep: 1000,
    }
}

fn env() -> Env {
    Env::new(std::env::vars_os())
}

fn command(program: &str, args: &[&str]) -> Command {
    Command {
        program: program.to_owned(),
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        folder: std::env::temp_dir(),
        env: vec![("EXTRA".to_owned(), "yes".to_owned())],
    }
}

async fn sh(script: &str, deadline_ms: u64) -> Ran {
    run(
        &command("sh", &["-c", script]),
        limits(deadline_ms),
        &env(),
        &Interrupt::never(),
    )
    .await
    .unwrap()
}

fn is_alive(pid: &str) -> bool {
    match std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())) {
        Ok(stat) => !stat.rsplit(')').next().unwrap().trim().starts_with('Z'),
        Err(_) => false,
    }
}

#[tokio::test]
async fn both_streams_in_order_and_the_exit_code() {
    let ran = sh("echo one; echo two >&2; echo $EXTRA; exit 3", 10_000).await;
    assert_eq!(ran.ended, RunEnd::Itself(Ending::Code(3)));
    assert_eq!(ran.output.text(), "one\ntwo\nyes\n");
    assert_eq!((ran.left_behind, ran.survivors), (vec![], vec![]));
}

#[tokio::test]
async fn after_an_interrupt_nothing_is_started() {
    let home = tempfile::tempdir().unwrap();
    let mark = home.path().join("started");
    let touch = command("touch", &[mark.to_str().unwrap()]);
    let told = run(&touch, limits(10_000), &env(), &Interrupt::by("SIGTERM")).await;
    assert!(matches!(told, Err(StartError::Interrupted("SIGTERM"))), "{told:?}");
    assert!(!mark.exists(), "the command ran");
}

#[tokio::test]
async fn a_signal_is_told_from_an_exit_code() {
    assert_eq!(
        sh("kill -SEGV $$", 10_000).await.ended,
        RunEnd::Itself(Ending::Signal(11))
    );
}

#[tokio::test]
async fn the_deadline_ends_the_whole_family() {
    // One child in the group, one in a session of its own, one orphaned in a session of its own; all deaf to SIGTERM.
    let script = "trap '' TERM; sleep 60 & echo $!; setsid sleep 60 & echo $!; \
                  (setsid sh -c 'echo $$; exec sleep 60' &); sleep 0.3; exec sleep 60";
    let started = Instant::now();
    let ran = sh(script, 800).await;
    assert_eq!(ran.ended, RunEnd::Deadline);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    let text = ran.output.text();
    let pids: Vec<&str> = text.lines().collect();
    assert_eq!(pids.len(), 3, "{text}");
    for pid in pids {
        assert!(!is_alive(pid), "{pid} is alive");
    }
    assert_eq!(ran.survivors, []);
}

#[tokio::test]
async fn a_grandchild_that_holds_the_pipe_does_not_hold_us() {
    let started = Instant::now();
    let ran = sh("(setsid sh -c 'echo $$; exec sleep 60' &); sleep 0.2; exit 0", 30_000).await;
    assert_eq!(ran.ended, RunEnd::Itself(Ending::Code(0)));
    assert!(
        ran.left_behind.iter().any(|left| left.command.contains("sleep 60")),
        "{:?}",
        ran.left_behind
    );
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(!is_alive(&ran.output.text()));
}

#[tokio::test]
async fn a_daemon_that_closed_the_pipe_is_ended_too() {
    let ran = sh(
        "(setsid sh -c 'echo $$; exec sleep 60 >/dev/null 2>&1' &); sleep 0.3",
        30_000,
    )
    .await;
    assert!(
        ran.left_behind.iter().any(|left| left.command.contains("sleep 60")),
        "{:?}",
        ran.left_behind
    );
    assert!(!is_alive(&ran.output.text()));
}

#[tokio::test]
async fn endless_output_ends_at_the_deadline_in_flat_memory() {
    let ran = sh("exec yes", 500).await;
    assert_eq!(ran.ended, RunEnd::Deadline);
    assert!(ran.output.total() > 100_000);
    assert!(ran.output.text().len() < 2100);
}

#[tokio::test]
async fn dropping_kills() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("pid");
    let script = format!("setsid sleep 60 & echo $! > {}; wait", file.display());
    let command = command("sh", &["-c", &script]);
    let (env, never) = (env(), Interrupt::never());
    let running = run(&command, limits(60_000), &env, &never);
    assert!(tokio::time::timeout(Duration::from_millis(700), running).await.is_err());
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!is_alive(&std::fs::read_to_string(&file).unwrap()));
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str, mode: u32| {
        let path = home.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path.display().to_string()
    };
    for (program, says) in [
        ("no-such-program".to_owned(), "not found in PATH"),
        ("./no-such-file".to_owned(), "there is no file"),
        (file("plain", "x", 0o644), "lacks execute permission"),
        (home.path().display().to_string(), "is a folder"),
        (
            file("script", "#!/no/such/interpreter\n", 0o755),
            "its interpreter or loader",
        ),
    ] {
        let error = run(&command(&program, &[]), limits(1000), &env(), &Interrupt::never())
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(says), "{program}: {error}");
    }
}
