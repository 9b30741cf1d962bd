//! What the booking API in memory holds: reservations, bookings, payments, calls to the provider and keys, and how a sale is made and
//! taken back. Knows nothing of HTTP, nor of how well or badly it is asked.

use std::collections::HashMap;

use serde::Serialize;
use uuid::Uuid;

use crate::clock;
use crate::domain::{BookingState, ReservationState};
use crate::storage::audit::{BookingRow, PaymentRow, PaymentState, PaymentStep, ReservationRow};
use crate::wire::{self, PaymentCall, PaymentCallKind, PaymentCallOutcome, Reason};

/// Price of every seat.
pub const PRICE_CENTS: i64 = 5_000;

/// What the API in memory holds, in the rows that the audit reads.
#[derive(Default)]
pub struct Books {
    pub reservations: Vec<ReservationRow>,
    pub bookings: Vec<BookingRow>,
    pub payments: Vec<PaymentRow>,
    pub calls: Vec<PaymentCall>,
    pub keys: HashMap<(Uuid, String), (String, u16, String)>,
}

impl Books {
    /// Looks the key up; `None` when the request is the first of its key.
    pub fn replay(&self, user: Uuid, key: &str, sha256: &str) -> Option<Answer> {
        let (stored, status, body) = self.keys.get(&(user, key.to_owned()))?;
        if stored == sha256 {
            Some((*status, body.clone()))
        } else {
            Some(refusal(422, Reason::IdempotencyKey))
        }
    }

    /// Whether nobody holds or owns the seat.
    pub fn is_free(&self, seat: i64) -> bool {
        let now = clock::now_utc();
        let blocks = |reservation: &&ReservationRow| {
            reservation.state == ReservationState::Confirmed
                || (reservation.state == ReservationState::Held && reservation.expires_at > now)
        };
        !self
            .reservations
            .iter()
            .filter(blocks)
            .any(|reservation| reservation.seat_ids.contains(&seat))
    }
}

/// Status and body.
pub type Answer = (u16, String);

/// The answer to what was granted.
pub fn success<T: Serialize>(data: T) -> Answer {
    let body = wire::Success { success: true, data, message: "ok".to_owned(), meta: None };
    (201, serde_json::to_string(&body).unwrap())
}

/// The answer to what was refused.
pub fn refusal(status: u16, reason: Reason) -> Answer {
    let reason = reason.name();
    let errors = vec![wire::FieldError { field: reason.to_owned(), message: reason.to_owned() }];
    let body = wire::Failure { success: false, message: reason.to_owned(), errors };
    (status, serde_json::to_string(&body).unwrap())
}

/// The body of a reservation.
pub fn as_wire(row: &ReservationRow) -> wire::Reservation {
    wire::Reservation {
        id: row.id,
        event_id: row.event_id,
        user_id: row.user_id,
        seat_ids: row.seat_ids.clone(),
        state: row.state.name().to_owned(),
        total_cents: row.total_cents,
        expires_at: row.expires_at,
    }
}

/// Sells the seats of a reservation and charges for them.
pub fn sell(books: &mut Books, reservation: &ReservationRow, key: &str) -> Answer {
    let (id, payment_id) = (Uuid::new_v4(), Uuid::new_v4());
    let amount_cents = reservation.total_cents;
    let booking = BookingRow {
        id,
        reference: id.to_string(),
        reservation_id: reservation.id,
        event_id: reservation.event_id,
        user_id: reservation.user_id,
        state: BookingState::Confirmed,
        total_cents: amount_cents,
        seat_ids: reservation.seat_ids.clone(),
        tickets: reservation.seat_ids.iter().map(|_seat| Uuid::new_v4().to_string()).collect(),
        ticket_cents: vec![PRICE_CENTS; reservation.seat_ids.len()],
        used: Vec::new(),
        created_at: reservation.created_at,
        cancelled_at: None,
        idempotency_key: key.to_owned(),
    };
    books.payments.push(PaymentRow {
        id: payment_id,
        reservation_id: reservation.id,
        user_id: reservation.user_id,
        created_at: reservation.created_at,
        state: PaymentState::Captured,
        step: PaymentStep::Done,
        amount_cents,
        idempotency_key: key.to_owned(),
    });
    books.calls.push(PaymentCall {
        at: reservation.created_at,
        server: "server-1".to_owned(),
        kind: PaymentCallKind::Charge,
        payment_id,
        key: payment_id,
        amount_cents,
        outcome: PaymentCallOutcome::Executed,
    });
    let answer = success(booking_as_wire(&booking));
    books.bookings.push(booking);
    answer
}

/// The body of a booking.
pub fn booking_as_wire(row: &BookingRow) -> wire::Booking {
    let ticket =
        |(seat, number): (&i64, &String)| wire::Ticket { seat_id: *seat, number: number.clone() };
    wire::Booking {
        id: row.id,
        reference: row.reference.clone(),
        reservation_id: row.reservation_id,
        event_id: row.event_id,
        user_id: row.user_id,
        state: row.state.name().to_owned(),
        total_cents: row.total_cents,
        created_at: time::OffsetDateTime::UNIX_EPOCH,
        cancelled_at: None,
        tickets: row.seat_ids.iter().zip(&row.tickets).map(ticket).collect(),
    }
}

/// Takes a sale back: its seats are free, its charges refunded.
pub fn refund(books: &mut Books, reservation: Uuid) {
    for row in books.reservations.iter_mut().filter(|row| row.id == reservation) {
        row.state = ReservationState::Cancelled;
    }
    let Books { payments, calls, .. } = books;
    for payment in payments.iter_mut().filter(|payment| payment.reservation_id == reservation) {
        let charge = calls.iter().find(|call| call.payment_id == payment.id).unwrap();
        if payment.state != PaymentState::Refunded {
            calls.push(PaymentCall { kind: PaymentCallKind::Refund, ..charge.clone() });
        }
        payment.state = PaymentState::Refunded;
    }
}
