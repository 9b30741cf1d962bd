//! What is told about a run. To add a format: a new file, its `mod` line, a line in `REPORTS`.

pub mod summary;

pub use summary::Summary;
