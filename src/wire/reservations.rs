//! Reservations: seats held for a while.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// `POST /api/v1/reservations`: names seats, or, where tickets have no place, a quantity; never both.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
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
    /// How long to hold them, in seconds; 1 to 3,600. The server's default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 3600)]
    pub ttl_seconds: Option<u32>,
}

/// A reservation as every route answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
