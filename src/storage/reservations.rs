//! Reservations: written when seats are held, ended by exactly one of payment, cancel and expiry. Each of the three is
//! one conditional UPDATE on `state = 'held'`, so whoever commits first wins and the others change nothing.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{StorageError, idempotency};
use crate::domain::{
    Cents, EventId, IdempotencyKey, RequestHash, Reservation, ReservationId, ReservationState,
    SeatSet, StoredResponse, UserId,
};

struct Row {
    id: Uuid,
    event_id: Uuid,
    user_id: Uuid,
    seat_ids: Vec<i64>,
    state: String,
    total_cents: i64,
    expires_at: OffsetDateTime,
}

impl TryFrom<Row> for Reservation {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        Ok(Self {
            id: ReservationId(row.id),
            event: EventId(row.event_id),
            user: UserId(row.user_id),
            seats: SeatSet::parse(row.seat_ids)
                .map_err(|_empty| StorageError::Impossible("seat set"))?,
            state: ReservationState::parse(&row.state)
                .ok_or(StorageError::Impossible("reservation state"))?,
            total: Cents::new(row.total_cents).ok_or(StorageError::Impossible("total"))?,
            expires_at: row.expires_at,
        })
    }
}

/// Writes a new reservation and the end of the request that asked for it, in one statement. False when the key was used
/// before: nothing may be committed then. Waits for another transaction that is using the key right now.
pub async fn insert(
    connection: &mut PgConnection,
    reservation: &Reservation,
    (key, hash): (&IdempotencyKey, RequestHash),
    response: &StoredResponse,
) -> Result<bool, StorageError> {
    let recorded = sqlx::query_scalar!(
        r#"with record as (
               insert into idempotency_records (user_id, key, request_sha256, state, status_code, response, expires_at)
               values ($3, $8, $9, 'SUCCESS', $10, $11, now() + make_interval(secs => $12))
               on conflict (user_id, key) do nothing returning key),
           reservation as (
               insert into reservations (id, event_id, user_id, seat_ids, state, total_cents, expires_at,
                                         idempotency_key)
               select $1, $2, $3, $4, $5, $6, $7, key from record)
           select count(*) as "recorded!" from record"#,
        reservation.id.0,
        reservation.event.0,
        reservation.user.0,
        &reservation.seats.numbers(),
        reservation.state.name(),
        reservation.total.get(),
        reservation.expires_at,
        key.as_str(),
        &hash.0[..],
        idempotency::status_code(response),
        response.body,
        idempotency::ENDED_TTL_SECONDS
    )
    .fetch_one(connection)
    .await?;
    Ok(recorded == 1)
}

/// The reservation, if there is one. A hold whose time is over reads as expired, swept or not.
pub async fn find(
    connection: &mut PgConnection,
    id: ReservationId,
) -> Result<Option<Reservation>, StorageError> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, event_id, user_id, seat_ids,
                  case when state = 'held' and expires_at <= now() then 'expired' else state end as "state!",
                  total_cents, expires_at
           from reservations where id = $1"#,
        id.0
    )
    .fetch_optional(connection)
    .await?;
    row.map(Reservation::try_from).transpose()
}

/// Cancels a live hold and frees the seats it still has; false when it ended before.
pub async fn cancel(
    connection: &mut PgConnection,
    id: ReservationId,
) -> Result<bool, StorageError> {
    let cancelled = sqlx::query_scalar!(
        r#"with gone as (
               update reservations set state = 'cancelled'
               where id = $1 and state = 'held' and expires_at > now() returning id, seat_ids),
           mine as (
               select seats.id from seats, gone
               where seats.id = any(gone.seat_ids) and reservation_id = gone.id and booking_id is null
               order by seats.id for update of seats),
           freed as (
               update seats set reservation_id = null, held_until = null from mine where seats.id = mine.id)
           select count(*) as "cancelled!" from gone"#,
        id.0
    )
    .fetch_one(connection)
    .await?;
    Ok(cancelled == 1)
}

/// Expires at most `limit` holds whose time is over and frees the seats they still have; returns how many. Holds that
/// another instance is expiring are left to it.
pub async fn expire_due(connection: &mut PgConnection, limit: i64) -> Result<u64, StorageError> {
    let expired = sqlx::query_scalar!(
        r#"with due as (
               select id from reservations where state = 'held' and expires_at <= now()
               order by expires_at limit $1 for update skip locked),
           gone as (
               update reservations set state = 'expired' from due where reservations.id = due.id
               returning reservations.id, seat_ids),
           pairs as (select gone.id as reservation_id, unnest(seat_ids) as seat_id from gone),
           theirs as (
               select seats.id from seats join pairs on seats.id = pairs.seat_id
                   and seats.reservation_id = pairs.reservation_id
               where booking_id is null
               order by seats.id for update of seats),
           freed as (
               update seats set reservation_id = null, held_until = null from theirs where seats.id = theirs.id)
           select count(*) as "expired!" from gone"#,
        limit
    )
    .fetch_one(connection)
    .await?;
    Ok(expired.unsigned_abs())
}

/// Holds whose time is over and that nobody has expired yet.
pub async fn count_due(connection: &mut PgConnection) -> Result<u64, StorageError> {
    let due = sqlx::query_scalar!(
        r#"select count(*) as "due!" from reservations where state = 'held' and expires_at <= now()"#
    )
    .fetch_one(connection)
    .await?;
    Ok(due.unsigned_abs())
}
