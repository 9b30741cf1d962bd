//! The numbers of a run that thresholds are held against and that its summary shows. Judges nothing.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::data::{RunData, own};
use crate::domain::BookingState;
use crate::harness::last_look;
use crate::harness::plan::Load;
use crate::harness::recorder::{OpKind, Operation, Outcome};
use crate::harness::thresholds::Measured;
use crate::storage::audit::Audit;

/// Counts what the run recorded.
pub fn measure(data: &RunData) -> Measured {
    let (facts, inventory) = (&data.facts, &data.plan.inventory);
    let own: Vec<&Operation> = own(&data.history).collect();
    let (history, aside) = (own.as_slice(), events_of_background(&data.history));
    let seats_count = u64::from(inventory.events) * u64::from(inventory.seats);
    Measured {
        load_seconds: facts.load_seconds,
        requests: data.latencies.clone(),
        iterations: facts.generator.iterations,
        dropped_iterations: facts.generator.dropped,
        bookings_confirmed: distinct(history, OpKind::sells, |op| op.booking),
        reservations_held: distinct(history, |kind| kind == OpKind::Hold, |op| op.reservation),
        seats_resold: seats_resold(history),
        refusals: refusals(history),
        seats_count,
        seats_sold: data.audit.as_ref().map(|audit| seats_sold(audit, &aside)),
        seats_acknowledged: first_sales_us(history).len() as u64,
        server_counts: facts.server_counts.clone(),
        sold_out_seconds: sold_out_seconds(history, seats_count),
    }
}

/// The events that the background is after: it asks for no other's seats.
fn events_of_background(history: &[Operation]) -> HashSet<Uuid> {
    let asks =
        |op: &&Operation| Load::is_background(&op.load) && op.op.grants() && !last_look::made(op);
    history.iter().filter(asks).map(|op| op.event).collect()
}

/// Seats in confirmed bookings of other events than these.
fn seats_sold(audit: &Audit, aside: &HashSet<Uuid>) -> u64 {
    let confirmed = audit
        .bookings
        .iter()
        .filter(|row| row.state == BookingState::Confirmed && !aside.contains(&row.event_id));
    confirmed.flat_map(|row| &row.seat_ids).collect::<HashSet<_>>().len() as u64
}

fn distinct<T: std::hash::Hash + Eq>(
    history: &[&Operation],
    is_one: impl Fn(OpKind) -> bool,
    made: impl Fn(&Operation) -> Option<T>,
) -> u64 {
    let granted = history.iter().filter(|op| is_one(op.op) && op.end() == Outcome::Ok);
    granted.filter_map(|op| made(op)).collect::<HashSet<T>>().len() as u64
}

/// Seats in more than one acknowledged booking: cancelled in between, if all is well.
fn seats_resold(history: &[&Operation]) -> u64 {
    let mut bookings: HashMap<i64, HashSet<Uuid>> = HashMap::new();
    for sale in history.iter().filter(|op| op.op.sells() && op.end() == Outcome::Ok) {
        for seat in &sale.seats {
            bookings.entry(*seat).or_default().extend(sale.booking);
        }
    }
    bookings.values().filter(|bookings| bookings.len() > 1).count() as u64
}

fn refusals(history: &[&Operation]) -> HashMap<(OpKind, String), u64> {
    let mut refusals = HashMap::new();
    for op in history.iter().filter(|op| op.outcome == Outcome::Fail) {
        if let Some(reason) = &op.reason {
            *refusals.entry((op.op, reason.clone())).or_default() += 1;
        }
    }
    refusals
}

/// When each seat's first acknowledged sale was answered, microseconds.
fn first_sales_us(history: &[&Operation]) -> HashMap<i64, u64> {
    let mut first_us: HashMap<i64, u64> = HashMap::new();
    for sale in history.iter().filter(|op| op.op.sells() && op.end() == Outcome::Ok) {
        for seat in &sale.seats {
            let first = first_us.entry(*seat).or_insert(sale.completed_us);
            *first = sale.completed_us.min(*first);
        }
    }
    first_us
}

/// Seconds until the last seat's first acknowledged sale, where all were sold.
fn sold_out_seconds(history: &[&Operation], seats_count: u64) -> Option<f64> {
    let first_us = first_sales_us(history);
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
        let refused = ended(again.clone(), Outcome::Fail);
        assert_eq!(seats_resold(&[&held, &first, &first]), 0);
        assert_eq!(seats_resold(&[&first, &refused]), 0);
        assert_eq!(seats_resold(&[&held, &first, &again, &third]), 1);
        assert_eq!(distinct(&[&first, &again], OpKind::sells, |op| op.booking), 2);
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
        assert_eq!(refusals(&history.iter().collect::<Vec<_>>()), expected);
    }
}
