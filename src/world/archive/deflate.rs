//! Deflate in blocks that are compressed independently, so that all cores work on one file and the bytes do not depend
//! on how many there are.
//!
//! A block knows the 32 KiB before it and ends at a byte boundary, as pigz does it; blocks one after the other are one
//! valid stream. What is one block is compressed by libdeflate, which knows no streams.

use std::io;

use flate2::{Compress, Compression, FlushCompress, Status};
use libdeflater::{CompressionLvl, Compressor};

/// Uncompressed bytes of a block. Part of what the zip's bytes depend on.
pub const BLOCK: usize = 512 * 1024;
/// How far back deflate can refer.
pub const WINDOW: usize = 32 * 1024;
/// zlib-rs's level: half as fast again as 4 for 2 % more bytes. Part of what the zip's bytes depend on.
pub const LEVEL: u32 = 3;
/// libdeflate's, for what is one block: twice as fast as zlib-rs, for 2 % more bytes. Part of what the zip's bytes depend
/// on.
const LEVEL_WHOLE: i32 = 1;

/// In words, for the index.
pub fn describe() -> String {
    format!(
        "zip; deflate by libdeflate, level {LEVEL_WHOLE}; larger files by zlib-rs, level {LEVEL}, in blocks of {BLOCK} \
         bytes; stored if the first block does not shrink"
    )
}

/// One thread's compressor.
pub struct Deflater(Compressor);

impl Deflater {
    pub fn new() -> Self {
        Self(Compressor::new(CompressionLvl::new(LEVEL_WHOLE).unwrap_or_default()))
    }

    /// Appends `block` to `out`, compressed. `before` is what preceded it, of which the last 32 KiB count.
    pub fn block(&mut self, before: &[u8], block: &[u8], last: bool, out: &mut Vec<u8>) -> io::Result<()> {
        if before.is_empty() && last {
            let start = out.len();
            out.resize(start + self.0.deflate_compress_bound(block.len()), 0);
            let packed = self.0.deflate_compress(block, &mut out[start..]);
            out.truncate(start + packed.map_err(io::Error::other)?);
            return Ok(());
        }
        // Not a reset one: zlib-rs 0.6 reads one byte behind the dictionary, which after a reset is a left-over of the
        // block before, and the bytes would depend on which thread did what.
        let mut stream = Compress::new(Compression::new(LEVEL), false);
        if !before.is_empty() {
            let from = before.len().saturating_sub(WINDOW);
            stream.set_dictionary(&before[from..]).map_err(io::Error::other)?;
        }
        out.reserve(block.len() + block.len() / 512 + 64);
        let flush = if last {
            FlushCompress::Finish
        } else {
            FlushCompress::Sync
        };
        loop {
            let done = usize::try_from(stream.total_in()).map_err(io::Error::other)?;
            let status = stream
                .compress_vec(&block[done..], out, flush)
                .map_err(io::Error::other)?;
            let all_read = stream.total_in() == block.len() as u64;
            let ended = match flush {
                FlushCompress::Finish => status == Status::StreamEnd,
                // Room that was left over says that nothing is held back.
                _ => all_read && out.len() < out.capacity(),
            };
            if ended {
                return Ok(());
            }
            out.reserve(4096);
        }
    }
}

impl Default for Deflater {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Read as _;

    proptest! {
        #[test]
        fn what_was_compressed_before_does_not_matter(
            blocks in proptest::collection::vec((proptest::collection::vec(0u8..5, 0..400), 1usize..300, any::<bool>()), 1..12),
        ) {
            let mut used = Deflater::new();
            let (mut one, mut other) = (Vec::new(), Vec::new());
            let mut before = Vec::new();
            for (bytes, repeat, related) in blocks {
                let block = bytes.repeat(repeat);
                if !related {
                    before.clear();
                }
                one.clear();
                other.clear();
                used.block(&before, &block, !related, &mut one).unwrap();
                Deflater::new().block(&before, &block, !related, &mut other).unwrap();
                prop_assert!(one == other);
                before = block;
            }
        }

        #[test]
        fn blocks_one_after_the_other_are_one_stream(
            bytes in proptest::collection::vec(any::<u8>(), 0..5000), cut in 1usize..2000, repeat in 1usize..60,
        ) {
            let bytes = bytes.repeat(repeat);
            let mut deflater = Deflater::new();
            let mut packed = Vec::new();
            let count = bytes.chunks(cut * repeat).count();
            for (i, chunk) in bytes.chunks(cut * repeat).enumerate() {
                let before = &bytes[..i * cut * repeat];
                deflater.block(before, chunk, i + 1 == count, &mut packed).unwrap();
            }
            if count > 0 {
                let mut back = Vec::new();
                flate2::read::DeflateDecoder::new(&packed[..]).read_to_end(&mut back).unwrap();
                prop_assert_eq!(back, bytes);
            }
        }
    }
}
