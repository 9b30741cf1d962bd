//! What the database holds, read without changing anything: the judge's view. Knows nothing of the code that wrote it.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

/// The database at one moment (one REPEATABLE READ transaction).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// Database time of the reading.
    #[serde(with = "time::serde::rfc3339")]
    pub taken_at: OffsetDateTime,
    /// Seats in the database.
    pub seats_count: i64,
    /// Seats with at least one live sale.
    pub seats_sold: i64,
    /// Everything that must not be.
    pub findings: Vec<Finding>,
    /// Every booking, by id.
    pub bookings: Vec<BookingRow>,
    /// Every reservation, by id.
    pub reservations: Vec<ReservationRow>,
    /// Every payment, by id.
    pub payments: Vec<PaymentRow>,
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which rule it breaks.
    pub kind: FindingKind,
    /// One line naming seat, bookings, users or payment.
    pub detail: String,
}

/// The rules that `audit` checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Two live sales of one seat.
    DoubleSell,
    /// A seat blocked by a reservation that is not live.
    OrphanedHold,
    /// A confirmed booking without a captured payment of its total.
    BookingWithoutPayment,
    /// A captured payment without a confirmed booking.
    PaymentWithoutBooking,
}

/// A booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookingRow {
    /// Booking id.
    pub id: Uuid,
    /// Reference.
    pub reference: String,
    /// The reservation it was made from.
    pub reservation_id: Uuid,
    /// Event.
    pub event_id: Uuid,
    /// Owner.
    pub user_id: Uuid,
    /// `pending`, `confirmed`, `cancelled` or `expired`.
    pub state: String,
    /// Total in cents.
    pub total_cents: i64,
    /// Its seats, sorted.
    pub seat_ids: Vec<i64>,
    /// Key of the request that made it.
    pub idempotency_key: String,
}

/// A reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationRow {
    /// Reservation id.
    pub id: Uuid,
    /// Event.
    pub event_id: Uuid,
    /// Owner.
    pub user_id: Uuid,
    /// `held`, `confirmed`, `cancelled` or `expired`.
    pub state: String,
    /// Its seats, sorted.
    pub seat_ids: Vec<i64>,
    /// End of the hold, database time.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
    /// Key of the request that made it.
    pub idempotency_key: String,
}

/// A payment as the server knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRow {
    /// Payment id; the provider knows it by the same.
    pub id: Uuid,
    /// The reservation paid for.
    pub reservation_id: Uuid,
    /// `pending`, `captured`, `failed` or `refunded`.
    pub state: String,
    /// Amount in cents.
    pub amount_cents: i64,
    /// Key of the request that made it.
    pub idempotency_key: String,
}
