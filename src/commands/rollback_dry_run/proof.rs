//! What a platform has to be able to do, and what it answers.

use std::path::Path;
use std::pin::Pin;

use super::claims::Claims;
use crate::world::World;

/// A platform that can be asked for its previous release.
pub trait Prove {
    /// Makes its claims, in order, and says what they prove. It must change nothing. `folder` is where a command of the user
    /// runs.
    fn prove<'a>(&'a self, folder: &'a Path, world: &'a World, claims: &'a mut Claims) -> Proving<'a>;
}

pub type Proving<'a> = Pin<Box<dyn Future<Output = Proof> + 'a>>;

/// What the claims prove together, for people and for the next step.
#[derive(Debug, Default)]
pub struct Proof {
    /// What would be gone back to, where the platform knows.
    pub target: Option<String>,
    /// The exact command that would do it, ready for a shell.
    pub command: Option<String>,
    /// Sentences that hold if every claim passed.
    pub proved: Vec<String>,
    /// The rollback brings back secrets and configuration, too.
    pub with_configuration: bool,
    /// What could still go wrong.
    pub not_covered: Vec<String>,
}
