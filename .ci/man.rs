//! Writes a man page for stageproof and one for each subcommand: `cargo run --example man -- DIR`.

#![allow(clippy::disallowed_methods, reason = "writes into a folder of the release")]

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        return Err(std::io::Error::other("name the folder that the pages are written to"));
    };
    std::fs::create_dir_all(&folder)?;
    // Without commit and target: the pages are those of every binary of this version.
    let commands = stageproof::cli::typed_tree().version(env!("CARGO_PKG_VERSION"));
    clap_mangen::generate_to(commands, folder)
}
