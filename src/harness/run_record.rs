//! A run as reports see it: its summary, and whatever else its folder holds, read when a report asks for it.

use std::collections::BTreeMap;
use std::io;

use super::recorder::{Latencies, Operation, history};
use super::run_dir::RunDir;
use super::summary::{OperationMetrics, Summary};

const SECOND_US: u64 = 1_000_000;

/// A run that was judged.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    /// The verdict and what it rests on: violations, faults with their beginnings and ends, metrics.
    pub summary: Summary,
    run_dir: RunDir,
}

/// What was measured of the requests that were answered within one second.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// The second, from 0 at the beginning of the load.
    pub second: u64,
    /// By operation; those that were not requested are absent.
    pub operations: BTreeMap<String, OperationMetrics>,
}

impl RunRecord {
    /// A judged run and its folder.
    pub fn new(summary: Summary, run_dir: RunDir) -> Self {
        Self { summary, run_dir }
    }

    /// The folder with everything recorded.
    pub fn run_dir(&self) -> &RunDir {
        &self.run_dir
    }

    /// Every operation, in order of completion.
    ///
    /// # Errors
    /// The history is not there or was damaged.
    pub fn history(&self) -> io::Result<Vec<Operation>> {
        history::read(&self.run_dir.history())
            .map_err(|error| io::Error::other(format!("{error:#}")))
    }

    /// Requests and latencies over time, by second of completion; seconds in which nothing was answered are absent.
    ///
    /// # Errors
    /// The history is not there or was damaged.
    pub fn intervals(&self) -> io::Result<Vec<Interval>> {
        let history = self.history()?;
        let second_of = |operation: &Operation| operation.completed_us / SECOND_US;
        let by_second = history.chunk_by(|one, next| second_of(one) == second_of(next));
        let interval = |operations: &[Operation]| {
            let latencies = Latencies::of_history(operations);
            Interval { second: second_of(&operations[0]), operations: latencies.metrics(1.0) }
        };
        Ok(by_second.map(interval).collect())
    }
}
