//! Bookings and their tickets.

use sqlx::PgConnection;
use uuid::Uuid;

use super::StorageError;
use crate::domain::{
    Booking, BookingId, BookingState, Cents, EventId, IdempotencyKey, Reference, ReservationId,
    SeatId, Ticket, TicketNumber, UserId,
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

/// Writes a booking and links its seats, each at the price it was held for. The index [`ONE_LIVE_SALE`] has the last
/// word.
pub async fn insert(
    connection: &mut PgConnection,
    booking: &Booking,
    key: &IdempotencyKey,
) -> Result<(), StorageError> {
    let seats: Vec<i64> = booking.tickets.iter().map(|ticket| ticket.seat.0).collect();
    let tickets: Vec<String> =
        booking.tickets.iter().map(|ticket| ticket.number.as_str().to_owned()).collect();
    sqlx::query!(
        "with booking as (
             insert into bookings (id, reference, reservation_id, event_id, user_id, state, total_cents, idempotency_key)
             values ($1, $2, $3, $4, $5, $6, $7, $8))
         insert into booking_seats (booking_id, seat_id, ticket_number, price_cents)
         select $1, seats.id, ordered.ticket_number, seats.price_cents
         from unnest($9::bigint[], $10::text[]) as ordered (seat_id, ticket_number)
         join seats on seats.id = ordered.seat_id",
        booking.id.0,
        booking.reference.as_str(),
        booking.reservation.0,
        booking.event.0,
        booking.user.0,
        booking.state.name(),
        booking.total.get(),
        key.as_str(),
        &seats,
        &tickets
    )
    .execute(connection)
    .await?;
    Ok(())
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
