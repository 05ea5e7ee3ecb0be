//! A file or a folder for each platform. None uses another's.

pub mod cloud_run;
pub mod cloudflare;
pub mod command;
pub mod compose;
pub mod ecs;
pub mod fly;
pub mod git;
pub mod helm;
pub mod heroku;
pub mod image;
pub mod kubernetes;
pub mod vercel;
