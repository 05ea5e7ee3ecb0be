//! `rollback-dry-run`: could we go back right now?

mod command;
mod git;
mod image;
mod image_refused;
