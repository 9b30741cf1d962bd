//! `hot_seat`: every buyer of a load wants the same seat. One of them gets it; everything else is a refusal.

use async_trait::async_trait;

use super::order::{Ended, Refused, Wanted};
use super::{Iteration, Workload, misfit};
use crate::harness::plan::Inventory;
use crate::harness::random;

/// The workload.
#[derive(Debug)]
pub struct HotSeat;

#[async_trait]
impl Workload for HotSeat {
    fn name(&self) -> &'static str {
        "hot_seat"
    }

    fn summary(&self) -> &'static str {
        "every buyer holds and pays for one and the same seat"
    }

    fn misfit(&self, inventory: &Inventory) -> Option<&'static str> {
        misfit::names_seats(inventory)
    }

    async fn iterate(&self, iteration: &mut Iteration) {
        let (house, seat) = seat_of_load(iteration);
        let Ended::Ok(held) = iteration.hold(house, Wanted::Seats(vec![seat])).await else {
            return;
        };
        if let Ended::Refused(Refused::Declined) = iteration.confirm(house, &held).await {
            iteration.cancel(house, &held).await;
        }
    }
}

/// The seat that the whole load is after: by seed and load, so that two loads have two.
fn seat_of_load(iteration: &Iteration) -> (usize, i64) {
    use rand::Rng as _;
    let mut rng = random::of_load(iteration.site.seed, &iteration.load.name);
    let house = rng.random_range(0..iteration.site.houses.len());
    (house, iteration.site.houses[house].any_seat(&mut rng))
}
