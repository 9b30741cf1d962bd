//! `last_tickets`: buyers take tickets without a place until none is left, some in one step, some holding first. Knows
//! nothing of seats: which ones it got, the answers say.

use async_trait::async_trait;

use super::order::{Ended, Refused, Wanted};
use super::{Iteration, Workload, misfit};
use crate::harness::plan::Inventory;

/// Share of buyers who hold first and pay then.
const HOLD_FIRST: f64 = 0.5;

/// The workload.
#[derive(Debug)]
pub struct LastTickets;

#[async_trait]
impl Workload for LastTickets {
    fn name(&self) -> &'static str {
        "last_tickets"
    }

    fn summary(&self) -> &'static str {
        "buys tickets without a place, in one step or by hold and payment, until none is left"
    }

    fn misfit(&self, inventory: &Inventory) -> Option<&'static str> {
        misfit::counts_tickets(inventory)
    }

    async fn iterate(&self, iteration: &mut Iteration) {
        let house = iteration.choose_house();
        let mut count = iteration.choose_count();
        let holds_first = iteration.chance(HOLD_FIRST);
        let walks_away = iteration.chance(iteration.load.abandon);
        // Whoever wanted several makes do with fewer, so that the very last ticket is fought for, too.
        while buy(iteration, house, count, (holds_first, walks_away)).await
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
    house: usize,
    count: u32,
    (holds_first, walks_away): (bool, bool),
) -> Ended<()> {
    let wanted = Wanted::Any(count);
    if !holds_first {
        return iteration.book(house, wanted).await.map(drop);
    }
    let held = match iteration.hold(house, wanted).await {
        Ended::Ok(held) if !walks_away => held,
        other => return other.map(drop),
    };
    let paid = iteration.confirm(house, &held).await;
    if let Ended::Refused(Refused::Declined) = paid {
        iteration.cancel(house, &held).await;
    }
    paid.map(drop)
}
