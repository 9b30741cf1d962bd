//! A buyer's HTTP client: one function an operation, each of which says what the buyer knows afterwards. Waits for one
//! answer and never sends anything twice; whether to ask again is the caller's business.

/// Who buys.
pub mod buyer;
/// From an answer to what is known.
pub mod classify;
/// Sending one request and reading its answer.
mod exchange;

use std::time::Duration;

use anyhow::Context as _;
use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

pub use buyer::{Buyer, TokenSigner};
use classify::Judged;
use exchange::{Request, Transport};

use super::recorder::{Epoch, OpKind, Operation, Outcome};
use crate::wire::{
    self, ChangeEvent, ConfirmBooking, CreateBooking, CreateReservation, EventStatus,
};

/// A server as the load reaches it.
#[derive(Debug, Clone)]
pub struct Server {
    /// `server-1` ….
    pub name: String,
    /// `http://127.0.0.1:8080`, or the proxy in front of it.
    pub base_url: String,
}

/// Speaks to every server of a run.
#[derive(Debug)]
pub struct Client {
    transport: Transport,
    servers: Vec<Server>,
    epoch: Epoch,
}

/// What is common to all operations of an iteration, and which server this one asks.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Who asks.
    pub buyer: &'a Buyer,
    /// Name of the load.
    pub load: &'a str,
    /// Iteration of that load.
    pub iteration: u64,
    /// The event.
    pub event: Uuid,
    /// Index of the server.
    pub server: usize,
    /// Idempotency key to send.
    pub key: Option<&'a str>,
    /// When the schedule wanted it to start; now, where absent.
    pub intended_us: Option<u64>,
    /// How long to wait for the answer.
    pub timeout: Duration,
}

/// Seats held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The reservation.
    pub reservation: Uuid,
    /// Its seats.
    pub seats: Vec<i64>,
}

/// Seats bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booked {
    /// The booking.
    pub booking: Uuid,
    /// The reservation it was made from.
    pub reservation: Uuid,
    /// Its seats.
    pub seats: Vec<i64>,
}

/// A completed operation, and what the answer said beyond it.
#[derive(Debug)]
pub struct Reply {
    /// For the record.
    pub operation: Operation,
    /// Set where asking again with the same key makes sense: how long the server asks to wait, 0 when it doesn't say.
    pub retry_after: Option<Duration>,
}

impl Client {
    /// A client of these servers.
    pub fn new(servers: Vec<Server>, epoch: Epoch) -> anyhow::Result<Self> {
        anyhow::ensure!(!servers.is_empty(), "there is no server to send load to");
        Ok(Self { transport: Transport::new()?, servers, epoch })
    }

    /// The servers, in order.
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// The run's time 0.
    pub fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// Holds seats.
    pub async fn hold(&self, call: &Call<'_>, order: &CreateReservation) -> Reply {
        let body = json(order);
        let mut operation = self.begin(call, OpKind::Hold, &body);
        operation.seats.clone_from(&order.seat_ids);
        operation.quantity = order.quantity;
        operation.ttl_ms = order.ttl_seconds.map(|seconds| u64::from(seconds) * 1000);
        let request = Request::new(Method::POST, self.url(call, "/api/v1/reservations"), body);
        let (mut reply, held) = self.send::<wire::Reservation>(call, request, operation).await;
        if let Some(held) = held {
            take_seats(&mut reply.operation, held.seat_ids);
            reply.operation.reservation = Some(held.id);
        }
        reply
    }

    /// Holds and pays in one step.
    pub async fn book(&self, call: &Call<'_>, order: &CreateBooking) -> Reply {
        let body = json(order);
        let mut operation = self.begin(call, OpKind::Book, &body);
        operation.seats.clone_from(&order.seat_ids);
        operation.quantity = order.quantity;
        let request = Request::new(Method::POST, self.url(call, "/api/v1/bookings"), body);
        let (mut reply, booked) = self.send::<wire::Booking>(call, request, operation).await;
        if let Some(booked) = booked {
            take_seats(&mut reply.operation, seats_of(&booked));
            reply.operation.reservation = Some(booked.reservation_id);
            reply.operation.booking = Some(booked.id);
        }
        reply
    }

    /// Pays for a reservation of these seats.
    pub async fn confirm(&self, call: &Call<'_>, seats: &[i64], order: &ConfirmBooking) -> Reply {
        let body = json(order);
        let mut operation = self.begin(call, OpKind::Confirm, &body);
        operation.seats = seats.to_vec();
        operation.reservation = Some(order.reservation_id);
        let request = Request::new(Method::POST, self.url(call, "/api/v1/bookings/confirm"), body);
        let (mut reply, booked) = self.send::<wire::Booking>(call, request, operation).await;
        if let Some(booked) = booked {
            take_seats(&mut reply.operation, seats_of(&booked));
            reply.operation.booking = Some(booked.id);
        }
        reply
    }

    /// Cancels a reservation. Carries no key: repeating it changes nothing.
    pub async fn cancel(&self, call: &Call<'_>, held: &Held) -> Reply {
        let call = Call { key: None, ..*call };
        let mut operation = self.begin(&call, OpKind::Cancel, &[]);
        operation.seats.clone_from(&held.seats);
        operation.reservation = Some(held.reservation);
        let url = self.url(&call, &format!("/api/v1/reservations/{}", held.reservation));
        let request = Request::new(Method::DELETE, url, Vec::new());
        self.send::<wire::Reservation>(&call, request, operation).await.0
    }

    /// Cancels a booking. Carries no key: repeating it changes nothing.
    pub async fn cancel_booking(&self, call: &Call<'_>, booked: &Booked) -> Reply {
        let call = Call { key: None, ..*call };
        let mut operation = self.begin(&call, OpKind::CancelBooking, &[]);
        operation.seats.clone_from(&booked.seats);
        operation.reservation = Some(booked.reservation);
        operation.booking = Some(booked.booking);
        let url = self.url(&call, &format!("/api/v1/bookings/{}/cancel", booked.booking));
        let request = Request::new(Method::PATCH, url, Vec::new());
        self.send::<wire::Booking>(&call, request, operation).await.0
    }

    /// Cancels an event, whatever version it has. The buyer of this call has to be an admin.
    ///
    /// # Errors
    /// The event could not be read, and nothing was changed.
    pub async fn cancel_event(&self, call: &Call<'_>) -> anyhow::Result<Reply> {
        let call = Call { key: None, ..*call };
        let url = self.url(&call, &format!("/api/v1/events/{}", call.event));
        let read = Request::new(Method::GET, url.clone(), Vec::new());
        let event = classify::judge::<wire::Event>(self.transport.exchange(&call, read).await);
        let version = event.data.with_context(|| event.detail)?.version;
        let change = ChangeEvent { status: Some(EventStatus::Cancelled), ..ChangeEvent::default() };
        let body = json(&change);
        let operation = self.begin(&call, OpKind::CancelEvent, &body);
        let if_match = Some(format!("\"{version}\""));
        let request = Request { if_match, ..Request::new(Method::PATCH, url, body) };
        Ok(self.send::<wire::Event>(&call, request, operation).await.0)
    }

    /// What became of the buyer's key; `Ok(None)` when no effect of it exists.
    pub async fn key_status(
        &self,
        call: &Call<'_>,
        key: &str,
    ) -> anyhow::Result<Option<wire::IdempotencyStatus>> {
        let url = self.url(call, &format!("/api/v1/idempotency/{key}"));
        let request = Request::new(Method::GET, url, Vec::new());
        classify::key_status(self.transport.exchange(call, request).await)
    }

    fn url(&self, call: &Call<'_>, path: &str) -> String {
        format!("{}{path}", self.servers[call.server].base_url)
    }

    fn begin(&self, call: &Call<'_>, op: OpKind, body: &[u8]) -> Operation {
        let invoked_us = self.epoch.now_us();
        Operation {
            op,
            load: call.load.to_owned(),
            iteration: call.iteration,
            server: self.servers[call.server].name.clone(),
            user: call.buyer.id,
            event: call.event,
            key: call.key.map(str::to_owned),
            request_sha256: sha256_hex(body),
            seats: Vec::new(),
            quantity: None,
            reservation: None,
            booking: None,
            ttl_ms: None,
            intended_us: call.intended_us.unwrap_or(invoked_us),
            invoked_us,
            completed_us: invoked_us,
            outcome: Outcome::Info,
            status: None,
            replayed: false,
            response_sha256: None,
            reason: None,
            detail: String::new(),
            settled: None,
        }
    }

    async fn send<T: DeserializeOwned>(
        &self,
        call: &Call<'_>,
        request: Request,
        mut operation: Operation,
    ) -> (Reply, Option<T>) {
        let exchange = self.transport.exchange(call, request).await;
        operation.completed_us = self.epoch.now_us();
        let Judged { outcome, data, status, replayed, body, detail, retry_after, reason } =
            classify::judge::<T>(exchange);
        operation.outcome = outcome;
        operation.status = status;
        operation.replayed = replayed;
        operation.response_sha256 = body.map(|body| sha256_hex(&body));
        operation.reason = reason;
        operation.detail = detail;
        (Reply { operation, retry_after }, data)
    }
}

fn json<T: Serialize>(body: &T) -> Vec<u8> {
    serde_json::to_vec(body).expect("bodies of `wire` hold only strings, numbers and lists")
}

fn seats_of(booking: &wire::Booking) -> Vec<i64> {
    booking.tickets.iter().map(|ticket| ticket.seat_id).collect()
}

/// Takes the seats that the answer names for those of the operation, and notes when they are not what was asked for.
fn take_seats(operation: &mut Operation, mut given: Vec<i64>) {
    given.sort_unstable();
    if !operation.is_for(&given) {
        operation.detail = match operation.quantity {
            Some(quantity) => format!("asked for {quantity} tickets and was given {given:?}"),
            None => format!("asked for seats {:?} and was given {given:?}", operation.seats),
        };
    }
    operation.seats = given;
}

/// SHA-256 in lower-case hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digest = Sha256::digest(bytes);
    digest
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}
