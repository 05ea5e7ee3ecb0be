//! Processes that outlive, replace or imitate what was started.
