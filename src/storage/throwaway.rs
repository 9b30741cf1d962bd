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
