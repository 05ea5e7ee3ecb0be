//! Any bytes as a zip: opening, listing and hashing must end, without a panic and without more memory than a buffer; and
//! what is believed lies in the order and under the names that evidence-bundle gives.
#![no_main]

use std::io::Write as _;

use libfuzzer_sys::fuzz_target;
use stageproof::model::evidence::is_safe;
use stageproof::world::archive::Archive;
use stageproof::world::hash::Scratch;

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("the input fits");
    let Ok(archive) = Archive::open(file.path()) else {
        return;
    };
    let mut scratch = Scratch::new();
    let mut before = "";
    for member in archive.members() {
        assert!(before < member.name() && is_safe(member.name()), "{before:?}, {:?}", member.name());
        before = member.name();
        if let Ok(hashed) = archive.hash(member, &mut scratch, &|| false) {
            assert_eq!(hashed.size, member.size(), "what is read is what was said");
        }
    }
});
