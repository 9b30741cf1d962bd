//! Brings the samples that histograms gather into their final form, so that they don't grow until somebody asks.

use std::time::Duration;

use async_trait::async_trait;

use super::{Job, Period, Tally, WorksOn};
use crate::booking::{BookingError, Context};
use crate::metrics;

/// The job.
pub struct MetricsUpkeep;

#[async_trait]
impl Job for MetricsUpkeep {
    fn name(&self) -> &'static str {
        "metrics-upkeep"
    }

    fn summary(&self) -> &'static str {
        "Bring gathered samples of histograms into their final form"
    }

    fn period(&self) -> Period {
        Period { flag: "metrics-upkeep-every", default: Duration::from_secs(5) }
    }

    fn works_on(&self) -> WorksOn {
        WorksOn::Process
    }

    async fn round(&self, _context: &Context, _batch: u32) -> Result<Tally, BookingError> {
        metrics::upkeep();
        Ok(Tally::default())
    }

    async fn due(&self, _context: &Context) -> Result<Tally, BookingError> {
        Ok(Tally::default())
    }
}
