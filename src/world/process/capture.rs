//! The beginning and the end of an output of any length, in flat memory.

use std::collections::VecDeque;

use crate::world::secrets::{Part, Redactor};

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

    /// For showing: without secrets, of which a part may stand where something was left out.
    pub fn redacted(&self, secrets: &Redactor) -> String {
        let tail: Vec<u8> = self.tail.iter().copied().collect();
        if self.left_out() == 0 {
            let whole = [self.head.as_slice(), &tail].concat();
            return secrets.redact_part(Part::beginning(&whole));
        }
        format!(
            "{}\n[{} bytes left out]\n{}",
            secrets.redact_part(Part::beginning(&self.head)),
            self.left_out(),
            secrets.redact_part(Part::middle(&tail))
        )
    }

    /// What a pattern may be looked for in: whole lines, and nothing of ours where some are left out. Half a line could
    /// match a pattern that the whole one does not.
    pub fn lines_kept(&self) -> String {
        let mut bytes = self.head.clone();
        let mut tail = self.tail.iter().copied();
        if self.left_out() > 0 {
            let newline = |byte: &u8| *byte == b'\n';
            bytes.truncate(bytes.iter().rposition(newline).map_or(0, |at| at + 1));
            tail.find(newline);
        }
        bytes.extend(tail);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// What was kept, as text: bytes that are not UTF-8 become U+FFFD, a line says how much is left out.
    #[cfg(test)]
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
    use crate::world::Env;
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
    fn half_a_secret_beside_what_is_left_out_is_not_shown() {
        let env: Env = [("MY_TOKEN", "secret-value")].into_iter().collect();
        let secrets = Redactor::new(&env, []);
        let mut captured = Captured::new(10);
        captured.add(b"one\nsecret-");
        assert_eq!(captured.redacted(&secrets), "one\n***", "it may go on");
        captured.add(b"value and more\n\n");
        captured.add(b"secret-value\nlast\n");
        assert_eq!(
            captured.redacted(&secrets),
            "one\n***\n[25 bytes left out]\n***\nlast\n"
        );
        let mut endless = Captured::new(4);
        endless.add(b"secret-value");
        assert_eq!(endless.redacted(&secrets), "***\n[4 bytes left out]\n***");
    }

    #[test]
    fn half_a_line_and_our_own_note_are_not_searched() {
        let mut captured = Captured::new(10);
        captured.add(b"one\nok-");
        assert_eq!(captured.lines_kept(), "one\nok-", "nothing was left out");
        captured.add(b"not, really not\nnot ok\nend\n");
        assert_eq!(captured.lines_kept(), "one\nend\n");
        let mut endless = Captured::new(4);
        endless.add(b"ok-and-no-end");
        assert_eq!(endless.lines_kept(), "");
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
