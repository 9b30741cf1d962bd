//! The word on what was recorded: a broken invariant fails a run, whatever else happened; a run that proves nothing is
//! void; what is left has passed, and may have crossed thresholds.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::Record;
use crate::domain::BookingState;
use crate::harness::checkers;
use crate::harness::plan::Plan;
use crate::harness::recorder::{OpKind, Operation, Outcome};
use crate::harness::run_dir::RunDir;
use crate::harness::summary::{
    CheckResult, CheckVerdict, FaultSummary, GeneratorSummary, Summary, ThresholdSummary, Verdict,
};
use crate::harness::thresholds::{self, Measured};

/// Puts the verdict together with everything it rests on.
pub fn summarise(
    plan: &Plan,
    record: &Record,
    results: Vec<CheckResult>,
    run_dir: &RunDir,
    repeat: &str,
) -> Summary {
    let history = &record.recorded.history;
    let latencies = &record.recorded.latencies;
    let seats_count = u64::from(plan.inventory.events) * u64::from(plan.inventory.seats);
    let generator = record.outcome.summary();
    let measured = measure(record, seats_count);
    let thresholds = thresholds::evaluate(&plan.thresholds, &measured);
    let sometimes = thresholds::evaluate_sometimes(&plan.sometimes, &measured);
    let mut void_reasons = reasons_against(plan, record, generator);
    void_reasons.extend(sometimes.iter().filter(|held| !held.ok).map(|never| {
        format!("{} never held: the run did not come to what it is about", never.expr)
    }));
    void_reasons.extend(
        results
            .iter()
            .filter(|result| result.verdict == CheckVerdict::Unknown)
            .map(|result| format!("{} can't say: {}", result.name, result.detail)),
    );
    if results.iter().all(|result| result.verdict == CheckVerdict::NotJudged) {
        void_reasons.push("no checker could judge it: the target gives too little".to_owned());
    }
    let (verdict, exit_code) = word_on(&results, &void_reasons, &thresholds);
    Summary {
        repeat: repeat.to_owned(),
        scenario: plan.name.clone(),
        title: plan.title.clone(),
        verdict,
        exit_code,
        void_reasons,
        seed: plan.seed,
        strategy: plan.target.strategy.clone(),
        instances: plan.target.instances,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        double_sells: results.iter().map(CheckResult::double_sells).max().unwrap_or(0),
        seats_count,
        seats_sold: measured.seats_sold,
        bookings_confirmed: measured.bookings_confirmed,
        operations: latencies.outcomes(),
        checkers: results,
        faults: record.faults.clone(),
        thresholds,
        sometimes,
        generator,
        metrics: latencies.metrics(record.outcome.seconds),
        load_seconds: record.outcome.seconds,
        sold_out_seconds: sold_out_seconds(history, seats_count),
        run_dir: run_dir.path().display().to_string(),
    }
}

fn word_on(
    results: &[CheckResult],
    void_reasons: &[String],
    thresholds: &[ThresholdSummary],
) -> (Verdict, u8) {
    if checkers::verdict(results) == CheckVerdict::Fail {
        (Verdict::Fail, 1)
    } else if !void_reasons.is_empty() {
        (Verdict::Void, 3)
    } else if thresholds.iter().any(|threshold| !threshold.ok) {
        (Verdict::Pass, 99)
    } else {
        (Verdict::Pass, 0)
    }
}

/// Why the run proves nothing, as far as load and faults go.
fn reasons_against(plan: &Plan, record: &Record, generator: GeneratorSummary) -> Vec<String> {
    let mut reasons = Vec::new();
    for FaultSummary { name, evidence, .. } in record.faults.iter().filter(|fault| !fault.bit) {
        reasons.push(format!("the fault \"{name}\" did not bite: {evidence}"));
    }
    let limits = &plan.generator;
    if generator.dropped > limits.max_dropped {
        reasons.push(format!(
            "the generator dropped {} iterations for want of a free VU, raise max_vus or lower the rate",
            generator.dropped
        ));
    }
    let lag_max_ms = limits.max_lag_p99.as_secs_f64() * 1000.0;
    if generator.lag_ms_p99 > lag_max_ms {
        reasons.push(format!(
            "the generator started iterations {:.0} ms late (p99, at most {lag_max_ms:.0}), lower the rate or use a quicker machine",
            generator.lag_ms_p99
        ));
    }
    if record.outcome.aborted > 0 {
        reasons.push(format!(
            "{} iterations did not end and had to be aborted",
            record.outcome.aborted
        ));
    }
    if record.recorded.latencies.outcomes().ok == 0 {
        reasons.push("no operation succeeded".to_owned());
    }
    reasons
}

fn measure(record: &Record, seats_count: u64) -> Measured {
    let history = &record.recorded.history;
    let sold: HashSet<i64> = record
        .audit
        .bookings
        .iter()
        .filter(|booking| booking.state == BookingState::Confirmed)
        .flat_map(|booking| booking.seat_ids.iter().copied())
        .collect();
    Measured {
        load_seconds: record.outcome.seconds,
        requests: record.recorded.latencies.clone(),
        iterations: record.outcome.iterations,
        dropped_iterations: record.outcome.dropped,
        bookings_confirmed: distinct(history, OpKind::sells, |op| op.booking),
        reservations_held: distinct(history, |kind| kind == OpKind::Hold, |op| op.reservation),
        seats_resold: seats_resold(history),
        refusals: refusals(history),
        seats_sold: sold.len() as u64,
        server_counts: record.server_counts.clone(),
        sold_out_seconds: sold_out_seconds(history, seats_count),
    }
}

fn distinct<T: std::hash::Hash + Eq>(
    history: &[Operation],
    is_one: impl Fn(OpKind) -> bool,
    made: impl Fn(&Operation) -> Option<T>,
) -> u64 {
    let granted = history.iter().filter(|op| is_one(op.op) && op.end() == Outcome::Ok);
    granted.filter_map(made).collect::<HashSet<T>>().len() as u64
}

/// Seats in more than one acknowledged booking: cancelled in between, if all is well.
fn seats_resold(history: &[Operation]) -> u64 {
    let mut bookings: HashMap<i64, HashSet<Uuid>> = HashMap::new();
    for sale in history.iter().filter(|op| op.op.sells() && op.end() == Outcome::Ok) {
        for seat in &sale.seats {
            bookings.entry(*seat).or_default().extend(sale.booking);
        }
    }
    bookings.values().filter(|bookings| bookings.len() > 1).count() as u64
}

fn refusals(history: &[Operation]) -> HashMap<(OpKind, String), u64> {
    let mut refusals = HashMap::new();
    for op in history.iter().filter(|op| op.outcome == Outcome::Fail) {
        if let Some(reason) = &op.reason {
            *refusals.entry((op.op, reason.clone())).or_default() += 1;
        }
    }
    refusals
}

/// Seconds until the last seat's first acknowledged sale, where all were sold.
fn sold_out_seconds(history: &[Operation], seats_count: u64) -> Option<f64> {
    let mut first_us: HashMap<i64, u64> = HashMap::new();
    let sales = history.iter().filter(|op| op.op.sells() && op.end() == Outcome::Ok);
    for sale in sales {
        for seat in &sale.seats {
            let first = first_us.entry(*seat).or_insert(sale.completed_us);
            *first = sale.completed_us.min(*first);
        }
    }
    if first_us.len() as u64 != seats_count {
        return None;
    }
    let last_us = first_us.into_values().max()?;
    Some(std::time::Duration::from_micros(last_us).as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{distinct, refusals, seats_resold};
    use crate::harness::recorder::fixtures::{book, booking, confirm, ended, hold, user};
    use crate::harness::recorder::{OpKind, Operation, Outcome};

    #[test]
    fn a_seat_counts_as_sold_again_once_and_copies_of_one_sale_do_not_count() {
        let held = hold(user(1), &[7], 0..10);
        let first = confirm(&held, booking(1), 20..30);
        let again = book(user(2), &[7, 8], booking(2), 60..70);
        let third = book(user(3), &[7], booking(3), 90..95);
        assert_eq!(seats_resold(&[held.clone(), first.clone(), first.clone()]), 0);
        assert_eq!(seats_resold(&[first.clone(), ended(again.clone(), Outcome::Fail)]), 0);
        assert_eq!(seats_resold(&[held, first.clone(), again.clone(), third]), 1);
        assert_eq!(distinct(&[first, again], OpKind::sells, |op| op.booking), 2);
    }

    #[test]
    fn refusals_are_counted_by_what_was_asked_and_why_it_was_refused() {
        let refused = |operation, reason: &str| Operation {
            reason: Some(reason.to_owned()),
            ..ended(operation, Outcome::Fail)
        };
        let (held, sold) = (hold(user(1), &[7], 0..10), book(user(2), &[7], booking(2), 60..70));
        let running = Operation {
            reason: Some("idempotency_key".to_owned()),
            ..ended(held.clone(), Outcome::Info)
        };
        let history = [
            refused(held.clone(), "seat_unavailable"),
            refused(held, "seat_unavailable"),
            refused(sold, "seat_unavailable"),
            running,
        ];
        let taken = "seat_unavailable".to_owned();
        let expected =
            HashMap::from([((OpKind::Hold, taken.clone()), 2), ((OpKind::Book, taken), 1)]);
        assert_eq!(refusals(&history), expected);
    }
}
