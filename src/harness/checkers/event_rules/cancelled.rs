//! What may be of an event that is cancelled: nothing more.

use std::collections::HashMap;
use std::time::Duration;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::{EventStatus, ReservationState};
use crate::harness::checkers::clocks::Clocks;
use crate::harness::checkers::violations::{Violations, at};
use crate::harness::recorder::{OpKind, Operation, Outcome};
use crate::harness::summary::Violation;
use crate::storage::audit::{Audit, EventRow};

/// How long cancelling an event may take: until nothing more of it is begun, the time of a transaction, and until no hold is left
/// of it, some rounds of a job.
pub const CANCEL_MAX: Duration = Duration::from_secs(5);

/// When a client was told that an event is cancelled.
pub fn cancelled(history: &[Operation]) -> HashMap<Uuid, u64> {
    let mut cancelled = HashMap::new();
    let told = |op: &&Operation| op.op == OpKind::CancelEvent && op.outcome == Outcome::Ok;
    for op in history.iter().filter(told) {
        let moment_us = cancelled.entry(op.event).or_insert(op.completed_us);
        *moment_us = op.completed_us.min(*moment_us);
    }
    cancelled
}

/// What was asked for after that must not be granted. An answer that was stored before may be repeated.
pub fn check_cancelled(
    history: &[Operation],
    cancelled: &HashMap<Uuid, u64>,
    violations: &mut Violations,
) {
    let grants = |op: &&Operation| op.op == OpKind::Hold || op.op.sells();
    let granted = |op: &&Operation| op.outcome == Outcome::Ok && !op.replayed;
    for op in history.iter().filter(grants).filter(granted) {
        let Some(moment_us) = cancelled.get(&op.event).filter(|moment| **moment < op.invoked_us)
        else {
            continue;
        };
        let text = format!(
            "buyer {} was granted a {} of seats {:?} that was asked for at {}, and event {} was cancelled at {}",
            op.user,
            op.op.name(),
            op.seats,
            at(op.invoked_us),
            op.event,
            at(*moment_us)
        );
        let violation = Violation {
            seats: op.seats.clone(),
            events: vec![op.event],
            reservations: op.reservation.into_iter().collect(),
            bookings: op.booking.into_iter().collect(),
            users: vec![op.user],
            keys: op.key.iter().cloned().collect(),
            ..Violation::new("granted_after_cancel", text)
        };
        violations.add(op.invoked_us - moment_us, violation);
    }
}

/// An event that was cancelled for a client is cancelled in the database, with nothing left of it.
pub fn check_events(audit: &Audit, cancelled: &HashMap<Uuid, u64>, violations: &mut Violations) {
    for row in audit.events.iter().filter(|row| cancelled.contains_key(&row.id)) {
        if row.status != EventStatus::Cancelled {
            let text = format!(
                "event {} was cancelled and is {} in the database",
                row.id,
                row.status.name()
            );
            let events = vec![row.id];
            violations.add(1, Violation { events, ..Violation::new("event_not_cancelled", text) });
        }
    }
}

/// Nothing of an event was held, paid for or sold once it was certainly cancelled, whatever clients were told of it: by the
/// database's clock, after a client knew of the cancel or after it must have ended.
pub fn check_made_late(
    audit: &Audit,
    clocks: &Clocks,
    told_us: &HashMap<Uuid, u64>,
    violations: &mut Violations,
) {
    let certain_at = |row: &EventRow| {
        let ended = row.cancelled_at? + CANCEL_MAX;
        let told = told_us.get(&row.id).and_then(|us| clocks.at_latest(*us));
        Some((row.id, told.map_or(ended, |told| told.min(ended))))
    };
    let cancelled: HashMap<Uuid, OffsetDateTime> =
        audit.events.iter().filter_map(certain_at).collect();
    let holds = audit.reservations.iter().flat_map(|row| {
        let sold = row.ended_at.filter(|_| row.state == ReservationState::Confirmed);
        let ids = (row.id, row.event_id, row.user_id);
        [Some(("was asked for", ids, row.created_at)), sold.map(|at| ("was sold", ids, at))]
    });
    let payments = audit.bookings.iter().map(|row| {
        let ids = (row.reservation_id, row.event_id, row.user_id);
        Some(("began to be paid for", ids, row.created_at))
    });
    for (what, (id, event, user), began_at) in holds.chain(payments).flatten() {
        let Some(at) = cancelled.get(&event).filter(|at| began_at > **at) else { continue };
        let text = format!(
            "reservation {id} {what} at {began_at}, and event {event} was cancelled by {at}"
        );
        let violation = Violation {
            events: vec![event],
            reservations: vec![id],
            users: vec![user],
            ..Violation::new("made_after_cancel", text)
        };
        violations.add(1, violation);
    }
}

/// No hold lives on much longer than its event.
pub fn check_held_on(audit: &Audit, violations: &mut Violations) {
    let cancelled: HashMap<Uuid, OffsetDateTime> = audit
        .events
        .iter()
        .filter_map(|row| row.cancelled_at.map(|at| (row.id, at + CANCEL_MAX)))
        .collect();
    for row in audit.reservations.iter().filter(|row| row.state != ReservationState::Confirmed) {
        let Some(over) = cancelled.get(&row.event_id) else { continue };
        let ended_at = row.ended_at.unwrap_or(audit.taken_at).min(row.expires_at);
        if ended_at <= *over {
            continue;
        }
        let text = format!(
            "reservation {} was held until {ended_at}, and event {} was cancelled by {over}",
            row.id, row.event_id
        );
        let violation = Violation {
            events: vec![row.event_id],
            reservations: vec![row.id],
            users: vec![row.user_id],
            ..Violation::new("held_after_cancel", text)
        };
        violations.add(1, violation);
    }
}
