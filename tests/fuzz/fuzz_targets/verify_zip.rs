//! Any bytes as a zip: opening, listing and hashing must end, without a panic and without more memory than a buffer.
#![no_main]

use std::io::Write as _;

use libfuzzer_sys::fuzz_target;
use stageproof::world::archive::Archive;
use stageproof::world::hash::Scratch;

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("the input fits");
    let Ok(archive) = Archive::open(file.path()) else {
        return;
    };
    let mut scratch = Scratch::new();
    for member in archive.members() {
        if let Ok(hashed) = archive.hash(member, &mut scratch, &|| false) {
            assert_eq!(hashed.size, member.size, "what is read is what was said");
        }
    }
});
