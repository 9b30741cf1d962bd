//! Tickets as check-in sees them: one row each, live until their booking is cancelled, used once.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::StorageError;
use crate::domain::{BookingId, EventId, SeatId, UserId};

/// A ticket and whose matter it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Its number.
    pub number: String,
    /// Its booking.
    pub booking: BookingId,
    /// Its seat.
    pub seat: SeatId,
    /// Its event.
    pub event: EventId,
    /// Who bought it.
    pub buyer: UserId,
    /// Who runs the event.
    pub organizer: Option<UserId>,
    /// False once its booking was cancelled.
    pub live: bool,
    /// When it let somebody in.
    pub checked_in_at: Option<OffsetDateTime>,
}

struct Row {
    ticket_number: String,
    booking_id: Uuid,
    seat_id: i64,
    event_id: Uuid,
    user_id: Uuid,
    organizer_id: Option<Uuid>,
    live: bool,
    checked_in_at: Option<OffsetDateTime>,
}

/// The ticket of this number, if there is one.
pub async fn find(
    connection: &mut PgConnection,
    number: &str,
) -> Result<Option<Ticket>, StorageError> {
    let row = sqlx::query_as!(
        Row,
        "select ticket_number, booking_id, seat_id, event_id, user_id, organizer_id, live, checked_in_at
         from booking_seats
         join bookings on bookings.id = booking_id
         join events on events.id = event_id
         where ticket_number = $1",
        number
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Ticket {
        number: row.ticket_number,
        booking: BookingId(row.booking_id),
        seat: SeatId(row.seat_id),
        event: EventId(row.event_id),
        buyer: UserId(row.user_id),
        organizer: row.organizer_id.map(UserId),
        live: row.live,
        checked_in_at: row.checked_in_at,
    }))
}

/// Uses a live ticket up; `None` when it was used or its booking or event cancelled before. Of many
/// check-ins at once exactly one gets the time.
pub async fn check_in(
    connection: &mut PgConnection,
    number: &str,
) -> Result<Option<OffsetDateTime>, StorageError> {
    let at = sqlx::query_scalar!(
        r#"update booking_seats set checked_in_at = now()
           from bookings join events on events.id = event_id
           where ticket_number = $1 and live and checked_in_at is null
             and bookings.id = booking_id and events.status <> 'cancelled'
           returning checked_in_at as "checked_in_at!""#,
        number
    )
    .fetch_optional(connection)
    .await?;
    Ok(at)
}
