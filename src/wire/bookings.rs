//! Bookings, their tickets, and what lets a visitor in.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// `POST /api/v1/bookings/confirm`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
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
    /// When its payment was begun.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: time::OffsetDateTime,
    /// When it was given back.
    #[serde(
        with = "time::serde::rfc3339::option",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub cancelled_at: Option<time::OffsetDateTime>,
    /// One ticket a seat, in seat order.
    pub tickets: Vec<Ticket>,
}

/// One seat of a booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ticket {
    /// The seat.
    pub seat_id: i64,
    /// Ticket number, unique and unguessable.
    pub number: String,
}

/// `POST /api/v1/tickets/{number}/check-in`: somebody was let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
