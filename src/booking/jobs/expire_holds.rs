//! Ends holds whose time is over and frees their seats.

use std::time::Duration;

use async_trait::async_trait;

use super::{BATCHES_MAX, Count, Job, Period, Tally};
use crate::booking::{BookingError, Context};
use crate::storage::reservations;

/// The job.
pub struct ExpireHolds;

#[async_trait]
impl Job for ExpireHolds {
    fn name(&self) -> &'static str {
        "expire-holds"
    }

    fn summary(&self) -> &'static str {
        "Expire holds whose time is over"
    }

    fn period(&self) -> Period {
        Period { flag: "expire-every", default: Duration::from_secs(1) }
    }

    async fn round(&self, context: &Context, batch: u32) -> Result<Tally, BookingError> {
        let mut expired = 0;
        for _ in 0..BATCHES_MAX {
            let (holds, events) = context
                .storage
                .statement("expire holds", async |mut connection| {
                    reservations::expire_due(&mut connection, i64::from(batch)).await
                })
                .await?;
            metrics::counter!("ticketctl_holds_expired_total").increment(holds);
            context.seats_changed(&events).await;
            expired += holds;
            if holds < u64::from(batch) {
                break;
            }
        }
        Ok(tally(expired))
    }

    async fn due(&self, context: &Context) -> Result<Tally, BookingError> {
        let mut connection = context.storage.connection().await?;
        Ok(tally(reservations::count_due(&mut connection).await?))
    }
}

fn tally(holds: u64) -> Tally {
    Tally(vec![Count {
        key: "holds",
        number: holds,
        noun: "hold",
        done: "expired",
        due: Some("to expire"),
    }])
}
