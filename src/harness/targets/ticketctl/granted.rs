//! What bodies of `wire` say was granted.

use crate::harness::recorder::Told;
use crate::harness::targets::answer::Granted;
use crate::wire;

/// Seats held.
pub fn of_reservation(held: wire::Reservation) -> Granted {
    let told = Told {
        reservation: held.id,
        event: held.event_id,
        user: held.user_id,
        state: held.state,
        total_cents: held.total_cents,
        expires_at: Some(held.expires_at),
        tickets: Vec::new(),
    };
    let mut seats = held.seat_ids;
    seats.sort_unstable();
    Granted { reservation: held.id, booking: None, seats, told }
}

/// Seats bought.
pub fn of_booking(booked: wire::Booking) -> Granted {
    let mut tickets = booked.tickets;
    tickets.sort_unstable_by_key(|ticket| ticket.seat_id);
    let seats = tickets.iter().map(|ticket| ticket.seat_id).collect();
    let told = Told {
        reservation: booked.reservation_id,
        event: booked.event_id,
        user: booked.user_id,
        state: booked.state,
        total_cents: booked.total_cents,
        expires_at: None,
        tickets: tickets.into_iter().map(|ticket| ticket.number).collect(),
    };
    Granted { reservation: booked.reservation_id, booking: Some(booked.id), seats, told }
}
