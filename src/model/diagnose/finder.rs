//! Many words at once, in any case. An automaton of two thousand words takes longer to build than a log takes to read.

use aho_corasick::AhoCorasick;

/// So many bytes of a word are looked for, and then the word.
const GRAM: usize = 4;
/// Sets what tells the two cases of a letter apart.
const FOLD: u32 = 0x2020_2020;
/// Bits of the filter, and of the index, as powers of two.
const FILTER: u32 = 17;
const INDEX: u32 = 13;

/// A word that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Its index.
    pub word: usize,
    pub start: usize,
    pub end: usize,
}

#[derive(Debug)]
pub struct Finder {
    words: Vec<Box<[u8]>>,
    /// A bit for each hash of a gram.
    filter: Box<[u8]>,
    /// Where the grams with the same first bits of their hash begin.
    index: Box<[u16]>,
    grams: Vec<Gram>,
    /// Words that are shorter than a gram, and their indexes.
    short: Option<(AhoCorasick, Vec<usize>)>,
}

/// Of each word the one that is rarest.
#[derive(Clone, Copy, Debug)]
struct Gram {
    folded: u32,
    /// The last bytes of the word, of which most texts that have the gram have others.
    end: u32,
    word: u16,
    /// Where it is in the word, and how long that is.
    at: u16,
    length: u16,
}

impl Finder {
    /// `None` if there are too many words, or one is too long.
    pub fn new(words: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Option<Self> {
        let words: Vec<Box<[u8]>> = words.into_iter().map(|word| word.as_ref().into()).collect();
        u16::try_from(words.len()).ok()?;
        let mut often = [1_u64; 256];
        for byte in words.iter().flatten() {
            often[usize::from(byte | 0x20)] += 1;
        }
        let mut filter = vec![0; 1 << (FILTER - 3)];
        let (mut grams, mut short) = (Vec::with_capacity(words.len()), Vec::new());
        for (word, text) in words.iter().enumerate() {
            let all = text.windows(GRAM).enumerate();
            let rarity = |gram: &[u8]| -> u64 {
                let each = gram
                    .iter()
                    .map(|byte| often[usize::from(byte | 0x20)].min(u16::MAX.into()));
                each.fold(1, u64::saturating_mul)
            };
            let Some((at, gram)) = all.min_by_key(|(_, gram)| rarity(gram)) else {
                short.push(word);
                continue;
            };
            let folded = folded(gram);
            let bit = hash(folded) >> (32 - FILTER);
            filter[(bit >> 3) as usize] |= 1_u8 << (bit & 7);
            let end = self::folded(&text[text.len() - GRAM..]);
            grams.push(Gram {
                folded,
                end,
                word: u16::try_from(word).ok()?,
                at: u16::try_from(at).ok()?,
                length: u16::try_from(text.len()).ok()?,
            });
        }
        let slot = |gram: &Gram| (hash(gram.folded) >> (32 - INDEX)) as usize;
        let mut index = vec![0; (1 << INDEX) + 1];
        for gram in &grams {
            index[slot(gram) + 1] += 1;
        }
        let mut sum = 0_u16;
        for count in &mut index {
            sum += *count;
            *count = sum;
        }
        // By slot, which takes less code than to sort them.
        let (mut free, mut placed) = (index.clone(), grams.clone());
        for gram in &grams {
            let free = &mut free[slot(gram)];
            placed[usize::from(*free)] = *gram;
            *free += 1;
        }
        let short = if short.is_empty() {
            None
        } else {
            let mut built = AhoCorasick::builder();
            let texts = short.iter().map(|word| &words[*word]);
            Some((built.ascii_case_insensitive(true).build(texts).ok()?, short))
        };
        Some(Self {
            words,
            filter: filter.into(),
            index: index.into(),
            grams: placed,
            short,
        })
    }

    /// Calls `take` for every word in the text that is not shorter than a gram. It answers from where on to go on.
    pub fn each_long(&self, text: &[u8], mut take: impl FnMut(Hit) -> usize) {
        let mut next = 0;
        while let Some(at) = self.candidate(text, next) {
            next = at + 1;
            let folded = folded(&text[at..at + GRAM]);
            let slot = (hash(folded) >> (32 - INDEX)) as usize;
            let same = usize::from(self.index[slot])..usize::from(self.index[slot + 1]);
            for gram in &self.grams[same] {
                if gram.folded == folded
                    && let Some(hit) = self.whole(gram, text, at)
                {
                    next = next.max(take(hit));
                }
            }
        }
    }

    /// Calls `take` for every word in the text.
    pub fn each(&self, text: &[u8], mut take: impl FnMut(Hit)) {
        self.each_long(text, |hit| {
            take(hit);
            0
        });
        if let Some((words, short)) = &self.short {
            for hit in words.find_overlapping_iter(text) {
                take(Hit {
                    word: short[hit.pattern().as_usize()],
                    start: hit.start(),
                    end: hit.end(),
                });
            }
        }
    }

    /// The word, if its gram is at this place of the text.
    fn whole(&self, gram: &Gram, text: &[u8], at: usize) -> Option<Hit> {
        let start = at.checked_sub(gram.at.into())?;
        let end = start + usize::from(gram.length);
        if folded(text.get(end - GRAM..end)?) != gram.end {
            return None;
        }
        let word = usize::from(gram.word);
        let is_there = text[start..end].eq_ignore_ascii_case(&self.words[word]);
        is_there.then_some(Hit { word, start, end })
    }

    /// The next place where a gram may be.
    fn candidate(&self, text: &[u8], from: usize) -> Option<usize> {
        let mut windows = text.get(from..)?.windows(GRAM);
        let found = windows.position(|gram| {
            let bit = hash(folded(gram)) >> (32 - FILTER);
            self.filter[(bit >> 3) as usize] & (1 << (bit & 7)) != 0
        });
        Some(from + found?)
    }
}

fn folded(gram: &[u8]) -> u32 {
    gram.try_into().map_or(0, u32::from_le_bytes) | FOLD
}

fn hash(folded: u32) -> u32 {
    folded.wrapping_mul(0x9e37_79b1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_word_is_found_in_any_case_wherever_it_is(
            words in proptest::collection::hash_set("[a-cé:\\[{ ]{2,7}", 1..12),
            text in "[a-cA-Cé:\\[{ \n]{0,60}",
        ) {
            let words: Vec<String> = words.into_iter().collect();
            let finder = Finder::new(&words).unwrap();
            let mut found = Vec::new();
            finder.each(text.as_bytes(), |hit| found.push((hit.start, hit.end, hit.word)));
            let mut expected = Vec::new();
            for (index, word) in words.iter().enumerate() {
                for start in 0..text.len() {
                    let end = start + word.len();
                    if text.as_bytes().get(start..end).is_some_and(|text| text.eq_ignore_ascii_case(word.as_bytes())) {
                        expected.push((start, end, index));
                    }
                }
            }
            found.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn what_follows_a_hit_can_be_passed_over() {
        let finder = Finder::new(["error", "fatal"]).unwrap();
        let mut found = Vec::new();
        finder.each_long(b"error: error\nFATAL", |hit| {
            found.push(hit.start);
            12
        });
        assert_eq!(found, [0, 13]);
    }
}
