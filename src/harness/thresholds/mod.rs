//! Limits on what was measured, in k6's words. An unknown metric is an error when the scenario is read; a metric
//! without samples never holds. Knows nothing of how a crossed threshold is reported.

/// The numbers of a run.
pub mod measured;
/// What can be measured.
pub mod metrics;
/// How limits are written.
pub mod expression;

pub use expression::ExpressionError;
pub use measured::Measured;
pub use metrics::METRICS;

use expression::{Condition, Selector, Statistic, parse_sometimes};
use hdrhistogram::Histogram;
use metrics::Kind;

use crate::harness::plan::{Sometimes, Threshold};
use crate::harness::recorder::latencies::histogram;
use crate::harness::summary::ThresholdSummary;

/// Refuses a threshold's metric or expression that means nothing.
pub fn check_threshold(metric: &str, expr: &str) -> Result<(), ExpressionError> {
    Condition::parse(expr, Selector::parse(metric)?.metric).map(drop)
}

/// Refuses a metric that does not exist.
pub fn check_metric(metric: &str) -> Result<(), ExpressionError> {
    Selector::parse(metric).map(drop)
}

/// Refuses a `sometimes` expression that means nothing.
pub fn check_sometimes(expr: &str) -> Result<(), ExpressionError> {
    parse_sometimes(expr).map(drop)
}

/// Holds every threshold against a run.
pub fn evaluate(thresholds: &[Threshold], measured: &Measured) -> Vec<ThresholdSummary> {
    let judge = |threshold: &Threshold| {
        let parsed = Selector::parse(&threshold.metric).and_then(|selector| {
            Ok((selector, Condition::parse(&threshold.expr, selector.metric)?))
        });
        verdict(&threshold.metric, &threshold.expr, parsed, measured)
    };
    thresholds.iter().map(judge).collect()
}

/// Holds every `sometimes` against a run; their summaries have an empty `metric`.
pub fn evaluate_sometimes(sometimes: &[Sometimes], measured: &Measured) -> Vec<ThresholdSummary> {
    let judge = |item: &Sometimes| verdict("", &item.expr, parse_sometimes(&item.expr), measured);
    sometimes.iter().map(judge).collect()
}

/// An expression that cannot be read (an old run's plan, edited by hand) does not hold.
fn verdict(
    metric: &str,
    expr: &str,
    parsed: Result<(Selector, Condition), ExpressionError>,
    measured: &Measured,
) -> ThresholdSummary {
    let parsed = parsed.ok();
    let observed =
        parsed.and_then(|(selector, condition)| observe(selector, condition.statistic, measured));
    let ok = parsed.zip(observed).is_some_and(|((_, condition), observed)| {
        condition.comparison.holds(observed, condition.limit)
    });
    ThresholdSummary { metric: metric.to_owned(), expr: expr.to_owned(), ok, observed }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a run stay far below 2^52")]
fn observe(selector: Selector, statistic: Statistic, measured: &Measured) -> Option<f64> {
    match selector.metric.kind {
        Kind::Counter(read) => {
            let (counted, chances) = read(measured, selector.filter);
            let counted = (chances > 0).then_some(counted as f64)?;
            match statistic {
                Statistic::Rate => {
                    (measured.load_seconds > 0.0).then(|| counted / measured.load_seconds)
                }
                _ => Some(counted),
            }
        }
        Kind::Rate(read) => {
            let (hits, samples) = read(measured, selector.filter);
            (samples > 0).then(|| hits as f64 / samples as f64)
        }
        Kind::Trend(read) => {
            let mut merged = histogram();
            for operation in selector.filter.operations(measured) {
                merged.add(read(operation)).ok()?;
            }
            (!merged.is_empty()).then(|| trend(&merged, statistic))
        }
        Kind::Gauge(read) => read(measured),
    }
}

/// A statistic of a distribution of microseconds, in milliseconds.
#[expect(clippy::cast_precision_loss, reason = "latencies stay far below 2^52 microseconds")]
fn trend(distribution: &Histogram<u64>, statistic: Statistic) -> f64 {
    let micros = match statistic {
        Statistic::Percentile(percent) => distribution.value_at_percentile(percent) as f64,
        Statistic::Med => distribution.value_at_percentile(50.0) as f64,
        Statistic::Min => distribution.min() as f64,
        Statistic::Max => distribution.max() as f64,
        Statistic::Avg | Statistic::Count | Statistic::Rate | Statistic::Value => {
            distribution.mean()
        }
    };
    micros / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::recorder::{Latencies, OpKind, Operation, Outcome, fixtures};

    /// 100 holds of 1 to 100 ms: 90 ok, 8 fail, one of them not connected, 2 info; no other operation.
    fn measured() -> Measured {
        let mut requests = Latencies::new();
        for ms in 1..=100_u64 {
            let outcome = match ms {
                1..=90 => Outcome::Ok,
                91..=98 => Outcome::Fail,
                _ => Outcome::Info,
            };
            requests.record(&Operation {
                outcome,
                status: (ms != 98).then_some(200),
                ..fixtures::hold(fixtures::user(ms), &[1], 0..ms * 1000)
            });
        }
        Measured {
            load_seconds: 10.0,
            requests,
            iterations: 100,
            dropped_iterations: 0,
            bookings_confirmed: 40,
            reservations_held: 90,
            seats_count: 50,
            seats_sold: Some(50),
            seats_acknowledged: 50,
            seats_resold: 3,
            refusals: std::collections::HashMap::from([
                ((OpKind::Hold, "sold_out".to_owned()), 5),
                ((OpKind::Hold, "seat_unavailable".to_owned()), 2),
                ((OpKind::Book, "sold_out".to_owned()), 1),
            ]),
            server_counts: std::collections::BTreeMap::new(),
            sold_out_seconds: None,
        }
    }

    fn check(metric: &str, expr: &str, ok: bool, observed: Option<f64>) {
        check_threshold(metric, expr).unwrap();
        let threshold = Threshold { metric: metric.to_owned(), expr: expr.to_owned() };
        let judged = evaluate(&[threshold], &measured()).remove(0);
        assert_eq!(judged.ok, ok, "{metric} {expr}: {judged:?}");
        let close = |a: f64, b: f64| (a - b).abs() <= b.abs() * 0.01;
        assert!(
            match (judged.observed, observed) {
                (None, None) => true,
                (Some(a), Some(b)) => close(a, b),
                _ => false,
            },
            "{metric} {expr}: observed {:?}, expected {observed:?}",
            judged.observed
        );
    }

    #[test]
    fn each_statistic_is_computed_from_its_samples() {
        check("http_req_duration{op:hold}", "p(99)<500", true, Some(99.0));
        check("http_req_duration{op:hold}", "p(99.9) < 50", false, Some(100.0));
        check("http_req_duration", "med<=51", true, Some(50.0));
        check("http_req_service", "avg>50", true, Some(50.5));
        check("http_req_duration", "min<1", false, Some(1.0));
        check("http_req_duration", "max>=100", true, Some(100.0));
        check("http_reqs", "rate>=10", true, Some(10.0));
        check("http_req_failed", "rate<0.1", false, Some(0.1));
        check("http_req_failed", "rate==0.1", true, Some(0.1));
        check("ops{op:hold, outcome:fail}", "count==8", true, Some(8.0));
        check("ops{outcome:info}", "count!=2", false, Some(2.0));
        check("ops{outcome:refused}", "count==7", true, Some(7.0));
        check("ops{outcome:not_connected}", "count==1", true, Some(1.0));
        check("bookings_confirmed", "rate>3.9", true, Some(4.0));
        check("dropped_iterations", "count==0", true, Some(0.0));
        check("seats_sold", "count==50", true, Some(50.0));
        check("refusals", "count==8", true, Some(8.0));
        check("refusals{op:hold,reason:sold_out}", "count==5", true, Some(5.0));
        check("refusals{reason:sold_out}", "count>6", false, Some(6.0));
        check("refusals{reason:not_on_sale}", "count==0", true, Some(0.0));
    }

    #[test]
    fn a_metric_without_samples_never_holds() {
        check("sold_out_seconds", "value<100", false, None);
        check("http_req_duration{op:cancel}", "p(99)<500", false, None);
        check("ops{op:cancel,outcome:info}", "count==0", false, None);
        check("http_req_failed{op:read_seats}", "rate<1", false, None);
    }

    #[test]
    fn sometimes_counts_where_no_statistic_is_given() {
        let item = |expr: &str| Sometimes { expr: expr.to_owned() };
        let judged = evaluate_sometimes(
            &[
                item("ops{outcome:info} > 0"),
                item("bookings_confirmed rate > 5"),
                item("iterations>=100"),
            ],
            &measured(),
        );
        assert_eq!(judged.iter().map(|each| each.ok).collect::<Vec<_>>(), [true, false, true]);
    }

    #[test]
    fn what_means_nothing_is_refused_with_the_nearest_name() {
        let refusal =
            |metric: &str, expr: &str| check_threshold(metric, expr).unwrap_err().to_string();
        assert!(
            refusal("http_req_durations", "p(99)<1")
                .contains("did you mean \"http_req_duration\"?")
        );
        assert!(
            refusal("http_req_duration{op:holt}", "p(99)<1").contains("did you mean \"hold\"?")
        );
        assert!(
            refusal("refusals{reason:soldout}", "count>1").contains("did you mean \"sold_out\"?")
        );
        assert!(refusal("http_reqs{outcome:ok}", "count>1").contains("unknown tag of http_reqs"));
        assert!(refusal("http_reqs", "p(99)<1").contains("unknown statistic of http_reqs"));
        assert!(refusal("http_req_duration", "p(101)<1").contains("from 0 to 100"));
        assert!(refusal("http_reqs", "count=>1").contains("is no condition"));
        assert!(refusal("http_reqs", "count>many").contains("is no condition"));
        assert!(refusal("http_reqs{op:hold", "count>1").contains("closing brace"));
        assert!(
            check_sometimes("opps > 0").unwrap_err().to_string().contains("did you mean \"ops\"?")
        );
    }
}
