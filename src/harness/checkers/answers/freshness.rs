//! How old a count of what is left may be. It was made by some request for it, is kept for five seconds, and taken away by every
//! change of the event's seats before that change is answered. A single change may fail to take it away; many one after another
//! don't, except under faults, of which a change may notice what reads do not.

use std::collections::HashMap;
use std::time::Duration;

use uuid::Uuid;

use crate::harness::plan::Plan;
use crate::harness::recorder::epoch::micros;
use crate::harness::recorder::{OpKind, Operation, Outcome};

/// How long a count is kept, and what it takes on its way.
const KEPT_FOR: Duration = Duration::from_millis(5_000 + 500);
/// So many changes one after another leave no older count.
const CHANGES_MAX: usize = 20;

/// Since when, microseconds, each count may be of, by its place in the history.
pub fn oldest(plan: &Plan, history: &[Operation]) -> HashMap<usize, u64> {
    let longest_fault = plan.faults.iter().map(|fault| fault.duration).max().unwrap_or_default();
    let kept_us = micros(KEPT_FOR + longest_fault);
    let mut events: HashMap<Uuid, Requests> = HashMap::new();
    for (place, op) in history.iter().enumerate() {
        let requests = events.entry(op.event).or_default();
        if op.op == OpKind::ReadAvailability {
            let is_over = op.outcome != Outcome::Info;
            let until_us = if is_over { op.completed_us } else { u64::MAX };
            requests.counts.push((op.invoked_us, until_us));
            requests.places.push((op.invoked_us, place));
        } else if changes_seats(op) {
            requests.changes.push((op.completed_us, op.invoked_us));
        }
    }
    let mut oldest = HashMap::new();
    for requests in events.values_mut() {
        for (invoked_us, place, made_us) in requests.made(plan.faults.is_empty()) {
            oldest.insert(place, made_us.max(invoked_us.saturating_sub(kept_us)));
        }
    }
    oldest
}

fn changes_seats(op: &Operation) -> bool {
    let changes = op.op.grants() || matches!(op.op, OpKind::Cancel | OpKind::CancelBooking);
    changes && op.outcome == Outcome::Ok && !op.replayed
}

/// What was asked about one event, in microseconds.
#[derive(Default)]
struct Requests {
    /// Requests for a count, each of which may have made one that was kept: from when to when.
    counts: Vec<(u64, u64)>,
    /// When each was sent, and its place in the history.
    places: Vec<(u64, usize)>,
    /// Changes of its seats: when each was answered, and sent.
    changes: Vec<(u64, u64)>,
}

impl Requests {
    /// Of each request for a count: when it was sent, its place in the history, and when what it got may have been made.
    fn made(&mut self, changes_count: bool) -> Vec<(u64, usize, u64)> {
        self.changes.sort_unstable();
        self.places.sort_unstable();
        // The latest changes that were answered so far, by when they were sent.
        let (mut latest, mut answered) = (Vec::new(), 0);
        let mut made = Vec::with_capacity(self.places.len());
        for (invoked_us, place) in &self.places {
            while let Some((_, sent_us)) =
                self.changes.get(answered).filter(|(done_us, _)| done_us < invoked_us)
            {
                latest.push(*sent_us);
                latest.sort_unstable();
                let too_many = latest.len().saturating_sub(CHANGES_MAX);
                latest.drain(..too_many);
                answered += 1;
            }
            let all_there = changes_count && latest.len() == CHANGES_MAX;
            let since_us = latest.first().copied().filter(|_| all_there).unwrap_or_default();
            let alive = self.counts.iter().filter(|(_, until_us)| *until_us >= since_us);
            let earliest = alive.map(|(from_us, _)| *from_us).min().unwrap_or_default();
            made.push((*invoked_us, *place, earliest.min(*invoked_us)));
        }
        made
    }
}

#[cfg(test)]
mod tests {
    use super::{CHANGES_MAX, oldest};
    use crate::harness::checkers::fixtures::Case;
    use crate::harness::recorder::fixtures::{cancel, ended, hold, user};
    use crate::harness::recorder::{OpKind, Operation, Outcome};

    fn count(us: std::ops::Range<u64>) -> Operation {
        Operation { op: OpKind::ReadAvailability, ..cancel(&hold(user(1), &[], 0..1), us) }
    }

    /// Since when the last count of this history may be of.
    fn since(history: &[Operation]) -> u64 {
        let last = history.len() - 1;
        oldest(&Case::new().plan, history)[&last]
    }

    fn changes(many: usize) -> impl Iterator<Item = Operation> {
        (0..many as u64).map(|number| hold(user(2), &[1], 1_000 + number..2_000 + number))
    }

    #[test]
    fn a_count_is_kept_for_five_seconds() {
        assert_eq!(since(&[count(100..200), count(300..400)]), 100);
        assert_eq!(since(&[count(100..200), count(9_500_000..9_500_010)]), 4_000_000);
    }

    #[test]
    fn many_changes_leave_no_older_one() {
        let history = |many, first: Operation| {
            let later = count(9_000..9_100);
            std::iter::once(first).chain(changes(many)).chain([later]).collect::<Vec<_>>()
        };
        assert_eq!(since(&history(CHANGES_MAX - 1, count(100..200))), 100);
        assert_eq!(since(&history(CHANGES_MAX, count(100..200))), 9_000);
        assert_eq!(since(&history(CHANGES_MAX, count(100..1_000))), 100, "it overlaps the first");
        let unknown = ended(count(100..200), Outcome::Info);
        assert_eq!(since(&history(CHANGES_MAX, unknown)), 100, "nobody knows when it ended");
        let mut copies = history(CHANGES_MAX, count(100..200));
        copies[5].replayed = true;
        assert_eq!(since(&copies), 100, "an answer that is repeated changes nothing");
    }
}
