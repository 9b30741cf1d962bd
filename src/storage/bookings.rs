//! Bookings and their tickets.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{StorageError, idempotency};
use crate::domain::{
    Booking, BookingId, BookingState, Cents, EventId, IdempotencyKey, Reference, ReservationId,
    SeatId, StoredResponse, Ticket, TicketNumber, UserId,
};

/// The index that allows one live sale a seat.
pub const ONE_LIVE_SALE: &str = "booking_seats_one_live_sale";

struct Row {
    id: Uuid,
    reference: String,
    reservation_id: Uuid,
    event_id: Uuid,
    user_id: Uuid,
    state: String,
    total_cents: i64,
    seat_ids: Vec<i64>,
    ticket_numbers: Vec<String>,
}

impl TryFrom<Row> for Booking {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        let tickets = row.seat_ids.into_iter().zip(row.ticket_numbers);
        Ok(Self {
            id: BookingId(row.id),
            reference: Reference::stored(row.reference),
            reservation: ReservationId(row.reservation_id),
            event: EventId(row.event_id),
            user: UserId(row.user_id),
            state: BookingState::parse(&row.state)
                .ok_or(StorageError::Impossible("booking state"))?,
            total: Cents::new(row.total_cents).ok_or(StorageError::Impossible("total"))?,
            tickets: tickets
                .map(|(seat, number)| Ticket {
                    seat: SeatId(seat),
                    number: TicketNumber::stored(number),
                })
                .collect(),
        })
    }
}

/// Writes a booking, links its seats, each at the price it was held for, and ends the request that asked for it, in one
/// statement. The index [`ONE_LIVE_SALE`] has the last word. False when the request had ended before.
pub async fn insert(
    connection: &mut PgConnection,
    booking: &Booking,
    key: &IdempotencyKey,
    response: &StoredResponse,
) -> Result<bool, StorageError> {
    let seats: Vec<i64> = booking.tickets.iter().map(|ticket| ticket.seat.0).collect();
    let tickets: Vec<String> =
        booking.tickets.iter().map(|ticket| ticket.number.as_str().to_owned()).collect();
    let ended = sqlx::query_scalar!(
        r#"with booking as (
               insert into bookings (id, reference, reservation_id, event_id, user_id, state, total_cents,
                                     idempotency_key)
               values ($1, $2, $3, $4, $5, $6, $7, $8)),
           linked as (
               insert into booking_seats (booking_id, seat_id, ticket_number, price_cents)
               select $1, seats.id, ordered.ticket_number, seats.price_cents
               from unnest($9::bigint[], $10::text[]) as ordered (seat_id, ticket_number)
               join seats on seats.id = ordered.seat_id),
           ended as (
               update idempotency_records
               set state = 'SUCCESS', status_code = $11, response = $12,
                   expires_at = now() + make_interval(secs => $13)
               where user_id = $5 and key = $8 and state = 'IN_PROGRESS' returning key)
           select count(*) as "ended!" from ended"#,
        booking.id.0,
        booking.reference.as_str(),
        booking.reservation.0,
        booking.event.0,
        booking.user.0,
        booking.state.name(),
        booking.total.get(),
        key.as_str(),
        &seats,
        &tickets,
        idempotency::status_code(response),
        response.body,
        idempotency::ENDED_TTL_SECONDS
    )
    .fetch_one(connection)
    .await?;
    Ok(ended == 1)
}

/// The booking of this id, if there is one.
pub async fn find(
    connection: &mut PgConnection,
    id: BookingId,
) -> Result<Option<Booking>, StorageError> {
    let row = sqlx::query_as!(
        Row,
        r#"select bookings.id, reference, reservation_id, event_id, user_id, state, total_cents,
                  array_agg(seat_id order by seat_id) as "seat_ids!",
                  array_agg(ticket_number order by seat_id) as "ticket_numbers!"
           from bookings join booking_seats on booking_id = bookings.id
           where bookings.id = $1 group by bookings.id"#,
        id.0
    )
    .fetch_optional(connection)
    .await?;
    row.map(Booking::try_from).transpose()
}

/// The booking of this reference, if there is one.
pub async fn find_by_reference(
    connection: &mut PgConnection,
    reference: &str,
) -> Result<Option<Booking>, StorageError> {
    let row = sqlx::query_as!(
        Row,
        r#"select bookings.id, reference, reservation_id, event_id, user_id, state, total_cents,
                  array_agg(seat_id order by seat_id) as "seat_ids!",
                  array_agg(ticket_number order by seat_id) as "ticket_numbers!"
           from bookings join booking_seats on booking_id = bookings.id
           where reference = $1 group by bookings.id"#,
        reference
    )
    .fetch_optional(connection)
    .await?;
    row.map(Booking::try_from).transpose()
}
