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
    filter: Box<[u32; (1 << FILTER) / 32]>,
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
        let words = words.into_iter().map(|word| word.as_ref().to_ascii_lowercase().into());
        let words: Vec<Box<[u8]>> = words.collect();
        u16::try_from(words.len()).ok()?;
        let mut often = [1_u64; 256];
        for byte in words.iter().flatten() {
            often[usize::from(byte | 0x20)] += 1;
        }
        let mut filter = Box::new([0; (1 << FILTER) / 32]);
        let mut pass = |folded: u32| {
            let bit = bit(folded);
            filter[bit / 32] |= 1_u32 << (bit % 32);
        };
        let rarity = |gram: &[u8]| -> u64 {
            let each = gram[..GRAM]
                .iter()
                .map(|byte| often[usize::from(byte | 0x20)].min(u16::MAX.into()));
            each.fold(1, u64::saturating_mul)
        };
        let (mut grams, mut short) = (Vec::with_capacity(words.len()), Vec::new());
        for (word, text) in words.iter().enumerate() {
            // With the byte after it, since only every second place is looked at.
            let all = text.windows(text.len().clamp(GRAM, GRAM + 1)).enumerate();
            let rarest = all.min_by_key(|(_, gram)| {
                let next = &gram[gram.len() - GRAM..];
                rarity(gram).saturating_add(rarity(next))
            });
            let Some((at, gram)) = rarest else {
                short.push(word);
                continue;
            };
            let folded = folded(gram);
            pass(folded);
            match gram.get(GRAM) {
                Some(_) => pass(self::folded(&gram[1..])),
                None => (0..=u8::MAX).for_each(|any| pass(self::folded(&[gram[1], gram[2], gram[3], any]))),
            }
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
            filter,
            index: index.into(),
            grams: placed,
            short,
        })
    }

    /// Calls `take` for every word in the text that is not shorter than a gram. It answers from where on to go on.
    pub fn each_long(&self, text: &[u8], mut take: impl FnMut(Hit) -> usize) {
        let Some(last) = text.len().checked_sub(GRAM) else {
            return;
        };
        let (mut at, mut next) = (0, 0);
        while at <= last + 1 {
            // What begins at the last place may have no place after it.
            at = self.candidate(text, at).unwrap_or(last + 1);
            if at > next {
                self.each_at(text, at - 1, |hit| next = next.max(take(hit)));
            }
            if next <= at && at <= last {
                self.each_at(text, at, |hit| next = next.max(take(hit)));
            }
            at = next.max(at + 2);
        }
    }

    /// Calls `take` for every word whose gram is at this place.
    fn each_at(&self, text: &[u8], at: usize, mut take: impl FnMut(Hit)) {
        let folded = folded(&text[at..at + GRAM]);
        let slot = (hash(folded) >> (32 - INDEX)) as usize;
        let same = usize::from(self.index[slot])..usize::from(self.index[slot + 1]);
        for gram in &self.grams[same] {
            if gram.folded == folded
                && let Some(hit) = self.whole(gram, text, at)
            {
                take(hit);
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
        let (text, lower) = (&text[start..end], &self.words[word]);
        for at in (0..text.len()).step_by(GRAM) {
            // The last one overlaps with the one before.
            let at = at.min(text.len() - GRAM);
            if lowered(&text[at..]) != number(&lower[at..]) {
                return None;
            }
        }
        Some(Hit { word, start, end })
    }

    /// From here on in steps of two, the next place where a gram may be, or before which one may be.
    fn candidate(&self, text: &[u8], from: usize) -> Option<usize> {
        let mut rest = text.get(from..)?;
        // A closure or an index would be called for each of millions of places.
        while let [a, b, next @ ..] = rest
            && let [c, d, ..] = next
        {
            let bit = bit(u32::from_le_bytes([*a, *b, *c, *d]) | FOLD);
            if self.filter[bit / 32] & (1 << (bit % 32)) != 0 {
                return Some(text.len() - rest.len());
            }
            rest = next;
        }
        None
    }
}

/// The first bytes at once.
fn number(text: &[u8]) -> u32 {
    text.first_chunk().map_or(0, |gram| u32::from_le_bytes(*gram))
}

fn folded(gram: &[u8]) -> u32 {
    number(gram) | FOLD
}

/// As `to_ascii_lowercase`, of all bytes at once: only those from `A` to `Z` have their first bit set by one of the two
/// sums.
fn lowered(text: &[u8]) -> u32 {
    let number = number(text);
    let low = number & 0x7f7f_7f7f;
    let from_a = low + 0x3f3f_3f3f;
    let after_z = low + 0x2525_2525;
    number | ((from_a ^ after_z) & !number & 0x8080_8080) >> 2
}

fn bit(folded: u32) -> usize {
    (hash(folded) >> (32 - FILTER)) as usize
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
