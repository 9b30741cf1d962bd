//! Lists of reservations and bookings: whoever reads their own finds all that they were granted before, each once.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::Violations;
use crate::harness::checkers::violations::at;
use crate::harness::recorder::{LIST_ROWS_MAX, OpKind, Operation, Outcome};
use crate::harness::summary::Violation;

/// A violation is a list. Returns how many there were.
pub fn check(history: &[Operation], violations: &mut Violations) -> u64 {
    let granted = granted(history);
    let mut judged = 0;
    for op in history.iter().filter(|op| op.op.lists() && op.outcome == Outcome::Ok) {
        let Some(owner) = op.list_of else { continue };
        judged += 1;
        let of_bookings = op.op == OpKind::ListBookings;
        let listed: Vec<Uuid> = op
            .told
            .iter()
            .map(|told| told.booking.filter(|_| of_bookings).unwrap_or(told.reservation))
            .collect();
        let there: HashSet<Uuid> = listed.iter().copied().collect();
        let due = granted.get(&(owner, of_bookings)).into_iter().flatten();
        let mut missing = due
            .filter(|(id, known_us)| *known_us < op.invoked_us && !there.contains(id))
            .filter(|_| listed.len() < LIST_ROWS_MAX);
        let wrong = if there.len() < listed.len() {
            Some(("listed_twice", "has a row twice".to_owned()))
        } else {
            let lacks = |(id, us): &(Uuid, u64)| format!("lacks {id}, granted at {}", at(*us));
            missing.next().map(|missing| ("not_listed", lacks(missing)))
        };
        if let Some((kind, what)) = wrong {
            let text = format!(
                "the {} of buyer {owner}, asked for at {}, {what}",
                op.op.name(),
                at(op.invoked_us)
            );
            let users = vec![owner];
            violations.add(1, Violation { users, ..Violation::new(kind, text) });
        }
    }
    judged
}

/// What each buyer was granted, and when that was first known, microseconds: bookings (true) and reservations (false).
fn granted(history: &[Operation]) -> HashMap<(Uuid, bool), Vec<(Uuid, u64)>> {
    let mut granted: HashMap<(Uuid, bool), Vec<(Uuid, u64)>> = HashMap::new();
    for op in history.iter().filter(|op| op.op.grants() && op.outcome == Outcome::Ok) {
        if let Some(id) = op.reservation {
            granted.entry((op.user, false)).or_default().push((id, op.completed_us));
        }
        if let Some(id) = op.booking {
            granted.entry((op.user, true)).or_default().push((id, op.completed_us));
        }
    }
    granted
}
