//! What the runner does to paths, files and folders around a step.

mod paths;
