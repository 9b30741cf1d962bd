//! JSON bodies of the HTTP API, shared by the server and the harness so that the two cannot drift apart.
//! Knows nothing of how either side works.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Request header that names one logical operation; a retry carries the same value.
/// Source: IETF draft-ietf-httpapi-idempotency-key-header.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Response header set to `true` on an answer that was stored earlier and is being replayed.
pub const IDEMPOTENT_REPLAYED: &str = "idempotent-replayed";

/// `iss` of every access token.
pub const TOKEN_ISSUER: &str = "ticketctl";

/// Claims of an access token (JWT, HS256).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    /// The caller's user id.
    pub sub: Uuid,
    /// `customer`, `organizer` or `admin`.
    pub role: String,
    /// Issuer, always [`TOKEN_ISSUER`].
    pub iss: String,
    /// Expiry, seconds since the Unix epoch.
    pub exp: u64,
}

/// Envelope of every successful answer.
#[expect(clippy::struct_field_names, reason = "the names are the interface")]
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Success<T> {
    /// Always `true`.
    pub success: bool,
    /// The answer itself.
    pub data: T,
    /// One sentence for a human.
    pub message: String,
    /// Pagination, where the answer is a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
}

/// Pagination of a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Meta {
    /// Pass as `?cursor=` to get the next page; absent on the last one.
    pub next_cursor: Option<String>,
}

/// Envelope of every refusal or failure.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Failure {
    /// Always `false`.
    pub success: bool,
    /// What went wrong, for a human.
    pub message: String,
    /// Which part of the request, where that is known.
    #[serde(default)]
    pub errors: Vec<FieldError>,
}

/// One refused field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// Path of the field, or a machine-readable reason such as `seat_unavailable`.
    pub field: String,
    /// Why it was refused.
    pub message: String,
}

/// `GET /api/v1/events/{id}` and items of `GET /api/v1/events`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    /// Event id.
    pub id: Uuid,
    /// Title.
    pub title: String,
    /// Venue.
    pub venue: String,
    /// Start, RFC 3339.
    #[serde(with = "time::serde::rfc3339")]
    pub starts_at: time::OffsetDateTime,
}

/// Items of `GET /api/v1/events/{id}/seats`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Seat {
    /// Seat id, unique over all events.
    pub id: i64,
    /// Section of the house.
    pub section: String,
    /// Row within the section.
    pub row: String,
    /// Number within the row.
    pub number: i32,
    /// Price in cents.
    pub price_cents: i64,
    /// Calculated when the answer was made; true until somebody else is quicker.
    pub status: SeatStatus,
}

/// What can be done with a seat right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeatStatus {
    /// Nobody has it.
    Available,
    /// A live reservation holds it.
    Held,
    /// Booked.
    Sold,
}

/// `GET /api/v1/events/{id}/availability`: calculated for this answer, stored nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Availability {
    /// The event.
    pub event_id: Uuid,
    /// Seats the event has.
    pub total: i64,
    /// Seats nobody holds or has bought.
    pub available: i64,
    /// Seats under a live reservation.
    pub held: i64,
    /// Seats booked.
    pub sold: i64,
}

/// `POST /api/v1/reservations`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateReservation {
    /// The event the seats belong to.
    pub event_id: Uuid,
    /// Seats wanted, all or none; 1 to 50, no repeats.
    pub seat_ids: Vec<i64>,
    /// How long to hold them, in seconds; 1 to the server's maximum. The server's default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<u32>,
}

/// A reservation as every route answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// Reservation id.
    pub id: Uuid,
    /// Event id.
    pub event_id: Uuid,
    /// Owner.
    pub user_id: Uuid,
    /// Seats held, sorted.
    pub seat_ids: Vec<i64>,
    /// `held`, `confirmed`, `cancelled` or `expired`.
    pub state: String,
    /// Sum of the seats' prices, in cents.
    pub total_cents: i64,
    /// When the hold ends, database time, RFC 3339.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: time::OffsetDateTime,
}

/// `POST /api/v1/bookings/confirm`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfirmBooking {
    /// The caller's reservation to pay for.
    pub reservation_id: Uuid,
    /// Token of the payment method, as the provider issued it.
    #[serde(default = "default_payment_method")]
    pub payment_method: String,
}

fn default_payment_method() -> String {
    "card".to_owned()
}

/// A booking as every route answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booking {
    /// Booking id.
    pub id: Uuid,
    /// Human-readable reference, unique.
    pub reference: String,
    /// The reservation it was made from.
    pub reservation_id: Uuid,
    /// Event id.
    pub event_id: Uuid,
    /// Owner.
    pub user_id: Uuid,
    /// `pending`, `confirmed`, `cancelled` or `expired`.
    pub state: String,
    /// Sum paid, in cents.
    pub total_cents: i64,
    /// One ticket a seat, in seat order.
    pub tickets: Vec<Ticket>,
}

/// One seat of a booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// The seat.
    pub seat_id: i64,
    /// Ticket number, unique and unguessable.
    pub number: String,
}

/// `GET /api/v1/idempotency/{key}`: what became of the caller's operation with this key.
/// 404 means that no effect of it exists.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IdempotencyStatus {
    /// The key.
    pub key: String,
    /// `IN_PROGRESS`, `SUCCESS` or `FAILED`.
    pub state: String,
    /// Status code of the stored answer; absent while in progress.
    pub status_code: Option<u16>,
    /// The stored answer's body, as it was sent.
    pub response: Option<serde_json::Value>,
}

/// Body of `POST /charges` at the payment simulator. Answer: 200 [`Charge`] or 402 [`Charge`] when declined.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChargeRequest {
    /// The payment's id: one payment is charged at most once, however often this is sent.
    pub payment_id: Uuid,
    /// Amount in cents, positive.
    pub amount_cents: i64,
    /// Token of the payment method.
    pub payment_method: String,
}

/// `GET /charges/{payment_id}` (404 when never seen), `POST /charges`, `POST /charges/{payment_id}/refund`
/// and items of `GET /charges` at the payment simulator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// The payment's id.
    pub payment_id: Uuid,
    /// Amount in cents.
    pub amount_cents: i64,
    /// Where it stands.
    pub state: ChargeState,
}

/// Where a charge stands at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargeState {
    /// Money taken.
    Captured,
    /// Refused, nothing taken.
    Declined,
    /// Taken and given back, whole.
    Refunded,
}
