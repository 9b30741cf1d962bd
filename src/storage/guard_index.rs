//! The index that allows one live sale of a seat: whether it stands, who counts on it, and taking it away where nobody does.

use sqlx::PgConnection;

use super::{Storage, StorageError, Tx};

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

/// Writes down that a server which counts on the index serves this database; false, and nothing written, where it is gone.
pub async fn count_on(storage: &Storage) -> Result<bool, StorageError> {
    let written = storage
        .transaction("count on guard", async |mut tx: Tx| {
            sqlx::query!(
                "insert into served (guarded) values (true) on conflict (one) do update set guarded = true"
            )
            .execute(&mut *tx)
            .await?;
            if stands(&mut tx).await? { Ok((tx, ())) } else { Err(StorageError::Unguarded) }
        })
        .await;
    match written {
        Err(StorageError::Unguarded) => Ok(false),
        end => end.map(|()| true),
    }
}

/// Who or what counts on the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountedOn {
    /// A server with the guard serves the database, or did.
    ByServer,
    /// It has holds or sales, which no server without the guard made.
    BySales,
}

/// Takes the index away for servers without protection, and writes down that such serve this database; or says who counts
/// on it, and changes nothing.
pub async fn take_away(storage: &Storage) -> Result<Option<CountedOn>, StorageError> {
    storage
        .transaction("take guard away", async |mut tx: Tx| {
            let served = sqlx::query!(
                r#"insert into served (guarded) values (false)
                   on conflict (one) do update set guarded = served.guarded
                   returning guarded, (xmax = 0) as "is_first!",
                       (exists (select from reservations) or exists (select from payments)
                        or exists (select from bookings)) as "has_sales!""#
            )
            .fetch_one(&mut *tx)
            .await?;
            if served.guarded {
                return Ok((tx, Some(CountedOn::ByServer)));
            }
            if served.is_first && served.has_sales {
                forget_servers(&mut tx).await?;
                return Ok((tx, Some(CountedOn::BySales)));
            }
            drop(&mut tx).await?;
            Ok((tx, None))
        })
        .await
}

async fn forget_servers(connection: &mut PgConnection) -> Result<(), StorageError> {
    sqlx::query!("delete from served").execute(connection).await?;
    Ok(())
}

/// Takes the index away: what the `naive` strategy needs to do its harm.
pub async fn drop(connection: &mut PgConnection) -> Result<(), StorageError> {
    sqlx::query!("drop index if exists booking_seats_one_live_sale").execute(connection).await?;
    Ok(())
}
