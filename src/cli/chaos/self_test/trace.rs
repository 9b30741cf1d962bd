//! When a run first bore a trace of what broke in it: the first operation that a violation names.

use crate::harness::recorder::Operation;
use crate::harness::summary::{CheckVerdict, Summary, Violation};

/// How far into the load something was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trace {
    /// Operations completed, that one included.
    pub operations: u64,
    /// Seconds of load.
    pub seconds: f64,
}

/// The first operation, in order of completion, that a violation of the summary names; none where no violation names any.
pub fn first(history: &[Operation], summary: &Summary) -> Option<Trace> {
    let broken = summary.checkers.iter().filter(|result| result.verdict == CheckVerdict::Fail);
    let violations: Vec<&Violation> = broken.flat_map(|result| &result.examples).collect();
    let mut completed: Vec<&Operation> = history.iter().collect();
    completed.sort_by_key(|operation| operation.completed_us);
    let is_named = |operation: &&Operation| violations.iter().any(|each| names(each, operation));
    let place = completed.iter().position(is_named)?;
    #[expect(clippy::cast_precision_loss, reason = "runs last minutes")]
    let seconds = completed[place].completed_us as f64 / 1e6;
    Some(Trace { operations: place as u64 + 1, seconds })
}

/// Whether a violation is about this operation, by what it names that few operations share.
fn names(violation: &Violation, operation: &Operation) -> bool {
    let Violation { keys, reservations, bookings, users, seats, .. } = violation;
    if !(keys.is_empty() && reservations.is_empty() && bookings.is_empty()) {
        return operation.key.as_ref().is_some_and(|key| keys.contains(key))
            || operation.reservation.is_some_and(|id| reservations.contains(&id))
            || operation.booking.is_some_and(|id| bookings.contains(&id));
    }
    users.contains(&operation.user) || operation.seats.iter().any(|seat| seats.contains(seat))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::recorder::fixtures::{hold, user};

    #[test]
    fn a_violation_is_about_what_it_names_most_closely() {
        let mut operation = hold(user(1), &[1, 2], 0..10);
        operation.key = Some("k".to_owned());
        let new = || Violation::new("x", "");
        let by_key = Violation { keys: vec!["k".to_owned()], ..new() };
        assert!(names(&by_key, &operation));
        let other_key =
            Violation { keys: vec!["other".to_owned()], users: vec![operation.user], ..new() };
        assert!(!names(&other_key, &operation));
        assert!(names(&Violation { seats: vec![2], ..new() }, &operation));
        assert!(!names(&Violation { seats: vec![3], ..new() }, &operation));
    }
}
