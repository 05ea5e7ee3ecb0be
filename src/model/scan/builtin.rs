//! The built-in rules: tokens that logs and reports of staging deploys hold.

pub const RULES: &str = include_str!("builtin.toml");
