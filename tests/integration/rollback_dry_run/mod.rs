//! `rollback-dry-run`: could we go back right now?

mod command;
mod fly;
mod git;
mod image;
mod image_refused;
mod kubernetes;
