use super::*;
use proptest::prelude::*;

fn read(text: &[u8]) -> Log {
    let mut reader = Reader::default();
    reader.feed(text);
    reader.end()
}
