//! Databases that may be broken on purpose: those that a stack made for one run, and marked.

use sqlx::PgConnection;

use super::StorageError;

/// Whether the database carries the mark that only a throwaway stack puts there.
pub async fn is_throwaway(connection: &mut PgConnection) -> Result<bool, StorageError> {
    let marked =
        sqlx::query_scalar!(r#"select to_regclass('throwaway_stack') is not null as "marked!""#)
            .fetch_one(connection)
            .await?;
    Ok(marked)
}

/// Takes away the index that allows one live sale a seat: what the `naive` strategy needs to do its harm.
pub async fn drop_guard_index(connection: &mut PgConnection) -> Result<(), StorageError> {
    sqlx::query!("drop index if exists booking_seats_one_live_sale").execute(connection).await?;
    Ok(())
}
