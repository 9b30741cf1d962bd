//! The rules of selling seats, pure: no I/O, no clock, no randomness, no serialisation.

/// Newtyped identifiers.
pub mod ids;
/// Sums of money in cents.
pub mod money;
/// Numbers as people read them.
pub mod count;
/// Text that people wrote.
pub mod text;
/// Times that people wrote.
pub mod moment;
/// Events and their states.
pub mod event;
/// Seats and sets of them.
pub mod seat;
/// Holds with an end.
pub mod reservation;
/// Sales and their tickets.
pub mod booking;
/// One key, one effect.
pub mod idempotency;
/// What a user may be.
pub mod role;
/// Addresses and passwords.
pub mod account;
/// Why a request is refused.
pub mod refusal;

pub use account::{Email, Password};
pub use booking::{Booking, BookingState, Reference, Ticket, TicketNumber};
pub use count::{counted, grouped};
pub use event::{Admission, EventStatus, TicketLimit};
pub use idempotency::{IdempotencyKey, RecordState, RequestHash, StoredResponse};
pub use ids::{BookingId, EventId, PaymentId, RefundId, ReservationId, SeatId, UserId};
pub use moment::moment;
pub use money::Cents;
pub use refusal::Refusal;
pub use reservation::{HoldTtl, Holds, Reservation, ReservationState};
pub use role::Role;
pub use seat::{Quantity, SeatSet, Wanted};
pub use text::Text;
