//! Operations made by hand, for tests: each well-formed, all outcomes `ok` unless changed by struct update.

use std::ops::Range;
use std::time::Duration;

use time::OffsetDateTime;
use uuid::Uuid;

use super::{OpKind, Operation, Outcome, Role, Told};
use crate::wire::server_timing::Timings;

/// Price of every seat.
pub const PRICE_CENTS: i64 = 5_000;
/// TTL of every hold made here, microseconds.
pub const TTL_US: u64 = 30_000_000;

/// The buyer of this number.
pub fn user(number: u64) -> Uuid {
    Uuid::from_u64_pair(1, number)
}

/// The reservation of this number.
pub fn reservation(number: u64) -> Uuid {
    Uuid::from_u64_pair(2, number)
}

/// The booking of this number.
pub fn booking(number: u64) -> Uuid {
    Uuid::from_u64_pair(3, number)
}

/// The event of everything made here.
pub fn event() -> Uuid {
    Uuid::from_u64_pair(4, 0)
}

/// The end of every hold made here, database time.
pub fn ends_at() -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::from_hours(1)
}

/// An answer about nothing in particular.
pub fn told() -> Told {
    Told {
        reservation: reservation(0),
        event: event(),
        user: user(0),
        state: String::new(),
        booking: None,
        reference: None,
        seats: Vec::new(),
        total_cents: 0,
        expires_at: None,
        tickets: Vec::new(),
    }
}

/// What the answer to the payment says, tickets numbered as their seats are.
fn sold(held: &Told, booking: Uuid) -> Told {
    let tickets = held.seats.iter().map(i64::to_string).collect();
    let (state, booking) = ("confirmed".to_owned(), Some(booking));
    Told { state, booking, expires_at: None, tickets, ..held.clone() }
}

/// A hold that was granted, its reservation numbered as the time of asking is; the key is the same for the same buyer.
pub fn hold(user: Uuid, seats: &[i64], us: Range<u64>) -> Operation {
    Operation {
        reservation: Some(reservation(us.start)),
        ttl_ms: Some(TTL_US / 1000),
        request_sha256: format!("hold {seats:?}"),
        key: Some(format!("hold-{user}")),
        seats: seats.to_vec(),
        told: vec![Told {
            reservation: reservation(us.start),
            user,
            state: "held".to_owned(),
            seats: seats.to_vec(),
            total_cents: PRICE_CENTS * i64::try_from(seats.len()).unwrap(),
            expires_at: Some(ends_at()),
            ..told()
        }],
        ..operation(OpKind::Hold, user, us)
    }
}

/// A confirm of this hold that was granted.
pub fn confirm(hold: &Operation, booking: Uuid, us: Range<u64>) -> Operation {
    Operation {
        reservation: hold.reservation,
        booking: Some(booking),
        request_sha256: format!("confirm {:?}", hold.reservation),
        key: Some(format!("confirm-{}", hold.user)),
        seats: hold.seats.clone(),
        told: hold.told.iter().map(|held| sold(held, booking)).collect(),
        ..operation(OpKind::Confirm, hold.user, us)
    }
}

/// A sale in one step that was granted, its reservation numbered as the time of asking is.
pub fn book(user: Uuid, seats: &[i64], booking: Uuid, us: Range<u64>) -> Operation {
    Operation {
        reservation: Some(reservation(us.start)),
        booking: Some(booking),
        request_sha256: format!("book {seats:?}"),
        key: Some(format!("book-{user}")),
        seats: seats.to_vec(),
        told: hold(user, seats, us.clone()).told.iter().map(|held| sold(held, booking)).collect(),
        ..operation(OpKind::Book, user, us)
    }
}

/// A cancel of this booking, made by a confirm or in one step, that was granted.
pub fn cancel_booking(sale: &Operation, us: Range<u64>) -> Operation {
    Operation {
        reservation: sale.reservation,
        booking: sale.booking,
        seats: sale.seats.clone(),
        ..operation(OpKind::CancelBooking, sale.user, us)
    }
}

/// The event was cancelled, and this was the answer.
pub fn cancel_event(us: Range<u64>) -> Operation {
    Operation { role: Role::Admin, ..operation(OpKind::CancelEvent, user(u64::MAX), us) }
}

/// A cancel of this hold that was granted.
pub fn cancel(hold: &Operation, us: Range<u64>) -> Operation {
    Operation {
        reservation: hold.reservation,
        seats: hold.seats.clone(),
        ..operation(OpKind::Cancel, hold.user, us)
    }
}

/// The same, ended otherwise; what only an `ok` answer tells is taken away.
pub fn ended(operation: Operation, outcome: Outcome) -> Operation {
    let granted = outcome == Outcome::Ok;
    let names_booking = granted || !operation.op.grants();
    let booking = operation.booking.filter(|_| names_booking);
    let makes_reservation = matches!(operation.op, OpKind::Hold | OpKind::Book);
    let reservation = operation.reservation.filter(|_| granted || !makes_reservation);
    let told = if granted { operation.told } else { Vec::new() };
    Operation { reservation, booking, told, outcome, ..operation }
}

fn operation(op: OpKind, user: Uuid, us: Range<u64>) -> Operation {
    Operation {
        op,
        load: "rush".to_owned(),
        iteration: 0,
        server: "server-1".to_owned(),
        user,
        role: Role::Customer,
        event: event(),
        key: None,
        request_sha256: String::new(),
        seats: Vec::new(),
        quantity: None,
        reservation: None,
        booking: None,
        ticket: None,
        version: None,
        list_of: None,
        ttl_ms: None,
        told: Vec::new(),
        checked_in_at: None,
        availability: None,
        page_after: None,
        seat_states: Vec::new(),
        next_cursor: None,
        intended_us: us.start,
        invoked_us: us.start,
        completed_us: us.end,
        outcome: Outcome::Ok,
        status: Some(201),
        replayed: false,
        response_sha256: Some("answer".to_owned()),
        reason: None,
        detail: String::new(),
        dependencies: Timings::new(),
        settled: None,
    }
}
