//! A booking API in memory, for tests of the harness: an honest one, and one that sells seats twice. Speaks the HTTP of
//! `wire` and nothing else of the real server.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch, post};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::books::{
    Answer, Books, PRICE_CENTS, as_wire, booking_as_wire, refund, refusal, sell, success,
};
use crate::clock;
use crate::domain::{BookingState, ReservationState};
use crate::harness::targets::answer::sha256_hex;
use crate::storage::audit::{Audit, ReservationRow};
use crate::wire::{
    self, Claims, ConfirmBooking, CreateBooking, CreateReservation, IDEMPOTENCY_KEY, PaymentCall,
    Reason,
};

pub const SECRET: &[u8] = b"a secret for tests";
/// How long a sale in one step would hold its seats.
const BOOK_TTL: Duration = Duration::from_secs(30);
/// Between a naive look and a naive write: long enough for a second request on a machine that is busy with other tests.
const NAIVE_DELAY: Duration = Duration::from_millis(15);

/// How the fake treats concurrent requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manners {
    /// Checks and writes under one lock; remembers keys.
    Honest,
    /// Looks, dawdles, writes; never heard of keys.
    Naive,
}

/// The API, and what it holds.
#[derive(Clone)]
pub struct Fake {
    manners: Manners,
    /// Every answer of this number, counted over all requests, is lost after it took effect (0: none).
    lose_every: u64,
    answers: Arc<AtomicU64>,
    books: Arc<Mutex<Books>>,
}

impl Fake {
    /// A fake that loses every answer of this number (0: none).
    pub fn new(manners: Manners, lose_every: u64) -> Self {
        Self { manners, lose_every, answers: Arc::default(), books: Arc::default() }
    }

    /// Serves on a free loopback port until the tasks are dropped; returns the base URL.
    pub async fn serve(&self, tasks: &mut JoinSet<()>) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/api/v1/reservations", post(hold))
            .route("/api/v1/reservations/{id}", delete(cancel))
            .route("/api/v1/bookings/confirm", post(confirm))
            .route("/api/v1/bookings", post(book))
            .route("/api/v1/bookings/{id}/cancel", patch(cancel_booking))
            .route("/api/v1/idempotency/{key}", get(key_status))
            .with_state(self.clone());
        tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
        format!("http://{address}")
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap()
    }

    /// The database, as the audit would read it.
    pub fn audit(&self, seats_count: i64) -> Audit {
        let books = self.books();
        let sales =
            books.bookings.iter().filter(|booking| booking.state == BookingState::Confirmed);
        let mut sold: Vec<i64> = sales.flat_map(|booking| booking.seat_ids.clone()).collect();
        sold.sort_unstable();
        sold.dedup();
        Audit {
            taken_at: clock::now_utc(),
            seats_count,
            seats_sold: i64::try_from(sold.len()).unwrap(),
            findings: Vec::new(),
            bookings: books.bookings.clone(),
            reservations: books.reservations.clone(),
            payments: books.payments.clone(),
            events: Vec::new(),
            seats: Vec::new(),
        }
    }

    /// The provider's ledger.
    pub fn ledger(&self) -> Vec<PaymentCall> {
        self.books().calls.clone()
    }

    async fn dawdle(&self) {
        if self.manners == Manners::Naive {
            tokio::time::sleep(NAIVE_DELAY).await;
        }
    }

    fn respond(&self, (status, body): Answer) -> Response {
        let number = self.answers.fetch_add(1, Ordering::Relaxed) + 1;
        if self.lose_every > 0 && number.is_multiple_of(self.lose_every) {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        (StatusCode::from_u16(status).unwrap(), body).into_response()
    }
}

fn caller(headers: &HeaderMap) -> Uuid {
    let token = headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap();
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&[wire::TOKEN_ISSUER]);
    jsonwebtoken::decode::<Claims>(token, &DecodingKey::from_secret(SECRET), &validation)
        .unwrap()
        .claims
        .sub
}

fn key_of(headers: &HeaderMap) -> String {
    headers[IDEMPOTENCY_KEY].to_str().unwrap().to_owned()
}

async fn hold(State(fake): State<Fake>, headers: HeaderMap, body: Bytes) -> Response {
    let order: CreateReservation = serde_json::from_slice(&body).unwrap();
    let ttl = Duration::from_secs(u64::from(order.ttl_seconds.unwrap()));
    let reservation = reservation(&headers, order.event_id, order.seat_ids, ttl);
    let grant = |books: &mut Books, reservation: ReservationRow| {
        let answer = success(as_wire(&reservation));
        books.reservations.push(reservation);
        answer
    };
    claim(&fake, &body, reservation, grant).await
}

async fn book(State(fake): State<Fake>, headers: HeaderMap, body: Bytes) -> Response {
    let order: CreateBooking = serde_json::from_slice(&body).unwrap();
    let reservation = reservation(&headers, order.event_id, order.seat_ids, BOOK_TTL);
    let grant = |books: &mut Books, mut reservation: ReservationRow| {
        reservation.state = ReservationState::Confirmed;
        let answer = sell(books, &reservation, &reservation.idempotency_key);
        // As with the real server, the hold has a key of its own.
        reservation.idempotency_key.push_str(" hold");
        books.reservations.push(reservation);
        answer
    };
    claim(&fake, &body, reservation, grant).await
}

fn reservation(
    headers: &HeaderMap,
    event_id: Uuid,
    seat_ids: Vec<i64>,
    ttl: Duration,
) -> ReservationRow {
    let mut seat_ids = seat_ids;
    seat_ids.sort_unstable();
    let created_at = clock::now_utc();
    ReservationRow {
        id: Uuid::new_v4(),
        event_id,
        user_id: caller(headers),
        state: ReservationState::Held,
        total_cents: PRICE_CENTS * i64::try_from(seat_ids.len()).unwrap(),
        seat_ids,
        expires_at: created_at + ttl,
        created_at,
        claimed_at: None,
        extended_at: None,
        ended_at: None,
        idempotency_key: key_of(headers),
    }
}

/// Grants the reservation if its seats are free, as well or as badly as the fake's manners make it look.
async fn claim(
    fake: &Fake,
    body: &[u8],
    reservation: ReservationRow,
    grant: impl FnOnce(&mut Books, ReservationRow) -> Answer,
) -> Response {
    let (user, key) = (reservation.user_id, reservation.idempotency_key.clone());
    let sha256 = sha256_hex(body);
    let looked = reservation.seat_ids.iter().all(|seat| fake.books().is_free(*seat));
    fake.dawdle().await;
    let answer = {
        let mut books = fake.books();
        let honest = fake.manners == Manners::Honest;
        let are_free = |books: &Books| reservation.seat_ids.iter().all(|seat| books.is_free(*seat));
        let known = if honest { books.replay(user, &key, &sha256) } else { None };
        match known {
            Some(answer) => answer,
            None if !(if honest { are_free(&books) } else { looked }) => {
                let answer = refusal(409, Reason::SeatUnavailable);
                if honest {
                    books.keys.insert((user, key), (sha256, answer.0, answer.1.clone()));
                }
                answer
            }
            None => {
                let claimed_at = Some(clock::now_utc());
                let answer = grant(&mut books, ReservationRow { claimed_at, ..reservation });
                if honest {
                    books.keys.insert((user, key), (sha256, answer.0, answer.1.clone()));
                }
                answer
            }
        }
    };
    fake.respond(answer)
}

async fn confirm(State(fake): State<Fake>, headers: HeaderMap, body: Bytes) -> Response {
    let (user, key, sha256) = (caller(&headers), key_of(&headers), sha256_hex(&body));
    let order: ConfirmBooking = serde_json::from_slice(&body).unwrap();
    fake.dawdle().await;
    let mut books = fake.books();
    let honest = fake.manners == Manners::Honest;
    if honest && let Some(answer) = books.replay(user, &key, &sha256) {
        drop(books);
        return fake.respond(answer);
    }
    let found = books
        .reservations
        .iter_mut()
        .find(|row| row.id == order.reservation_id && row.user_id == user);
    let Some(row) = found.filter(|row| !honest || row.state == ReservationState::Held) else {
        drop(books);
        return fake.respond(refusal(410, Reason::ReservationEnded));
    };
    row.state = ReservationState::Confirmed;
    let row = row.clone();
    let answer = sell(&mut books, &row, &key);
    if honest {
        books.keys.insert((user, key), (sha256, answer.0, answer.1.clone()));
    }
    drop(books);
    fake.respond(answer)
}

async fn cancel_booking(
    State(fake): State<Fake>,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
) -> Response {
    let user = caller(&headers);
    let answer = {
        let mut books = fake.books();
        let found = books.bookings.iter_mut().find(|row| row.id == id && row.user_id == user);
        match found {
            Some(row) => {
                row.state = BookingState::Cancelled;
                row.cancelled_at = Some(clock::now_utc());
                let row = row.clone();
                refund(&mut books, row.reservation_id);
                success(booking_as_wire(&row))
            }
            None => refusal(404, Reason::NotFound),
        }
    };
    fake.respond(answer)
}

async fn cancel(State(fake): State<Fake>, headers: HeaderMap, Path(id): Path<Uuid>) -> Response {
    let user = caller(&headers);
    let answer = {
        let mut books = fake.books();
        let found = books.reservations.iter_mut().find(|row| row.id == id && row.user_id == user);
        match found.filter(|row| row.state == ReservationState::Held) {
            Some(row) => {
                row.state = ReservationState::Cancelled;
                row.ended_at = Some(clock::now_utc());
                success(as_wire(row))
            }
            None => refusal(410, Reason::ReservationEnded),
        }
    };
    fake.respond(answer)
}

async fn key_status(
    State(fake): State<Fake>,
    headers: HeaderMap,
    Path(key): Path<String>,
) -> Response {
    let user = caller(&headers);
    let stored = fake.books().keys.get(&(user, key.clone())).cloned();
    let (status, body) = match stored {
        None => refusal(404, Reason::NotFound),
        Some((_, status, body)) => success(wire::IdempotencyStatus {
            key,
            state: if status < 300 { "SUCCESS" } else { "FAILED" }.to_owned(),
            status_code: Some(status),
            response: serde_json::from_str(&body).ok(),
        }),
    };
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}
