//! `group_order`: a buyer wants several seats at once, of different prices where they have some: by hold and payment, then
//! in one step, and reads each of them back. Knows no prices: what was charged for, the record shows.

use async_trait::async_trait;
use rand::Rng as _;
use serde::{Deserialize, Serialize};

use super::buying::SHORT_HOLD;
use super::order::Ended;
use super::{Iteration, Workload};
use crate::harness::parsing::Section;
use crate::harness::targets::{Read, Wanted};

/// Seats of an order.
const SEATS: std::ops::RangeInclusive<u32> = 2..=4;

/// The workload.
#[derive(Debug, Serialize, Deserialize)]
pub struct GroupOrder {}

#[async_trait]
impl Workload for GroupOrder {
    fn name() -> &'static str {
        "group_order"
    }

    fn summary() -> &'static str {
        "buys several seats at once, by hold and payment and in one step, and reads them back"
    }

    fn in_background() -> bool {
        true
    }

    fn read(_section: &mut Section<'_>) -> Self {
        Self {}
    }

    async fn iterate(&self, iteration: &mut Iteration) {
        let event = iteration.choose_event();
        let [first, second]: [Wanted; 2] = std::array::from_fn(|_| {
            let count = iteration.rng.random_range(SEATS);
            iteration.want(event, count)
        });
        if let Ended::Ok(held) = iteration.hold_for(event, first, SHORT_HOLD).await {
            iteration.see(event, Read::Reservation(held.reservation)).await;
            iteration.confirm(event, &held).await;
            iteration.see(event, Read::Reservation(held.reservation)).await;
        }
        if let Ended::Ok(booked) = iteration.book(event, second).await {
            iteration.see(event, Read::Booking(booked.booking)).await;
        }
    }
}
