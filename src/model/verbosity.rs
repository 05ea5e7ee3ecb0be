//! How much is shown.

/// What a console shows of a run. Reports, logs and the job summary always hold everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// What did not pass, and the verdict.
    Quiet,
    /// A line for each check, and what is wrong in full.
    #[default]
    Normal,
    /// Everything, and each step while it is done.
    Verbose,
}
