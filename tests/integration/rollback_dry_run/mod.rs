//! `rollback-dry-run`: could we go back right now?

mod command;
mod distance;
mod fly;
mod git;
mod image;
mod image_refused;
mod rehearsal;
