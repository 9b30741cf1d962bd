//! `check_in`: a ticket is shown at two doors at once, and once more later; then its booking is to be cancelled. The ticket
//! of a booking that was cancelled before is shown, too; and all tickets of one that is cancelled at the same moment. One of the
//! doors lets one visitor in, once, and nobody whose money goes back.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Iteration, Workload};
use crate::harness::parsing::Section;
use crate::harness::recorder::Role;
use crate::harness::targets::{Booked, Order, Read, Ticket};

/// Doors at which a ticket is shown at once.
const DOORS: usize = 2;
/// Tickets of a booking that is cancelled while they are shown.
const PARTY: u32 = 4;

/// The workload.
#[derive(Debug, Serialize, Deserialize)]
pub struct CheckIn {}

#[async_trait]
impl Workload for CheckIn {
    fn name() -> &'static str {
        "check_in"
    }

    fn summary() -> &'static str {
        "shows one ticket at two doors at once, and tickets of a booking cancelled before and meanwhile"
    }

    fn in_background() -> bool {
        true
    }

    fn read(_section: &mut Section<'_>) -> Self {
        Self {}
    }

    async fn iterate(&self, iteration: &mut Iteration) {
        let event = iteration.choose_event();
        let Ok(mut doors) = iteration.companion(Role::Admin).await else { return };
        if let Some(booked) = iteration.buy(event, 2).await
            && let Some(order) = first_ticket(&booked)
        {
            doors.ask_at_once(event, &order, DOORS).await;
            doors.ask_once(event, &order).await;
            iteration.cancel_booking(event, &booked, 1).await;
            iteration.see(event, Read::Booking(booked.booking)).await;
        }
        if let Some(booked) = iteration.buy(event, 1).await
            && let Some(order) = first_ticket(&booked)
        {
            iteration.cancel_booking(event, &booked, 1).await;
            doors.ask_once(event, &order).await;
        }
        if let Some(booked) = iteration.buy(event, PARTY).await {
            let shown: Vec<Order> = Ticket::all_of(&booked).map(Order::CheckIn).collect();
            tokio::join!(
                iteration.cancel_booking(event, &booked, 1),
                doors.ask_all_at_once(event, &shown)
            );
        }
    }
}

/// To be let in with the first ticket of a booking.
fn first_ticket(booked: &Booked) -> Option<Order> {
    Ticket::first_of(booked).map(Order::CheckIn)
}
