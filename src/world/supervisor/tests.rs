use super::*;
use std::fs;

#[tokio::test]
async fn a_helper_that_says_nothing_does_not_hold_us() {
    let (_silent, heard) = tokio::io::duplex(100);
    let mut lines = BufReader::new(heard).lines();
    let late = Duration::from_secs(60);
    let failed = greeting(&mut lines, Duration::from_millis(50), &Interrupt::never()).await;
    assert_eq!(
        failed.unwrap_err().to_string(),
        "the helper process did not start the server within 50ms"
    );
    let failed = greeting(&mut lines, late, &Interrupt::by("SIGINT")).await;
    assert!(matches!(failed, Err(Failed::Interrupted("SIGINT"))), "{failed:?}");
}

#[tokio::test]
async fn what_the_helper_says_is_understood() {
    let hear = async |line: &'static str| {
        let mut lines = BufReader::new(line.as_bytes()).lines();
        greeting(&mut lines, Duration::from_secs(60), &Interrupt::never()).await
    };
    assert_eq!(hear("started 12\n").await.unwrap(), 12);
    assert!(matches!(hear("refused because\n").await, Err(Failed::Refused(why)) if why == "because"));
    for line in ["", "started x\n", "hello\n"] {
        assert!(matches!(hear(line).await, Err(Failed::Own(_))), "{line}");
    }
}

#[test]
fn a_log_is_emptied_but_not_through_a_link() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("logs/server.log");
    open_log(&log).unwrap();
    fs::write(&log, "before").unwrap();
    open_log(&log).unwrap();
    assert_eq!(fs::read_to_string(&log).unwrap(), "");

    fs::write(&log, "precious").unwrap();
    let link = home.path().join("logs/link.log");
    std::os::unix::fs::symlink(&log, &link).unwrap();
    let error = format!("{:#}", open_log(&link).unwrap_err());
    assert!(error.contains("link.log: it is a symbolic link"), "{error}");
    assert_eq!(fs::read_to_string(&log).unwrap(), "precious");

    let pipe = home.path().join("logs/pipe.log");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    assert!(open_log(&pipe).is_err());
}
