//! `rollback-dry-run`: could we go back right now?

mod cloud_run;
mod cloudflare;
mod command;
mod compose;
mod distance;
mod ecs;
mod fly;
mod git;
mod helm;
mod heroku;
mod image;
mod image_refused;
mod image_tokens;
mod kubernetes;
mod rehearsal;
mod slow;
mod vercel;
