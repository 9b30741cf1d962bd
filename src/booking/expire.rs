//! Ending what ran out: holds past their time, answers past their keep. In bounded batches, on any number of instances
//! at once.

use crate::domain::{EventId, StoredResponse};
use crate::storage::{Storage, StorageError, Tx, idempotency, reservations};

/// Batches of one round at most, so that a round ends.
const BATCHES_MAX: u32 = 1000;

/// What a round of expiring came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expired {
    /// Holds expired.
    pub holds: u64,
    /// The events that have seats again.
    pub events: Vec<EventId>,
}

/// Expires holds whose time is over, `batch` at a time, until none is left.
pub async fn expire_holds(storage: &Storage, batch: u32) -> Result<Expired, StorageError> {
    let mut expired = Expired::default();
    for _ in 0..BATCHES_MAX {
        let (holds, events) = storage
            .statement("expire holds", async |mut connection| {
                reservations::expire_due(&mut connection, i64::from(batch)).await
            })
            .await?;
        metrics::counter!("ticketctl_holds_expired_total").increment(holds);
        expired.holds += holds;
        expired.events.extend(events);
        if holds < u64::from(batch) {
            break;
        }
    }
    Ok(expired)
}

/// Holds that a round would expire.
pub async fn count_due_holds(storage: &Storage) -> Result<u64, StorageError> {
    let mut connection = storage.connection().await?;
    reservations::count_due(&mut connection).await
}

/// What a cleanup came to, or would.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Ended operations forgotten.
    pub forgotten: u64,
    /// Operations in progress past their TTL, without a payment, marked FAILED.
    pub failed: u64,
}

/// Forgets answers past their keep and fails requests that were left behind, `batch` at a time. `left_behind` is the
/// answer to the latter.
pub async fn cleanup_idempotency(
    storage: &Storage,
    batch: u32,
    left_behind: &StoredResponse,
) -> Result<Cleaned, StorageError> {
    let mut cleaned = Cleaned::default();
    let batch_rows = i64::from(batch);
    for _ in 0..BATCHES_MAX {
        let (failed, forgotten) = storage
            .transaction("cleanup idempotency", async |mut tx: Tx| {
                let failed =
                    idempotency::fail_left_behind(&mut tx, batch_rows, left_behind).await?;
                let forgotten = idempotency::delete_expired(&mut tx, batch_rows).await?;
                Ok::<_, StorageError>((tx, (failed, forgotten)))
            })
            .await?;
        cleaned.failed += failed;
        cleaned.forgotten += forgotten;
        if failed.max(forgotten) < u64::from(batch) {
            break;
        }
    }
    Ok(cleaned)
}

/// What a cleanup would come to.
pub async fn count_cleanup(storage: &Storage) -> Result<Cleaned, StorageError> {
    let mut connection = storage.connection().await?;
    let (forgotten, failed) = idempotency::count_expired(&mut connection).await?;
    Ok(Cleaned { forgotten, failed })
}
