//! `no-double-sell-over-time`: no two claims of one seat, held or sold, were live at the same moment of database time, whether
//! or not a client was lucky enough to see it; and at the end every seat is whose it should be. Believes the rows' own times
//! and nothing of the schema; knows nothing of what clients were told.
//!
//! A hold had its seats from `claimed_at`, which is read after they were claimed, to its end: the moment it was given up, its
//! `expires_at` at the latest, or the cancel of the booking that it became. Each of these ends is no later than the true one.

/// Whether seats are whose they should be.
mod seats;

use std::collections::{BTreeMap, HashMap};

use time::OffsetDateTime;
use uuid::Uuid;

use super::violations::Violations;
use super::{Checker, Evidence, Undeclared};
use crate::domain::{BookingState, ReservationState, counted};
use crate::harness::plan::EvidenceKind;
use crate::harness::summary::{CheckResult, DOUBLE_SELL, Violation};
use crate::storage::audit::{Audit, BookingRow, ReservationRow};

/// The checker.
#[derive(Debug)]
pub struct NoDoubleSellOverTime;

impl Checker for NoDoubleSellOverTime {
    fn name(&self) -> &'static str {
        "no-double-sell-over-time"
    }

    fn summary(&self) -> &'static str {
        "no seat had two live holds or sales at any moment of database time, none is left to the wrong one"
    }

    fn needs(&self) -> &'static [EvidenceKind] {
        &[EvidenceKind::Audit]
    }

    /// A violation is a seat, or a claim of seats of another event.
    fn check(&self, evidence: &Evidence<'_>) -> Result<CheckResult, Undeclared> {
        let audit = evidence.audit()?;
        let claims = claims_by_seat(audit);
        let mut violations = Violations::default();
        for (seat, claims) in &claims {
            if let Some((times, violation)) = first_overlap(*seat, claims) {
                violations.add(times, violation);
            }
        }
        check_events(audit, &mut violations);
        seats::check(audit, &mut violations);
        let judged: u64 = claims.values().map(|claims| claims.len() as u64).sum();
        let nothing = "nothing was ever held";
        Ok(violations.result(self.name(), judged, nothing, || {
            let again = claims.values().filter(|claims| claims.len() > 1).count();
            format!(
                "{} of {}, {} claimed more than once and never by two at a time",
                counted(judged, "claim"),
                counted(claims.len(), "seat"),
                counted(again, "seat")
            )
        }))
    }
}

/// A time in which a reservation, or the booking that it became, certainly had a seat.
struct Claim<'a> {
    row: &'a ReservationRow,
    booking: Option<&'a BookingRow>,
    from: OffsetDateTime,
    /// None where it has it still.
    until: Option<OffsetDateTime>,
}

/// Every claim whose times are known, by seat and time.
fn claims_by_seat(audit: &Audit) -> BTreeMap<i64, Vec<Claim<'_>>> {
    let bookings: HashMap<Uuid, &BookingRow> =
        audit.bookings.iter().map(|row| (row.reservation_id, row)).collect();
    let mut claims: BTreeMap<i64, Vec<Claim<'_>>> = BTreeMap::new();
    for row in &audit.reservations {
        let booking = bookings.get(&row.id).copied();
        let Some(from) = row.claimed_at else { continue };
        let until = end_of(row, booking);
        if until.is_some_and(|until| until <= from) {
            continue;
        }
        for seat in &row.seat_ids {
            claims.entry(*seat).or_default().push(Claim { row, booking, from, until });
        }
    }
    for claims in claims.values_mut() {
        claims.sort_by_key(|claim| claim.from);
    }
    claims
}

fn end_of(row: &ReservationRow, booking: Option<&BookingRow>) -> Option<OffsetDateTime> {
    match (row.state, booking) {
        (_, Some(BookingRow { state: BookingState::Confirmed, .. })) => None,
        (_, Some(booking)) => booking.cancelled_at.or(Some(row.expires_at)),
        (ReservationState::Cancelled, None) => {
            Some(row.ended_at.map_or(row.created_at, |ended_at| ended_at.min(row.expires_at)))
        }
        (
            ReservationState::Held | ReservationState::Expired | ReservationState::Confirmed,
            None,
        ) => Some(row.expires_at),
    }
}

/// The first two of a seat's claims that were live together, and how many overlap an earlier one.
fn first_overlap(seat: i64, claims: &[Claim<'_>]) -> Option<(u64, Violation)> {
    let lasts_longer = |one: &Claim<'_>, than: &Claim<'_>| match (one.until, than.until) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(one), Some(than)) => one > than,
    };
    let (mut longest, mut found) = (claims.first()?, None);
    for claim in &claims[1..] {
        if longest.until.is_none_or(|until| until > claim.from) {
            let (times, _) = found.get_or_insert_with(|| (1, overlap(seat, longest, claim)));
            *times += 1;
        }
        if lasts_longer(claim, longest) {
            longest = claim;
        }
    }
    found
}

fn overlap(seat: i64, earlier: &Claim<'_>, later: &Claim<'_>) -> Violation {
    let until = earlier.until.map_or("for good".to_owned(), |until| format!("until {until}"));
    let text = format!(
        "seat {seat} was buyer {}'s {until} (reservation {}, {}) and buyer {}'s from {} (reservation {}, {})",
        earlier.row.user_id,
        earlier.row.id,
        earlier.row.state.name(),
        later.row.user_id,
        later.from,
        later.row.id,
        later.row.state.name()
    );
    let both = [earlier, later];
    Violation {
        seats: vec![seat],
        reservations: both.iter().map(|claim| claim.row.id).collect(),
        bookings: both.iter().filter_map(|claim| claim.booking).map(|row| row.id).collect(),
        users: both.iter().map(|claim| claim.row.user_id).collect(),
        ..Violation::new(DOUBLE_SELL, text)
    }
}

/// Who claims seats of an event claims that event's own, so there are never more claims than seats.
fn check_events(audit: &Audit, violations: &mut Violations) {
    let events: HashMap<i64, Uuid> =
        audit.seats.iter().map(|seat| (seat.id, seat.event_id)).collect();
    for row in &audit.reservations {
        let is_others = |seat: &&i64| events.get(seat).is_some_and(|event| *event != row.event_id);
        if let Some(seat) = row.seat_ids.iter().find(is_others) {
            let text = format!(
                "reservation {} of event {} has seat {seat} of another",
                row.id, row.event_id
            );
            let violation = Violation {
                seats: vec![*seat],
                events: vec![row.event_id],
                reservations: vec![row.id],
                users: vec![row.user_id],
                ..Violation::new("other_event", text)
            };
            violations.add(1, violation);
        }
    }
}

#[cfg(test)]
mod tests;
