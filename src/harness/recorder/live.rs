//! Counters that move while the load runs: for progress lines and for the evidence that an event was cancelled. Knows nothing
//! of single operations.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use super::Operation;
use crate::harness::summary::Outcomes;
use crate::wire::Reason;

/// Requests by outcome, refusals by event and reason, and iterations dropped.
#[derive(Debug, Default)]
pub struct Live {
    ok: AtomicU64,
    refused: AtomicU64,
    not_connected: AtomicU64,
    info: AtomicU64,
    refusals: Mutex<HashMap<(Uuid, Reason), u64>>,
    dropped: AtomicU64,
}

impl Live {
    /// Counts the end of a request.
    pub fn ended(&self, operation: &Operation) {
        let Outcomes { ok, fail: _, refused, not_connected, info } = operation.outcomes();
        self.ok.fetch_add(ok, Ordering::Relaxed);
        self.refused.fetch_add(refused, Ordering::Relaxed);
        self.not_connected.fetch_add(not_connected, Ordering::Relaxed);
        self.info.fetch_add(info, Ordering::Relaxed);
        if let Some(reason) = operation.known_reason().filter(|_| refused > 0) {
            let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
            *refusals.entry((operation.event, reason)).or_default() += 1;
        }
    }

    /// Refusals of orders for this event, for this reason.
    pub fn refusals(&self, event: Uuid, reason: Reason) -> u64 {
        let refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.get(&(event, reason)).copied().unwrap_or(0)
    }

    /// Counts an iteration dropped for want of a free VU.
    pub fn drop_iteration(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Iterations dropped for want of a free VU.
    pub fn dropped_iterations(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Every request that has ended.
    pub fn total(&self) -> Outcomes {
        let refused = self.refused.load(Ordering::Relaxed);
        let not_connected = self.not_connected.load(Ordering::Relaxed);
        Outcomes {
            ok: self.ok.load(Ordering::Relaxed),
            fail: refused + not_connected,
            refused,
            not_connected,
            info: self.info.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Live, Outcomes};
    use crate::harness::recorder::fixtures::{ended, event, hold, user};
    use crate::harness::recorder::{Operation, Outcome};
    use crate::wire::Reason;

    #[test]
    fn requests_are_counted_by_outcome_and_refusals_by_event_and_reason() {
        let live = Live::default();
        let held = hold(user(1), &[1], 0..1);
        for outcome in [Outcome::Ok, Outcome::Ok, Outcome::Info] {
            live.ended(&ended(held.clone(), outcome));
        }
        let reason = Some(Reason::SoldOut.name().to_owned());
        let refused = Operation { reason, ..ended(held, Outcome::Fail) };
        let not_connected = Operation { status: None, reason: None, ..refused.clone() };
        live.ended(&refused);
        live.ended(&not_connected);
        let total = Outcomes { ok: 2, fail: 2, refused: 1, not_connected: 1, info: 1 };
        assert_eq!((live.total(), live.refusals(event(), Reason::SoldOut)), (total, 1));
        assert_eq!(live.refusals(event(), Reason::NotOnSale), 0);
        assert_eq!(live.refusals(user(1), Reason::SoldOut), 0, "of another event");
    }
}
