//! When holds ended by their rows' own times, and when they should have. A hold ends the TTL that was asked for after it was
//! asked for, by the database's clock; an extension makes it last as long again, once.

use std::collections::HashMap;
use std::time::Duration;

use time::OffsetDateTime;
use uuid::Uuid;

use super::Violations;
use crate::domain::ReservationState;
use crate::harness::recorder::{OpKind, Operation, Outcome};
use crate::harness::summary::Violation;
use crate::storage::audit::{Audit, BookingRow, ReservationRow};

/// How far a hold's length may be from what was asked for: it is asked for in whole seconds.
const ROUNDED_BY: Duration = Duration::from_secs(1);

/// A violation is a reservation.
pub fn check(history: &[Operation], audit: &Audit, violations: &mut Violations) {
    let asked = lengths_asked_for(history);
    let bookings: HashMap<Uuid, &BookingRow> =
        audit.bookings.iter().map(|row| (row.reservation_id, row)).collect();
    for row in &audit.reservations {
        let lengths = asked.get(&(row.user_id, row.idempotency_key.as_str()));
        let wrong = ended_at_the_wrong_time(row, bookings.get(&row.id).copied())
            .or_else(|| lasts_other_than_asked(row, lengths.map_or(&[], Vec::as_slice)));
        if let Some((kind, text)) = wrong {
            let violation = Violation {
                seats: row.seat_ids.clone(),
                reservations: vec![row.id],
                users: vec![row.user_id],
                keys: vec![row.idempotency_key.clone()],
                ..Violation::new(kind, format!("reservation {} {text}", row.id))
            };
            violations.add(2, violation);
        }
    }
}

type Wrong = (&'static str, String);

fn ended_at_the_wrong_time(row: &ReservationRow, booking: Option<&BookingRow>) -> Option<Wrong> {
    let end = row.expires_at;
    if let Some(at) = row.extended_at.filter(|at| *at >= end_before_extension(row)) {
        let text = format!("was extended at {at}, when it had ended");
        return Some(("extended_after_end", text));
    }
    match (row.state, row.ended_at) {
        (ReservationState::Confirmed, Some(at)) if at >= end => {
            Some(("sold_after_end", format!("ended at {end} and was sold at {at}")))
        }
        (ReservationState::Expired, Some(at)) if at < end => {
            Some(("ended_early", format!("was to end at {end} and was expired at {at}")))
        }
        _ => {
            let late = booking.filter(|booking| booking.created_at >= end)?;
            let text = format!(
                "ended at {end}, and the payment of booking {} began at {}",
                late.id, late.created_at
            );
            Some(("paid_after_end", text))
        }
    }
}

fn end_before_extension(row: &ReservationRow) -> OffsetDateTime {
    row.created_at + (row.expires_at - row.created_at) / 2
}

fn lasts_other_than_asked(row: &ReservationRow, asked: &[Duration]) -> Option<Wrong> {
    let times = if row.extended_at.is_some() { 2 } else { 1 };
    let lasts = row.expires_at - row.created_at;
    let is_as_asked = |length: &Duration| {
        let off_by = lasts - *length * times;
        off_by.unsigned_abs() < ROUNDED_BY
    };
    if asked.is_empty() || asked.iter().any(is_as_asked) {
        return None;
    }
    let extended = if row.extended_at.is_some() { ", extended" } else { "" };
    let text = format!("lasts {lasts}{extended}, and {asked:?} was asked for");
    Some(("hold_not_as_asked", text))
}

/// How long holds were to last, by buyer and key: those that may have been granted.
fn lengths_asked_for(history: &[Operation]) -> HashMap<(Uuid, &str), Vec<Duration>> {
    let mut lengths: HashMap<(Uuid, &str), Vec<Duration>> = HashMap::new();
    let granted = |op: &&Operation| op.op == OpKind::Hold && op.end() != Outcome::Fail;
    for op in history.iter().filter(granted) {
        if let (Some(key), Some(ttl_ms)) = (&op.key, op.ttl_ms) {
            let lengths = lengths.entry((op.user, key)).or_default();
            lengths.push(Duration::from_millis(ttl_ms));
        }
    }
    lengths
}
