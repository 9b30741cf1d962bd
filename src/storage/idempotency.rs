//! Idempotency records: what became of a keyed request, and the answer to repeat.

use sqlx::PgConnection;

use super::StorageError;
use crate::domain::{IdempotencyKey, RecordState, RequestHash, StoredResponse, UserId};

/// How long an ended operation's answer is kept, in seconds: a day.
pub const ENDED_TTL_SECONDS: f64 = 24.0 * 3600.0;

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Hash of the request that used it first.
    pub hash: RequestHash,
    /// Where the operation stands.
    pub state: RecordState,
    /// The answer; present once it ended.
    pub response: Option<StoredResponse>,
}

/// The record of a user's key, if there is one.
pub async fn find(
    connection: &mut PgConnection,
    user: UserId,
    key: &IdempotencyKey,
) -> Result<Option<Record>, StorageError> {
    let row = sqlx::query!(
        "select request_sha256, state::text as \"state!\", status_code, response from idempotency_records where user_id = $1 and key = $2",
        user.0,
        key.as_str()
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let hash = row
        .request_sha256
        .try_into()
        .map_err(|_length| StorageError::Impossible("request hash"))?;
    let status = row.status_code.and_then(|code| u16::try_from(code).ok());
    Ok(Some(Record {
        hash: RequestHash(hash),
        state: RecordState::parse(&row.state)
            .ok_or(StorageError::Impossible("idempotency state"))?,
        response: status.zip(row.response).map(|(status, body)| StoredResponse { status, body }),
    }))
}

/// Records that a request was refused, with its answer, where its key is new; false where it isn't.
///
/// The commit doesn't wait for the disk: a refusal that is lost in a crash of PostgreSQL had no effect, and its request is
/// decided anew.
pub async fn refuse(
    connection: &mut PgConnection,
    (user, key, hash): (UserId, &IdempotencyKey, RequestHash),
    response: &StoredResponse,
) -> Result<bool, StorageError> {
    let recorded = sqlx::query_scalar!(
        r#"with lazily as (select set_config('synchronous_commit', 'off', true)),
           record as (
               insert into idempotency_records (user_id, key, request_sha256, state, status_code, response, expires_at)
               select $1, $2, $3, 'FAILED', $4, $5, now() + make_interval(secs => $6) from lazily
               on conflict (user_id, key) do nothing returning key)
           select count(*) as "recorded!" from record"#,
        user.0,
        key.as_str(),
        &hash.0[..],
        status_code(response),
        response.body,
        ENDED_TTL_SECONDS
    )
    .fetch_one(connection)
    .await?;
    Ok(recorded == 1)
}

/// Ends at most `limit` operations that were in progress past their TTL and have no payment left to finish: they had no
/// effect. Those with one are left to recovery.
pub async fn fail_left_behind(
    connection: &mut PgConnection,
    limit: i64,
    response: &StoredResponse,
) -> Result<u64, StorageError> {
    let done = sqlx::query!(
        "with left_behind as (
             select user_id, key from idempotency_records record
             where state = 'IN_PROGRESS' and expires_at <= now() and not exists (
                 select from payments
                 where payments.user_id = record.user_id and idempotency_key = record.key and step <> 'done')
             order by expires_at limit $1 for update skip locked)
         update idempotency_records record
         set state = 'FAILED', status_code = $2, response = $3, expires_at = now() + make_interval(secs => $4)
         from left_behind where record.user_id = left_behind.user_id and record.key = left_behind.key",
        limit,
        status_code(response),
        response.body,
        ENDED_TTL_SECONDS
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Forgets at most `limit` ended operations whose answers are no longer kept.
pub async fn delete_expired(
    connection: &mut PgConnection,
    limit: i64,
) -> Result<u64, StorageError> {
    let done = sqlx::query!(
        "with old as (
             select user_id, key from idempotency_records
             where state <> 'IN_PROGRESS' and expires_at <= now()
             order by expires_at limit $1 for update skip locked)
         delete from idempotency_records record using old
         where record.user_id = old.user_id and record.key = old.key",
        limit
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Records that a cleanup would forget, and records it would fail.
pub async fn count_expired(connection: &mut PgConnection) -> Result<(u64, u64), StorageError> {
    let row = sqlx::query!(
        r#"select count(*) filter (where state <> 'IN_PROGRESS') as "ended!",
                  count(*) filter (where state = 'IN_PROGRESS' and not exists (
                      select from payments
                      where payments.user_id = record.user_id and idempotency_key = record.key and step <> 'done'))
                      as "left_behind!"
           from idempotency_records record where expires_at <= now()"#
    )
    .fetch_one(connection)
    .await?;
    Ok((row.ended.unsigned_abs(), row.left_behind.unsigned_abs()))
}

/// The status as the column takes it.
pub fn status_code(response: &StoredResponse) -> i16 {
    i16::try_from(response.status).unwrap_or(500)
}
