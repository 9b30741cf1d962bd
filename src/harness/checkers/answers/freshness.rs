//! How old a count of what is left may be. It was made by some request for it, is kept in Redis for five seconds, and taken away by
//! every hold of the event's seats before the hold is answered. Whether Redis did as it was told, each answer says itself.

use std::collections::HashMap;
use std::time::Duration;

use uuid::Uuid;

use crate::harness::plan::Plan;
use crate::harness::recorder::epoch::micros;
use crate::harness::recorder::{OpKind, Operation, Outcome};

/// How long a count is kept, and what it takes on its way.
const KEPT_FOR: Duration = Duration::from_millis(5_000 + 500);
/// The node that keeps counts, as answers call it.
const KEEPER: &str = "redis-1";

/// Since when, microseconds, each count may be of, by its place in the history. What a server was about to keep, a fault may hold
/// up as long as it lasts.
pub fn oldest(plan: &Plan, history: &[Operation]) -> HashMap<usize, u64> {
    let longest_fault = plan.faults.iter().map(|fault| fault.duration).max().unwrap_or_default();
    let kept_us = micros(KEPT_FOR + longest_fault);
    let mut events: HashMap<Uuid, Requests> = HashMap::new();
    for (place, op) in history.iter().enumerate() {
        let requests = events.entry(op.event).or_default();
        if op.op == OpKind::ReadAvailability {
            requests.counts.push((op.invoked_us, end_of_count(op)));
            requests.places.push((op.invoked_us, place));
        } else if op.op == OpKind::Hold && op.outcome == Outcome::Ok && !op.replayed {
            requests.holds.extend(reached_keeper(op).then_some((op.completed_us, op.invoked_us)));
        }
    }
    let mut oldest = HashMap::new();
    for requests in events.values_mut() {
        for (invoked_us, place, made_us) in requests.made() {
            oldest.insert(place, made_us.max(invoked_us.saturating_sub(kept_us)));
        }
    }
    oldest
}

/// When at the latest this request can have given Redis a count to keep: not after its answer, unless Redis was slow to take it.
fn end_of_count(op: &Operation) -> u64 {
    let failed = op.dependencies.get(KEEPER).is_some_and(|timing| timing.failed > 0);
    if op.outcome == Outcome::Info || failed { u64::MAX } else { op.completed_us }
}

/// Whether Redis did all that it was asked for this answer.
fn reached_keeper(op: &Operation) -> bool {
    op.dependencies.get(KEEPER).is_some_and(|timing| timing.failed == 0)
}

/// What was asked about one event, in microseconds.
#[derive(Default)]
struct Requests {
    /// Requests for a count, each of which may have made one that was kept: from when to when.
    counts: Vec<(u64, u64)>,
    /// When each was sent, and its place in the history.
    places: Vec<(u64, usize)>,
    /// Holds that took what was kept away: when each was answered, and sent.
    holds: Vec<(u64, u64)>,
}

impl Requests {
    /// Of each request for a count: when it was sent, its place in the history, and since when what it got may have been made.
    fn made(&mut self) -> Vec<(u64, usize, u64)> {
        self.places.sort_unstable();
        self.holds.sort_unstable();
        let (mut made, mut answered, mut taken_away_us) = (Vec::new(), 0, 0);
        for (invoked_us, place) in &self.places {
            while let Some((_, sent_us)) =
                self.holds.get(answered).filter(|(done_us, _)| done_us < invoked_us)
            {
                taken_away_us = taken_away_us.max(*sent_us);
                answered += 1;
            }
            let kept = self.counts.iter().filter(|(_, until_us)| *until_us >= taken_away_us);
            let earliest_us = kept.map(|(from_us, _)| *from_us).min().unwrap_or_default();
            made.push((*invoked_us, *place, earliest_us.min(*invoked_us)));
        }
        made
    }
}

#[cfg(test)]
mod tests {
    use super::{KEEPER, oldest};
    use crate::harness::checkers::fixtures::Case;
    use crate::harness::recorder::fixtures::{cancel, ended, hold, user};
    use crate::harness::recorder::{OpKind, Operation, Outcome};
    use crate::wire::server_timing::Timing;

    fn told(failed: u32, op: Operation) -> Operation {
        let timing = Timing { us: 5, calls: 2, failed };
        Operation { dependencies: [(KEEPER.to_owned(), timing)].into(), ..op }
    }

    fn count(us: std::ops::Range<u64>) -> Operation {
        let asked = cancel(&hold(user(1), &[], 0..1), us);
        told(0, Operation { op: OpKind::ReadAvailability, ..asked })
    }

    /// Since when the last count of this history may be of.
    fn since(history: &[Operation]) -> u64 {
        let last = history.len() - 1;
        oldest(&Case::new().plan, history)[&last]
    }

    #[test]
    fn a_count_is_kept_for_five_seconds() {
        assert_eq!(since(&[count(100..200), count(300..400)]), 100);
        assert_eq!(since(&[count(100..200), count(9_500_000..9_500_010)]), 4_000_000);
    }

    #[test]
    fn a_hold_takes_it_away_where_redis_did_as_it_was_told() {
        let held = |us| told(0, hold(user(2), &[1], us));
        let history = |first: Operation, held: Operation| [first, held, count(900..950)];
        let first = count(100..200);
        assert_eq!(since(&history(first.clone(), held(201..300))), 900);
        assert_eq!(since(&history(first.clone(), held(200..300))), 100, "they overlap");
        assert_eq!(since(&history(first.clone(), held(201..900))), 100, "it may not have ended");
        let failed = told(1, held(201..300));
        assert_eq!(since(&history(first.clone(), failed)), 100, "Redis gave no answer");
        let silent = hold(user(2), &[1], 201..300);
        assert_eq!(since(&history(first.clone(), silent)), 100, "nobody says so");
        let again = Operation { replayed: true, ..held(201..300) };
        assert_eq!(since(&history(first.clone(), again)), 100, "what is repeated changes nothing");
        let unknown = ended(first.clone(), Outcome::Info);
        assert_eq!(since(&history(unknown, held(201..300))), 100, "it may have come later");
        assert_eq!(since(&history(told(1, first), held(201..300))), 100, "Redis may have yet");
    }
}
