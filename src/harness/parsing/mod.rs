//! Reading a scenario's tables key by key, and saying what is wrong with them and where. Whatever has settings of its
//! own (an executor, a workload, a fault) reads them with this. Knows nothing of what the keys mean.

/// What is wrong with a file, and where.
pub mod problem;
/// A table being read.
pub mod section;

pub use problem::unknown;
pub use section::Section;
