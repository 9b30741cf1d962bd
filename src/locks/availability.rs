//! Counts of what is left, kept for a few seconds: read by visitors, never by anything that decides.

use std::sync::Arc;

use redis::AsyncCommands as _;

use super::Node;
use crate::domain::EventId;

/// How long a count is kept, in seconds. A change takes it away sooner; a count made while that change was under way may
/// live so long and no longer.
const TTL_SECONDS: u64 = 5;

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
}

impl AvailabilityCache {
    /// A cache on the first of these nodes; without nodes it never has anything.
    pub fn new(nodes: Arc<[Node]>) -> Self {
        Self { nodes }
    }

    /// The count, if one is here and Redis is.
    pub async fn get(&self, event: EventId) -> Option<Counts> {
        let name = name_of(event);
        let found: Result<(Option<i64>, Option<i64>, Option<i64>), _> = self
            .nodes
            .first()?
            .run(|mut connection| async move {
                redis::cmd("HMGET")
                    .arg(name)
                    .arg(&["total", "held", "sold"])
                    .query_async(&mut connection)
                    .await
            })
            .await;
        let counts = found
            .map(|(total, held, sold)| Some(Counts { total: total?, held: held?, sold: sold? }));
        super::read("availability", counts)
    }

    /// Keeps a count, if Redis is there.
    pub async fn put(&self, event: EventId, counts: Counts) {
        let Some(node) = self.nodes.first() else { return };
        let name = name_of(event);
        let Counts { total, held, sold } = counts;
        let kept: Result<(), _> = node
            .run(|mut connection| async move {
                redis::pipe()
                    .atomic()
                    .hset_multiple(&name, &[("total", total), ("held", held), ("sold", sold)])
                    .ignore()
                    .expire(&name, i64::try_from(TTL_SECONDS).unwrap_or(i64::MAX))
                    .ignore()
                    .query_async(&mut connection)
                    .await
            })
            .await;
        if let Err(error) = kept {
            tracing::debug!(%error, "a count was not cached");
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

fn name_of(event: EventId) -> String {
    format!("availability:{}", event.0)
}
