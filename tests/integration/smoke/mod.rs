//! `smoke`: does what was deployed answer?

mod answers;
mod nginx;
mod patience;
mod servers;
mod stopping;
mod usage;
mod way;

use crate::gap::not_checked;
use crate::gate::{Gate, Ran};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";

/// Short limits, so that hopeless cases end soon.
fn smoke<'a>(gate: &'a Gate, url: &str, more: &[&str]) -> Ran<'a> {
    let mut args = vec!["smoke", url, "--within=900ms", "--interval=100ms"];
    args.extend(more);
    gate.run(args)
}

fn reason(gate: &Gate) -> String {
    let report = gate.report("smoke");
    let checks = report["checks"].as_array().unwrap();
    let finding = &checks[checks.len() - 1]["findings"][0];
    finding["reason"].as_str().unwrap_or("none").to_owned()
}

/// Whether a program is there. A test that needs one prints what it skipped; in CI `STAGEPROOF_REQUIRE_TOOLS` makes
/// its absence a failure.
fn has(program: &str) -> bool {
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|folder: std::path::PathBuf| folder.join(program).is_file());
    if !found {
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        not_checked(
            &test,
            &format!("{program} is not installed"),
            "STAGEPROOF_REQUIRE_TOOLS",
        );
    }
    found
}
