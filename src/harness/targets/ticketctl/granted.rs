//! What bodies of `wire` say was granted.

use crate::harness::targets::answer::Granted;
use crate::wire;

/// Seats held.
pub fn of_reservation(held: wire::Reservation) -> Granted {
    let mut seats = held.seat_ids;
    seats.sort_unstable();
    Granted { reservation: held.id, booking: None, seats }
}

/// Seats bought.
pub fn of_booking(booked: &wire::Booking) -> Granted {
    let mut seats: Vec<i64> = booked.tickets.iter().map(|ticket| ticket.seat_id).collect();
    seats.sort_unstable();
    Granted { reservation: booked.reservation_id, booking: Some(booked.id), seats }
}
