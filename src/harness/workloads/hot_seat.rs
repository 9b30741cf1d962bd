//! `hot_seat`: every buyer of a load wants the same seat. One of them gets it; everything else is a refusal.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::order::Ended;
use super::{Iteration, Workload, requirements};
use crate::harness::parsing::Section;
use crate::harness::plan::Inventory;
use crate::harness::random;
use crate::harness::targets::{Refused, Wanted};

/// The workload.
#[derive(Debug, Serialize, Deserialize)]
pub struct HotSeat {}

#[async_trait]
impl Workload for HotSeat {
    fn name() -> &'static str {
        "hot_seat"
    }

    fn summary() -> &'static str {
        "every buyer holds and pays for one and the same seat"
    }

    fn unmet_requirement(inventory: &Inventory) -> Option<&'static str> {
        requirements::names_seats(inventory)
    }

    fn read(_section: &mut Section<'_>) -> Self {
        Self {}
    }

    async fn iterate(&self, iteration: &mut Iteration) {
        let (event, seat) = seat_of_load(iteration);
        let Ended::Ok(held) = iteration.hold(event, Wanted::Seats(vec![seat])).await else {
            return;
        };
        if let Ended::Refused(Refused::Declined) = iteration.confirm(event, &held).await {
            iteration.cancel(event, &held).await;
        }
    }
}

/// The seat that the whole load is after: by seed and load, so that two loads have two.
fn seat_of_load(iteration: &Iteration) -> (usize, i64) {
    use rand::Rng as _;
    let mut rng = random::of_load(iteration.context.seed, &iteration.load.name);
    let event = rng.random_range(iteration.context.events.clone());
    (event, iteration.context.seat_maps[event].any_seat(&mut rng))
}
