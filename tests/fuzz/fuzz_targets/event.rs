//! Any bytes as an event's payload: reading it ends, and whose fork a run is of is told from it alone and in few words.
#![no_main]

use std::io::Write as _;

use libfuzzer_sys::fuzz_target;
use stageproof::commands::skip_guard::fork_behind;
use stageproof::world::{Env, Runner};

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("the input fits");
    let env: Env = [("GITHUB_EVENT_PATH", file.path())].into_iter().collect();
    let runner = Runner::from_env(&env);
    let Ok(event) = runner.event() else {
        return;
    };
    for name in ["push", "pull_request", "pull_request_target", "workflow_run", "issue_comment", "schedule"] {
        match fork_behind(name, event) {
            Ok(None) if name != "schedule" => assert!(event.is_object(), "{name}: {event}"),
            // A name in it is shortened by whoever shows it.
            Ok(None | Some(_)) => {}
            Err(told) => assert!(told.len() < 2000, "{} bytes are told", told.len()),
        }
    }
});
