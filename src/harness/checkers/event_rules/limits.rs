//! How much one buyer has of an event at a time: tickets, as clients were told, and holds, as the database keeps them.

use std::collections::BTreeMap;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::Holds;
use crate::harness::checkers::claims::Claim;
use crate::harness::checkers::violations::{Violations, at};
use crate::harness::summary::Violation;
use crate::storage::audit::Audit;

/// A buyer of an event.
type Buyer = (Uuid, Uuid);

/// The most tickets that each buyer certainly had at one moment, and when.
pub fn peaks(claims: &[Claim]) -> BTreeMap<Buyer, (i64, u64)> {
    let mut changes: BTreeMap<Buyer, Vec<(u64, i64)>> = BTreeMap::new();
    for claim in claims {
        let changes = changes.entry((claim.event, claim.user)).or_default();
        changes.extend([(claim.from_us, 1), (claim.until_us, -1)]);
    }
    let peak = |mut changes: Vec<(u64, i64)>| {
        // Of what happens at one moment, the losses come first.
        changes.sort_unstable();
        let (mut tickets, mut peak) = (0, (0, 0));
        for (moment_us, change) in changes {
            tickets += change;
            if tickets > peak.0 {
                peak = (tickets, moment_us);
            }
        }
        peak
    };
    changes.into_iter().map(|(buyer, changes)| (buyer, peak(changes))).collect()
}

/// No buyer certainly had more tickets of an event than it allows. A violation is a buyer.
pub fn check_limit(
    claims: &[Claim],
    limit_of: impl Fn(Uuid) -> Option<u32>,
    violations: &mut Violations,
) {
    for ((event, user), (tickets, at_us)) in peaks(claims) {
        let Some(limit) = limit_of(event) else { continue };
        if tickets > i64::from(limit) {
            let text = format!(
                "buyer {user} was told to have {tickets} tickets of event {event} at {}, which allows {limit}",
                at(at_us)
            );
            let violation = Violation {
                events: vec![event],
                users: vec![user],
                ..Violation::new("ticket_limit", text)
            };
            violations.add(tickets.unsigned_abs(), violation);
        }
    }
}

/// No user held more of an event at one moment than `bounds` allow, whatever became of the holds. A violation is a buyer.
pub fn check_holds(audit: &Audit, bounds: Holds, violations: &mut Violations) {
    let mut changes: BTreeMap<Buyer, Vec<(OffsetDateTime, i64, i64)>> = BTreeMap::new();
    for row in &audit.reservations {
        let Some(from) = row.claimed_at else { continue };
        let until = row.ended_at.unwrap_or(audit.taken_at).min(row.expires_at);
        let seats = i64::try_from(row.seat_ids.len()).unwrap_or(i64::MAX);
        if from < until {
            let changes = changes.entry((row.event_id, row.user_id)).or_default();
            changes.extend([(from, 1, seats), (until, -1, -seats)]);
        }
    }
    for ((event, user), mut changes) in changes {
        // Of what happens at one moment, the ends come first.
        changes.sort_unstable();
        let (mut holds, mut seats) = (0_i64, 0_i64);
        for (at, holds_change, seats_change) in changes {
            (holds, seats) = (holds + holds_change, seats + seats_change);
            if holds <= i64::from(bounds.holds) && seats <= i64::from(bounds.seats) {
                continue;
            }
            let text = format!(
                "buyer {user} had {holds} holds of {seats} seats of event {event} at {at}, and {} of {} are allowed",
                bounds.holds, bounds.seats
            );
            let violation = Violation {
                events: vec![event],
                users: vec![user],
                ..Violation::new("hold_limit", text)
            };
            violations.add(holds.unsigned_abs(), violation);
            break;
        }
    }
}
