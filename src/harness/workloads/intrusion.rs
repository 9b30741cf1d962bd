//! `intrusion`: an intruder who knows the ids of what is another's, and tries with a customer's token whatever there is to
//! be done with a hold, a booking, a ticket, a key and an event; and asks one event for seats of another. An organizer of other
//! events tries what only this event's may do. Nothing of it may succeed, and the victim pays for the hold and keeps the
//! booking.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::buying::CARD;
use super::order::Ended;
use super::{Iteration, Workload};
use crate::harness::parsing::Section;
use crate::harness::recorder::Role;
use crate::harness::targets::order::{Confirm, Hold};
use crate::harness::targets::{Booked, EventChange, Held, Order, Read, Ticket};

/// The workload.
#[derive(Debug, Serialize, Deserialize)]
pub struct Intrusion {}

#[async_trait]
impl Workload for Intrusion {
    fn name() -> &'static str {
        "intrusion"
    }

    fn summary() -> &'static str {
        "tries everything with another's hold, booking, ticket and key, seats of another event, and to cancel the event"
    }

    fn in_background() -> bool {
        true
    }

    fn read(_section: &mut Section<'_>) -> Self {
        Self {}
    }

    async fn iterate(&self, iteration: &mut Iteration) {
        let event = iteration.choose_event();
        let to_hold = iteration.want(event, 2);
        let key = iteration.new_key();
        let Ok(mut intruder) = iteration.companion(Role::Customer).await else { return };
        let order = Order::Hold(Hold { wanted: to_hold, ttl: iteration.context.hold_ttl });
        let hold = iteration.ask_under(event, &key, &order).await;
        let victim = iteration.user();
        if let Ended::Ok(held) = super::order::held(hold.as_ref()) {
            // The same request under the same key, of somebody else.
            intruder.ask_under(event, &key, &order).await;
            intruder.see(event, Read::Key(key)).await;
            intruder.see(event, Read::ReservationsOf(victim)).await;
            try_hold(&mut intruder, event, &held).await;
            iteration.confirm(event, &held).await;
        }
        if let Some(booked) = iteration.buy(event, 1).await {
            intruder.see(event, Read::BookingsOf(victim)).await;
            try_booking(&mut intruder, event, &booked).await;
            let Ok(mut organizer) = iteration.companion(Role::Organizer).await else { return };
            try_as_organizer(&mut organizer, event, &booked).await;
            iteration.see(event, Read::Booking(booked.booking)).await;
        }
        if let Some(seats) = intruder.want_elsewhere(1) {
            // Of this event, by name, and not by its rules and price.
            intruder.ask_keyed(event, &intruder.hold_order(seats)).await;
        }
        try_event(&mut intruder, event).await;
    }
}

async fn try_hold(intruder: &mut Iteration, event: usize, held: &Held) {
    intruder.see(event, Read::Reservation(held.reservation)).await;
    intruder.ask_once(event, &Order::Extend(held.clone())).await;
    let payment = Confirm { held: held.clone(), payment_method: CARD };
    intruder.ask_keyed(event, &Order::Confirm(payment)).await;
    intruder.cancel(event, held).await;
}

async fn try_booking(intruder: &mut Iteration, event: usize, booked: &Booked) {
    intruder.see(event, Read::Booking(booked.booking)).await;
    intruder.see(event, Read::Reference(booked.reference.clone())).await;
    if let Some(ticket) = Ticket::first_of(booked) {
        intruder.see(event, Read::Ticket(ticket.number.clone())).await;
        intruder.ask_once(event, &Order::CheckIn(ticket)).await;
    }
    intruder.cancel_booking(event, booked, 1).await;
}

/// What an organizer may do about events of their own.
async fn try_as_organizer(organizer: &mut Iteration, event: usize, booked: &Booked) {
    organizer.see(event, Read::Booking(booked.booking)).await;
    if let Some(ticket) = Ticket::first_of(booked) {
        organizer.ask_once(event, &Order::CheckIn(ticket)).await;
    }
    organizer.cancel_booking(event, booked, 1).await;
    try_event(organizer, event).await;
}

async fn try_event(intruder: &mut Iteration, event: usize) {
    if let Some(version) = intruder.event_version(event).await {
        intruder.ask_once(event, &Order::ChangeEvent(EventChange::Cancel, version)).await;
    }
}
