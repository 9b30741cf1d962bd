//! How long requests took: HdrHistograms in microseconds, per operation. Knows nothing of files.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::{OpKind, Operation};
use crate::harness::summary::{OperationMetrics, Outcomes, Percentiles};

/// Longest time told apart from longer ones, microseconds: one hour.
const MICROS_MAX: u64 = 3_600_000_000;
/// Values differ by less than 0.1% from what was recorded.
const SIGNIFICANT_DIGITS: u8 = 3;

/// An empty histogram for times up to an hour; longer ones count as an hour.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, MICROS_MAX, SIGNIFICANT_DIGITS)
        .expect("the bounds are constants that fit")
}

/// Everything measured about every operation.
#[derive(Debug, Clone)]
pub struct Latencies {
    by_op: [OpLatencies; OpKind::ALL.len()],
}

/// Everything measured about one operation.
#[derive(Debug, Clone)]
pub struct OpLatencies {
    /// From the intended start, microseconds.
    pub latency: Histogram<u64>,
    /// From the moment of sending, microseconds.
    pub service: Histogram<u64>,
    /// By outcome, as the clients saw it.
    pub outcomes: Outcomes,
}

impl Latencies {
    /// Nothing measured.
    pub fn new() -> Self {
        let empty = || OpLatencies {
            latency: histogram(),
            service: histogram(),
            outcomes: Outcomes::default(),
        };
        Self { by_op: std::array::from_fn(|_| empty()) }
    }

    /// Adds one operation; returns its latency, microseconds.
    pub fn record(&mut self, operation: &Operation) -> u64 {
        let measured = &mut self.by_op[operation.op as usize];
        let latency_us = operation.completed_us.saturating_sub(operation.intended_us);
        measured.latency.saturating_record(latency_us);
        measured
            .service
            .saturating_record(operation.completed_us.saturating_sub(operation.invoked_us));
        measured.outcomes = measured.outcomes.plus(operation.outcomes());
        latency_us
    }

    /// What was measured about one operation.
    pub fn of(&self, op: OpKind) -> &OpLatencies {
        &self.by_op[op as usize]
    }

    /// Measures again from a recorded history.
    pub fn of_history<'a>(history: impl IntoIterator<Item = &'a Operation>) -> Self {
        let mut latencies = Self::new();
        for operation in history {
            latencies.record(operation);
        }
        latencies
    }

    /// Requests by outcome, all operations together.
    pub fn outcomes(&self) -> Outcomes {
        self.by_op
            .iter()
            .map(|measured| measured.outcomes)
            .fold(Outcomes::default(), Outcomes::plus)
    }

    /// The summary's table: every operation that was requested at least once, over this many seconds of load.
    pub fn metrics(&self, load_seconds: f64) -> BTreeMap<String, OperationMetrics> {
        let requested = OpKind::ALL.into_iter().filter(|op| !self.of(*op).service.is_empty());
        requested.map(|op| (op.name().to_owned(), self.of(op).metrics(load_seconds))).collect()
    }
}

impl OpLatencies {
    fn metrics(&self, load_seconds: f64) -> OperationMetrics {
        let count = self.service.len();
        #[expect(clippy::cast_precision_loss, reason = "no run makes 2^52 requests")]
        let rate = if load_seconds > 0.0 { count as f64 / load_seconds } else { 0.0 };
        OperationMetrics {
            count,
            rate,
            outcomes: self.outcomes,
            latency_ms: percentiles_ms(&self.latency),
            service_ms: percentiles_ms(&self.service),
        }
    }
}

/// Percentiles in milliseconds of a histogram in microseconds; zeros when it is empty.
pub fn percentiles_ms(histogram: &Histogram<u64>) -> Percentiles {
    if histogram.is_empty() {
        return Percentiles::default();
    }
    let at = |quantile: f64| millis(histogram.value_at_quantile(quantile));
    Percentiles {
        min: millis(histogram.min()),
        avg: histogram.mean() / 1e3,
        p50: at(0.5),
        p90: at(0.9),
        p95: at(0.95),
        p99: at(0.99),
        p999: at(0.999),
        max: millis(histogram.max()),
    }
}

/// Milliseconds of microseconds.
#[expect(clippy::cast_precision_loss, reason = "histograms end at an hour")]
pub fn millis(micros: u64) -> f64 {
    micros as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::Latencies;
    use crate::harness::recorder::fixtures::{hold, user};
    use crate::harness::recorder::{OpKind, Operation, Outcome};

    #[test]
    fn latency_counts_from_the_intended_start_and_service_time_from_the_sending() {
        let late = Operation { intended_us: 0, ..hold(user(1), &[1], 70_000..90_000) };
        let lost = Operation { outcome: Outcome::Info, ..late.clone() };
        let latencies = Latencies::of_history(&[late, lost]);
        let metrics = &latencies.metrics(2.0)["hold"];
        assert!((metrics.latency_ms.p99 - 90.0).abs() < 0.1, "{:?}", metrics.latency_ms);
        assert!((metrics.service_ms.p99 - 20.0).abs() < 0.1, "{:?}", metrics.service_ms);
        assert_eq!((metrics.count, metrics.outcomes.ok, metrics.outcomes.info), (2, 1, 1));
        assert!((metrics.rate - 1.0).abs() < 1e-9);
        assert!(latencies.of(OpKind::Confirm).latency.is_empty());
        assert_eq!(latencies.metrics(2.0).len(), 1, "operations never requested are left out");
    }

    #[test]
    fn a_request_that_was_never_sent_is_a_failure_and_no_refusal() {
        let refused = Operation {
            outcome: Outcome::Fail,
            status: Some(409),
            ..hold(user(1), &[1], 0..1_000)
        };
        let not_connected = Operation { status: None, ..refused.clone() };
        let outcomes =
            Latencies::of_history(&[refused, not_connected.clone(), not_connected]).outcomes();
        assert_eq!((outcomes.fail, outcomes.refused, outcomes.not_connected), (3, 1, 2));
        assert_eq!(outcomes.total(), 3);
    }
}
