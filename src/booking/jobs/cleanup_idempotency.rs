//! Forgets answers past their keep, and fails requests that were left in progress.

use std::time::Duration;

use async_trait::async_trait;

use super::{BATCHES_MAX, Count, Job, Period, Tally};
use crate::booking::{BookingError, Context};
use crate::storage::{Tx, idempotency};

/// The job.
pub struct CleanupIdempotency;

#[async_trait]
impl Job for CleanupIdempotency {
    fn name(&self) -> &'static str {
        "cleanup-idempotency"
    }

    fn summary(&self) -> &'static str {
        "Forget stored answers past their keep, and fail requests that were left in progress"
    }

    fn period(&self) -> Period {
        Period { flag: "cleanup-every", default: Duration::from_mins(1) }
    }

    async fn round(&self, context: &Context, batch: u32) -> Result<Tally, BookingError> {
        let left_behind = (context.render.left_behind)();
        let limit = i64::from(batch);
        let (mut forgotten, mut failed) = (0, 0);
        for _ in 0..BATCHES_MAX {
            let (ended, over) = context
                .storage
                .transaction("cleanup idempotency", async |mut tx: Tx| {
                    let ended = idempotency::fail_left_behind(&mut tx, limit, &left_behind).await?;
                    let over = idempotency::delete_expired(&mut tx, limit).await?;
                    Ok::<_, BookingError>((tx, (ended, over)))
                })
                .await?;
            failed += ended;
            forgotten += over;
            if ended.max(over) < u64::from(batch) {
                break;
            }
        }
        Ok(tally(forgotten, failed))
    }

    async fn due(&self, context: &Context) -> Result<Tally, BookingError> {
        let mut connection = context.storage.connection().await?;
        let (forgotten, failed) = idempotency::count_expired(&mut connection).await?;
        Ok(tally(forgotten, failed))
    }
}

fn tally(forgotten: u64, failed: u64) -> Tally {
    Tally(vec![
        Count {
            key: "forgotten",
            number: forgotten,
            noun: "answer",
            done: "forgotten",
            due: Some("to be forgotten"),
        },
        Count {
            key: "failed",
            number: failed,
            noun: "unfinished request",
            done: "failed",
            due: Some("to be failed"),
        },
    ])
}
