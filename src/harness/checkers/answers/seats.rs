//! What is left of an event, as counts and seat maps told it. A seat map is as fresh as the question; a count may be older (see
//! `freshness`).
//!
//! In the time of which the answer may be, what is taken is at least what somebody certainly had throughout, and at most what
//! somebody may have had at any moment.

use std::collections::HashMap;

use uuid::Uuid;

use super::wrong::Wrong;
use super::{Violations, freshness};
use crate::harness::checkers::claims::{Claim, Claims};
use crate::harness::checkers::possible;
use crate::harness::checkers::tickets::Tickets;
use crate::harness::checkers::violations::at;
use crate::harness::plan::Plan;
use crate::harness::recorder::{OpKind, Operation, Outcome, SeatState};
use crate::harness::summary::Violation;
use crate::storage::audit::{Audit, SeatRow};
use crate::wire::{Availability, SeatStatus};

/// What was judged.
#[derive(Debug, Default)]
pub struct Seen {
    /// Counts of what is left.
    pub counts: u64,
    /// Seats of seat maps.
    pub seats: u64,
}

/// A violation is a count, or a seat of a seat map.
pub fn check(
    plan: &Plan,
    history: &[Operation],
    audit: &Audit,
    violations: &mut Violations,
) -> Seen {
    let possible = possible::read(history);
    let truth = Truth::read(history, audit, Tickets::read(&possible));
    let oldest = freshness::oldest(plan, history);
    let mut seen = Seen::default();
    let answers = history.iter().enumerate().filter(|(_, op)| op.outcome == Outcome::Ok);
    for (place, op) in answers {
        if let Some(left) = &op.availability {
            seen.counts += 1;
            let since_us = oldest.get(&place).copied().unwrap_or_default();
            let time = (since_us, op.completed_us);
            if let Some((kind, what)) = truth.wrong_count(op.event, left, time) {
                let events = vec![op.event];
                let text = format!("{what}, answered at {}", at(op.completed_us));
                violations.add(1, Violation { events, ..Violation::new(kind, text) });
            }
        }
        if let Some((kind, what)) = truth.wrong_page(op) {
            let text = format!("the seat map of {} {what}", at(op.completed_us));
            let events = vec![op.event];
            violations.add(1, Violation { events, ..Violation::new(kind, text) });
        }
        for state in &op.seat_states {
            seen.seats += 1;
            if let Some((kind, what)) = truth.wrong_seat(op, state) {
                let (seat, when) = (state.seat, at(op.completed_us));
                let text =
                    format!("the seat map of {when} shows seat {seat} {:?}, {what}", state.status);
                violations.add(1, Violation { seats: vec![seat], ..Violation::new(kind, text) });
            }
        }
    }
    seen
}

/// What was so, as far as it is certain.
struct Truth<'a> {
    tickets: Tickets<'a>,
    /// Certain claims by seat.
    certain: HashMap<i64, Vec<Claim>>,
    /// Seats, sorted, of certain claims by event.
    of_event: HashMap<Uuid, Vec<i64>>,
    seats: HashMap<i64, &'a SeatRow>,
    /// Every event's seats, sorted.
    seats_of: HashMap<Uuid, Vec<i64>>,
    /// When a cancellation of an event that may have taken effect was first sent, microseconds.
    cancelled: HashMap<Uuid, u64>,
}

impl<'a> Truth<'a> {
    fn read(history: &[Operation], audit: &'a Audit, tickets: Tickets<'a>) -> Self {
        let mut truth = Self {
            tickets,
            certain: HashMap::new(),
            of_event: HashMap::new(),
            seats: audit.seats.iter().map(|seat| (seat.id, seat)).collect(),
            seats_of: HashMap::new(),
            cancelled: HashMap::new(),
        };
        for seat in &audit.seats {
            truth.seats_of.entry(seat.event_id).or_default().push(seat.id);
        }
        for seats in truth.seats_of.values_mut() {
            seats.sort_unstable();
        }
        for claim in Claims::read(history).certain {
            truth.of_event.entry(claim.event).or_default().push(claim.seat);
            truth.certain.entry(claim.seat).or_default().push(claim);
        }
        for seats in truth.of_event.values_mut() {
            seats.sort_unstable();
            seats.dedup();
        }
        let cancels = history.iter().filter(|op| op.op == OpKind::CancelEvent);
        for op in cancels.filter(|op| op.end() != Outcome::Fail) {
            let first = truth.cancelled.entry(op.event).or_insert(op.invoked_us);
            *first = op.invoked_us.min(*first);
        }
        truth
    }

    /// Whether somebody certainly had this seat in all of this time.
    fn is_taken(&self, event: Uuid, seat: i64, (from_us, until_us): (u64, u64)) -> bool {
        let lasted = |claim: &Claim| claim.from_us <= from_us && until_us < claim.until_us;
        let is_on = self.cancelled.get(&event).is_none_or(|sent_us| *sent_us > until_us);
        is_on && self.certain.get(&seat).is_some_and(|claims| claims.iter().any(lasted))
    }

    fn wrong_count(&self, event: Uuid, left: &Availability, time: (u64, u64)) -> Option<Wrong> {
        let Availability { event_id, total, available, held, sold } = left;
        let said = format!("{available} left of {total}, {held} held and {sold} sold");
        if *event_id != event || [available, held, sold].iter().any(|count| **count < 0) {
            return Some(("wrong_count", format!("{said} of event {event_id}")));
        }
        let stock = self.seats_of.get(&event).and_then(|seats| i64::try_from(seats.len()).ok());
        if available + held + sold != *total || stock.is_some_and(|stock| stock != *total) {
            let stock = stock.unwrap_or(*total);
            return Some(("wrong_count", format!("{said}, and there are {stock} seats")));
        }
        let taken = u64::try_from(held + sold).unwrap_or_default();
        let at_most = self.tickets.at_most(event, time);
        if taken > at_most {
            let text = format!("{said}, and at most {at_most} can have been taken");
            return Some(("stale_count", text));
        }
        let certain = self.of_event.get(&event).into_iter().flatten();
        let at_least = certain.filter(|seat| self.is_taken(event, **seat, time)).count() as u64;
        let text = || format!("{said}, and at least {at_least} were taken all the time");
        (taken < at_least).then(|| ("stale_count", text()))
    }

    /// A page shows every seat from where it was to begin on, and the last one says that it is.
    fn wrong_page(&self, op: &Operation) -> Option<Wrong> {
        let after = op.page_after?;
        let seats = self.seats_of.get(&op.event)?;
        let expected = &seats[seats.partition_point(|seat| *seat <= after)..];
        let shown: Vec<i64> = op.seat_states.iter().map(|state| state.seat).collect();
        if !expected.starts_with(&shown) {
            let differs = expected.iter().zip(&shown).find(|(seat, shown)| seat != shown);
            let what = differs.map(|(seat, shown)| format!("seat {shown} where {seat} comes"));
            let what = what.unwrap_or_else(|| "more seats than there are".to_owned());
            return Some(("other_page", format!("shows {what}, after seat {after}")));
        }
        let goes_on = op.next_cursor.is_some() && !shown.is_empty();
        let text = || format!("ends after {} of {} seats", shown.len(), expected.len());
        (shown.len() < expected.len() && !goes_on).then(|| ("other_page", text()))
    }

    fn wrong_seat(&self, op: &Operation, state: &SeatState) -> Option<Wrong> {
        let time = (op.invoked_us, op.completed_us);
        let row = self.seats.get(&state.seat)?;
        if row.event_id != op.event || row.price_cents != state.price_cents {
            let text = format!("over {} cents, and it is {row:?}", state.price_cents);
            return Some(("other_seat", text));
        }
        match state.status {
            SeatStatus::Available => self
                .is_taken(op.event, state.seat, time)
                .then(|| ("stale_seat", "and somebody had it all the time".to_owned())),
            SeatStatus::Held | SeatStatus::Sold => {
                (!self.tickets.may_be_taken(op.event, state.seat, time))
                    .then(|| ("stale_seat", "and nobody can have had it".to_owned()))
            }
        }
    }
}
