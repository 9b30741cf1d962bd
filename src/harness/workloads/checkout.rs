//! `checkout`: a buyer picks seats that seem free, holds them, and pays, or abandons the hold. Knows nothing of other buyers except
//! which seats they were sold.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::order::Ended;
use super::{Iteration, SeatsPerOrder, Workload};
use crate::harness::parsing::Section;
use crate::harness::targets::Refused;

/// The workload.
#[derive(Debug, Serialize, Deserialize)]
pub struct Checkout {
    /// Seats of an order.
    pub seats_per_order: SeatsPerOrder,
    /// Share of holds never confirmed, 0 to 1.
    pub abandon: f64,
}

#[async_trait]
impl Workload for Checkout {
    fn name() -> &'static str {
        "checkout"
    }

    fn summary() -> &'static str {
        "holds seats that seem free, then pays for them, or abandons the hold (abandon)"
    }

    fn read(section: &mut Section<'_>) -> Self {
        Self {
            seats_per_order: SeatsPerOrder::read(section),
            abandon: section.number("abandon", 0.0..=1.0).unwrap_or(0.0),
        }
    }

    async fn iterate(&self, iteration: &mut Iteration) {
        // All random choices are made first, so that its choices don't depend on how it goes.
        let event = iteration.choose_event();
        let count = self.seats_per_order.choose(&mut iteration.rng);
        let abandons = iteration.chance(self.abandon);
        let wanted = iteration.want(event, count);
        let Ended::Ok(held) = iteration.hold(event, wanted).await else { return };
        if abandons {
            return;
        }
        if let Ended::Refused(Refused::Declined) = iteration.confirm(event, &held).await {
            iteration.cancel(event, &held).await;
        }
    }
}
