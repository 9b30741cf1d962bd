//! Reservations: written when seats are held, ended by exactly one of payment, cancel and expiry. Each of the three is
//! one conditional UPDATE on `state = 'held'`, so whoever commits first wins and the others change nothing.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{StorageError, idempotency};
use crate::domain::{
    Cents, EventId, EventStatus, Holds, IdempotencyKey, Refusal, RequestHash, Reservation,
    ReservationId, ReservationState, SeatSet, StoredResponse, TicketLimit, UserId,
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

/// In seconds: no hold lives so long, extended or not, so what is held was made since. Keeps the count of a user's holds short
/// without an index of its own, for which every hold would pay.
const HELD_WITHIN_SECONDS: f64 = 3.0 * 3600.0;

/// What came of recording a hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inserted {
    /// It is recorded.
    Done {
        /// Tickets of the event that its user may have; none where there is no limit.
        limit: Option<TicketLimit>,
        /// What its user holds of the event with it, holds that are over and were not swept yet among them.
        held: Holds,
    },
    /// The key was used before; nothing was written.
    KeyUsed,
    /// Nothing of the event can be held; nothing was written.
    Refused(Refusal),
}

/// Writes a held reservation and the end of its request in one statement, if the event is on sale, its sale has not ended
/// and the key is new.
pub async fn insert(
    connection: &mut PgConnection,
    reservation: &Reservation,
    (key, hash): (&IdempotencyKey, RequestHash),
    response: &StoredResponse,
) -> Result<Inserted, StorageError> {
    let row = sqlx::query!(
        r#"with event as (
               select status::text as status, tickets_per_user_max, coalesce(sales_end_at, starts_at) as sales_end_at,
                      coalesce(sales_end_at, starts_at) <= now() as is_over
               from events where id = $2 and deleted_at is null),
           record as (
               insert into idempotency_records (user_id, key, request_sha256, state, status_code, response, expires_at)
               select $3, $7, $8, 'SUCCESS', $9, $10, now() + make_interval(secs => $11)
               from event where status = 'published' and not is_over
               on conflict (user_id, key) do nothing returning key),
           reservation as (
               insert into reservations (id, event_id, user_id, seat_ids, state, total_cents, expires_at,
                                         idempotency_key)
               select $1, $2, $3, $4, 'held', $5, $6, key from record),
           before as (
               -- A state asked for below would have PostgreSQL read the index of all live holds.
               select count(*) filter (where state = 'held') as holds,
                      coalesce(sum(cardinality(seat_ids)) filter (where state = 'held'), 0) as seats
               from reservations
               where user_id = $3 and event_id = $2 and created_at > now() - make_interval(secs => $12))
           select status as "status!", tickets_per_user_max, sales_end_at as "sales_end_at!", is_over as "is_over!",
                  (select count(*) from record) as "recorded!", holds as "holds!", seats as "seats!"
           from event, before"#,
        reservation.id.0,
        reservation.event.0,
        reservation.user.0,
        &reservation.seats.numbers(),
        reservation.total.get(),
        reservation.expires_at,
        key.as_str(),
        &hash.0[..],
        idempotency::status_code(response),
        response.body,
        idempotency::ENDED_TTL_SECONDS,
        HELD_WITHIN_SECONDS
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(Inserted::Refused(Refusal::NotFound("event"))) };
    let status = EventStatus::parse(&row.status).ok_or(StorageError::Impossible("event status"))?;
    let limit = row.tickets_per_user_max.map(TicketLimit::new).transpose();
    let limit = limit.map_err(|_range| StorageError::Impossible("ticket limit"))?;
    Ok(match (Refusal::of_sale(status, row.sales_end_at, row.is_over), row.recorded) {
        (Some(refusal), _) => Inserted::Refused(refusal),
        (None, 1) => {
            let seats = row.seats + i64::try_from(reservation.seats.len()).unwrap_or(i64::MAX);
            Inserted::Done { limit, held: holds(row.holds + 1, seats) }
        }
        (None, _) => Inserted::KeyUsed,
    })
}

fn holds(holds: i64, seats: i64) -> Holds {
    let count = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
    Holds { holds: count(holds), seats: count(seats) }
}

/// Expires the user's holds of the event whose time is over, and frees the seats they still have. Whoever is paying for one
/// or extending it, having begun while it lived, either ends before this does, or finds it expired.
pub async fn expire_of_user(
    connection: &mut PgConnection,
    user: UserId,
    event: EventId,
) -> Result<(), StorageError> {
    sqlx::query!(
        "with gone as (
             update reservations set state = 'expired', ended_at = now()
             where user_id = $1 and event_id = $2 and state = 'held' and expires_at <= now()
             returning id, seat_ids),
         pairs as (select gone.id as reservation_id, unnest(seat_ids) as seat_id from gone),
         theirs as (
             select seats.id from seats join pairs on seats.id = pairs.seat_id
                 and seats.reservation_id = pairs.reservation_id
             where booking_id is null
             order by seats.id for update of seats)
         update seats set reservation_id = null, held_until = null from theirs where seats.id = theirs.id",
        user.0,
        event.0
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What the user holds of the event, and how many tickets of it the user has, held or bought.
pub async fn count_of_user(
    connection: &mut PgConnection,
    user: UserId,
    event: EventId,
) -> Result<(Holds, i64), StorageError> {
    let row = sqlx::query!(
        r#"select count(*) filter (where bookings.id is null) as "holds!",
                  coalesce(sum(cardinality(seat_ids)) filter (where bookings.id is null), 0) as "seats!",
                  coalesce(sum(cardinality(seat_ids)), 0) as "tickets!"
           from reservations left join bookings on bookings.reservation_id = reservations.id
           where reservations.user_id = $1 and reservations.event_id = $2
             and (bookings.state = 'confirmed' or (reservations.state = 'held' and expires_at > now()))"#,
        user.0,
        event.0
    )
    .fetch_one(connection)
    .await?;
    Ok((holds(row.holds, row.seats), row.tickets))
}

/// A user's reservations, newest first; `after` is where the last page ended.
pub async fn list_of_user(
    connection: &mut PgConnection,
    user: UserId,
    after: Option<(OffsetDateTime, Uuid)>,
    limit: i64,
) -> Result<Vec<(OffsetDateTime, Reservation)>, StorageError> {
    let (after_time, after_id) = after.unzip();
    let rows = sqlx::query!(
        r#"select id, event_id, user_id, seat_ids,
                  (case when state = 'held' and expires_at <= now() then 'expired' else state end)::text as "state!",
                  total_cents, expires_at, created_at
           from reservations
           where user_id = $1 and ($2::timestamptz is null or (created_at, id) < ($2, $3::uuid))
           order by created_at desc, id desc limit $4"#,
        user.0,
        after_time,
        after_id,
        limit
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let reservation = Row {
                id: row.id,
                event_id: row.event_id,
                user_id: row.user_id,
                seat_ids: row.seat_ids,
                state: row.state,
                total_cents: row.total_cents,
                expires_at: row.expires_at,
            };
            Ok((row.created_at, reservation.try_into()?))
        })
        .collect()
}

/// Makes a live hold of an event on sale last as long again, once; false when it ended or was extended before, or lost a
/// seat while this waited for it, or the event's sale has ended.
pub async fn extend(
    connection: &mut PgConnection,
    id: ReservationId,
) -> Result<bool, StorageError> {
    let extended = sqlx::query_scalar!(
        r#"with hold as (
               select id, seat_ids, expires_at + (expires_at - created_at) as later from reservations
               where id = $1 and state = 'held' and expires_at > now() and extended_at is null
                 and exists (select from events where events.id = event_id and status = 'published'
                                                    and coalesce(sales_end_at, starts_at) > now())
               for update of reservations),
           theirs as materialized (
               select seats.id from seats, hold
               where seats.id = any(hold.seat_ids) and reservation_id = hold.id and booking_id is null
               order by seats.id for update of seats),
           allowed as (
               select id, later from hold where cardinality(seat_ids) = (select count(*) from theirs)),
           longer as (
               update reservations set expires_at = allowed.later, extended_at = now()
               from allowed where reservations.id = allowed.id),
           held as (
               update seats set held_until = allowed.later, version = version + 1
               from theirs, allowed where seats.id = theirs.id)
           select count(*) as "extended!" from allowed"#,
        id.0
    )
    .fetch_one(connection)
    .await?;
    Ok(extended == 1)
}

/// Cancels at most `limit` live holds of cancelled events, and frees their seats; returns how many, and of which events.
pub async fn cancel_of_cancelled_events(
    connection: &mut PgConnection,
    limit: i64,
) -> Result<(u64, Vec<EventId>), StorageError> {
    let row = sqlx::query!(
        r#"with off as (
               select reservations.id from reservations join events on events.id = event_id
               where state = 'held' and status = 'cancelled'
               order by expires_at limit $1 for update of reservations skip locked),
           gone as (
               update reservations set state = 'cancelled', ended_at = now() from off where reservations.id = off.id
               returning reservations.id, event_id, seat_ids),
           pairs as (select gone.id as reservation_id, unnest(seat_ids) as seat_id from gone),
           theirs as (
               select seats.id from seats join pairs on seats.id = pairs.seat_id
                   and seats.reservation_id = pairs.reservation_id
               where booking_id is null
               order by seats.id for update of seats),
           freed as (
               update seats set reservation_id = null, held_until = null from theirs where seats.id = theirs.id)
           select count(*) as "cancelled!", coalesce(array_agg(distinct event_id), '{}') as "events!" from gone"#,
        limit
    )
    .fetch_one(connection)
    .await?;
    Ok((row.cancelled.unsigned_abs(), row.events.into_iter().map(EventId).collect()))
}

/// The reservation, if there is one. A hold whose time is over reads as expired, swept or not.
pub async fn find(
    connection: &mut PgConnection,
    id: ReservationId,
) -> Result<Option<Reservation>, StorageError> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, event_id, user_id, seat_ids,
                  (case when state = 'held' and expires_at <= now() then 'expired' else state end)::text as "state!",
                  total_cents, expires_at
           from reservations where id = $1"#,
        id.0
    )
    .fetch_optional(connection)
    .await?;
    row.map(Reservation::try_from).transpose()
}

/// The newest reservation that a user made under this key. Keys are forgotten after a time, and may be used again then.
pub async fn find_by_key(
    connection: &mut PgConnection,
    user: UserId,
    key: &IdempotencyKey,
) -> Result<Option<ReservationId>, StorageError> {
    let id = sqlx::query_scalar!(
        "select id from reservations where user_id = $1 and idempotency_key = $2
         order by created_at desc, id desc limit 1",
        user.0,
        key.as_str()
    )
    .fetch_optional(connection)
    .await?;
    Ok(id.map(ReservationId))
}

/// Cancels a live hold and frees the seats it still has; false when it ended before.
pub async fn cancel(
    connection: &mut PgConnection,
    id: ReservationId,
) -> Result<bool, StorageError> {
    let cancelled = sqlx::query_scalar!(
        r#"with gone as (
               update reservations set state = 'cancelled', ended_at = now()
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

/// Expires at most `limit` holds whose time is over and frees the seats they still have; returns how many, and of which
/// events. Holds that another instance is expiring are left to it.
pub async fn expire_due(
    connection: &mut PgConnection,
    limit: i64,
) -> Result<(u64, Vec<EventId>), StorageError> {
    let row = sqlx::query!(
        r#"with due as (
               select id from reservations where state = 'held' and expires_at <= now()
               order by expires_at limit $1 for update skip locked),
           gone as (
               update reservations set state = 'expired', ended_at = now() from due where reservations.id = due.id
               returning reservations.id, event_id, seat_ids),
           pairs as (select gone.id as reservation_id, unnest(seat_ids) as seat_id from gone),
           theirs as (
               select seats.id from seats join pairs on seats.id = pairs.seat_id
                   and seats.reservation_id = pairs.reservation_id
               where booking_id is null
               order by seats.id for update of seats),
           freed as (
               update seats set reservation_id = null, held_until = null from theirs where seats.id = theirs.id)
           select count(*) as "expired!", coalesce(array_agg(distinct event_id), '{}') as "events!" from gone"#,
        limit
    )
    .fetch_one(connection)
    .await?;
    Ok((row.expired.unsigned_abs(), row.events.into_iter().map(EventId).collect()))
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
