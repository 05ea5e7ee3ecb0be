//! What is said of a file that cannot be searched, or not to its end.

use super::super::Finding;

/// What such a file comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unscannable {
    /// A warning.
    #[default]
    Keep,
    /// Its name, size and hash are sealed in its place.
    Stub,
    /// An error.
    Fail,
}

impl Unscannable {
    /// `why` is the second half of a sentence. `is_cut` says that a part of it was searched.
    pub fn finding(self, path: &str, why: &str, is_cut: bool) -> Finding {
        const CODE: &str = "not-scanned";
        let message = match is_cut {
            true => format!("{path} was not scanned to its end: {why}"),
            false => format!("{path} was not scanned: {why}"),
        };
        let finding = match self {
            Self::Keep | Self::Stub => Finding::warning(CODE, message),
            Self::Fail => Finding::error(CODE, message),
        };
        finding.help("unpack it, write it again if it is damaged, or leave it out")
    }
}
