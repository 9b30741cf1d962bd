//! `retry_storm`: every request goes out as many copies at once, with one idempotency key, to whichever servers; some
//! copies carry another body under the same key, which must be refused. Whatever happens, the key may have one effect.

use async_trait::async_trait;
use futures_util::future::join_all;

use super::iteration::CARD;
use super::order::{Answered, Ended, Order, Patience, Refused, Request, Wanted, booked, held};
use super::{Iteration, Workload, misfit};
use crate::harness::client::Held;
use crate::harness::plan::Inventory;
use crate::harness::recorder::Outcome;
use crate::wire::ConfirmBooking;

/// Payment method of a copy with another body.
const OTHER_CARD: &str = "other-card";

/// The workload.
#[derive(Debug)]
pub struct RetryStorm;

#[async_trait]
impl Workload for RetryStorm {
    fn name(&self) -> &'static str {
        "retry_storm"
    }

    fn summary(&self) -> &'static str {
        "sends every hold and payment as parallel copies under one key (duplicates, other_body)"
    }

    fn misfit(&self, inventory: &Inventory) -> Option<&'static str> {
        misfit::names_seats(inventory)
    }

    async fn iterate(&self, iteration: &mut Iteration) {
        let house = iteration.choose_house();
        let wanted = iteration.choose_count() as usize;
        let now_us = iteration.site.client.epoch().now_us();
        let seats = pick(iteration, house, wanted, now_us);
        let others = pick(iteration, house, wanted, now_us);

        let order = Order::Hold(iteration.hold_order(house, Wanted::Seats(seats.clone())));
        let other = (others != seats)
            .then(|| Order::Hold(iteration.hold_order(house, Wanted::Seats(others))));
        let answered = storm(iteration, house, &order, other.as_ref()).await;
        let held = match held(answered.as_ref()) {
            Ended::Ok(held) => held,
            Ended::Refused(Refused::SeatsTaken) => return iteration.remember_taken(house, &seats),
            Ended::Refused(_) | Ended::Unknown => return,
        };
        let payment = |method: &str| {
            let order = ConfirmBooking {
                reservation_id: held.reservation,
                payment_method: method.to_owned(),
            };
            Order::Confirm(held.clone(), order)
        };
        let answered = storm(iteration, house, &payment(CARD), Some(&payment(OTHER_CARD))).await;
        settle_up(iteration, house, &held, &booked(answered.as_ref())).await;
    }
}

fn pick(iteration: &mut Iteration, house: usize, wanted: usize, now_us: u64) -> Vec<i64> {
    let site = std::sync::Arc::clone(&iteration.site);
    site.houses[house].pick(wanted, now_us, &mut iteration.rng)
}

async fn settle_up<T>(iteration: &mut Iteration, house: usize, held: &Held, payment: &Ended<T>) {
    match payment {
        Ended::Ok(_) => iteration.site.houses[house].mark_sold(&held.seats),
        Ended::Refused(Refused::Declined) => iteration.cancel(house, held).await,
        Ended::Refused(_) | Ended::Unknown => {}
    }
}

/// Sends the copies at once; then, when none of them was granted and any of them is unknown, asks with the first body
/// until the answer is definite. Returns the grant, if there was one, whichever body it was for.
async fn storm(
    iteration: &mut Iteration,
    house: usize,
    order: &Order,
    other: Option<&Order>,
) -> Option<Answered> {
    if iteration.stop.is_cancelled() {
        return None;
    }
    let key = iteration.new_key();
    let share = iteration.load.other_body;
    let intended_us = iteration.take_intended_us();
    let copies: Vec<(usize, &Order)> = (0..iteration.load.duplicates.max(1))
        .map(|copy| {
            // The first copy is always the request itself.
            let body =
                if copy > 0 && iteration.chance(share) { other.unwrap_or(order) } else { order };
            (iteration.choose_server(None), body)
        })
        .collect();
    let visit = &*iteration;
    let sent = copies.iter().enumerate().map(|(copy, (server, body))| {
        let intended_us = intended_us.filter(|_| copy == 0);
        visit.send(Request { house, key: &key, order: body }, *server, intended_us)
    });
    let answers = join_all(sent).await;
    let granted = answers.iter().find(|answered| answered.outcome == Outcome::Ok).cloned();
    if granted.is_some() {
        return granted;
    }
    if answers.iter().any(|answered| answered.outcome == Outcome::Info) {
        return iteration.ask(Request { house, key: &key, order }, Patience::UntilKnown).await;
    }
    let declined = answers.iter().position(|answered| answered.refused == Refused::Declined);
    answers.into_iter().nth(declined.unwrap_or(0))
}
