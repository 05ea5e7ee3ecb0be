//! stageproof gates a staging deploy and leaves proof.
//!
//! ```text
//! argv | INPUT_* | stageproof.yml --cli--> Plan --commands--> [Check] --> Report --render--> console, job summary,
//!                                           |    world: the only I/O        |               annotations, outputs,
//!                                           |                               |               JSON, JUnit
//!                                           +-------------------------------+--Verdict--> exit code
//! ```
//!
//! | module | what a reader finds there | may use |
//! |---|---|---|
//! | [`model`] | nouns and rules: findings, checks, reports, verdicts, exit codes | nothing |
//! | [`world`] | everything outside the process, the only I/O | model |
//! | [`render`] | a report as text, one file per format | model |
//! | [`engine`] | runs checks: bounded, with deadlines, panics contained | model, world |
//! | [`commands`] | a folder per subcommand: its plan and its checks | model, world, engine |
//! | [`cli`] | flags, inputs and configuration to a plan; clap stops here | model, world, commands |
//! | [`app`] | the whole flow, once, for every subcommand | all |
//!
//! `cli` uses `world` because a plan also comes from outside the process: it reads the configuration file, the action's
//! inputs and the runner's metadata through it, and files nowhere else.
//!
//! `tests/integration/layers.rs` enforces the table.
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        clippy::cast_possible_truncation,
        reason = "unit tests prepare files and data of their own"
    )
)]
#![deny(unsafe_code)]

pub mod app;
pub mod cli;
pub mod commands;
pub mod engine;
pub mod model;
pub mod render;
pub mod world;
