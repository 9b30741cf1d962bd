//! Tickets at the door: each lets in once, only while its booking stands, and what the database holds is what was answered. Who may
//! let in is not looked at here.

use std::collections::HashMap;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::BookingState;
use crate::harness::checkers::violations::{Violations, of_request};
use crate::harness::recorder::{OpKind, Operation, Outcome};
use crate::harness::summary::Violation;
use crate::storage::audit::{Audit, BookingRow};
use crate::wire::Reason;

/// A violation is a request, or a booking. Returns how many check-ins were answered.
pub fn check(history: &[Operation], audit: &Audit, violations: &mut Violations) -> u64 {
    let doors = Doors::read(history, audit);
    let mut judged = 0;
    for op in history.iter().filter(|op| op.outcome != Outcome::Info) {
        let wrong = match op.op {
            OpKind::CheckIn => {
                judged += 1;
                doors.wrong_check_in(op)
            }
            OpKind::CancelBooking if op.outcome == Outcome::Ok => doors.wrong_cancel(op),
            _ => None,
        };
        if let Some((kind, text)) = wrong {
            violations.add(2, of_request(op, kind, &text));
        }
    }
    for row in &audit.bookings {
        if let (Some(used), true) = (row.used.first(), doors.was_given_back(row)) {
            let text = format!(
                "booking {} was cancelled, and its ticket {} let somebody in at {}",
                row.id, used.number, used.at
            );
            let bookings = vec![row.id];
            let both = Violation { bookings, ..Violation::new("cancelled_and_used", text) };
            violations.add(1, both);
        }
    }
    judged
}

/// Nobody was let in by a request that nobody made. A violation is a booking.
pub fn check_asked_for(history: &[Operation], audit: &Audit, violations: &mut Violations) {
    let doors = Doors::read(history, audit);
    for row in &audit.bookings {
        let unasked = |number: &&str| !doors.asked.contains_key(number);
        if let Some(number) = row.used.iter().map(|used| used.number.as_str()).find(unasked) {
            let text = format!("ticket {number} of booking {} let somebody in unasked", row.id);
            let bookings = vec![row.id];
            let unasked = Violation { bookings, ..Violation::new("let_in_unasked", text) };
            violations.add(1, unasked);
        }
    }
}

type Wrong = (&'static str, String);

/// What happened at the doors.
struct Doors<'a> {
    /// Check-ins that may have let somebody in, by ticket.
    asked: HashMap<&'a str, Vec<&'a Operation>>,
    /// Every ticket: its booking, its seat, and when it was used.
    tickets: HashMap<&'a str, (&'a BookingRow, i64, Option<OffsetDateTime>)>,
    /// Cancels that may have taken effect, by booking.
    cancels: HashMap<Uuid, Vec<&'a Operation>>,
    /// The same by event.
    events_cancelled: HashMap<Uuid, Vec<&'a Operation>>,
}

impl<'a> Doors<'a> {
    fn read(history: &'a [Operation], audit: &'a Audit) -> Self {
        let mut doors = Self {
            asked: HashMap::new(),
            tickets: HashMap::new(),
            cancels: HashMap::new(),
            events_cancelled: HashMap::new(),
        };
        for op in history.iter().filter(|op| op.end() != Outcome::Fail) {
            match (op.op, &op.ticket, op.booking) {
                (OpKind::CheckIn, Some(number), _) => {
                    doors.asked.entry(number).or_default().push(op);
                }
                (OpKind::CancelBooking, _, Some(booking)) => {
                    doors.cancels.entry(booking).or_default().push(op);
                }
                (OpKind::CancelEvent, ..) => {
                    doors.events_cancelled.entry(op.event).or_default().push(op);
                }
                _ => {}
            }
        }
        for row in &audit.bookings {
            let used: HashMap<&str, OffsetDateTime> =
                row.used.iter().map(|used| (used.number.as_str(), used.at)).collect();
            for (number, seat) in row.tickets.iter().zip(&row.seat_ids) {
                let at = used.get(number.as_str()).copied();
                doors.tickets.insert(number, (row, *seat, at));
            }
        }
        doors
    }

    /// Cancels of the booking or its event that may have taken effect.
    fn cancels_of(&self, row: &BookingRow) -> impl Iterator<Item = &&'a Operation> {
        let of_booking = self.cancels.get(&row.id).into_iter().flatten();
        of_booking.chain(self.events_cancelled.get(&row.event_id).into_iter().flatten())
    }

    /// Whether this booking was cancelled, and its event was not.
    fn was_given_back(&self, row: &BookingRow) -> bool {
        row.state == BookingState::Cancelled && !self.events_cancelled.contains_key(&row.event_id)
    }

    fn wrong_check_in(&self, op: &Operation) -> Option<Wrong> {
        let number = op.ticket.as_deref()?;
        let others = || self.asked.get(number).into_iter().flatten().filter(|other| **other != op);
        let Some((row, seat, used_at)) = self.tickets.get(number) else {
            let text = format!("was let in with {number}, which is no ticket");
            return (op.outcome == Outcome::Ok).then_some(("let_in_without_ticket", text));
        };
        if op.outcome == Outcome::Ok {
            if others().any(|other| other.outcome == Outcome::Ok) {
                return Some(("let_in_twice", format!("and another used ticket {number}")));
            }
            let was_cancelled = |cancel: &&&Operation| {
                cancel.outcome == Outcome::Ok && cancel.completed_us < op.invoked_us
            };
            if self.cancels_of(row).any(|cancel| was_cancelled(&cancel)) {
                let text = format!("was let in with ticket {number}, which was cancelled");
                return Some(("let_in_cancelled", text));
            }
            if used_at.is_none() || op.checked_in_at.is_some_and(|told| Some(told) != *used_at) {
                let text = format!(
                    "was let in with ticket {number} at {:?}, and it was used at {used_at:?}",
                    op.checked_in_at
                );
                return Some(("check_in_not_stored", text));
            }
            let text = format!("was let in to seats {:?} with a ticket of {seat}", op.seats);
            return (op.seats != [*seat]).then_some(("other_seat", text));
        }
        let sent_before = |other: &&&Operation| other.invoked_us < op.completed_us;
        let excused = match op.known_reason()? {
            Reason::TicketUsed => others().any(|other| sent_before(&other)),
            Reason::TicketCancelled => self.cancels_of(row).any(|other| sent_before(&other)),
            _ => true,
        };
        let text = format!("was not let in with ticket {number} without a cause: {}", op.detail);
        (!excused).then_some(("refused_at_the_door", text))
    }

    /// A used ticket is not refunded, unless its event is cancelled.
    fn wrong_cancel(&self, op: &Operation) -> Option<Wrong> {
        if self.events_cancelled.contains_key(&op.event) {
            return None;
        }
        let used = self.asked.values().flatten().find(|used| {
            used.booking == op.booking
                && used.outcome == Outcome::Ok
                && used.completed_us < op.invoked_us
        })?;
        let number = used.ticket.as_deref().unwrap_or_default();
        Some(("cancelled_after_use", format!("cancelled a booking whose ticket {number} was used")))
    }
}
