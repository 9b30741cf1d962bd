//! Payments and the saga's recovery points. A step is written before it is taken; every change of step is conditional
//! on the step before it, so that of a live process and a recovering one exactly one goes on.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{StorageError, idempotency};
use crate::domain::{
    Cents, EventId, IdempotencyKey, PaymentId, RequestHash, ReservationId, SeatSet, StoredResponse,
    UserId,
};

/// The index that allows one payment at a time for a reservation.
pub const ONE_LIVE_PAYMENT: &str = "payments_one_live_per_reservation";

/// A payment under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Its id, here and at the provider.
    pub id: PaymentId,
    /// The reservation paid for.
    pub reservation: ReservationId,
    /// The reservation's event.
    pub event: EventId,
    /// The reservation's seats.
    pub seats: SeatSet,
    /// The buyer.
    pub user: UserId,
    /// Key of the request that started it.
    pub key: IdempotencyKey,
    /// What is charged.
    pub amount: Cents,
    /// The provider's token of the payment method.
    pub method: String,
    /// The recovery point.
    pub step: Step,
    /// When it was started, by the database's clock.
    pub created_at: OffsetDateTime,
}

/// What is being done, or was when the process died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The provider is being asked to charge; whether it did is unknown.
    Charging,
    /// The charge was captured and is being refunded.
    Refunding,
}

/// What starts a payment.
#[derive(Debug)]
pub struct NewPayment<'a> {
    /// A fresh id.
    pub id: PaymentId,
    /// The reservation to pay for.
    pub reservation: ReservationId,
    /// Its owner.
    pub user: UserId,
    /// The request's key.
    pub key: &'a IdempotencyKey,
    /// The request's hash.
    pub hash: RequestHash,
    /// The provider's token of the payment method.
    pub method: &'a str,
    /// Seconds after which the `IN_PROGRESS` record counts as left behind.
    pub in_progress_ttl_seconds: i32,
}

/// Writes the saga's first recovery point in one statement: the idempotency record as `IN_PROGRESS` and the payment as
/// charging, both only if the hold is live and the key new. `None` when one of them is not; nothing is written then.
pub async fn start(
    connection: &mut PgConnection,
    new: &NewPayment<'_>,
) -> Result<Option<Payment>, StorageError> {
    let row = sqlx::query!(
        "with hold as (
             select id, event_id, seat_ids, total_cents from reservations
             where id = $2 and user_id = $3 and state = 'held' and expires_at > now()
               and exists (select from events where events.id = event_id and status = 'published')),
         record as (
             insert into idempotency_records (user_id, key, request_sha256, state, expires_at)
             select $3, $4, $5, 'IN_PROGRESS', now() + make_interval(secs => $7) from hold
             on conflict (user_id, key) do nothing returning key),
         payment as (
             insert into payments (id, reservation_id, user_id, idempotency_key, amount_cents, payment_method)
             select $1, hold.id, $3, record.key, hold.total_cents, $6 from hold, record
             returning amount_cents, created_at)
         select amount_cents, created_at, event_id, seat_ids from payment, hold",
        new.id.0,
        new.reservation.0,
        new.user.0,
        new.key.as_str(),
        &new.hash.0[..],
        new.method,
        f64::from(new.in_progress_ttl_seconds)
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Payment {
        id: new.id,
        reservation: new.reservation,
        event: EventId(row.event_id),
        seats: stored_seats(row.seat_ids)?,
        user: new.user,
        key: new.key.clone(),
        amount: stored_amount(row.amount_cents)?,
        method: new.method.to_owned(),
        step: Step::Charging,
        created_at: row.created_at,
    }))
}

fn stored_amount(cents: i64) -> Result<Cents, StorageError> {
    Cents::new(cents).ok_or(StorageError::Impossible("amount"))
}

fn stored_seats(seats: Vec<i64>) -> Result<SeatSet, StorageError> {
    SeatSet::parse(seats).map_err(|_empty| StorageError::Impossible("seat set"))
}

/// Nothing was charged: the saga is done, and its request, where it is still in progress, ends with this answer. Changes
/// nothing when another process went on before.
pub async fn fail(
    connection: &mut PgConnection,
    id: PaymentId,
    response: &StoredResponse,
) -> Result<(), StorageError> {
    sqlx::query!(
        "with failed as (
             update payments set state = 'failed', step = 'done' where id = $1 and step = 'charging'
             returning user_id, idempotency_key)
         update idempotency_records record
         set state = 'FAILED', status_code = $2, response = $3, expires_at = now() + make_interval(secs => $4)
         from failed
         where record.user_id = failed.user_id and key = idempotency_key and record.state = 'IN_PROGRESS'",
        id.0,
        idempotency::status_code(response),
        response.body,
        idempotency::ENDED_TTL_SECONDS
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The charge was captured but the seats are lost: it is to be refunded. Also true of a payment that somebody else
/// gave up as failed before its charge came through. False when another process went on before.
pub async fn start_refund(
    connection: &mut PgConnection,
    id: PaymentId,
) -> Result<bool, StorageError> {
    let done = sqlx::query!(
        "update payments set state = 'captured', step = 'refunding', worked_at = now()
         where id = $1 and (step = 'charging' or state = 'failed')",
        id.0
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The money went back: the saga is done, and its request, where it is still in progress, ends with this answer. False
/// when another process went on before.
pub async fn finish_refund(
    connection: &mut PgConnection,
    id: PaymentId,
    response: &StoredResponse,
) -> Result<bool, StorageError> {
    let refunded = sqlx::query_scalar!(
        r#"with refunded as (
               update payments set state = 'refunded', step = 'done' where id = $1 and step = 'refunding'
               returning user_id, idempotency_key),
           ended as (
               update idempotency_records record
               set state = 'FAILED', status_code = $2, response = $3, expires_at = now() + make_interval(secs => $4)
               from refunded
               where record.user_id = refunded.user_id and key = idempotency_key and record.state = 'IN_PROGRESS')
           select count(*) as "refunded!" from refunded"#,
        id.0,
        idempotency::status_code(response),
        response.body,
        idempotency::ENDED_TTL_SECONDS
    )
    .fetch_one(connection)
    .await?;
    Ok(refunded == 1)
}

/// Takes on at most `limit` payments that nobody worked on for `idle_seconds`. Those that another instance is taking on
/// are left to it.
pub async fn take_on_unfinished(
    connection: &mut PgConnection,
    idle_seconds: f64,
    limit: i64,
) -> Result<Vec<Payment>, StorageError> {
    let rows = sqlx::query!(
        "with left_behind as (
             select id from payments
             where step <> 'done' and worked_at < now() - make_interval(secs => $1)
             order by worked_at limit $2 for update skip locked)
         update payments set worked_at = now() from left_behind, reservations
         where payments.id = left_behind.id and reservations.id = payments.reservation_id
         returning payments.id, reservation_id, event_id, seat_ids, payments.user_id, payments.idempotency_key,
                   amount_cents, payment_method, step::text as \"step!\", payments.created_at",
        idle_seconds,
        limit
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Payment {
                id: PaymentId(row.id),
                reservation: ReservationId(row.reservation_id),
                event: EventId(row.event_id),
                seats: stored_seats(row.seat_ids)?,
                user: UserId(row.user_id),
                key: IdempotencyKey::parse(&row.idempotency_key)
                    .map_err(|_bad| StorageError::Impossible("idempotency key"))?,
                amount: stored_amount(row.amount_cents)?,
                method: row.payment_method,
                step: if row.step == "refunding" { Step::Refunding } else { Step::Charging },
                created_at: row.created_at,
            })
        })
        .collect()
}

/// Payments that nobody worked on for `idle_seconds`.
pub async fn count_unfinished(
    connection: &mut PgConnection,
    idle_seconds: f64,
) -> Result<u64, StorageError> {
    let open = sqlx::query_scalar!(
        r#"select count(*) as "open!" from payments
           where step <> 'done' and worked_at < now() - make_interval(secs => $1)"#,
        idle_seconds
    )
    .fetch_one(connection)
    .await?;
    Ok(open.unsigned_abs())
}
