//! Any names of releases have one order, and any text is a template or an error; what is filled in stays a word.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stageproof::commands::rollback_dry_run::{Placeholder, Template, version};

fuzz_target!(|input: (&[u8], &[u8], &[u8], &str)| {
    let (a, b, c, word) = input;
    for order in [version::compare, version::precedence] {
        assert_eq!(order(a, b), order(b, a).reverse());
        if order(a, b).is_le() && order(b, c).is_le() {
            assert!(order(a, c).is_le());
        }
    }
    assert_eq!(version::compare(a, b).is_eq(), a == b);
    if let Ok(text) = std::str::from_utf8(c)
        && let Ok(template) = Template::parse(text, &[Placeholder::Ref, Placeholder::Sha])
        && let Some(command) = template.fill(|_| word.to_owned())
        && !text.contains(word)
        && command != text
    {
        assert!(!word.contains(|c: char| c.is_whitespace() || "'\"`$;&|<>()\\!#*?[]{}~".contains(c)));
    }
});
