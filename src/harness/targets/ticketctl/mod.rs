//! Our own servers as a target: JSON over HTTP, tokens signed with the servers' secret.

/// Access tokens.
mod tokens;
/// From an answer to what is known.
mod classify;
/// Sending one request and reading its answer.
mod exchange;
/// What bodies say was granted.
mod granted;
/// What became of a key.
mod keys;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::answer::{Answer, Granted, KeyFate, Refused, sha256_hex};
use super::order::{Book, Booked, Buyer, Call, Confirm, Held, Hold, Role};
use super::{Access, BookingApi, OURS, Server, TargetEntry};
use crate::harness::plan::EvidenceKind;
use crate::harness::recorder::OpKind;
use crate::wire::{
    self, ChangeEvent, ConfirmBooking, CreateBooking, CreateReservation, EventStatus, Reason,
};
use classify::Judged;
use exchange::{Request, Transport};
use granted::{of_booking, of_reservation};
use tokens::TokenSigner;

/// The target.
pub const TARGET: TargetEntry = TargetEntry {
    name: OURS,
    summary: "servers of this program, which the run starts itself",
    open,
};

/// How long reading a page of seats may take.
const SEATS_TIMEOUT: Duration = Duration::from_secs(5);

/// A client of our servers.
#[derive(Debug)]
struct Ticketctl {
    transport: Transport,
    servers: Vec<Server>,
    tokens: TokenSigner,
}

/// A client of the servers that are reached there.
///
/// # Errors
/// There is no server.
fn open(access: Access) -> anyhow::Result<Arc<dyn BookingApi>> {
    let Access { servers, token_secret } = access;
    anyhow::ensure!(!servers.is_empty(), "there is no server to send load to");
    let tokens = TokenSigner::new(&token_secret);
    Ok(Arc::new(Ticketctl { transport: Transport::new()?, servers, tokens }))
}

#[async_trait]
impl BookingApi for Ticketctl {
    fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// The run has started database and payment provider itself, and can read both.
    fn evidence(&self) -> &'static [EvidenceKind] {
        &[EvidenceKind::History, EvidenceKind::Audit, EvidenceKind::Ledger]
    }

    async fn sign_in(&self, user: Uuid, role: Role) -> anyhow::Result<Buyer> {
        self.tokens.sign(user, role)
    }

    async fn seats(&self, event: Uuid) -> anyhow::Result<Vec<i64>> {
        let mut seats = Vec::new();
        let mut cursor = String::from("0");
        loop {
            let url =
                format!("{}/api/v1/events/{event}/seats?cursor={cursor}", self.servers[0].base_url);
            let answer = self.transport.exchange(Request::anonymous(url, SEATS_TIMEOUT)).await;
            let page: wire::Success<Vec<wire::Seat>> =
                classify::page(answer).context("the seats can't be read")?;
            seats.extend(page.data.iter().map(|seat| seat.id));
            match page.meta.and_then(|meta| meta.next_cursor) {
                Some(next) => cursor = next,
                None => return Ok(seats),
            }
        }
    }

    async fn hold(&self, call: &Call<'_>, hold: &Hold) -> Answer {
        let (seat_ids, quantity) = hold.wanted.parts();
        let ttl_seconds = Some(u32::try_from(hold.ttl.as_secs()).unwrap_or(u32::MAX));
        let body =
            json(&CreateReservation { event_id: call.event, seat_ids, quantity, ttl_seconds });
        let url = self.url(call, "/api/v1/reservations");
        let (answer, reservation) = self.send(Request::new(call, Method::POST, url, body)).await;
        Answer { granted: reservation.map(of_reservation), ..answer }
    }

    async fn confirm(&self, call: &Call<'_>, confirm: &Confirm) -> Answer {
        let body = json(&ConfirmBooking {
            reservation_id: confirm.held.reservation,
            payment_method: confirm.payment_method.to_owned(),
        });
        let url = self.url(call, "/api/v1/bookings/confirm");
        let (answer, booked) = self.send(Request::new(call, Method::POST, url, body)).await;
        // The reservation is the one that was asked for, whatever the answer says.
        let reservation = confirm.held.reservation;
        let granted = booked.map(|booked| Granted { reservation, ..of_booking(booked) });
        Answer { granted, ..answer }
    }

    async fn book(&self, call: &Call<'_>, book: &Book) -> Answer {
        let (seat_ids, quantity) = book.wanted.parts();
        let payment_method = book.payment_method.to_owned();
        let body =
            json(&CreateBooking { event_id: call.event, seat_ids, quantity, payment_method });
        let url = self.url(call, "/api/v1/bookings");
        let (answer, booked) = self.send(Request::new(call, Method::POST, url, body)).await;
        Answer { granted: booked.map(of_booking), ..answer }
    }

    async fn cancel(&self, call: &Call<'_>, held: &Held) -> Answer {
        let url = self.url(call, &format!("/api/v1/reservations/{}", held.reservation));
        let request = Request::new(call, Method::DELETE, url, Vec::new());
        self.send::<wire::Reservation>(request).await.0
    }

    async fn cancel_booking(&self, call: &Call<'_>, booked: &Booked) -> Answer {
        let url = self.url(call, &format!("/api/v1/bookings/{}/cancel", booked.booking));
        let request = Request::new(call, Method::PATCH, url, Vec::new());
        self.send::<wire::Booking>(request).await.0
    }

    async fn event_version(&self, call: &Call<'_>) -> anyhow::Result<String> {
        let url = self.event_url(call);
        let request = Request::new(call, Method::GET, url, Vec::new());
        let event = classify::judge::<wire::Event>(self.transport.exchange(request).await);
        let version = event.data.with_context(|| event.detail)?.version;
        Ok(format!("\"{version}\""))
    }

    async fn cancel_event(&self, call: &Call<'_>, version: &str) -> Answer {
        let change = ChangeEvent { status: Some(EventStatus::Cancelled), ..ChangeEvent::default() };
        let request = Request::new(call, Method::PATCH, self.event_url(call), json(&change));
        let if_match = Some(version.to_owned());
        self.send::<wire::Event>(Request { if_match, ..request }).await.0
    }

    async fn read_key(&self, call: &Call<'_>, kind: OpKind, key: &str) -> anyhow::Result<KeyFate> {
        let url = self.url(call, &format!("/api/v1/idempotency/{key}"));
        let request = Request::new(call, Method::GET, url, Vec::new());
        match classify::key_status(self.transport.exchange(request).await)? {
            Some(status) => Ok(keys::fate(kind, status)),
            None => Ok(KeyFate::None),
        }
    }
}

impl Ticketctl {
    fn url(&self, call: &Call<'_>, path: &str) -> String {
        format!("{}{path}", self.servers[call.server].base_url)
    }

    fn event_url(&self, call: &Call<'_>) -> String {
        self.url(call, &format!("/api/v1/events/{}", call.event))
    }

    async fn send<T: DeserializeOwned>(&self, request: Request) -> (Answer, Option<T>) {
        let request_sha256 = sha256_hex(&request.body);
        let judged = classify::judge::<T>(self.transport.exchange(request).await);
        let Judged { outcome, data, status, replayed, body, detail, dependencies, .. } = judged;
        let Judged { retry_after, reason, .. } = judged;
        let answer = Answer {
            outcome,
            granted: None,
            refused: refused(reason.as_deref(), status),
            retry_after,
            status,
            replayed,
            request_sha256,
            response_sha256: body.map(|body| sha256_hex(&body)),
            reason,
            detail,
            dependencies,
        };
        (answer, data)
    }
}

fn refused(reason: Option<&str>, status: Option<u16>) -> Refused {
    match (reason.and_then(Reason::parse), status) {
        (Some(Reason::SeatUnavailable), _) => Refused::SeatsTaken,
        (Some(Reason::SoldOut), _) => Refused::SoldOut,
        (_, Some(402)) => Refused::Declined,
        _ => Refused::Otherwise,
    }
}

fn json<T: Serialize>(body: &T) -> Vec<u8> {
    serde_json::to_vec(body).expect("bodies of `wire` hold only strings, numbers and lists")
}
