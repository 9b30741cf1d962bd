//! Counts of what is left, kept for a few seconds: read by visitors, never by anything that decides.

use std::sync::Arc;

use redis::AsyncCommands as _;
use tokio::sync::{Mutex, MutexGuard, TryLockError};

use super::Node;
use crate::domain::EventId;

/// How long a count is kept, in seconds. A change takes it away sooner; a count made while that change was under way may
/// live so long and no longer.
const TTL_SECONDS: u64 = 5;
/// What it is called in metrics.
const CACHE: &str = "availability";

/// Counts of an event's seats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// All.
    pub total: i64,
    /// Under a live reservation.
    pub held: i64,
    /// Booked.
    pub sold: i64,
}

/// A cache of counts on the first Redis node.
#[derive(Clone)]
pub struct AvailabilityCache {
    nodes: Arc<[Node]>,
    turn: Arc<Mutex<()>>,
}

/// A turn to count, which ends when it is dropped.
pub struct Turn<'a> {
    _guard: MutexGuard<'a, ()>,
    /// Somebody else counted meanwhile: it may be here by now.
    pub had_to_wait: bool,
}

/// What Redis has of one event: total, held, sold.
type Found = (Option<i64>, Option<i64>, Option<i64>);

impl AvailabilityCache {
    /// A cache on the first of these nodes; without nodes it never has anything.
    pub fn new(nodes: Arc<[Node]>) -> Self {
        Self { nodes, turn: Arc::default() }
    }

    /// The counts of these events, in their order; each if it is here and Redis is.
    pub async fn get(&self, events: &[EventId]) -> Vec<Option<Counts>> {
        let Some(node) = self.nodes.first() else { return vec![None; events.len()] };
        let mut reads = redis::pipe();
        for event in events {
            reads.cmd("HMGET").arg(name_of(*event)).arg(&["total", "held", "sold"]);
        }
        let found: Result<Vec<Found>, _> = node
            .run(|mut connection| async move { reads.query_async(&mut connection).await })
            .await;
        match found {
            Ok(found) => {
                found.into_iter().map(|found| super::read(CACHE, Ok(counts(found)))).collect()
            }
            Err(error) => vec![super::read(CACHE, Err(error)); events.len()],
        }
    }

    /// Keeps counts, if Redis is there.
    pub async fn put(&self, counted: &[(EventId, Counts)]) {
        let Some(node) = self.nodes.first() else { return };
        let mut writes = redis::pipe();
        writes.atomic();
        for (event, Counts { total, held, sold }) in counted {
            let name = name_of(*event);
            writes
                .hset_multiple(&name, &[("total", total), ("held", held), ("sold", sold)])
                .ignore()
                .expire(&name, i64::try_from(TTL_SECONDS).unwrap_or(i64::MAX))
                .ignore();
        }
        let kept: Result<(), _> = node
            .run(|mut connection| async move { writes.query_async(&mut connection).await })
            .await;
        if let Err(error) = kept {
            tracing::debug!(%error, "a count was not cached");
        }
    }

    /// Waits until nobody else of this server counts: of many who miss the same counts, one makes them.
    pub async fn turn_to_count(&self) -> Turn<'_> {
        match self.turn.try_lock() {
            Ok(guard) => Turn { _guard: guard, had_to_wait: false },
            Err(TryLockError { .. }) => Turn { _guard: self.turn.lock().await, had_to_wait: true },
        }
    }

    /// Takes these events' counts away, because something changed.
    pub async fn forget(&self, events: &[EventId]) {
        let Some(node) = self.nodes.first() else { return };
        if events.is_empty() {
            return;
        }
        let names: Vec<String> = events.iter().copied().map(name_of).collect();
        let forgotten: Result<(), _> =
            node.run(|mut connection| async move { connection.del(names).await }).await;
        if let Err(error) = forgotten {
            tracing::debug!(%error, "a count was not taken away; it ends by itself");
        }
    }
}

fn counts((total, held, sold): Found) -> Option<Counts> {
    Some(Counts { total: total?, held: held?, sold: sold? })
}

fn name_of(event: EventId) -> String {
    format!("availability:{}", event.0)
}
