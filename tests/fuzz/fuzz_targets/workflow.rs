//! Whatever a workflow holds, it is judged: every finding has a place in the file, and what is read knows where it is.
#![no_main]

use std::path::PathBuf;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use stageproof::cli::CommandLine;
use stageproof::commands::check::{File, Surroundings, judge};
use stageproof::model::yaml;
use stageproof::world::{Clock, Env, Host, Interrupt, Progress, Runner, World};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = str::from_utf8(bytes)
        && let Ok(root) = yaml::parse(text)
    {
        for scalar in root.scalars() {
            assert!(text.get(scalar.place.bytes.clone()).is_some());
        }
    }
    let folder = PathBuf::from("/nonexistent");
    let world = World {
        env: Arc::new(Env::default()),
        runner: Arc::new(Runner::default()),
        clock: Clock::default(),
        interrupt: Interrupt::never(),
        progress: Progress::silent(),
        secrets: Arc::default(),
        workspace: folder.clone(),
        folder: folder.clone(),
        host: Arc::new(Host::default()),
    };
    let language = CommandLine::new(&world, &folder);
    let file = File {
        path: folder.join("w.yml"),
        shown: "w.yml".to_owned(),
        is_config: false,
        is_named: true,
    };
    let surroundings = Surroundings {
        language: &language,
        is_own: true,
    };
    let check = judge(&file, bytes, &surroundings).expect("what is named is answered");
    // YAML ends a line at a carriage return, too.
    let lines = bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() + 1;
    for finding in check.findings().iter().filter(|finding| finding.code != "more") {
        let line = finding.location.as_ref().and_then(|place| place.line).unwrap();
        assert!(line >= 1 && line as usize <= lines + 1, "{finding:?}");
    }
});
