//! The summary of a run, as it is written to `summary.json`. Ground floor of the
//! harness: names no other part of it.

/// What checkers said.
mod checks;
/// What happened beside.
mod facts;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use checks::{CheckResult, CheckVerdict, DOUBLE_SELL, Violation};
pub use facts::{FaultSummary, GeneratorSummary, RunFacts, Strike, Window};

/// What became of a run. Written as `summary.json`; the interface that other programs read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Scenario name.
    pub scenario: String,
    /// Scenario title.
    pub title: String,
    /// `pass`, `fail` or `void`.
    pub verdict: Verdict,
    /// 0 pass, 1 an invariant broke, 3 void, 99 only thresholds crossed.
    pub exit_code: u8,
    /// Why the run is void; empty otherwise.
    pub void_reasons: Vec<String>,
    /// The seed; `--seed` with it repeats the run's choices.
    pub seed: u64,
    /// Strategy under test.
    pub strategy: String,
    /// Server processes.
    pub instances: u32,
    /// Version of ticketctl.
    pub version: String,
    /// The command that repeats the run, with the same seed.
    pub repeat: String,
    /// Seats sold more than once, by the database or by the clients' history, whichever saw more.
    pub double_sells: u64,
    /// Seats for sale.
    pub seats_count: u64,
    /// Seats sold, by the database; by what was acknowledged to clients where the target does not let it be read.
    pub seats_sold: u64,
    /// Bookings acknowledged to clients, those found by settling included.
    pub bookings_confirmed: u64,
    /// Operations by outcome, as the clients saw them.
    pub operations: Outcomes,
    /// What a reader has to know before the verdict, such as that the generator was held to weaker bounds than usual.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caveats: Vec<String>,
    /// What each checker said.
    pub checkers: Vec<CheckResult>,
    /// What each fault did.
    pub faults: Vec<FaultSummary>,
    /// What became of each threshold.
    pub thresholds: Vec<ThresholdSummary>,
    /// What became of each `sometimes`.
    pub sometimes: Vec<ThresholdSummary>,
    /// The generator's own record.
    pub generator: GeneratorSummary,
    /// Per operation.
    pub metrics: BTreeMap<String, OperationMetrics>,
    /// Seconds of load.
    pub load_seconds: f64,
    /// Seconds from the load's start to the last seat's first sale, where all were sold.
    pub sold_out_seconds: Option<f64>,
    /// Folder with everything recorded.
    pub run_dir: String,
}

/// The word on a run. `void` proves nothing and is never a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every invariant held under every fault.
    Pass,
    /// An invariant broke.
    Fail,
    /// The run proves nothing.
    Void,
}

/// Operations by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    /// Took effect.
    pub ok: u64,
    /// Certainly did not: those refused and those not connected together.
    pub fail: u64,
    /// Refused by the service: a definite no, such as of a seat that is taken.
    #[serde(default)]
    pub refused: u64,
    /// Not connected: the connection was refused, and nothing was sent.
    #[serde(default)]
    pub not_connected: u64,
    /// Unknown at the time.
    pub info: u64,
}

impl Outcomes {
    /// Every operation.
    pub fn total(self) -> u64 {
        self.ok + self.fail + self.info
    }

    /// These and others.
    pub fn plus(self, other: Self) -> Self {
        Self {
            ok: self.ok + other.ok,
            fail: self.fail + other.fail,
            refused: self.refused + other.refused,
            not_connected: self.not_connected + other.not_connected,
            info: self.info + other.info,
        }
    }
}

/// What became of a threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThresholdSummary {
    /// The metric as written.
    pub metric: String,
    /// The expression as written.
    pub expr: String,
    /// It held.
    pub ok: bool,
    /// The value it was held against; absent when nothing was measured, which never holds.
    pub observed: Option<f64>,
}

/// One kind of operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperationMetrics {
    /// Requests completed.
    pub count: u64,
    /// Requests a second over the load.
    pub rate: f64,
    /// By outcome.
    pub outcomes: Outcomes,
    /// Latency in milliseconds from the intended start (free of coordinated omission).
    pub latency_ms: Percentiles,
    /// Service time in milliseconds, from the moment of sending.
    pub service_ms: Percentiles,
}

/// Percentiles of a distribution, milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Smallest.
    pub min: f64,
    /// Arithmetic mean.
    pub avg: f64,
    /// Median.
    pub p50: f64,
    /// 90th.
    pub p90: f64,
    /// 95th.
    pub p95: f64,
    /// 99th.
    pub p99: f64,
    /// 99.9th.
    pub p999: f64,
    /// Largest.
    pub max: f64,
}

/// The exit code of several runs: the worst of theirs. From bad to worse: pass, thresholds crossed, void, an invariant
/// broke, could not run; a run that could not be made outweighs all, since the gate has not seen what it asked for.
pub fn worst_exit_code(codes: impl IntoIterator<Item = u8>) -> u8 {
    const FROM_BAD_TO_WORSE: [u8; 6] = [0, 99, 3, 1, 2, 4];
    let badness = |code: &u8| {
        FROM_BAD_TO_WORSE.iter().position(|each| each == code).unwrap_or(FROM_BAD_TO_WORSE.len())
    };
    codes.into_iter().max_by_key(badness).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::worst_exit_code;

    #[test]
    fn the_worst_of_several_runs_decides() {
        assert_eq!(worst_exit_code([]), 0);
        assert_eq!(worst_exit_code([0, 99, 0]), 99);
        assert_eq!(worst_exit_code([99, 3, 0]), 3);
        assert_eq!(worst_exit_code([3, 1, 99]), 1);
        assert_eq!(worst_exit_code([4, 1]), 4);
    }
}
