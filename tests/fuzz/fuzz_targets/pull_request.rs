//! Any bytes as a pull request's text: what a comment or a definition holds is never seen.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stageproof::commands::foreground_proof::visible;

const HIDDEN: &str = "Xq7NotShown";

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let _ = visible(&text);
    if !text.contains(HIDDEN) {
        // On lines of its own and before anything else, so that no code block or element is open.
        for hidden in [format!("<!-- {HIDDEN} -->\n\n"), format!("[//]: # ({HIDDEN})\n\n")] {
            let seen = visible(&(hidden + &text));
            assert!(!seen.contains(HIDDEN), "{seen}");
        }
    }
});
