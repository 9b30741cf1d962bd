//! What is left of events: counted, and kept close for a few seconds. Read by visitors, never by anything that decides.

use super::Context;
use crate::domain::EventId;
use crate::locks::availability::Counts;
use crate::storage::{StorageError, seats};

/// Counts of the seats of these events, in their order: those that are kept, and in one query all others.
pub async fn of(context: &Context, events: &[EventId]) -> Result<Vec<Counts>, StorageError> {
    let mut found = context.availability.get(events).await;
    if found.iter().any(Option::is_none) {
        let turn = context.availability.turn_to_count().await;
        if turn.had_to_wait {
            found = context.availability.get(events).await;
        }
        count_missing(context, events, &mut found).await?;
    }
    found
        .into_iter()
        .map(|counts| counts.ok_or(StorageError::Impossible("count of seats")))
        .collect()
}

async fn count_missing(
    context: &Context,
    events: &[EventId],
    found: &mut [Option<Counts>],
) -> Result<(), StorageError> {
    let missing = events.iter().zip(found.iter()).filter(|(_, counts)| counts.is_none());
    let missing: Vec<EventId> = missing.map(|(event, _)| *event).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let counted = {
        let mut connection = context.storage.connection().await?;
        seats::count(&mut connection, &missing).await?
    };
    let counted = counted.iter().map(|counted| Counts {
        total: counted.total,
        held: counted.held,
        sold: counted.sold,
    });
    let counted: Vec<(EventId, Counts)> = missing.into_iter().zip(counted).collect();
    context.availability.put(&counted).await;
    let gaps = found.iter_mut().filter(|counts| counts.is_none());
    for (gap, (_, counts)) in gaps.zip(counted) {
        *gap = Some(counts);
    }
    Ok(())
}
