//! Any text as what Helm keeps of a release, and any bytes inside of it: a release or an error, within bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stageproof::commands::rollback_dry_run::helm;

fuzz_target!(|input: (&str, &str)| {
    let (data, manifest) = input;
    let _ = helm::release::decode(data);
    let _ = helm::manifest::objects(manifest);
});
