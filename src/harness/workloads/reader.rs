//! `reader`: a visitor who looks at everything there is to see: what is left of any event and a page of its seat map; and
//! what they have themselves, right after each step from a hold to a cancelled booking. Compares nothing: the record shows
//! what was told.

use async_trait::async_trait;
use rand::Rng as _;
use serde::{Deserialize, Serialize};

use super::order::Ended;
use super::{Iteration, Workload};
use crate::harness::parsing::Section;
use crate::harness::targets::{Booked, Page, Read};

/// Seats at the end of a map that are looked at, at most.
const SEATS_SEEN_MAX: usize = 200;

/// The workload.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reader {}

#[async_trait]
impl Workload for Reader {
    fn name() -> &'static str {
        "reader"
    }

    fn summary() -> &'static str {
        "reads what is left, the seat map and what it has itself, right after each change of it"
    }

    fn in_background() -> bool {
        true
    }

    fn read(_section: &mut Section<'_>) -> Self {
        Self {}
    }

    async fn iterate(&self, iteration: &mut Iteration) {
        let any = iteration.rng.random_range(0..iteration.context.seat_maps.len());
        let event = iteration.choose_event();
        let wanted = iteration.want(event, 2);
        let last = iteration.context.seat_maps[any].before_last(SEATS_SEEN_MAX);
        iteration.see(any, Read::Availability).await;
        iteration.see(any, Read::Seats(Page::after(last))).await;
        let Ended::Ok(held) = iteration.hold(event, wanted).await else { return };
        let before = held.seats.first().map_or(0, |seat| seat - 1);
        iteration.see(event, Read::Seats(Page::after(before))).await;
        iteration.see(event, Read::Reservation(held.reservation)).await;
        iteration.see(event, Read::ReservationsOf(iteration.user())).await;
        let Ended::Ok(booked) = iteration.confirm(event, &held).await else {
            return iteration.cancel(event, &held).await;
        };
        see_all(iteration, event, &booked, before).await;
        iteration.cancel_booking(event, &booked, 1).await;
        see_all(iteration, event, &booked, before).await;
    }
}

/// Looks at a booking from every side.
async fn see_all(iteration: &mut Iteration, event: usize, booked: &Booked, before: i64) {
    let user = iteration.user();
    let ticket = booked.tickets.first().cloned().map(Read::Ticket);
    let reads = [
        Read::Booking(booked.booking),
        Read::Reference(booked.reference.clone()),
        Read::BookingsOf(user),
        Read::Reservation(booked.reservation),
        Read::Availability,
        Read::Seats(Page::after(before)),
    ];
    for read in reads.into_iter().chain(ticket) {
        iteration.see(event, read).await;
    }
}
