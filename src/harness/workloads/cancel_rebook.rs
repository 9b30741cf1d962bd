//! `cancel_rebook`: buyers take seats of the whole event, however few there are, and cancel every booking, some with two
//! clicks at once, while others are after the same seats. What is sold again was cancelled before, or there is a double
//! sell. Knows nothing of who comes next.

use std::time::Duration;

use async_trait::async_trait;
use rand::Rng as _;
use serde::{Deserialize, Serialize};

use super::order::Ended;
use super::{Iteration, SeatsPerOrder, Workload, requirements};
use crate::harness::parsing::Section;
use crate::harness::plan::Inventory;
use crate::harness::targets::{Booked, Refused, Wanted};

/// Share of buyers who hold first and pay then.
const HOLD_FIRST: f64 = 0.3;
/// Share of cancellations that are sent twice at once.
const DOUBLE_CLICK: f64 = 0.3;
/// How long a buyer is content with a booking, at most.
const KEPT_MAX: Duration = Duration::from_millis(30);
/// How often a buyer comes back for seats that were taken, and after how long.
const RETURNS_MAX: u32 = 3;
const RETURN_AFTER_MAX: Duration = Duration::from_millis(60);

/// The workload.
#[derive(Debug, Serialize, Deserialize)]
pub struct CancelRebook {
    /// Seats of an order.
    pub seats_per_order: SeatsPerOrder,
}

#[async_trait]
impl Workload for CancelRebook {
    fn name() -> &'static str {
        "cancel_rebook"
    }

    fn summary() -> &'static str {
        "buys seats and cancels every booking, while others want the same seats"
    }

    fn unmet_requirement(inventory: &Inventory) -> Option<&'static str> {
        requirements::names_seats(inventory)
    }

    fn read(section: &mut Section<'_>) -> Self {
        Self { seats_per_order: SeatsPerOrder::read(section) }
    }

    async fn iterate(&self, iteration: &mut Iteration) {
        let event = iteration.choose_event();
        let count = self.seats_per_order.choose(&mut iteration.rng);
        let wanted = iteration.want(event, count);
        let holds_first = iteration.chance(HOLD_FIRST);
        let clicks = if iteration.chance(DOUBLE_CLICK) { 2 } else { 1 };
        let kept = KEPT_MAX.mul_f64(iteration.rng.random());
        let pauses =
            [(); RETURNS_MAX as usize].map(|()| RETURN_AFTER_MAX.mul_f64(iteration.rng.random()));
        for pause in pauses {
            match buy(iteration, event, wanted.clone(), holds_first).await {
                Ended::Ok(booked) => {
                    // Where the run was stopped meanwhile, nothing more is sent, and the booking stays.
                    iteration.pause(kept).await;
                    return iteration.cancel_booking(event, &booked, clicks).await;
                }
                Ended::Refused(Refused::SeatsTaken) => {}
                Ended::Refused(_) | Ended::Unknown => return,
            }
            if !iteration.pause(pause).await {
                return;
            }
        }
    }
}

async fn buy(
    iteration: &mut Iteration,
    event: usize,
    wanted: Wanted,
    holds_first: bool,
) -> Ended<Booked> {
    if !holds_first {
        return iteration.book(event, wanted).await;
    }
    match iteration.hold(event, wanted).await {
        Ended::Ok(held) => iteration.confirm(event, &held).await,
        Ended::Refused(refused) => Ended::Refused(refused),
        Ended::Unknown => Ended::Unknown,
    }
}
