//! `rollback-dry-run`: could we go back right now?

mod command;
mod git;
