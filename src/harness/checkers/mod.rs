//! Invariants over a recorded run. To add one: a new file, its `mod` line, a line in `CHECKERS`.

pub mod verdict;

pub use verdict::{CheckResult, CheckVerdict, Checker, Evidence};
