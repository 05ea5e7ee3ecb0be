//! What a platform has to be able to do, and what it answers.

use std::path::PathBuf;
use std::pin::Pin;

use super::claims::{Claim, Claims};
use crate::world::World;
use crate::world::files::TemporaryFolder;

/// A platform that can be asked for its previous release.
pub trait Prove {
    /// The claims that it always makes. Those that are not looked up, because one before them does not hold, are told.
    fn claims(&self) -> &'static [Claim<'static>];

    /// Makes its claims, in order, and says what they prove; ends early where one does not hold. It must change nothing.
    fn prove<'a>(&'a self, world: &'a World, claims: &'a mut Claims, proof: &'a mut Proof) -> Proving<'a>;

    /// Whether its releases are made of commits, so that it can be told how many lie between two of them.
    fn has_commits(&self) -> bool {
        true
    }
}

pub type Proving<'a> = Pin<Box<dyn Future<Output = Option<()>> + 'a>>;

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
    /// The full ids of the commits that run now and that ran before, as far as the platform or the images name them.
    pub current_commit: Option<String>,
    pub previous_commit: Option<String>,
    /// The image that would run again, by its digest, where it is one image.
    pub image: Option<String>,
    /// The files of that release, where the platform wrote them.
    pub checkout: Option<Checkout>,
}

/// How a line of `not_covered` ends that no longer holds once the release was rehearsed.
pub const NOT_RUN: &str = ": it was not run";

/// A release as files.
#[derive(Debug)]
pub struct Checkout {
    pub folder: TemporaryFolder,
    /// What stands for it in the workspace: the working folder of the repository.
    pub top: Option<PathBuf>,
}
