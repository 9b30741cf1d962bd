//! Looks whether the index that allows one live sale of a seat stands, so that a server that lost it takes no orders.

use std::time::Duration;

use async_trait::async_trait;

use super::{Job, Period, Tally, WorksOn};
use crate::booking::{BookingError, Context};

/// The job.
pub struct WatchGuard;

#[async_trait]
impl Job for WatchGuard {
    fn name(&self) -> &'static str {
        "watch-guard"
    }

    fn summary(&self) -> &'static str {
        "Look whether the guard index stands, and sell nothing while it is gone"
    }

    fn period(&self) -> Period {
        Period { flag: "watch-guard-every", default: Duration::from_secs(1) }
    }

    fn works_on(&self) -> WorksOn {
        WorksOn::Process
    }

    async fn round(&self, context: &Context, _batch: u32) -> Result<Tally, BookingError> {
        context.guard.look(&context.storage).await?;
        Ok(Tally::default())
    }

    async fn due(&self, _context: &Context) -> Result<Tally, BookingError> {
        Ok(Tally::default())
    }
}
