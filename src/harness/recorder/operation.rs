//! One request as the client saw it, in Jepsen's terms. Knows nothing of what the server did with it.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::harness::summary::Outcomes;
use crate::wire::server_timing::Timings;
use crate::wire::{Availability, Reason, SeatStatus};

/// One request and its outcome. Times are microseconds since the start of the load, on the generator's monotonic clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// What was asked.
    pub op: OpKind,
    /// Name of the load.
    pub load: String,
    /// Iteration of that load, from 0.
    pub iteration: u64,
    /// The server asked: `server-1` ….
    pub server: String,
    /// Who asked.
    pub user: Uuid,
    /// As what.
    #[serde(default, skip_serializing_if = "Role::is_customer")]
    pub role: Role,
    /// The event.
    pub event: Uuid,
    /// Idempotency key sent (hold, confirm, book).
    pub key: Option<String>,
    /// SHA-256 (hex) of the request body; the same key with another body is another request.
    pub request_sha256: String,
    /// Seats asked for (hold, book) or covered (confirm, extension, both cancels, check in); when a hold, a sale or a check
    /// in is ok, those the answer names, sorted.
    pub seats: Vec<i64>,
    /// Tickets asked for where they have no place (hold, book); `seats` is empty then until the answer names them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u32>,
    /// Reservation used (confirm, extension, both cancels, check in, read) or obtained (hold, book, when ok).
    pub reservation: Option<Uuid>,
    /// Booking used (cancel of a booking, check in, read) or obtained (confirm, book, when ok).
    pub booking: Option<Uuid>,
    /// Number of the ticket used (check in, read).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// The version of the event from which it was to be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Whose rows were asked for (lists).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_of: Option<Uuid>,
    /// TTL asked for, milliseconds (hold).
    pub ttl_ms: Option<u64>,
    /// What the answer says of reservations and bookings when ok, also where it was read back: of one, or, where it is a
    /// list, of each row, at most [`LIST_ROWS_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<Told>,
    /// When the ticket was used, as the answer says it, database time (check in).
    #[serde(
        with = "time::serde::rfc3339::option",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub checked_in_at: Option<OffsetDateTime>,
    /// What is left of an event, as the answer says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability: Option<Availability>,
    /// The seat after which a page of the seat map was to begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_after: Option<i64>,
    /// Seats, as one page of the seat map shows them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seat_states: Vec<SeatState>,
    /// Where that page says that the next one begins; none where it is the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// When the schedule wanted it to start; equals `invoked_us` for every request of an iteration but the first.
    pub intended_us: u64,
    /// When it was sent.
    pub invoked_us: u64,
    /// When its outcome was known.
    pub completed_us: u64,
    /// The outcome as the client saw it.
    pub outcome: Outcome,
    /// HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// The server marked the answer as a replay.
    pub replayed: bool,
    /// SHA-256 (hex) of the answer's body, where there was an answer.
    pub response_sha256: Option<String>,
    /// Machine-readable reason of a refusal, such as `seat_unavailable`, or a word of another server's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, where it is not ok: the server's message, or the transport's error.
    pub detail: String,
    /// What the server said that the answer took of each dependency; empty where it says nothing of the kind.
    #[serde(default, skip_serializing_if = "Timings::is_empty")]
    pub dependencies: Timings,
    /// What settling found out about an `info` outcome: the operation's true end, read back by its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<Outcome>,
}

/// What an answer says of a reservation or a booking, beside its seats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The reservation, or the one that the booking was made from.
    pub reservation: Uuid,
    /// Event.
    pub event: Uuid,
    /// Owner.
    pub user: Uuid,
    /// Where it stands, in the API's word.
    pub state: String,
    /// The booking, where it is told of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booking: Option<Uuid>,
    /// Reference of the booking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Seats, sorted.
    #[serde(default)]
    pub seats: Vec<i64>,
    /// Total in cents.
    pub total_cents: i64,
    /// End of the hold (reservation).
    #[serde(
        with = "time::serde::rfc3339::option",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub expires_at: Option<OffsetDateTime>,
    /// Ticket numbers, in the order of the seats (booking).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tickets: Vec<String>,
}

/// Rows of a list that are read, or one page more; a list with fewer is whole.
pub const LIST_ROWS_MAX: usize = 100;

/// A seat, as the seat map shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatState {
    /// The seat.
    pub seat: i64,
    /// What can be done with it.
    pub status: SeatStatus,
    /// Price in cents.
    pub price_cents: i64,
}

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Buy.
    #[default]
    Customer,
    /// Change events of their own and let visitors in to them, too. Those of a run are no organizer's.
    Organizer,
    /// Change every event and let visitors in, too.
    Admin,
}

impl Role {
    /// Whether it may do no more than buy.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
    pub fn is_customer(&self) -> bool {
        *self == Self::Customer
    }
}

impl Operation {
    /// The operation's true end as far as it is known: what settling found, else what the client saw.
    pub fn end(&self) -> Outcome {
        self.settled.unwrap_or(self.outcome)
    }

    /// Counts it.
    pub fn outcomes(&self) -> Outcomes {
        let mut one = Outcomes::default();
        match self.outcome {
            Outcome::Ok => one.ok = 1,
            Outcome::Fail if self.is_not_connected() => (one.fail, one.not_connected) = (1, 1),
            Outcome::Fail => (one.fail, one.refused) = (1, 1),
            Outcome::Info => one.info = 1,
        }
        one
    }

    /// Whether the connection was refused, so that not a byte was sent: a failure for certain, and no word of the service's.
    pub fn is_not_connected(&self) -> bool {
        self.outcome == Outcome::Fail && self.status.is_none()
    }

    /// The reason of a refusal, where it is one that we know.
    pub fn known_reason(&self) -> Option<Reason> {
        self.reason.as_deref().and_then(Reason::parse)
    }

    /// Whether these seats, sorted, are what was asked for: the same ones, or as many.
    pub fn is_for(&self, given: &[i64]) -> bool {
        if let Some(quantity) = self.quantity {
            return u32::try_from(given.len()) == Ok(quantity);
        }
        let mut asked = self.seats.clone();
        asked.sort_unstable();
        asked == given
    }
}

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpKind {
    /// `POST /api/v1/reservations`.
    Hold,
    /// `POST /api/v1/bookings/confirm`.
    Confirm,
    /// `POST /api/v1/bookings`: a hold and its payment in one step.
    Book,
    /// `DELETE /api/v1/reservations/{id}`.
    Cancel,
    /// `POST /api/v1/reservations/{id}/extend`.
    Extend,
    /// `PATCH /api/v1/bookings/{id}/cancel`.
    CancelBooking,
    /// `POST /api/v1/tickets/{number}/check-in`.
    CheckIn,
    /// `PATCH /api/v1/events/{id}`, by an admin: the event is cancelled.
    CancelEvent,
    /// `PATCH /api/v1/events/{id}`, by an admin: the event gets another title and another start.
    EditEvent,
    /// `DELETE /api/v1/events/{id}`, by an admin.
    DeleteEvent,
    /// `GET /api/v1/reservations/{id}`.
    ReadReservation,
    /// `GET /api/v1/bookings/{id}` or `/reference/{reference}`.
    ReadBooking,
    /// `GET /api/v1/tickets/{number}/qr`.
    ReadTicket,
    /// `GET /api/v1/idempotency/{key}`: what it tells of is what the stored answer tells of.
    ReadKey,
    /// `GET /api/v1/reservations/user/{id}`, page by page.
    ListReservations,
    /// `GET /api/v1/bookings/user/{id}`, page by page.
    ListBookings,
    /// `GET /api/v1/events/{id}/availability`.
    ReadAvailability,
    /// `GET /api/v1/events/{id}/seats`, one page.
    ReadSeats,
}

impl OpKind {
    /// Every kind, in report order.
    pub const ALL: [Self; 18] = [
        Self::Hold,
        Self::Confirm,
        Self::Book,
        Self::Cancel,
        Self::Extend,
        Self::CancelBooking,
        Self::CheckIn,
        Self::CancelEvent,
        Self::EditEvent,
        Self::DeleteEvent,
        Self::ReadReservation,
        Self::ReadBooking,
        Self::ReadTicket,
        Self::ReadKey,
        Self::ListReservations,
        Self::ListBookings,
        Self::ReadAvailability,
        Self::ReadSeats,
    ];

    /// Whether it asks for a sale.
    pub fn sells(self) -> bool {
        matches!(self, Self::Confirm | Self::Book)
    }

    /// Whether it asks for seats, held or sold.
    pub fn grants(self) -> bool {
        self.sells() || self == Self::Hold
    }

    /// Whether it asks for a change of an event.
    pub fn changes_event(self) -> bool {
        matches!(self, Self::CancelEvent | Self::EditEvent | Self::DeleteEvent)
    }

    /// Whether it asks for a list of reservations or bookings.
    pub fn lists(self) -> bool {
        matches!(self, Self::ListReservations | Self::ListBookings)
    }

    /// The name used in history, metrics and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Confirm => "confirm",
            Self::Book => "book",
            Self::Cancel => "cancel",
            Self::Extend => "extend",
            Self::CancelBooking => "cancel_booking",
            Self::CheckIn => "check_in",
            Self::CancelEvent => "cancel_event",
            Self::EditEvent => "edit_event",
            Self::DeleteEvent => "delete_event",
            Self::ReadReservation => "read_reservation",
            Self::ReadBooking => "read_booking",
            Self::ReadTicket => "read_ticket",
            Self::ReadKey => "read_key",
            Self::ListReservations => "list_reservations",
            Self::ListBookings => "list_bookings",
            Self::ReadAvailability => "read_availability",
            Self::ReadSeats => "read_seats",
        }
    }
}

/// How an operation ended, for all the client knows. Source: Jepsen's `:ok`, `:fail`, `:info`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It took effect.
    Ok,
    /// It certainly did not take effect: the service refused it (a 4xx), or there was no connection to send it on.
    Fail,
    /// Unknown: timeout, reset, 5xx.
    Info,
}
