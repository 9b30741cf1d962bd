//! Bookings and their tickets.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::payments::Payment;
use super::{StorageError, idempotency};
use crate::domain::{
    Booking, BookingId, BookingState, Cents, EventId, PaymentId, Reference, ReservationId, SeatId,
    StoredResponse, Ticket, TicketNumber, UserId,
};

struct Row {
    id: Uuid,
    /// None while it is being paid for.
    reference: Option<String>,
    reservation_id: Uuid,
    event_id: Uuid,
    user_id: Uuid,
    state: String,
    total_cents: i64,
    seat_ids: Vec<i64>,
    ticket_numbers: Vec<String>,
    created_at: OffsetDateTime,
    cancelled_at: Option<OffsetDateTime>,
}

impl TryFrom<Row> for Booking {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        let tickets = row.seat_ids.into_iter().zip(row.ticket_numbers);
        Ok(Self {
            id: BookingId(row.id),
            reference: row
                .reference
                .map_or_else(|| Reference::of_booking(BookingId(row.id)), Reference::stored),
            reservation: ReservationId(row.reservation_id),
            event: EventId(row.event_id),
            user: UserId(row.user_id),
            state: BookingState::parse(&row.state)
                .ok_or(StorageError::Impossible("booking state"))?,
            total: Cents::new(row.total_cents).ok_or(StorageError::Impossible("total"))?,
            created_at: row.created_at,
            cancelled_at: row.cancelled_at,
            tickets: tickets
                .map(|(seat, number)| Ticket {
                    seat: SeatId(seat),
                    number: TicketNumber::stored(number),
                })
                .collect(),
        })
    }
}

/// A sale about to be made.
#[derive(Debug)]
pub struct Sale<'a> {
    /// The captured charge.
    pub payment: &'a Payment,
    /// What it pays for.
    pub booking: &'a Booking,
    /// The answer to the request that asked for it.
    pub response: &'a StoredResponse,
}

/// Makes a sale in one statement: ends the payment, confirms the reservation, marks its seats as sold, writes the booking
/// and its tickets at the prices they were held for, and ends the request. All of it, or nothing and false: when another
/// process ended the payment before, the hold ended, or a seat is no longer the reservation's. Rows are locked in the order
/// in which everybody locks them. The index [`super::guard_index`] has the last word, so there is no sale without it: the
/// statement has locked the table before it looks whether the index stands, so that nobody can take it away in between.
///
/// # Errors
/// [`StorageError::Unguarded`], and nothing written, when the index is gone.
pub async fn sell(connection: &mut PgConnection, sale: &Sale<'_>) -> Result<bool, StorageError> {
    let Sale { payment, booking, response } = sale;
    let (seats, tickets) = tickets(booking);
    let sale = sqlx::query!(
        r#"with charging as (
               select id, created_at from payments where id = $1 and step = 'charging' for update),
           hold as (
               select reservations.id from reservations, charging
               where reservations.id = $4 and state = 'held' and expires_at > now()
                 and exists (select from events where events.id = event_id and status = 'published')
               for update of reservations),
           theirs as materialized (
               select seats.id, price_cents from seats, hold
               where seats.id = any($8) and reservation_id = $4 and booking_id is null
               order by seats.id for update of seats),
           whole as (select count(*) from theirs having count(*) = cardinality($8)),
           allowed as (
               select from whole where exists (
                   select from pg_index
                   where indexrelid = to_regclass('booking_seats_one_live_sale') and indisunique and indisvalid)),
           captured as (
               update payments set state = 'captured', step = 'done' from allowed where id = $1),
           confirmed as (
               update reservations set state = 'confirmed', ended_at = now() from allowed where id = $4),
           sold as (
               update seats set booking_id = $2, version = version + 1
               from theirs, allowed where seats.id = theirs.id),
           booking as (
               insert into bookings (id, reference, reservation_id, event_id, user_id, state, total_cents,
                                     idempotency_key, created_at)
               select $2, $3, $4, $5, $6, 'confirmed', $7, $10, charging.created_at from allowed, charging),
           linked as (
               insert into booking_seats (booking_id, seat_id, ticket_number, price_cents)
               select $2, theirs.id, ordered.ticket_number, price_cents
               from unnest($8::bigint[], $9::text[]) as ordered (seat_id, ticket_number)
               join theirs on theirs.id = ordered.seat_id, allowed),
           ended as (
               update idempotency_records
               set state = 'SUCCESS', status_code = $11, response = $12,
                   expires_at = now() + make_interval(secs => $13)
               from allowed where user_id = $6 and key = $10 and state = 'IN_PROGRESS')
           select (select count(*) from whole) as "whole!", (select count(*) from allowed) as "sold!""#,
        payment.id.0,
        booking.id.0,
        booking.reference.as_str(),
        booking.reservation.0,
        booking.event.0,
        booking.user.0,
        booking.total.get(),
        &seats,
        &tickets,
        payment.key.as_str(),
        idempotency::status_code(response),
        response.body,
        idempotency::ENDED_TTL_SECONDS
    )
    .fetch_one(connection)
    .await?;
    if sale.whole == sale.sold { Ok(sale.sold == 1) } else { Err(StorageError::Unguarded) }
}

/// A booking's seats and, in the same order, their ticket numbers.
pub fn tickets(booking: &Booking) -> (Vec<i64>, Vec<String>) {
    let pair = |ticket: &Ticket| (ticket.seat.0, ticket.number.as_str().to_owned());
    booking.tickets.iter().map(pair).unzip()
}

/// What a booking is found by.
#[derive(Debug, Clone, Copy)]
pub enum By<'a> {
    /// Its id.
    Id(BookingId),
    /// Its reference.
    Reference(&'a str),
}

/// The booking, if there is one. By its id, one that is being paid for is found too, as pending, and one whose hold ended
/// before anything was charged, as expired; neither has tickets.
pub async fn find(
    connection: &mut PgConnection,
    by: By<'_>,
) -> Result<Option<Booking>, StorageError> {
    let (id, reference) = match by {
        By::Id(id) => (Some(id.0), None),
        By::Reference(reference) => (None, Some(reference)),
    };
    let row = sqlx::query_as!(
        Row,
        r#"with booked as (
               select id, reference, reservation_id, event_id, user_id, state::text as state, total_cents, created_at,
                      cancelled_at
               from bookings where id = $1
               union all
               select id, reference, reservation_id, event_id, user_id, state::text, total_cents, created_at,
                      cancelled_at
               from bookings where reference = $2),
           unpaid as (
               select payments.id, null, reservation_id, event_id, payments.user_id,
                      case when payments.state = 'pending' then 'pending' else 'expired' end, amount_cents,
                      payments.created_at, null::timestamptz
               from payments join reservations on reservations.id = reservation_id
               where payments.id = $1 and not exists (select from booked)
                 and (payments.state = 'pending' or (payments.state = 'failed' and reservations.state = 'expired')))
           select id as "id!", reference, reservation_id as "reservation_id!", event_id as "event_id!", user_id as "user_id!",
                  state as "state!", total_cents as "total_cents!", created_at as "created_at!", cancelled_at,
                  array(select seat_id from booking_seats where booking_id = found.id order by seat_id) as "seat_ids!",
                  array(select ticket_number from booking_seats where booking_id = found.id order by seat_id)
                      as "ticket_numbers!"
           from (select * from booked union all select * from unpaid) as found"#,
        id,
        reference
    )
    .fetch_optional(connection)
    .await?;
    row.map(Booking::try_from).transpose()
}

/// A user's bookings with the time each was begun, newest first, as [`find`] sees them; `after` is where the last page
/// ended.
pub async fn list_of_user(
    connection: &mut PgConnection,
    user: UserId,
    after: Option<(OffsetDateTime, Uuid)>,
    limit: i64,
) -> Result<Vec<(OffsetDateTime, Booking)>, StorageError> {
    let (after_time, after_id) = after.unzip();
    let rows = sqlx::query_as!(
        Row,
        r#"with booked as (
               select id, reference, reservation_id, event_id, user_id, state::text as state, total_cents, created_at,
                      cancelled_at
               from bookings
               where user_id = $1 and ($2::timestamptz is null or (created_at, id) < ($2, $3::uuid))
               order by created_at desc, id desc limit $4),
           unpaid as (
               select payments.id, null, reservation_id, event_id, payments.user_id,
                      case when payments.state = 'pending' then 'pending' else 'expired' end, amount_cents,
                      payments.created_at, null::timestamptz
               from payments join reservations on reservations.id = reservation_id
               where payments.user_id = $1 and payments.state in ('pending', 'failed')
                 and (payments.state = 'pending' or reservations.state = 'expired')
                 and ($2::timestamptz is null or (payments.created_at, payments.id) < ($2, $3::uuid))
               order by payments.created_at desc, payments.id desc limit $4)
           select id as "id!", reference, reservation_id as "reservation_id!", event_id as "event_id!", user_id as "user_id!",
                  state as "state!", total_cents as "total_cents!", created_at as "created_at!", cancelled_at,
                  array(select seat_id from booking_seats where booking_id = found.id order by seat_id) as "seat_ids!",
                  array(select ticket_number from booking_seats where booking_id = found.id order by seat_id)
                      as "ticket_numbers!"
           from (select * from booked union all select * from unpaid) as found
           order by created_at desc, id desc limit $4"#,
        user.0,
        after_time,
        after_id,
        limit
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(|row| Ok((row.created_at, row.try_into()?))).collect()
}

/// Whether tickets that were used stand in the way of a cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsedTickets {
    /// A visitor who was let in has had what was paid for.
    Keep,
    /// The event is cancelled: everything is refunded.
    Refund,
}

/// Cancels a confirmed booking in one statement: its tickets no longer let anybody in, its seats are free, and its payment
/// is at the recovery point of a refund, whose id is returned. `None`, and nothing written, when the booking is not
/// confirmed; nor where one of its tickets was used or its event is over, and `used` says to keep what was had.
pub async fn cancel(
    connection: &mut PgConnection,
    id: BookingId,
    used: UsedTickets,
) -> Result<Option<PaymentId>, StorageError> {
    let payment = sqlx::query_scalar!(
        r#"with booking as (
               select id, reservation_id, event_id from bookings where id = $1 and state = 'confirmed' for update),
           tickets as materialized (
               select seat_id, checked_in_at from booking_seats
               where booking_id = $1 order by seat_id for update),
           allowed as (
               select booking.id, reservation_id from booking
               where $2 or (
                   not exists (select from tickets where checked_in_at is not null)
                   and not exists (select from events where events.id = event_id and status = 'completed'))),
           paid as (
               select payments.id from payments, allowed
               where payments.reservation_id = allowed.reservation_id and state = 'captured' and step = 'done'
               for update of payments),
           theirs as materialized (
               select seats.id from seats join tickets on tickets.seat_id = seats.id, allowed
               where seats.booking_id = allowed.id
               order by seats.id for update of seats),
           gone as (
               update bookings set state = 'cancelled', cancelled_at = now() from allowed
               where bookings.id = allowed.id),
           unlinked as (
               update booking_seats set live = false from allowed where booking_id = allowed.id),
           freed as (
               update seats set booking_id = null, reservation_id = null, held_until = null, version = version + 1
               from theirs where seats.id = theirs.id)
           update payments set step = 'refunding', worked_at = now() from paid where payments.id = paid.id
           returning payments.id"#,
        id.0,
        used == UsedTickets::Refund
    )
    .fetch_optional(connection)
    .await?;
    Ok(payment.map(PaymentId))
}

/// Confirmed bookings of cancelled events, and their events, at most `limit`.
pub async fn of_cancelled_events(
    connection: &mut PgConnection,
    limit: i64,
) -> Result<Vec<(BookingId, EventId)>, StorageError> {
    let rows = sqlx::query!(
        "select bookings.id, event_id from events join bookings on event_id = events.id
         where status = 'cancelled' and state = 'confirmed' limit $1",
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (BookingId(row.id), EventId(row.event_id))).collect())
}

/// Confirmed bookings and live holds of cancelled events.
pub async fn count_of_cancelled_events(
    connection: &mut PgConnection,
) -> Result<(u64, u64), StorageError> {
    let row = sqlx::query!(
        r#"select (select count(*) from bookings join events on events.id = event_id
                   where status = 'cancelled' and state = 'confirmed') as "bookings!",
                  (select count(*) from reservations join events on events.id = event_id
                   where status = 'cancelled' and state = 'held') as "holds!""#
    )
    .fetch_one(connection)
    .await?;
    Ok((row.bookings.unsigned_abs(), row.holds.unsigned_abs()))
}
