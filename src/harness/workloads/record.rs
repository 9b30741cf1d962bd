//! Sending an order and putting what came of it on record. Knows nothing of why it is sent.

use std::time::Duration;

use super::context::LoadContext;
use super::order::Answered;
use crate::harness::recorder::{Operation, Outcome, Told};
use crate::harness::targets::answer::CheckedIn;
use crate::harness::targets::{Answer, BookingApi, Call, Order, Read, Refused, Said};
use crate::wire::server_timing::Timings;

/// Which part of the load an order comes from.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// Name of the load.
    pub load: &'a str,
    /// Iteration of that load.
    pub iteration: u64,
    /// When the schedule wanted it to be sent; now, where absent.
    pub intended_us: Option<u64>,
}

impl LoadContext {
    /// Sends an order once; what came of it, which is not on record yet, why it was refused, and how long to wait before asking
    /// again.
    pub async fn perform(
        &self,
        call: &Call<'_>,
        origin: Origin<'_>,
        order: &Order,
    ) -> (Operation, Refused, Option<Duration>) {
        let server = &self.target.servers()[call.server].name;
        let mut operation = asked(call, origin, order, (server, self.epoch.now_us()));
        let answer = exchange(&*self.target, call, order).await;
        operation.completed_us = self.epoch.now_us();
        let (refused, retry_after) = (answer.refused, answer.retry_after);
        take_in(&mut operation, answer);
        (operation, refused, retry_after)
    }

    /// Sends an order once and puts it on record.
    pub async fn send(&self, call: &Call<'_>, origin: Origin<'_>, order: &Order) -> Answered {
        let (operation, refused, retry_after) = self.perform(call, origin, order).await;
        self.recorder.live().ended(&operation);
        let answered = Answered {
            outcome: operation.outcome,
            status: operation.status,
            retry_after,
            refused,
            seats: operation.seats.clone(),
            reservation: operation.reservation,
            told: operation.told.clone(),
        };
        if !self.recorder.record(operation).await {
            tracing::error!("an operation ended after the recording had, and is not in it");
        }
        answered
    }
}

/// Sends an order once.
pub async fn exchange(target: &dyn BookingApi, call: &Call<'_>, order: &Order) -> Answer {
    match order {
        Order::Hold(hold) => target.hold(call, hold).await,
        Order::Confirm(confirm) => target.confirm(call, confirm).await,
        Order::Book(book) => target.book(call, book).await,
        Order::Cancel(held) => target.cancel(call, held).await,
        Order::Extend(held) => target.extend(call, held).await,
        Order::CancelBooking(booked) => target.cancel_booking(call, booked).await,
        Order::CheckIn(ticket) => target.check_in(call, ticket).await,
        Order::ChangeEvent(change, version) => target.change_event(call, change, version).await,
        Order::Read(read) => target.read(call, read).await,
    }
}

/// The operation as it is before there is an answer.
pub fn asked(
    call: &Call<'_>,
    origin: Origin<'_>,
    order: &Order,
    (server, invoked_us): (&str, u64),
) -> Operation {
    let mut operation = Operation {
        op: order.kind(),
        load: origin.load.to_owned(),
        iteration: origin.iteration,
        server: server.to_owned(),
        user: call.buyer.id,
        role: call.buyer.role,
        event: call.event,
        key: call.key.map(str::to_owned),
        request_sha256: String::new(),
        seats: Vec::new(),
        quantity: None,
        reservation: None,
        booking: None,
        ticket: None,
        version: None,
        list_of: None,
        ttl_ms: None,
        told: Vec::new(),
        checked_in_at: None,
        availability: None,
        page_after: None,
        seat_states: Vec::new(),
        next_cursor: None,
        intended_us: origin.intended_us.unwrap_or(invoked_us),
        invoked_us,
        completed_us: invoked_us,
        outcome: Outcome::Info,
        status: None,
        replayed: false,
        response_sha256: None,
        reason: None,
        detail: String::new(),
        dependencies: Timings::new(),
        settled: None,
    };
    ask_for(&mut operation, order);
    operation
}

/// Notes what the order asks for.
fn ask_for(operation: &mut Operation, order: &Order) {
    match order {
        Order::Hold(hold) => {
            (operation.seats, operation.quantity) = hold.wanted.parts();
            operation.ttl_ms = Some(u64::try_from(hold.ttl.as_millis()).unwrap_or(u64::MAX));
        }
        Order::Book(book) => (operation.seats, operation.quantity) = book.wanted.parts(),
        Order::Confirm(confirm) => {
            operation.seats.clone_from(&confirm.held.seats);
            operation.reservation = Some(confirm.held.reservation);
        }
        Order::Cancel(held) | Order::Extend(held) => {
            operation.seats.clone_from(&held.seats);
            operation.reservation = Some(held.reservation);
        }
        Order::CancelBooking(booked) => {
            operation.seats.clone_from(&booked.seats);
            operation.reservation = Some(booked.reservation);
            operation.booking = Some(booked.booking);
        }
        Order::CheckIn(ticket) => {
            operation.seats = vec![ticket.seat];
            operation.ticket = Some(ticket.number.clone());
            operation.reservation = Some(ticket.reservation);
            operation.booking = Some(ticket.booking);
        }
        Order::ChangeEvent(_, version) => operation.version = Some(version.clone()),
        Order::Read(read) => look_for(operation, read),
    }
}

/// Notes what there is to see.
fn look_for(operation: &mut Operation, read: &Read) {
    match read {
        Read::Reservation(id) => operation.reservation = Some(*id),
        Read::Booking(id) => operation.booking = Some(*id),
        Read::Ticket(number) => operation.ticket = Some(number.clone()),
        Read::ReservationsOf(user) | Read::BookingsOf(user) => operation.list_of = Some(*user),
        Read::Seats(page) => operation.page_after = Some(page.after),
        Read::Reference(_) | Read::Key(_) | Read::Availability => {}
    }
}

/// Notes what the answer says, also where it is not what was asked for.
pub fn take_in(operation: &mut Operation, answer: Answer) {
    operation.outcome = answer.outcome;
    operation.status = answer.status;
    operation.replayed = answer.replayed;
    operation.request_sha256 = answer.request_sha256;
    operation.response_sha256 = answer.response_sha256;
    operation.reason = answer.reason;
    operation.detail = answer.detail;
    operation.dependencies = answer.dependencies;
    let Said { told, checked_in, availability, seats, next_cursor } = answer.said;
    if let (true, Some(granted)) = (operation.op.grants(), told.first()) {
        obtain(operation, granted);
    }
    if let Some(CheckedIn { seat, at }) = checked_in {
        (operation.seats, operation.checked_in_at) = (vec![seat], Some(at));
    }
    operation.told = told;
    operation.availability = availability;
    operation.seat_states = seats;
    operation.next_cursor = next_cursor;
}

/// Notes what was granted. A payment's reservation is the one that was asked for, whatever the answer says.
fn obtain(operation: &mut Operation, granted: &Told) {
    if !operation.is_for(&granted.seats) {
        let given = &granted.seats;
        operation.detail = match operation.quantity {
            Some(quantity) => format!("asked for {quantity} tickets and was given {given:?}"),
            None => format!("asked for seats {:?} and was given {given:?}", operation.seats),
        };
    }
    operation.seats.clone_from(&granted.seats);
    operation.reservation.get_or_insert(granted.reservation);
    operation.booking = granted.booking;
}
