//! Sending an order and putting what came of it on record. Knows nothing of why it is sent.

use super::context::LoadContext;
use super::order::Answered;
use crate::harness::recorder::{Operation, Outcome};
use crate::harness::targets::{Answer, Call, Granted, Order};
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
    /// Sends an order once and puts it on record.
    pub async fn send(&self, call: &Call<'_>, origin: Origin<'_>, order: &Order) -> Answered {
        let mut operation = self.operation(call, origin, order);
        let answer = match order {
            Order::Hold(hold) => self.target.hold(call, hold).await,
            Order::Confirm(confirm) => self.target.confirm(call, confirm).await,
            Order::Book(book) => self.target.book(call, book).await,
            Order::Cancel(held) => self.target.cancel(call, held).await,
            Order::CancelBooking(booked) => self.target.cancel_booking(call, booked).await,
            Order::CancelEvent(version) => self.target.cancel_event(call, version).await,
        };
        operation.completed_us = self.epoch.now_us();
        let (refused, retry_after) = (answer.refused, answer.retry_after);
        take_in(&mut operation, answer);
        self.recorder.live().ended(&operation);
        let answered = Answered {
            outcome: operation.outcome,
            status: operation.status,
            retry_after,
            refused,
            seats: operation.seats.clone(),
            reservation: operation.reservation,
            booking: operation.booking,
        };
        if !self.recorder.record(operation).await {
            tracing::error!("an operation ended after the recording had, and is not in it");
        }
        answered
    }

    /// The operation as it is before there is an answer.
    fn operation(&self, call: &Call<'_>, origin: Origin<'_>, order: &Order) -> Operation {
        let invoked_us = self.epoch.now_us();
        let mut operation = Operation {
            op: order.kind(),
            load: origin.load.to_owned(),
            iteration: origin.iteration,
            server: self.target.servers()[call.server].name.clone(),
            user: call.buyer.id,
            event: call.event,
            key: call.key.map(str::to_owned),
            request_sha256: String::new(),
            seats: Vec::new(),
            quantity: None,
            reservation: None,
            booking: None,
            ttl_ms: None,
            told: None,
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
        Order::Cancel(held) => {
            operation.seats.clone_from(&held.seats);
            operation.reservation = Some(held.reservation);
        }
        Order::CancelBooking(booked) => {
            operation.seats.clone_from(&booked.seats);
            operation.reservation = Some(booked.reservation);
            operation.booking = Some(booked.booking);
        }
        Order::CancelEvent(_) => {}
    }
}

/// Notes what the answer says, also where it is not what was asked for.
fn take_in(operation: &mut Operation, answer: Answer) {
    operation.outcome = answer.outcome;
    operation.status = answer.status;
    operation.replayed = answer.replayed;
    operation.request_sha256 = answer.request_sha256;
    operation.response_sha256 = answer.response_sha256;
    operation.reason = answer.reason;
    operation.detail = answer.detail;
    operation.dependencies = answer.dependencies;
    let Some(Granted { reservation, booking, seats, told }) = answer.granted else { return };
    if !operation.is_for(&seats) {
        operation.detail = match operation.quantity {
            Some(quantity) => format!("asked for {quantity} tickets and was given {seats:?}"),
            None => format!("asked for seats {:?} and was given {seats:?}", operation.seats),
        };
    }
    operation.seats = seats;
    operation.reservation = Some(reservation);
    operation.booking = booking;
    operation.told = Some(told);
}
