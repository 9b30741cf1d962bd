//! A buyer's HTTP client: one function an operation, each of which says what the buyer knows afterwards. Waits for one
//! answer and never sends anything twice; whether to ask again is the caller's business.

/// Who buys.
pub mod buyer;
/// From an answer to what is known.
pub mod classify;
/// Sending one request and reading its answer.
mod exchange;

use std::time::Duration;

use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

pub use buyer::{Buyer, TokenSigner};
use classify::Judged;
use exchange::{Request, Transport};

use super::recorder::{Epoch, OpKind, Operation, Outcome};
use crate::wire::{self, ConfirmBooking, CreateReservation};

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

/// A completed operation, and what the answer said beyond it.
#[derive(Debug)]
pub struct Reply {
    /// For the record.
    pub operation: Operation,
    /// Set where asking again with the same key makes sense: how long the server asks to wait, 0 when it doesn't say.
    pub retry_after: Option<Duration>,
    /// Machine-readable reason of a refusal, such as `seat_unavailable`.
    pub reason: Option<String>,
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
        operation.ttl_ms = order.ttl_seconds.map(|seconds| u64::from(seconds) * 1000);
        let request =
            Request { method: Method::POST, url: self.url(call, "/api/v1/reservations"), body };
        let (mut reply, held) = self.send::<wire::Reservation>(call, request, operation).await;
        if let Some(held) = held {
            let given = sorted(held.seat_ids);
            if given != sorted(order.seat_ids.clone()) {
                reply.operation.detail =
                    format!("asked for seats {:?} and was given {given:?}", order.seat_ids);
            }
            reply.operation.seats = given;
            reply.operation.reservation = Some(held.id);
        }
        reply
    }

    /// Pays for a reservation of these seats.
    pub async fn confirm(&self, call: &Call<'_>, seats: &[i64], order: &ConfirmBooking) -> Reply {
        let body = json(order);
        let mut operation = self.begin(call, OpKind::Confirm, &body);
        operation.seats = seats.to_vec();
        operation.reservation = Some(order.reservation_id);
        let request =
            Request { method: Method::POST, url: self.url(call, "/api/v1/bookings/confirm"), body };
        let (mut reply, booked) = self.send::<wire::Booking>(call, request, operation).await;
        if let Some(booked) = booked {
            let sold = sorted(booked.tickets.iter().map(|ticket| ticket.seat_id).collect());
            if sold != sorted(seats.to_vec()) {
                reply.operation.detail = format!("paid for seats {seats:?} and was sold {sold:?}");
            }
            reply.operation.seats = sold;
            reply.operation.booking = Some(booked.id);
        }
        reply
    }

    /// Gives a reservation up. Carries no key: repeating it changes nothing.
    pub async fn cancel(&self, call: &Call<'_>, held: &Held) -> Reply {
        let call = Call { key: None, ..*call };
        let mut operation = self.begin(&call, OpKind::Cancel, &[]);
        operation.seats.clone_from(&held.seats);
        operation.reservation = Some(held.reservation);
        let url = self.url(&call, &format!("/api/v1/reservations/{}", held.reservation));
        let request = Request { method: Method::DELETE, url, body: Vec::new() };
        self.send::<wire::Reservation>(&call, request, operation).await.0
    }

    /// What became of the buyer's key; `Ok(None)` when no effect of it exists.
    pub async fn key_status(
        &self,
        call: &Call<'_>,
        key: &str,
    ) -> anyhow::Result<Option<wire::IdempotencyStatus>> {
        let url = self.url(call, &format!("/api/v1/idempotency/{key}"));
        let request = Request { method: Method::GET, url, body: Vec::new() };
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
        operation.detail = detail;
        (Reply { operation, retry_after, reason }, data)
    }
}

fn json<T: Serialize>(body: &T) -> Vec<u8> {
    serde_json::to_vec(body).expect("bodies of `wire` hold only strings, numbers and lists")
}

fn sorted(mut seats: Vec<i64>) -> Vec<i64> {
    seats.sort_unstable();
    seats
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
