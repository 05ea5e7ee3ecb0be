//! Prerequisites that are met without being there: references, freezes, configurations, skips that start anew.

mod api;
mod events;
mod freezes;
mod other_runs;
mod refs;
mod skips;
mod values;
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

#[test]
fn each_missing_prerequisite_has_its_own_advice() {
    let gate = on_runner();
    let ran = gate.run([
        "skip-guard",
        "--require=env:NOPE",
        "--require=file:nope",
        "--require=var:VNOPE",
    ]);
    ran.code(0)
        .says("NOPE is not set or empty; the file nope does not exist; VNOPE is not set or empty.%0ANOPE is not set or empty. Create it")
        .says("%0Athe file nope does not exist. Check the path")
        .says("${{ vars.VNOPE }}");
    let report = gate.report("skip-guard");
    for (index, says) in ["secrets.NOPE", "Check the path", "vars.VNOPE"].iter().enumerate() {
        let reason = report["checks"][index]["skip_reason"].as_str().unwrap();
        assert!(reason.contains(says), "{reason}");
    }
    // One is told in the shortest way, and what cannot be there asks for nothing.
    let gate = on_runner();
    gate.run(["skip-guard", "--require=env:NOPE", "--require=event:schedule"])
        .says("only schedule deploys. Create it and map it")
        .never_says("Nothing to do");
}
