//! Prerequisites that are met without being there: references, freezes, configurations, skips that start anew.

mod freezes;
mod other_runs;
mod refs;
mod skips;
mod working_directory;

use crate::gate::Gate;

const CONFIG: &str = ".github/stageproof.yml";
const FROZEN: &str = "reason: release 4.2\n";

/// A runner whose GITHUB_WORKSPACE is the folder of the test.
fn on_runner() -> Gate {
    let gate = Gate::new().on_runner("push", r#"{"repository":{"fork":false}}"#);
    let root = gate.root().display().to_string();
    gate.env("GITHUB_WORKSPACE", &root)
}
