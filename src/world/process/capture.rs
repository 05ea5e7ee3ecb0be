//! The beginning and the end of an output of any length, in flat memory.

use std::collections::VecDeque;

#[derive(Clone, Debug)]
pub struct Captured {
    keep: usize,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    total: u64,
}

impl Captured {
    /// Keeps `keep` bytes of the beginning and as many of the end.
    pub fn new(keep: usize) -> Self {
        Self {
            keep,
            head: Vec::new(),
            tail: VecDeque::new(),
            total: 0,
        }
    }

    pub fn add(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let room = (self.keep - self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..room]);
        let rest = &bytes[room..];
        let rest = &rest[rest.len().saturating_sub(self.keep)..];
        let surplus = (self.tail.len() + rest.len()).saturating_sub(self.keep);
        self.tail.drain(..surplus);
        self.tail.extend(rest);
    }

    /// Bytes written in all.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Bytes that were written and not kept.
    pub fn left_out(&self) -> u64 {
        self.total - (self.head.len() + self.tail.len()) as u64
    }

    /// Like [`Self::text`], without the lines at the edges of what was left out: half a line may hold half a secret,
    /// which nobody would know again.
    pub fn whole_lines(&self) -> String {
        if self.left_out() == 0 {
            return self.text();
        }
        let newline = |byte: &u8| *byte == b'\n';
        let head = self.head.iter().rposition(newline).map_or(0, |at| at + 1);
        let tail = self.tail.iter().position(newline).map_or(self.tail.len(), |at| at + 1);
        let whole = Self {
            keep: self.keep,
            head: self.head[..head].to_vec(),
            tail: self.tail.range(tail..).copied().collect(),
            total: self.total,
        };
        whole.text()
    }

    /// What was kept, as text: bytes that are not UTF-8 become U+FFFD, a line says how much is left out.
    pub fn text(&self) -> String {
        let mut bytes = self.head.clone();
        if self.left_out() > 0 {
            bytes.extend_from_slice(format!("\n[{} bytes left out]\n", self.left_out()).as_bytes());
        }
        bytes.extend(&self.tail);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_middle_is_left_out_and_counted() {
        let mut captured = Captured::new(3);
        for chunk in ["ab", "cdef", "ghij"] {
            captured.add(chunk.as_bytes());
        }
        assert_eq!(captured.text(), "abc\n[4 bytes left out]\nhij");
        assert_eq!(captured.total(), 10);
    }

    #[test]
    fn half_lines_at_the_edges_of_what_is_left_out_are_left_out_too() {
        let mut captured = Captured::new(10);
        captured.add(b"one\nsecret-");
        assert_eq!(captured.whole_lines(), "one\nsecret-", "nothing was left out");
        captured.add(b"value and more\nend\nlast\n");
        assert_eq!(captured.whole_lines(), "one\n\n[22 bytes left out]\nend\nlast\n");
        let mut endless = Captured::new(4);
        endless.add(b"secret-value");
        assert_eq!(endless.whole_lines(), "\n[12 bytes left out]\n");
    }

    proptest! {
        #[test]
        fn what_fits_is_kept_whole_and_memory_is_bounded(
            chunks in proptest::collection::vec("[a-z]{0,9}", 0..20), keep in 0usize..40,
        ) {
            let mut captured = Captured::new(keep);
            let all: String = chunks.concat();
            for chunk in &chunks {
                captured.add(chunk.as_bytes());
                prop_assert!(captured.head.len() <= keep && captured.tail.len() <= keep);
            }
            if all.len() <= 2 * keep {
                prop_assert_eq!(captured.text(), all);
            } else {
                prop_assert!(captured.text().starts_with(&all[..keep]));
                prop_assert!(captured.text().ends_with(&all[all.len() - keep..]));
            }
        }
    }
}
