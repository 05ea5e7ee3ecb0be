//! Any bytes as an archive: opening it must end, without a panic, and hand on no more than it may unpack.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stageproof::world::unpack::each;

/// Of one stream, each level of archives can hand on what it holds, and what is unpacked comes on top.
const MOST: u64 = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    let mut handed = 0;
    let closed = each(&mut &bytes[..], MOST, &mut |_, text| {
        let mut content = Vec::new();
        text.read_to_end(&mut content)?;
        handed += content.len() as u64;
        Ok(())
    });
    closed.expect("nothing but the system's errors is an error");
    assert!(handed <= 2 * (MOST + bytes.len() as u64), "{handed} of {}", bytes.len());
});
