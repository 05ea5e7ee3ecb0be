//! Many phrases at once, in lines of a log.

use super::finder::Finder;

/// Phrases to find in a line, whatever their case.
pub struct Phrases<T> {
    words: Finder,
    /// What the phrase of each index stands for.
    of: Vec<T>,
}

impl<T: Copy + Ord> Phrases<T> {
    pub fn new(groups: impl IntoIterator<Item = (T, &'static str)>) -> Option<Self> {
        let each = groups
            .into_iter()
            .flat_map(|(of, phrases)| phrases.split('|').map(move |phrase| (phrase, of)));
        let (phrases, of): (Vec<&str>, Vec<T>) = each.unzip();
        Some(Self {
            words: Finder::new(phrases)?,
            of,
        })
    }

    /// A phrase begins where a word begins, and a number ends where it ends. Of several, the one that stands for the
    /// least counts.
    pub fn least(&self, line: &[u8]) -> Option<T> {
        let is_part = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let begins = |at: usize| !is_part(line.get(at)) || !is_part(line[..at].last());
        let ends = |to: usize| !line[to - 1].is_ascii_digit() || !is_part(line.get(to));
        let mut least = None;
        self.words.each(line, |hit| {
            if begins(hit.start) && ends(hit.end) {
                let of = self.of[hit.word];
                least = Some(least.map_or(of, |least: T| least.min(of)));
            }
        });
        least
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_counts_in_any_case_where_a_word_begins_and_a_number_ends() {
        let phrases = Phrases::new([(2, "lint|./x|409"), (1, "api key")]).unwrap();
        assert_eq!(phrases.least(b"run LINT with an API key"), Some(1));
        assert_eq!(phrases.least(b"a=./x"), Some(2));
        assert_eq!(phrases.least(b"splinter"), None);
        assert_eq!(phrases.least(b"status 409"), Some(2));
        assert_eq!(phrases.least(b"worker 4096"), None);
    }
}
