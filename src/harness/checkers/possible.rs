//! Which tickets may be whose, and in what time at the widest: whatever was asked for and not certainly refused. The counterpart of
//! `claims`: what is in no possible claim is certainly nobody's. Believes neither the database nor the server's clock, and judges
//! nothing.
//!
//! A claim may begin when the first request of its key is sent. A granted hold may last its TTL, counted from the first answer
//! that told of it, twice the TTL where it may have been extended, and for ever where it may have been paid for; unless a cancel
//! of it was acknowledged, by then at the latest. What ended in no known way may last for ever.

use std::collections::{BTreeMap, HashMap, HashSet};

use uuid::Uuid;

use crate::harness::recorder::{OpKind, Operation, Outcome};
use crate::wire::Reason;

/// How far the database's clock may run from the clients', over a hold.
pub const CLOCKS_APART_US: u64 = 250_000;

/// A time in which tickets may be somebody's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Possible {
    /// Whose.
    pub user: Uuid,
    /// The key of the request that made it.
    pub key: String,
    /// Of which event.
    pub event: Uuid,
    /// Which seats; empty where only their number is known.
    pub seats: Vec<i64>,
    /// How many tickets.
    pub tickets: u64,
    /// From when at the earliest, microseconds.
    pub from_us: u64,
    /// Until when at the latest, microseconds.
    pub until_us: u64,
}

impl Possible {
    /// Whether it may be so at any moment of this time, microseconds.
    pub fn meets(&self, from_us: u64, until_us: u64) -> bool {
        self.from_us <= until_us && from_us <= self.until_us
    }
}

/// Reads it from the history.
pub fn read(history: &[Operation]) -> Vec<Possible> {
    let mut requests: BTreeMap<(Uuid, &str), Vec<&Operation>> = BTreeMap::new();
    for op in history.iter().filter(|op| matches!(op.op, OpKind::Hold | OpKind::Book)) {
        let key = op.key.as_deref().unwrap_or_default();
        requests.entry((op.user, key)).or_default().push(op);
    }
    let ends = Ends::read(history);
    requests.values().flat_map(|requests| of_key(requests, &ends)).collect()
}

/// What the requests of one key may have come to: one effect, or, where nobody knows which, one of several.
fn of_key(requests: &[&Operation], ends: &Ends) -> Vec<Possible> {
    let from_us = requests.iter().map(|op| op.invoked_us).min().unwrap_or_default();
    if let Some(granted) = requests.iter().find(|op| op.end() == Outcome::Ok) {
        let known = requests.iter().filter(|op| op.outcome == Outcome::Ok);
        let known_us = known.map(|op| op.completed_us).min();
        return vec![possible(granted, from_us, ends.latest_us(granted, known_us))];
    }
    let any_unknown = requests.iter().any(|op| op.outcome == Outcome::Info);
    let may_be = requests.iter().filter(|op| op.end() == Outcome::Info || is_held_for_a_while(op));
    may_be
        .map(|op| {
            let until_us = if any_unknown { u64::MAX } else { op.completed_us };
            possible(op, from_us, until_us)
        })
        .collect()
}

/// A sale in one step holds its seats before it is paid for, and lets them go when the payment fails, or when its event went off
/// sale in between.
fn is_held_for_a_while(op: &Operation) -> bool {
    let refused_before = op.known_reason().is_some_and(|reason| {
        matches!(
            reason,
            Reason::SeatUnavailable
                | Reason::SeatContended
                | Reason::SeatIds
                | Reason::SoldOut
                | Reason::Quantity
                | Reason::TicketLimit
                | Reason::HoldLimit
                | Reason::NotFound
                | Reason::RateLimit
        )
    });
    op.op == OpKind::Book && !op.is_not_connected() && !refused_before
}

fn possible(op: &Operation, from_us: u64, until_us: u64) -> Possible {
    let by_number = op.quantity.map(u64::from);
    Possible {
        user: op.user,
        key: op.key.clone().unwrap_or_default(),
        event: op.event,
        seats: op.seats.clone(),
        tickets: by_number.unwrap_or(op.seats.len() as u64),
        from_us,
        until_us,
    }
}

/// What may have ended reservations, or made them last.
struct Ends {
    /// May have been extended.
    extended: HashSet<Uuid>,
    /// May have been paid for.
    paid: HashSet<Uuid>,
    /// When a cancel of the hold or its booking was first acknowledged, microseconds.
    cancelled: HashMap<Uuid, u64>,
}

impl Ends {
    fn read(history: &[Operation]) -> Self {
        let mut ends =
            Self { extended: HashSet::new(), paid: HashSet::new(), cancelled: HashMap::new() };
        for op in history.iter().filter(|op| op.end() != Outcome::Fail) {
            let Some(reservation) = op.reservation else { continue };
            match (op.op, op.outcome) {
                (OpKind::Extend, _) => {
                    ends.extended.insert(reservation);
                }
                (OpKind::Confirm | OpKind::Book, _) => {
                    ends.paid.insert(reservation);
                }
                (OpKind::Cancel | OpKind::CancelBooking, Outcome::Ok) => {
                    let first = ends.cancelled.entry(reservation).or_insert(op.completed_us);
                    *first = op.completed_us.min(*first);
                }
                _ => {}
            }
        }
        ends
    }

    /// Until when at the latest what this request made may last, if it was known at this moment.
    fn latest_us(&self, granted: &Operation, known_us: Option<u64>) -> u64 {
        let never = u64::MAX;
        let Some(reservation) = granted.reservation else { return never };
        let cancelled_us = self.cancelled.get(&reservation).copied().unwrap_or(never);
        let (Some(known_us), Some(ttl_ms)) = (known_us, granted.ttl_ms) else {
            return cancelled_us;
        };
        if granted.op.sells() || self.paid.contains(&reservation) {
            return cancelled_us;
        }
        let times = if self.extended.contains(&reservation) { 2 } else { 1 };
        let ends_us = known_us.saturating_add(ttl_ms * 1_000 * times + CLOCKS_APART_US);
        cancelled_us.min(ends_us)
    }
}

#[cfg(test)]
mod tests {
    use super::{CLOCKS_APART_US, read};
    use crate::harness::recorder::fixtures::{
        TTL_US, book, booking, cancel, cancel_booking, confirm, ended, hold, user,
    };
    use crate::harness::recorder::{OpKind, Operation, Outcome};

    /// From when and until when the one possible claim may last.
    fn time(history: &[Operation]) -> Option<(u64, u64)> {
        let possible = read(history);
        assert!(possible.len() < 2, "{possible:?}");
        possible.first().map(|possible| (possible.from_us, possible.until_us))
    }

    fn unknown(op: Operation) -> Operation {
        ended(op, Outcome::Info)
    }

    fn failed(op: Operation, reason: &str) -> Operation {
        Operation { reason: Some(reason.to_owned()), ..ended(op, Outcome::Fail) }
    }

    #[test]
    fn a_hold_lasts_its_ttl_from_the_answer_and_twice_that_where_it_may_be_extended() {
        let held = hold(user(1), &[1], 5..10);
        let ends = 10 + TTL_US + CLOCKS_APART_US;
        assert_eq!(time(std::slice::from_ref(&held)), Some((5, ends)));
        let longer = Operation { op: OpKind::Extend, ..cancel(&held, 20..30) };
        let history = [held.clone(), unknown(longer.clone())];
        assert_eq!(time(&history), Some((5, ends + TTL_US)));
        assert_eq!(time(&[held, ended(longer, Outcome::Fail)]), Some((5, ends)));
    }

    #[test]
    fn what_may_have_been_paid_for_lasts_until_its_cancel_is_acknowledged() {
        let held = hold(user(1), &[1], 5..10);
        let paid = confirm(&held, booking(1), 20..30);
        assert_eq!(time(&[held.clone(), unknown(paid.clone())]), Some((5, u64::MAX)));
        let back = cancel_booking(&paid, 40..50);
        let history = [held.clone(), paid.clone(), back.clone()];
        assert_eq!(time(&history), Some((5, 50)));
        assert_eq!(time(&[held.clone(), paid, unknown(back)]), Some((5, u64::MAX)));
        assert_eq!(time(&[held.clone(), cancel(&held, 20..30)]), Some((5, 30)));
    }

    #[test]
    fn what_nobody_knows_may_last_for_ever_and_what_failed_is_nothing() {
        let held = hold(user(1), &[1], 5..10);
        assert_eq!(time(&[unknown(held.clone())]), Some((5, u64::MAX)));
        assert_eq!(time(&[failed(held.clone(), "seat_unavailable")]), None);
        let settled = Operation { settled: Some(Outcome::Ok), ..held.clone() };
        let settled = Operation { outcome: Outcome::Info, ..settled };
        assert_eq!(time(&[settled]), Some((5, u64::MAX)));
        let again = hold(user(1), &[1], 60..70);
        let lost_first = [unknown(held), again];
        assert_eq!(time(&lost_first), Some((5, 70 + TTL_US + CLOCKS_APART_US)));
    }

    #[test]
    fn a_sale_in_one_step_that_was_declined_held_its_seats_meanwhile() {
        let sale = book(user(1), &[1], booking(1), 5..10);
        let declined = failed(sale.clone(), "payment_declined");
        assert_eq!(time(std::slice::from_ref(&declined)), Some((5, 10)));
        let off_sale = failed(sale.clone(), "not_on_sale");
        assert_eq!(time(&[off_sale]), Some((5, 10)), "perhaps since it held them");
        assert_eq!(time(&[failed(sale.clone(), "seat_unavailable")]), None);
        let lost = Operation { settled: Some(Outcome::Fail), ..unknown(sale) };
        assert_eq!(time(std::slice::from_ref(&lost)), Some((5, u64::MAX)), "still held, perhaps");
        let both = read(&[lost, declined]);
        assert!(both.iter().all(|possible| possible.until_us == u64::MAX), "{both:?}");
    }
}
