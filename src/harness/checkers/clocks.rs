//! How the database's clock stands to the clients': a hold was asked for, by the database's clock, between the sending of the first
//! request of its key and the answer. Judges nothing.

use std::collections::HashMap;
use std::time::Duration;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::harness::recorder::{OpKind, Operation, Outcome};
use crate::storage::audit::Audit;

/// The clients' clock, in the database's.
pub struct Clocks {
    /// Database time at the latest when the clients' clock stood at zero; none where nothing was granted.
    zero: Option<OffsetDateTime>,
}

impl Clocks {
    /// Compares them by every hold that was granted.
    pub fn read(history: &[Operation], audit: &Audit) -> Self {
        let mut first_asked: HashMap<(Uuid, &str), u64> = HashMap::new();
        let holds = || history.iter().filter(|op| op.op == OpKind::Hold);
        for op in holds() {
            if let Some(key) = &op.key {
                let first = first_asked.entry((op.user, key)).or_insert(op.invoked_us);
                *first = op.invoked_us.min(*first);
            }
        }
        let granted: HashMap<Uuid, u64> = holds()
            .filter(|op| op.outcome == Outcome::Ok)
            .filter_map(|op| {
                let key = op.key.as_deref()?;
                Some((op.reservation?, *first_asked.get(&(op.user, key))?))
            })
            .collect();
        let rows = audit
            .reservations
            .iter()
            .filter_map(|row| Some(row.created_at - Duration::from_micros(*granted.get(&row.id)?)));
        Self { zero: rows.min() }
    }

    /// Database time at the latest at this moment of the clients' clock, microseconds.
    pub fn at_latest(&self, us: u64) -> Option<OffsetDateTime> {
        self.zero.map(|zero| zero + Duration::from_micros(us))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Clocks;
    use crate::harness::checkers::fixtures::{Case, began_at};
    use crate::harness::recorder::Outcome;
    use crate::harness::recorder::fixtures::ended;

    #[test]
    fn the_hold_that_was_sent_last_before_it_was_made_tells_most() {
        let mut case = Case::honest_sale();
        // All twenty are of one moment of the database; the last was sent 0.19 s after the clients' zero.
        let clocks = Clocks::read(&case.history, &case.audit);
        let zero = began_at() - Duration::from_millis(190);
        assert_eq!(clocks.at_latest(0), Some(zero));
        assert_eq!(clocks.at_latest(5_000), Some(zero + Duration::from_millis(5)));
        // Where an earlier request of its key may have made it, that one counts.
        let mut earlier = ended(case.history[38].clone(), Outcome::Info);
        earlier.invoked_us = 0;
        case.history.push(earlier);
        let clocks = Clocks::read(&case.history, &case.audit);
        assert_eq!(clocks.at_latest(0), Some(began_at() - Duration::from_millis(180)));
        assert_eq!(Clocks::read(&[], &case.audit).at_latest(0), None);
    }
}
