//! The index that allows one live sale of a seat: whether it stands, and taking it away where that is wanted.

use sqlx::PgConnection;

use super::StorageError;

/// Its name in the schema.
pub const NAME: &str = "booking_seats_one_live_sale";

/// Whether the index stands, and refuses what it is there to refuse.
pub async fn stands(connection: &mut PgConnection) -> Result<bool, StorageError> {
    let stands = sqlx::query_scalar!(
        r#"select exists (select from pg_index
                          where indexrelid = to_regclass($1) and indisunique and indisvalid) as "stands!""#,
        NAME
    )
    .fetch_one(connection)
    .await?;
    Ok(stands)
}

/// Puts the index back where there is none.
///
/// # Errors
/// [`StorageError::Constraint`] when a seat has been sold twice meanwhile.
pub async fn create(connection: &mut PgConnection) -> Result<(), StorageError> {
    sqlx::query!(
        "create unique index booking_seats_one_live_sale on booking_seats (seat_id) where live"
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes the index away: what the `naive` strategy needs to do its harm.
pub async fn drop(connection: &mut PgConnection) -> Result<(), StorageError> {
    sqlx::query!("drop index if exists booking_seats_one_live_sale").execute(connection).await?;
    Ok(())
}
