//! `init`: what it writes for repositories of many kinds, and what it leaves as it is.

mod deploys;
mod hostile;
mod kinds;
mod pin;
mod there;
mod toys;

pub use kinds::find as find_tool;
