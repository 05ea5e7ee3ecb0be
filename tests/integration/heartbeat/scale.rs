//! Much output and many processes cost no memory and lose nothing.

use std::process::Stdio;

use super::{log, records, script};
use crate::gate::Gate;
use stageproof::model::heartbeat::Event;

/// In KiB; the debug build alone takes some 20 MiB.
const FLAT: u64 = 64 << 10;

#[test]
fn a_gigabyte_passes_through_flat_memory() {
    let gate = Gate::new();
    let bytes: u64 = 1 << 30;
    let mut command = gate.command(["heartbeat", "--", "head", "-c", &bytes.to_string(), "/dev/zero"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let high = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let high = high.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
        peak = peak.max(high.unwrap_or(0));
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(child.wait().unwrap().success());
    assert!(peak < FLAT, "{peak} KiB");
    let path = gate.evidence().join("logs/head.log");
    assert_eq!(std::fs::metadata(&path).unwrap().len(), bytes);
    std::fs::remove_file(path).unwrap();
    assert!(matches!(records(&gate).pop().unwrap().event, Event::End(end) if end.bytes == bytes && end.lines == 0));
}

#[test]
fn silence_is_proved_too() {
    let gate = Gate::new();
    let ran = script(&gate, &[], "exec sleep 0.2");
    ran.code(0);
    assert_eq!((ran.stdout().as_str(), log(&gate, "sh.log").as_str()), ("", ""));
    assert!(records(&gate).len() >= 4);
}

/// Most of them lose their parent and become ours to wait for.
#[test]
fn ten_thousand_short_lived_children_are_all_waited_for() {
    let gate = Gate::new();
    let text = r#"i=0
while [ $i -lt 2500 ]; do
    ( (:) & (:) & (:) & )
    i=$((i + 1))
done
tries=0
while grep -qE "^[0-9]+ \([^)]*\) Z $PPID " /proc/[0-9]*/stat 2>/dev/null && [ $tries -lt 500 ]; do
    tries=$((tries + 1))
    sleep 0.01
done
[ $tries -lt 500 ] && echo all
exit 3"#;
    let ran = script(&gate, &[], text);
    ran.code(3);
    assert_eq!(ran.stdout(), "all\n");
}
