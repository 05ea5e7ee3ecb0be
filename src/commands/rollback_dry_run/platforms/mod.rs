//! A file or a folder for each platform. None uses another's.

pub mod command;
pub mod fly;
pub mod git;
pub mod image;
pub mod kubernetes;
