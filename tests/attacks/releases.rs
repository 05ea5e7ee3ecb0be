//! Previous releases that are not what their name says, and repositories that are broken on purpose.

mod checks;
mod commands;
mod content;
mod nearest;
mod objects;
mod tags;

use crate::repo::Told;

/// The commit that the default command goes to.
#[track_caller]
fn taken(told: &Told) -> String {
    let command = told.output("command");
    let id = command.strip_prefix("git checkout --detach ");
    id.unwrap_or_else(|| panic!("no command: {}", told.text)).to_owned()
}
