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

/// Half of them lose their parent and become ours to wait for.
#[test]
fn ten_thousand_short_lived_children_are_all_waited_for() {
    if std::process::Command::new("python3").arg("--version").output().is_err() {
        let why = "python3 is not installed";
        return crate::gap::not_checked("10,000 children", why, "STAGEPROOF_REQUIRE_TOOLS");
    }
    let gate = Gate::new();
    gate.write(
        "many.py",
        "import os
for i in range(2500):
    child = os.fork()
    if child == 0:
        for _ in range(3):
            if os.fork() == 0:
                os._exit(0)
        os._exit(0)
    os.waitpid(child, 0)
us = os.getppid()
def dead():
    found = 0
    for name in os.listdir('/proc'):
        try:
            fields = open(f'/proc/{name}/stat').read().rsplit(')', 1)[1].split()
            found += fields[0] == 'Z' and int(fields[1]) == us
        except (OSError, ValueError, IndexError):
            pass
    return found
import time
for _ in range(500):
    if not dead():
        break
    time.sleep(0.01)
print('left', dead())
raise SystemExit(3)
",
    );
    let ran = script(&gate, &[], "exec python3 many.py");
    ran.code(3);
    assert_eq!(ran.stdout(), "left 0\n");
}
