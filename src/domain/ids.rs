//! Newtyped identifiers, so that a booking's id is never passed where a reservation's is meant.

use uuid::Uuid;

/// An event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventId(pub Uuid);

/// A caller: the subject of an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UserId(pub Uuid);

/// A reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReservationId(pub Uuid);

/// A booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BookingId(pub Uuid);

/// A payment; the provider knows it by the same id, which makes a repeated charge harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PaymentId(pub Uuid);

/// A refund; the provider knows it by the same id, which makes a repeated refund harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RefundId(pub Uuid);

impl RefundId {
    /// The one refund that a payment may come to: whoever asks for it asks for the same.
    pub fn of(payment: PaymentId) -> Self {
        Self(payment.0)
    }
}

/// A seat; unique over all events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeatId(pub i64);
