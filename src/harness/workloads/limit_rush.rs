//! `limit_rush`: a buyer asks for several orders at once, holds and one-step sales, more together than one user may have;
//! then cancels some of what was granted and keeps the rest, so that the limit is met again and again. With `buyers` set
//! to a few, many visits of the same buyer run into it together. Knows nothing of what the buyer has from other visits.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use rand::Rng as _;
use serde::{Deserialize, Serialize};

use super::order::{Answered, Ended, Request, booked, held};
use super::{Iteration, SeatsPerOrder, Workload, requirements};
use crate::harness::parsing::Section;
use crate::harness::plan::Inventory;
use crate::harness::targets::Order;

/// Orders sent at once.
const ORDERS: usize = 4;
/// Share of orders that are one-step sales.
const ONE_STEP: f64 = 0.5;
/// Share of what was granted that is cancelled.
const CANCELLED: f64 = 0.9;
/// How long a buyer thinks about it, at most.
const THINKS_MAX: Duration = Duration::from_millis(40);

/// The workload.
#[derive(Debug, Serialize, Deserialize)]
pub struct LimitRush {
    /// Seats of an order.
    pub seats_per_order: SeatsPerOrder,
}

#[async_trait]
impl Workload for LimitRush {
    fn name() -> &'static str {
        "limit_rush"
    }

    fn summary() -> &'static str {
        "sends orders in parallel for more tickets than one user may have (buyers)"
    }

    fn unmet_requirement(inventory: &Inventory) -> Option<&'static str> {
        requirements::meets_limit(inventory)
    }

    fn read(section: &mut Section<'_>) -> Self {
        Self { seats_per_order: SeatsPerOrder::read(section) }
    }

    async fn iterate(&self, iteration: &mut Iteration) {
        let event = iteration.choose_event();
        let orders: [Planned; ORDERS] =
            std::array::from_fn(|_| plan(iteration, event, self.seats_per_order));
        let intended_us = iteration.take_intended_us();
        if iteration.abort.is_cancelled() {
            return;
        }
        let visit = &*iteration;
        let sent = orders.iter().enumerate().map(|(place, planned)| {
            let request = Request { event, key: Some(&planned.key), order: &planned.order };
            visit.send(request, planned.server, intended_us.filter(|_| place == 0))
        });
        let answers = join_all(sent).await;
        let thinks = THINKS_MAX.mul_f64(iteration.rng.random());
        if !iteration.pause(thinks).await {
            return;
        }
        for (planned, answered) in orders.iter().zip(&answers) {
            decide(iteration, event, planned, answered).await;
        }
    }
}

/// An order, and what becomes of what it is granted.
struct Planned {
    key: String,
    order: Order,
    server: usize,
    is_cancelled: bool,
}

fn plan(iteration: &mut Iteration, event: usize, seats: SeatsPerOrder) -> Planned {
    let count = seats.choose(&mut iteration.rng);
    let wanted = iteration.want(event, count);
    let order = if iteration.chance(ONE_STEP) {
        Iteration::book_order(wanted)
    } else {
        iteration.hold_order(wanted)
    };
    Planned {
        key: iteration.new_key(),
        order,
        server: iteration.choose_server(None),
        is_cancelled: iteration.chance(CANCELLED),
    }
}

async fn decide(iteration: &mut Iteration, event: usize, planned: &Planned, answered: &Answered) {
    if matches!(planned.order, Order::Book(_)) {
        if let Ended::Ok(booked) = booked(Some(answered))
            && planned.is_cancelled
        {
            iteration.cancel_booking(event, &booked, 1).await;
        }
        return;
    }
    let Ended::Ok(held) = held(Some(answered)) else { return };
    if planned.is_cancelled {
        iteration.cancel(event, &held).await;
    } else {
        iteration.confirm(event, &held).await;
    }
}
