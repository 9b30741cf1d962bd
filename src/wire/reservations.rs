//! Reservations: seats held for a while.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::Object;
use uuid::Uuid;

use super::one_of;

/// `POST /api/v1/reservations`: names seats, or, where tickets have no place, a quantity; never both.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"event_id": "018f6f2a-4c1b-7a3e-9d54-2f1c6b7a8e90", "seat_ids": [4711, 4712], "ttl_seconds": 300})))]
pub struct CreateReservation {
    /// The event the seats belong to.
    pub event_id: Uuid,
    /// Seats wanted, all or none; 1 to 50, no repeats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 50)]
    pub seat_ids: Vec<i64>,
    /// Tickets wanted where they have no place, all or none; 1 to 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 50)]
    pub quantity: Option<u32>,
    /// How long to hold them, in seconds: 1 to what this server allows, which is how long it holds them when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 3600)]
    pub ttl_seconds: Option<u32>,
}

/// A reservation as every route answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(examples(json!({"id": "9c4e7a10-3f5d-4b1a-a6c8-7d2e5f90b314", "event_id": "018f6f2a-4c1b-7a3e-9d54-2f1c6b7a8e90",
    "user_id": "5b1d0c52-6a0e-4f7b-8d2b-1f4a9f3c2e77", "seat_ids": [4711, 4712], "state": "held", "total_cents": 9050,
    "expires_at": "2030-04-01T10:05:00Z"})))]
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
    #[schema(schema_with = states)]
    pub state: String,
    /// Sum of the seats' prices, in cents.
    pub total_cents: i64,
    /// When the hold ends, database time, RFC 3339.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: time::OffsetDateTime,
}

fn states() -> Object {
    one_of(&["held", "confirmed", "cancelled", "expired"], "Only `held` can change.")
}
