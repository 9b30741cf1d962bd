//! `last_tickets`: buyers take tickets without a place until none is left, some in one step, some holding first. Knows
//! nothing of seats: which ones it got, the answers say.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::order::Ended;
use super::{Iteration, SeatsPerOrder, Workload, requirements};
use crate::harness::parsing::Section;
use crate::harness::plan::Inventory;
use crate::harness::targets::{Refused, Wanted};

/// Share of buyers who hold first and pay then.
const HOLD_FIRST: f64 = 0.5;

/// The workload.
#[derive(Debug, Serialize, Deserialize)]
pub struct LastTickets {
    /// Seats of an order.
    pub seats_per_order: SeatsPerOrder,
    /// Share of holds never confirmed, 0 to 1.
    pub abandon: f64,
}

#[async_trait]
impl Workload for LastTickets {
    fn name() -> &'static str {
        "last_tickets"
    }

    fn summary() -> &'static str {
        "buys tickets without a place, in one step or by hold and payment, until none is left"
    }

    fn unmet_requirement(inventory: &Inventory) -> Option<&'static str> {
        requirements::counts_tickets(inventory)
    }

    fn read(section: &mut Section<'_>) -> Self {
        Self {
            seats_per_order: SeatsPerOrder::read(section),
            abandon: section.number("abandon", 0.0..=1.0).unwrap_or(0.0),
        }
    }

    async fn iterate(&self, iteration: &mut Iteration) {
        let event = iteration.choose_event();
        let mut count = self.seats_per_order.choose(&mut iteration.rng);
        let holds_first = iteration.chance(HOLD_FIRST);
        let abandons = iteration.chance(self.abandon);
        // Whoever wanted several makes do with fewer, so that the very last ticket is fought for, too.
        while buy(iteration, event, count, (holds_first, abandons)).await
            == Ended::Refused(Refused::SoldOut)
            && count > 1
        {
            count /= 2;
        }
    }
}

/// One attempt at so many tickets.
async fn buy(
    iteration: &mut Iteration,
    event: usize,
    count: u32,
    (holds_first, abandons): (bool, bool),
) -> Ended<()> {
    let wanted = Wanted::Any(count);
    if !holds_first {
        return iteration.book(event, wanted).await.map(drop);
    }
    let held = match iteration.hold(event, wanted).await {
        Ended::Ok(held) if !abandons => held,
        other => return other.map(drop),
    };
    let paid = iteration.confirm(event, &held).await;
    if let Ended::Refused(Refused::Declined) = paid {
        iteration.cancel(event, &held).await;
    }
    paid.map(drop)
}
