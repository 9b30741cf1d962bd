//! `check_in`: a ticket is shown at two doors at once, and once more later; then its booking is to be cancelled. The ticket
//! of a booking that was cancelled before is shown, too. One of the doors lets one visitor in, once.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Iteration, Workload};
use crate::harness::parsing::Section;
use crate::harness::recorder::Role;
use crate::harness::targets::{Booked, Order, Read, Ticket};

/// Doors at which a ticket is shown at once.
const DOORS: usize = 2;

/// The workload.
#[derive(Debug, Serialize, Deserialize)]
pub struct CheckIn {}

#[async_trait]
impl Workload for CheckIn {
    fn name() -> &'static str {
        "check_in"
    }

    fn summary() -> &'static str {
        "shows one ticket at two doors at once, and the ticket of a cancelled booking"
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
    }
}

/// To be let in with the first ticket of a booking.
fn first_ticket(booked: &Booked) -> Option<Order> {
    Ticket::first_of(booked).map(Order::CheckIn)
}
