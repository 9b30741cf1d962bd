//! A run, from the plan to the verdict, and judging one again. Only names its parts.

/// Which program and whose stores a run uses.
pub mod setup;
/// What a run runs on.
mod environment;
/// Making it.
mod provision;
/// The database once the servers' jobs are done.
mod quiesce;
/// What a run left behind.
mod data;
/// The numbers that thresholds are held against.
mod measure;
/// The word on what was recorded.
mod judge;
/// From the plan to the verdict.
mod phases;
/// Judging a recorded run again.
mod analyze;

pub use analyze::analyze;
pub use phases::{Finished, run};
pub use setup::{Afterwards, Setup};
