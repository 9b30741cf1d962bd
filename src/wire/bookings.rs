//! Bookings, their tickets, and what lets a visitor in.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::Object;
use uuid::Uuid;

use super::one_of;

/// `POST /api/v1/bookings/confirm`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"reservation_id": "9c4e7a10-3f5d-4b1a-a6c8-7d2e5f90b314", "payment_method": "card"})))]
pub struct ConfirmBooking {
    /// The caller's reservation to pay for.
    pub reservation_id: Uuid,
    /// Token of the payment method, as the provider issued it.
    #[serde(default = "default_payment_method")]
    #[schema(min_length = 1, max_length = 200)]
    pub payment_method: String,
}

/// `POST /api/v1/bookings`: holds and pays in one step. Names seats, or, where tickets have no place, a quantity.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"event_id": "018f6f2a-4c1b-7a3e-9d54-2f1c6b7a8e90", "quantity": 2, "payment_method": "card"})))]
pub struct CreateBooking {
    /// The event.
    pub event_id: Uuid,
    /// Seats wanted, all or none; 1 to 50, no repeats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 50)]
    pub seat_ids: Vec<i64>,
    /// Tickets wanted where they have no place, all or none; 1 to 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 50)]
    pub quantity: Option<u32>,
    /// Token of the payment method, as the provider issued it.
    #[serde(default = "default_payment_method")]
    #[schema(min_length = 1, max_length = 200)]
    pub payment_method: String,
}

fn default_payment_method() -> String {
    "card".to_owned()
}

/// A booking as every route answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(examples(json!({"id": "c2f8d1e4-70b9-4d63-9a15-3e8b6c4f2a01", "reference": "7Q2M9X4KJ0",
    "reservation_id": "9c4e7a10-3f5d-4b1a-a6c8-7d2e5f90b314", "event_id": "018f6f2a-4c1b-7a3e-9d54-2f1c6b7a8e90",
    "user_id": "5b1d0c52-6a0e-4f7b-8d2b-1f4a9f3c2e77", "state": "confirmed", "total_cents": 4500,
    "created_at": "2030-04-01T10:02:00Z",
    "tickets": [{"seat_id": 4711, "number": "7Q2M9X4KJ0B6T3VZ8NRE5HWGC"}]})))]
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
    #[schema(schema_with = states)]
    pub state: String,
    /// Sum paid, in cents.
    pub total_cents: i64,
    /// When its payment was started.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: time::OffsetDateTime,
    /// When it was cancelled.
    #[serde(
        with = "time::serde::rfc3339::option",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub cancelled_at: Option<time::OffsetDateTime>,
    /// One ticket a seat, in seat order.
    pub tickets: Vec<Ticket>,
}

fn states() -> Object {
    one_of(&["pending", "confirmed", "cancelled", "expired"], "Only `confirmed` admits anybody.")
}

/// One seat of a booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(examples(json!({"seat_id": 4711, "number": "7Q2M9X4KJ0B6T3VZ8NRE5HWGC"})))]
pub struct Ticket {
    /// The seat.
    pub seat_id: i64,
    /// Ticket number, unique and unguessable.
    pub number: String,
}

/// `POST /api/v1/tickets/{number}/check-in`: the ticket was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(examples(json!({"number": "7Q2M9X4KJ0B6T3VZ8NRE5HWGC", "event_id": "018f6f2a-4c1b-7a3e-9d54-2f1c6b7a8e90",
    "seat_id": 4711, "checked_in_at": "2030-05-01T18:40:00Z"})))]
pub struct CheckIn {
    /// The ticket.
    pub number: String,
    /// Its event.
    pub event_id: Uuid,
    /// Its seat.
    pub seat_id: i64,
    /// When it was used, database time, RFC 3339.
    #[serde(with = "time::serde::rfc3339")]
    pub checked_in_at: time::OffsetDateTime,
}
