//! Forgets refresh tokens that are over, and logins that have none left.

use std::time::Duration;

use async_trait::async_trait;

use super::{BATCHES_MAX, Count, Job, Period, Tally};
use crate::booking::{BookingError, Context};
use crate::storage::accounts;

/// The job.
pub struct CleanupTokens;

#[async_trait]
impl Job for CleanupTokens {
    fn name(&self) -> &'static str {
        "cleanup-tokens"
    }

    fn summary(&self) -> &'static str {
        "Forget refresh tokens that are over"
    }

    fn period(&self) -> Period {
        Period { flag: "token-cleanup-every", default: Duration::from_mins(1) }
    }

    async fn round(&self, context: &Context, batch: u32) -> Result<Tally, BookingError> {
        let limit = i64::from(batch);
        let mut forgotten = 0;
        for _ in 0..BATCHES_MAX {
            let (tokens, families) = context
                .storage
                .statement("forget tokens", async |mut connection| {
                    let tokens = accounts::delete_expired(&mut connection, limit).await?;
                    let families = accounts::delete_empty_families(&mut connection, limit).await?;
                    Ok::<_, BookingError>((tokens, families))
                })
                .await?;
            forgotten += tokens;
            if tokens.max(families) < u64::from(batch) {
                break;
            }
        }
        Ok(tally(forgotten))
    }

    async fn due(&self, context: &Context) -> Result<Tally, BookingError> {
        let mut connection = context.storage.connection().await?;
        Ok(tally(accounts::count_expired(&mut connection).await?))
    }
}

fn tally(tokens: u64) -> Tally {
    Tally(vec![Count {
        key: "tokens",
        number: tokens,
        noun: "refresh token",
        done: "forgotten",
        due: Some("to be forgotten"),
    }])
}
