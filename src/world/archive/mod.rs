//! Zip files: one writer that always makes the same bytes, one reader that accepts only those.

mod content;
pub mod deflate;
pub mod pack;
pub mod reader;
mod record;

pub use pack::{Content, Item, PackError, Packed, Packer, pack};
pub use reader::{Archive, Member, OpenError};
