//! Our own servers as a target: JSON over HTTP, tokens signed with the servers' secret.

/// Access tokens.
mod tokens;
/// From an answer to what is known.
mod classify;
/// Sending one request and reading its answer.
mod exchange;
/// Requests, and what is known after each.
mod client;
/// What bodies tell of reservations and bookings.
mod told;
/// What there is to see.
mod reads;
/// What became of a key.
mod keys;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use reqwest::Method;
use serde::Serialize;
use uuid::Uuid;

use super::answer::{Answer, CheckedIn, KeyFate, Said};
use super::order::{Book, Booked, Buyer, Call, Confirm, EventChange, Held, Hold, Read, Ticket};
use super::{Access, BookingApi, OURS, Server, TargetEntry};
use crate::harness::plan::EvidenceKind;
use crate::harness::recorder::{OpKind, Role};
use crate::wire::{
    self, ChangeEvent, ConfirmBooking, CreateBooking, CreateReservation, EventStatus,
};
use client::Client;
use exchange::{Request, Transport};
use tokens::TokenSigner;
use told::{of_booking, of_reservation};

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
    client: Client,
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
    let client = Client { transport: Transport::new()?, servers };
    Ok(Arc::new(Ticketctl { client, tokens }))
}

#[async_trait]
impl BookingApi for Ticketctl {
    fn servers(&self) -> &[Server] {
        &self.client.servers
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
            let url = format!(
                "{}/api/v1/events/{event}/seats?cursor={cursor}",
                self.client.servers[0].base_url
            );
            let answer =
                self.client.transport.exchange(Request::anonymous(url, SEATS_TIMEOUT)).await;
            let read = classify::judge_page::<wire::Seat>(answer);
            let (page, next) =
                read.data.with_context(|| format!("the seats can't be read: {}", read.detail))?;
            seats.extend(page.iter().map(|seat| seat.id));
            match next {
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
        let url = self.client.url(call, "/api/v1/reservations");
        self.client.change(Request::new(call, Method::POST, url, body), of_reservation).await
    }

    async fn confirm(&self, call: &Call<'_>, confirm: &Confirm) -> Answer {
        let body = json(&ConfirmBooking {
            reservation_id: confirm.held.reservation,
            payment_method: confirm.payment_method.to_owned(),
        });
        let url = self.client.url(call, "/api/v1/bookings/confirm");
        self.client.change(Request::new(call, Method::POST, url, body), of_booking).await
    }

    async fn book(&self, call: &Call<'_>, book: &Book) -> Answer {
        let (seat_ids, quantity) = book.wanted.parts();
        let payment_method = book.payment_method.to_owned();
        let body =
            json(&CreateBooking { event_id: call.event, seat_ids, quantity, payment_method });
        let url = self.client.url(call, "/api/v1/bookings");
        self.client.change(Request::new(call, Method::POST, url, body), of_booking).await
    }

    async fn cancel(&self, call: &Call<'_>, held: &Held) -> Answer {
        let url = self.client.url(call, &format!("/api/v1/reservations/{}", held.reservation));
        self.client
            .change(Request::new(call, Method::DELETE, url, Vec::new()), of_reservation)
            .await
    }

    async fn extend(&self, call: &Call<'_>, held: &Held) -> Answer {
        let url =
            self.client.url(call, &format!("/api/v1/reservations/{}/extend", held.reservation));
        self.client.change(Request::new(call, Method::POST, url, Vec::new()), of_reservation).await
    }

    async fn cancel_booking(&self, call: &Call<'_>, booked: &Booked) -> Answer {
        let url = self.client.url(call, &format!("/api/v1/bookings/{}/cancel", booked.booking));
        self.client.change(Request::new(call, Method::PATCH, url, Vec::new()), of_booking).await
    }

    async fn check_in(&self, call: &Call<'_>, ticket: &Ticket) -> Answer {
        let url = self.client.url(call, &format!("/api/v1/tickets/{}/check-in", ticket.number));
        let request = Request::new(call, Method::POST, url, Vec::new());
        let (answer, used) = self.client.send::<wire::CheckIn>(request).await;
        let checked_in = used.map(|used| CheckedIn { seat: used.seat_id, at: used.checked_in_at });
        Answer { said: Said { checked_in, ..Said::default() }, ..answer }
    }

    async fn read(&self, call: &Call<'_>, read: &Read) -> Answer {
        reads::read(&self.client, call, read).await
    }

    async fn event_version(&self, call: &Call<'_>) -> anyhow::Result<String> {
        let url = self.client.url(call, &event_path(call));
        let request = Request::new(call, Method::GET, url, Vec::new());
        let event = classify::judge::<wire::Event>(self.client.transport.exchange(request).await);
        let version = event.data.with_context(|| event.detail)?.version;
        Ok(format!("\"{version}\""))
    }

    async fn change_event(&self, call: &Call<'_>, change: &EventChange, version: &str) -> Answer {
        let (method, body) = match change {
            EventChange::Cancel => {
                let status = Some(EventStatus::Cancelled);
                (Method::PATCH, json(&ChangeEvent { status, ..ChangeEvent::default() }))
            }
            EventChange::Edit { title, starts_at } => {
                let (title, starts_at) = (Some(title.clone()), Some(*starts_at));
                (Method::PATCH, json(&ChangeEvent { title, starts_at, ..ChangeEvent::default() }))
            }
            EventChange::Delete => (Method::DELETE, Vec::new()),
        };
        let request = Request::new(call, method, self.client.url(call, &event_path(call)), body);
        let if_match = Some(version.to_owned());
        let (answer, event) =
            self.client.send::<wire::Event>(Request { if_match, ..request }).await;
        match event.as_ref().and_then(|event| other_than_asked(change, event)) {
            Some(detail) => Answer { detail, ..answer },
            None => answer,
        }
    }

    async fn read_key(&self, call: &Call<'_>, kind: OpKind, key: &str) -> anyhow::Result<KeyFate> {
        let url = self.client.url(call, &format!("/api/v1/idempotency/{key}"));
        let request = Request::new(call, Method::GET, url, Vec::new());
        match classify::key_status(self.client.transport.exchange(request).await)? {
            Some(status) => Ok(keys::fate(kind, status)),
            None => Ok(KeyFate::None),
        }
    }
}

/// What the answer to a change says instead of what was asked for.
fn other_than_asked(change: &EventChange, event: &wire::Event) -> Option<String> {
    let EventChange::Edit { title, starts_at } = change else { return None };
    let is_as_asked = event.title == *title && event.starts_at == *starts_at;
    (!is_as_asked).then(|| {
        format!(
            "asked for {title} at {starts_at} and was given {} at {}",
            event.title, event.starts_at
        )
    })
}

fn event_path(call: &Call<'_>) -> String {
    format!("/api/v1/events/{}", call.event)
}

fn json<T: Serialize>(body: &T) -> Vec<u8> {
    serde_json::to_vec(body).expect("bodies of `wire` hold only strings, numbers and lists")
}
