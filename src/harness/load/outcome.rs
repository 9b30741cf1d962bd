//! How the generator itself did. Knows nothing of how the requests did.

use anyhow::Context as _;
use hdrhistogram::Histogram;

use crate::harness::recorder::latencies::{histogram, millis};
use crate::harness::summary::GeneratorSummary;

/// How the generator did.
#[derive(Debug, Clone)]
pub struct LoadOutcome {
    /// Iterations started.
    pub iterations: u64,
    /// Iterations that fell due while every VU was busy, and never started.
    pub dropped: u64,
    /// Iterations that had to be aborted, their last request unrecorded: such a run proves nothing.
    pub aborted: u64,
    /// How late iterations started against their schedule, microseconds.
    pub lag_us: Histogram<u64>,
    /// Seconds from the run's beginning to the end of the last iteration.
    pub seconds: f64,
}

impl LoadOutcome {
    /// No iteration yet.
    pub fn nothing() -> Self {
        Self { iterations: 0, dropped: 0, aborted: 0, lag_us: histogram(), seconds: 0.0 }
    }

    /// Adds another load's.
    ///
    /// # Errors
    /// The histograms have different bounds.
    pub fn add(&mut self, other: &Self) -> anyhow::Result<()> {
        self.iterations += other.iterations;
        self.dropped += other.dropped;
        self.aborted += other.aborted;
        self.lag_us.add(&other.lag_us).context("two lag histograms don't add up")
    }

    /// The summary's part.
    pub fn summary(&self) -> GeneratorSummary {
        GeneratorSummary {
            iterations: self.iterations,
            dropped: self.dropped,
            lag_ms_p99: millis(self.lag_us.value_at_quantile(0.99)),
        }
    }
}
