//! `retry_storm`: every request, a hold, a payment or a sale in one step, goes out as many copies, at once or some milliseconds
//! after the first, with one idempotency key, to whichever servers; some copies carry another body under the same key, which must be refused. Whatever happens, the key
//! may have one effect.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use rand::Rng as _;
use serde::{Deserialize, Serialize};

use super::buying::{CARD, OTHER_CARD};
use super::order::{Answered, Ended, Request, Retries, booked, held};
use super::{Iteration, SeatsPerOrder, Workload, requirements};
use crate::harness::parsing::Section;
use crate::harness::plan::Inventory;
use crate::harness::recorder::Outcome;
use crate::harness::targets::order::Confirm;
use crate::harness::targets::{Held, Order, Refused, Wanted};

/// Share of requests that go out with all their copies; of the others the first goes out alone.
const AT_ONCE: f64 = 0.5;
/// How much later the copies of the others follow, at most.
const IMPATIENCE_MAX: Duration = Duration::from_millis(120);
/// Share of visits that buy in one step.
const ONE_STEP: f64 = 0.3;

/// The workload.
#[derive(Debug, Serialize, Deserialize)]
pub struct RetryStorm {
    /// Seats of an order.
    pub seats_per_order: SeatsPerOrder,
    /// Parallel copies of each request, all with the same key, 1 to 256; 1 is the request alone.
    pub duplicates: u32,
    /// Share of copies sent with another body under the same key, 0 to 1.
    pub other_body: f64,
}

#[async_trait]
impl Workload for RetryStorm {
    fn name() -> &'static str {
        "retry_storm"
    }

    fn summary() -> &'static str {
        "sends every hold, payment and sale in one step as parallel copies under one key (duplicates, other_body)"
    }

    fn unmet_requirement(inventory: &Inventory) -> Option<&'static str> {
        requirements::names_seats(inventory)
    }

    fn read(section: &mut Section<'_>) -> Self {
        let storm = Self {
            seats_per_order: SeatsPerOrder::read(section),
            duplicates: section.integer("duplicates", 1..=256).unwrap_or(1),
            other_body: section.number("other_body", 0.0..=1.0).unwrap_or(0.0),
        };
        if storm.other_body > 0.0 && storm.duplicates < 2 {
            section.refuse(
                "other_body",
                "\"other_body\" is a share of the copies; set \"duplicates\" to 2 or more",
            );
        }
        storm
    }

    async fn iterate(&self, iteration: &mut Iteration) {
        let event = iteration.choose_event();
        let wanted = self.seats_per_order.choose(&mut iteration.rng) as usize;
        let now_us = iteration.context.epoch.now_us();
        let seats = pick(iteration, event, wanted, now_us);
        let others = pick(iteration, event, wanted, now_us);

        if iteration.chance(ONE_STEP) {
            let sale = |seats: Vec<i64>| Iteration::book_order(Wanted::Seats(seats));
            let other = (others != seats).then(|| sale(others));
            let answered = self.storm(iteration, event, &sale(seats.clone()), other.as_ref()).await;
            return match booked(answered.as_ref()) {
                Ended::Ok(booked) => iteration.context.seat_maps[event].mark_sold(&booked.seats),
                Ended::Refused(Refused::SeatsTaken) => iteration.remember_taken(event, &seats),
                Ended::Refused(_) | Ended::Unknown => {}
            };
        }
        let order = iteration.hold_order(Wanted::Seats(seats.clone()));
        let other = (others != seats).then(|| iteration.hold_order(Wanted::Seats(others)));
        let answered = self.storm(iteration, event, &order, other.as_ref()).await;
        let held = match held(answered.as_ref()) {
            Ended::Ok(held) => held,
            Ended::Refused(Refused::SeatsTaken) => return iteration.remember_taken(event, &seats),
            Ended::Refused(_) | Ended::Unknown => return,
        };
        let payment =
            |payment_method| Order::Confirm(Confirm { held: held.clone(), payment_method });
        let answered =
            self.storm(iteration, event, &payment(CARD), Some(&payment(OTHER_CARD))).await;
        settle_up(iteration, event, &held, &booked(answered.as_ref())).await;
    }
}

impl RetryStorm {
    /// Sends the copies at once; then, when none of them was granted and any of them is unknown, asks with the first body
    /// until the answer is definite. Returns the grant, if there was one, whichever body it was for.
    async fn storm(
        &self,
        iteration: &mut Iteration,
        event: usize,
        order: &Order,
        other: Option<&Order>,
    ) -> Option<Answered> {
        if iteration.abort.is_cancelled() {
            return None;
        }
        let key = iteration.new_key();
        let intended_us = iteration.take_intended_us();
        let impatience = IMPATIENCE_MAX.mul_f64(iteration.rng.random());
        let later = if iteration.chance(AT_ONCE) { Duration::ZERO } else { impatience };
        let copies: Vec<(Duration, usize, &Order)> = (0..self.duplicates.max(1))
            .map(|copy| {
                let after = if copy > 0 { later } else { Duration::ZERO };
                // The first copy is always the request itself.
                let body = if copy > 0 && iteration.chance(self.other_body) {
                    other.unwrap_or(order)
                } else {
                    order
                };
                (after, iteration.choose_server(None), body)
            })
            .collect();
        let visit = &*iteration;
        let key = key.as_str();
        let sent = copies.iter().enumerate().map(|(copy, (after, server, body))| async move {
            let intended_us = intended_us.filter(|_| copy == 0);
            visit.pause(*after).await;
            visit.send(Request { event, key: Some(key), order: body }, *server, intended_us).await
        });
        let answers = join_all(sent).await;
        let granted = answers.iter().find(|answered| answered.outcome == Outcome::Ok).cloned();
        if granted.is_some() {
            return granted;
        }
        if answers.iter().any(|answered| answered.outcome == Outcome::Info) {
            return iteration
                .ask(Request { event, key: Some(key), order }, Retries::UntilKnown)
                .await;
        }
        let declined = answers.iter().position(|answered| answered.refused == Refused::Declined);
        answers.into_iter().nth(declined.unwrap_or(0))
    }
}

fn pick(iteration: &mut Iteration, event: usize, wanted: usize, now_us: u64) -> Vec<i64> {
    let context = std::sync::Arc::clone(&iteration.context);
    context.seat_maps[event].pick(wanted, now_us, &mut iteration.rng)
}

async fn settle_up<T>(iteration: &mut Iteration, event: usize, held: &Held, payment: &Ended<T>) {
    match payment {
        Ended::Ok(_) => iteration.context.seat_maps[event].mark_sold(&held.seats),
        Ended::Refused(Refused::Declined) => iteration.cancel(event, held).await,
        Ended::Refused(_) | Ended::Unknown => {}
    }
}
