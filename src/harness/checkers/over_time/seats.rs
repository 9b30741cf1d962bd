//! Whether every seat is whose it should be when all is over: sold to the booking that has it, held by the hold that is live,
//! and free of everything that ended. Knows nothing of earlier times.

use std::collections::HashMap;

use uuid::Uuid;

use super::Violations;
use crate::domain::{BookingState, ReservationState};
use crate::harness::summary::Violation;
use crate::storage::audit::{Audit, BookingRow, ReservationRow, SeatRow};

/// A violation is a seat.
pub fn check(audit: &Audit, violations: &mut Violations) {
    let due = Due::read(audit);
    for seat in &audit.seats {
        if let Some((kind, text)) = due.what_is_wrong(seat) {
            let violation = Violation {
                seats: vec![seat.id],
                reservations: seat.reservation_id.into_iter().collect(),
                bookings: seat.booking_id.into_iter().collect(),
                ..Violation::new(kind, format!("seat {} {text}", seat.id))
            };
            violations.add(1, violation);
        }
    }
}

/// Who should have which seat.
struct Due<'a> {
    reservations: HashMap<Uuid, &'a ReservationRow>,
    /// Confirmed bookings, by seat. Where there are two, one of them.
    sold: HashMap<i64, &'a BookingRow>,
    /// Live holds, by seat. Where there are two, one of them.
    held: HashMap<i64, &'a ReservationRow>,
}

impl<'a> Due<'a> {
    fn read(audit: &'a Audit) -> Self {
        let (mut sold, mut held) = (HashMap::new(), HashMap::new());
        for row in audit.bookings.iter().filter(|row| row.state == BookingState::Confirmed) {
            sold.extend(row.seat_ids.iter().map(|seat| (*seat, row)));
        }
        let is_live = |row: &&ReservationRow| {
            row.state == ReservationState::Held && row.expires_at > audit.taken_at
        };
        for row in audit.reservations.iter().filter(is_live) {
            held.extend(row.seat_ids.iter().map(|seat| (*seat, row)));
        }
        let reservations = audit.reservations.iter().map(|row| (row.id, row)).collect();
        Self { reservations, sold, held }
    }

    fn what_is_wrong(&self, seat: &SeatRow) -> Option<(&'static str, String)> {
        let booking = self.sold.get(&seat.id).copied();
        let sold = booking.map(|row| row.id);
        if seat.booking_id != sold {
            return Some(match (seat.booking_id, sold) {
                (Some(has), _) if sold.is_none() => {
                    ("seat_left_behind", format!("is booking {has}'s, which is no sale of it"))
                }
                (has, _) => {
                    let has = has.map_or("nobody's".to_owned(), |has| format!("booking {has}'s"));
                    let sold = sold.unwrap_or_default();
                    ("sold_seat_lost", format!("was sold to booking {sold} and is {has}"))
                }
            });
        }
        if let Some(booking) = booking {
            return self.held_otherwise(seat, booking);
        }
        match (self.held.get(&seat.id), seat.reservation_id) {
            (Some(hold), Some(id)) if hold.id == id && seat.held_until == Some(hold.expires_at) => {
                None
            }
            (Some(hold), has) => {
                let has = has.map_or("nobody".to_owned(), |has| format!("reservation {has}"));
                let until =
                    seat.held_until.map_or(String::new(), |until| format!(" until {until}"));
                let text = format!(
                    "is held by reservation {} until {}, and the seat says: {has}{until}",
                    hold.id, hold.expires_at
                );
                Some(("held_seat_lost", text))
            }
            (None, Some(id)) => {
                let row = self.reservations.get(&id);
                let is_held = row.is_some_and(|row| row.state == ReservationState::Held);
                let state = row.map_or("unknown", |row| row.state.name());
                let text = format!("is reservation {id}'s, which is {state}");
                (!is_held).then_some(("seat_left_behind", text))
            }
            (None, None) => None,
        }
    }

    /// A seat that was sold was held until then as its reservation says: by it, and until its end.
    fn held_otherwise(
        &self,
        seat: &SeatRow,
        booking: &BookingRow,
    ) -> Option<(&'static str, String)> {
        let hold = self.reservations.get(&booking.reservation_id)?;
        let is_so =
            seat.reservation_id == Some(hold.id) && seat.held_until == Some(hold.expires_at);
        let text = format!(
            "was sold as held by reservation {} until {}, and the seat says: {:?} until {:?}",
            hold.id, hold.expires_at, seat.reservation_id, seat.held_until
        );
        (!is_so).then_some(("held_otherwise", text))
    }
}
