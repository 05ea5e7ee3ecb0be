//! Any bytes in a repository, where they are read by hand: a loose object, a list of alternates, a file, a name in a tree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stageproof::world::git::{Cut, StandIn, alternates, filters, inflate, is_refused};

fuzz_target!(|bytes: &[u8]| {
    // What is read to its end has one, and so it has with more behind it.
    let never = || None;
    match inflate(bytes, &never) {
        Ok(()) => assert!(inflate(&[bytes, b"more"].concat()[..], &never).is_ok()),
        Err(Cut::Broken(_)) => {}
        Err(Cut::Stopped(reason)) => panic!("{reason}"),
    }
    for path in alternates(bytes) {
        assert!(!path.as_os_str().is_empty());
    }
    for name in filters(bytes) {
        assert!(!name.is_empty() && !name.contains(['\n', ' ']));
    }
    if StandIn::of(bytes) == Some(StandIn::Lfs) {
        assert!(bytes.len() <= 1024);
    }
    // What is refused of a file is refused of a link, and case makes no difference.
    let refused = is_refused(bytes, false);
    assert!(!refused || is_refused(bytes, true));
    assert_eq!(refused, is_refused(&bytes.to_ascii_uppercase(), false));
});
