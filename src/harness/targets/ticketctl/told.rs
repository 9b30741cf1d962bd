//! What bodies of `wire` tell of reservations and bookings.

use crate::harness::recorder::Told;
use crate::wire;

/// Of seats held.
pub fn of_reservation(held: wire::Reservation) -> Told {
    let mut seats = held.seat_ids;
    seats.sort_unstable();
    Told {
        reservation: held.id,
        event: held.event_id,
        user: held.user_id,
        state: held.state,
        booking: None,
        reference: None,
        seats,
        total_cents: held.total_cents,
        expires_at: Some(held.expires_at),
        tickets: Vec::new(),
    }
}

/// Of seats bought.
pub fn of_booking(booked: wire::Booking) -> Told {
    let mut tickets = booked.tickets;
    tickets.sort_unstable_by_key(|ticket| ticket.seat_id);
    Told {
        reservation: booked.reservation_id,
        event: booked.event_id,
        user: booked.user_id,
        state: booked.state,
        booking: Some(booked.id),
        reference: Some(booked.reference),
        seats: tickets.iter().map(|ticket| ticket.seat_id).collect(),
        total_cents: booked.total_cents,
        expires_at: None,
        tickets: tickets.into_iter().map(|ticket| ticket.number).collect(),
    }
}
