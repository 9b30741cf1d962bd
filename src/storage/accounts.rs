//! Users and their refresh tokens. Knows tokens by their hash only.

use std::time::Duration;

use sqlx::PgConnection;
use uuid::Uuid;

use super::StorageError;
use crate::domain::{Email, Role, UserId};

/// SHA-256 of a refresh token.
pub type TokenHash = [u8; 32];

/// A user who wants to come in.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Who.
    pub id: UserId,
    /// In which role.
    pub role: Role,
    /// PHC string.
    pub password_hash: String,
}

/// The user of this address, if there is one.
pub async fn find(
    connection: &mut PgConnection,
    email: &Email,
) -> Result<Option<User>, StorageError> {
    let row = sqlx::query!(
        r#"select id, role::text as "role!", password_hash from users where lower(email) = lower($1)"#,
        email.as_str()
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(User { id: UserId(row.id), role: role(&row.role)?, password_hash: row.password_hash }))
}

/// Adds a user; false when the address was taken, and then nothing of that user changes. The row is written anew all the
/// same: both cases lock, write and commit alike, and take the same time.
pub async fn register(
    connection: &mut PgConnection,
    email: &Email,
    user: &User,
) -> Result<bool, StorageError> {
    let id = sqlx::query_scalar!(
        "insert into users (id, email, password_hash, role) values ($1, $2, $3, $4::text::user_role)
         on conflict (lower(email)) do update set email = users.email
         returning id",
        user.id.0,
        email.as_str(),
        user.password_hash,
        user.role.name()
    )
    .fetch_one(connection)
    .await?;
    Ok(id == user.id.0)
}

/// Gives a user another role; false when there is no such user.
pub async fn set_role(
    connection: &mut PgConnection,
    email: &Email,
    role: Role,
) -> Result<bool, StorageError> {
    let done = sqlx::query!(
        "update users set role = $2::text::user_role where lower(email) = lower($1)",
        email.as_str(),
        role.name()
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Starts a family with its first token.
pub async fn start_family(
    connection: &mut PgConnection,
    (family, user): (Uuid, UserId),
    token: &TokenHash,
    ttl: Duration,
) -> Result<(), StorageError> {
    sqlx::query!(
        "with family as (insert into token_families (id, user_id) values ($1, $2) returning id)
         insert into refresh_tokens (token_sha256, family_id, expires_at)
         select $3, id, now() + make_interval(secs => $4) from family",
        family,
        user.0,
        token.as_slice(),
        ttl.as_secs_f64()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Uses a token up and puts the next in its place. `None` when it is unknown, over, used or revoked. Of two that come at
/// once exactly one gets through: the second waits for the row and then finds it used.
pub async fn rotate(
    connection: &mut PgConnection,
    used: &TokenHash,
    next: &TokenHash,
    ttl: Duration,
) -> Result<Option<(UserId, Role)>, StorageError> {
    let row = sqlx::query!(
        r#"with used as (
               update refresh_tokens token set used_at = now()
               from token_families family join users on users.id = family.user_id
               where token.token_sha256 = $1 and token.used_at is null and token.expires_at > now()
                 and family.id = token.family_id and family.revoked_at is null
               returning token.family_id, users.id, users.role),
           next as (
               insert into refresh_tokens (token_sha256, family_id, expires_at)
               select $2, family_id, now() + make_interval(secs => $3) from used)
           select id, role::text as "role!" from used"#,
        used.as_slice(),
        next.as_slice(),
        ttl.as_secs_f64()
    )
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some((UserId(row.id), role(&row.role)?)))
}

/// Ends the family of a token that was used before; whose it was, if it lived until now.
pub async fn revoke_if_used(
    connection: &mut PgConnection,
    token: &TokenHash,
) -> Result<Option<UserId>, StorageError> {
    let user = sqlx::query_scalar!(
        "update token_families family set revoked_at = now()
         from refresh_tokens token
         where token.token_sha256 = $1 and token.used_at is not null
           and family.id = token.family_id and family.revoked_at is null
         returning family.user_id",
        token.as_slice()
    )
    .fetch_optional(connection)
    .await?;
    Ok(user.map(UserId))
}

/// Ends the family of a token, whatever state it is in.
pub async fn revoke(connection: &mut PgConnection, token: &TokenHash) -> Result<(), StorageError> {
    sqlx::query!(
        "update token_families family set revoked_at = now()
         from refresh_tokens token
         where token.token_sha256 = $1 and family.id = token.family_id and family.revoked_at is null",
        token.as_slice()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets at most `limit` tokens that are over, used or not.
pub async fn delete_expired(
    connection: &mut PgConnection,
    limit: i64,
) -> Result<u64, StorageError> {
    let done = sqlx::query!(
        "with old as (
             select token_sha256 from refresh_tokens where expires_at <= now()
             order by expires_at limit $1 for update skip locked)
         delete from refresh_tokens token using old where token.token_sha256 = old.token_sha256",
        limit
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Tokens that are over.
pub async fn count_expired(connection: &mut PgConnection) -> Result<u64, StorageError> {
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from refresh_tokens where expires_at <= now()"#
    )
    .fetch_one(connection)
    .await?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// Forgets at most `limit` families of which no token is left.
pub async fn delete_empty_families(
    connection: &mut PgConnection,
    limit: i64,
) -> Result<u64, StorageError> {
    let done = sqlx::query!(
        "with old as (
             select id from token_families family
             where not exists (select from refresh_tokens token where token.family_id = family.id)
             limit $1 for update skip locked)
         delete from token_families family using old where family.id = old.id",
        limit
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

fn role(name: &str) -> Result<Role, StorageError> {
    Role::parse(name).ok_or(StorageError::Impossible("role"))
}
