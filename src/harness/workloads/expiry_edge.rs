//! `expiry_edge`: a buyer holds a seat and pays at the very end of the hold, some milliseconds before it or after it, while
//! others wait for the same seat to come free; and asks once more under the same key. Knows the hold's end only as a client can: by its own clock.

use std::time::Duration;

use async_trait::async_trait;
use rand::Rng as _;
use serde::{Deserialize, Serialize};

use super::buying::CARD;
use super::order::{Ended, booked};
use super::{Iteration, Workload, requirements};
use crate::harness::parsing::Section;
use crate::harness::plan::Inventory;
use crate::harness::recorder::epoch::micros;
use crate::harness::targets::order::Confirm;
use crate::harness::targets::{Held, Order, Refused, Wanted};

/// Seats that everybody is after at one time.
const WANTED_SEATS: usize = 10;
/// How far from the hold's end the payment is sent, at most, on either side.
const OFF_MAX: Duration = Duration::from_millis(40);
/// How often a buyer comes back for a seat that was taken, and after how long.
const RETURNS_MAX: u32 = 40;
const RETURN_AFTER_MIN: Duration = Duration::from_millis(10);
const RETURN_AFTER_SPREAD: Duration = Duration::from_millis(80);

/// The workload.
#[derive(Debug, Serialize, Deserialize)]
pub struct ExpiryEdge {}

#[async_trait]
impl Workload for ExpiryEdge {
    fn name() -> &'static str {
        "expiry_edge"
    }

    fn summary() -> &'static str {
        "pays within milliseconds of a hold's end, while others wait for the seat"
    }

    fn unmet_requirement(inventory: &Inventory) -> Option<&'static str> {
        requirements::names_seats(inventory).or_else(|| requirements::awaits_expiry(inventory))
    }

    fn read(_section: &mut Section<'_>) -> Self {
        Self {}
    }

    async fn iterate(&self, iteration: &mut Iteration) {
        let event = iteration.choose_event();
        let off_by = OFF_MAX.mul_f64(iteration.rng.random::<f64>() * 2.0);
        let context = std::sync::Arc::clone(&iteration.context);
        let seat = context.seat_maps[event].wanted_seat(WANTED_SEATS, &mut iteration.rng);
        let Some((held, held_us)) = wait_for(iteration, event, seat).await else { return };
        let pay_us = held_us + micros(context.hold_ttl + off_by) - micros(OFF_MAX);
        let now_us = context.epoch.now_us();
        if iteration.pause(Duration::from_micros(pay_us.saturating_sub(now_us))).await {
            let payment = Confirm { held: held.clone(), payment_method: CARD };
            let (key, payment) = (iteration.new_key(), Order::Confirm(payment));
            let answered = iteration.ask_under(event, &key, &payment).await;
            if matches!(booked(answered.as_ref()), Ended::Ok(_)) {
                context.seat_maps[event].mark_sold(&held.seats);
            }
            // Whatever it was, it is the answer from now on.
            iteration.ask_under(event, &key, &payment).await;
        }
    }
}

/// Asks for the seat until it is held, and says when that was asked for; `None` when somebody bought it, or it has asked often enough.
async fn wait_for(iteration: &mut Iteration, event: usize, seat: i64) -> Option<(Held, u64)> {
    for _ in 0..RETURNS_MAX {
        let asked_us = iteration.context.epoch.now_us();
        match iteration.hold(event, Wanted::Seats(vec![seat])).await {
            Ended::Ok(held) => return Some((held, asked_us)),
            Ended::Refused(Refused::SeatsTaken) => {}
            Ended::Refused(_) | Ended::Unknown => return None,
        }
        let pause = RETURN_AFTER_MIN + RETURN_AFTER_SPREAD.mul_f64(iteration.rng.random());
        if iteration.context.seat_maps[event].is_sold(seat) || !iteration.pause(pause).await {
            return None;
        }
    }
    None
}
