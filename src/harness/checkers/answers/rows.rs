//! Rows as answers told of them, against rows as they are stored: everything of them that never changes, and the end of a hold,
//! which an extension changes once. States are looked at elsewhere.

use std::collections::HashMap;

use time::OffsetDateTime;
use uuid::Uuid;

use super::wrong::{Wrong, other};
use crate::domain::BookingState;
use crate::harness::recorder::{OpKind, Operation, Outcome, Told};
use crate::storage::audit::{Audit, BookingRow, PaymentRow, ReservationRow};

/// What the database holds, by id.
pub struct Stored<'a> {
    reservations: HashMap<Uuid, &'a ReservationRow>,
    bookings: HashMap<Uuid, &'a BookingRow>,
    payments: HashMap<Uuid, &'a PaymentRow>,
}

impl<'a> Stored<'a> {
    /// Reads it from the audit.
    pub fn read(audit: &'a Audit) -> Self {
        Self {
            reservations: audit.reservations.iter().map(|row| (row.id, row)).collect(),
            bookings: audit.bookings.iter().map(|row| (row.id, row)).collect(),
            payments: audit.payments.iter().map(|row| (row.id, row)).collect(),
        }
    }

    /// What is wrong with a row of this answer.
    pub fn what_is_wrong(&self, op: &Operation, told: &Told) -> Option<Wrong> {
        let of_row = match told.booking {
            None => self.wrong_hold(op, told),
            Some(id) => match (self.bookings.get(&id), is_sold(&told.state)) {
                (Some(row), true) => Self::wrong_booking(told, row),
                (_, false) => self.wrong_payment(id, told),
                // A grant without a booking is for another checker to tell, with what became of its payment.
                (None, true) if op.op.grants() => None,
                (None, true) => Some(("not_stored", "and there is no such booking".to_owned())),
            },
        };
        of_row.or_else(|| not_asked_for(op, told))
    }

    fn wrong_hold(&self, op: &Operation, told: &Told) -> Option<Wrong> {
        let Some(row) = self.reservations.get(&told.reservation) else {
            return Some(("hold_not_stored", "and there is no such reservation".to_owned()));
        };
        other("other_buyer", &row.user_id, &told.user)
            .or_else(|| other("other_event", &row.event_id, &told.event))
            .or_else(|| other("other_seats", &row.seat_ids, &told.seats))
            .or_else(|| other("other_total", &row.total_cents, &told.total_cents))
            .or_else(|| wrong_end(op, told, row))
    }

    fn wrong_booking(told: &Told, row: &BookingRow) -> Option<Wrong> {
        other("other_buyer", &row.user_id, &told.user)
            .or_else(|| other("other_event", &row.event_id, &told.event))
            .or_else(|| other("other_reservation", &row.reservation_id, &told.reservation))
            .or_else(|| other("other_seats", &row.seat_ids, &told.seats))
            .or_else(|| other("other_tickets", &row.tickets, &told.tickets))
            .or_else(|| other("other_total", &row.total_cents, &told.total_cents))
            .or_else(|| match &told.reference {
                Some(reference) => other("other_reference", &row.reference, reference),
                None => None,
            })
    }

    /// What is being paid for, or never was, is known by its payment, and has no tickets.
    fn wrong_payment(&self, id: Uuid, told: &Told) -> Option<Wrong> {
        let Some(row) = self.payments.get(&id) else {
            return Some(("not_stored", "and there is no such payment".to_owned()));
        };
        other("other_buyer", &row.user_id, &told.user)
            .or_else(|| other("other_reservation", &row.reservation_id, &told.reservation))
            .or_else(|| other("other_total", &row.amount_cents, &told.total_cents))
            .or_else(|| other("other_tickets", &Vec::new(), &told.tickets))
    }
}

/// Whether the answer tells somebody else, or of another thing, than the request was about.
fn not_asked_for(op: &Operation, told: &Told) -> Option<Wrong> {
    let wrong = |what: String| Some(("not_asked_for", what));
    if op.op.grants() && op.user != told.user {
        return wrong(format!("it is buyer {}'s", told.user));
    }
    // The record keeps the seats that were given; what was asked for instead stands beside it.
    if op.op.grants() && op.outcome == Outcome::Ok && op.detail.starts_with("asked for ") {
        return wrong(op.detail.clone());
    }
    if op.op.grants() && op.event != told.event {
        return wrong(format!("it is of event {}", told.event));
    }
    if let Some(id) = op.reservation.filter(|id| !op.op.lists() && *id != told.reservation) {
        return wrong(format!("it is of reservation {}, not {id}", told.reservation));
    }
    let about_one = matches!(op.op, OpKind::ReadBooking | OpKind::CancelBooking);
    let id = op.booking.filter(|id| about_one && told.booking != Some(*id))?;
    wrong(format!("it was booking {id} that was asked for"))
}

/// Whether who is told of this state is told of a sale, cancelled or not, and not of a payment.
fn is_sold(state: &str) -> bool {
    [BookingState::Confirmed.name(), BookingState::Cancelled.name()].contains(&state)
}

/// A hold was granted with its first end and answers to its extension tell the later one; reads may tell either, as they came
/// before the extension or after it.
fn wrong_end(op: &Operation, told: &Told, row: &ReservationRow) -> Option<Wrong> {
    let first: OffsetDateTime = if row.extended_at.is_some() {
        row.created_at + (row.expires_at - row.created_at) / 2
    } else {
        row.expires_at
    };
    let right: &[OffsetDateTime] = match op.op {
        OpKind::Hold | OpKind::ReadKey => &[first],
        OpKind::Extend => &[row.expires_at],
        _ => &[first, row.expires_at],
    };
    if told.expires_at.is_some_and(|at| right.contains(&at)) {
        return None;
    }
    other("other_end", &Some(right[0]), &told.expires_at)
}
