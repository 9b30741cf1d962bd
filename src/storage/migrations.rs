//! The schema's versions: `migrations/*.sql`, embedded in the binary.

use sqlx::migrate::{Migrate as _, Migrator};

use super::{Storage, StorageError, guard_index};

static MIGRATOR: Migrator = sqlx::migrate!();

/// Why migrating failed.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// No connection, or a statement failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The guard index can't stand over what was sold without it.
    #[error(
        "{} can't be put back, because seats were sold twice while it was gone: `ticketctl audit` lists them. \
         A database that a strategy without protection worked on is thrown away",
        guard_index::NAME
    )]
    SoldTwice,
    /// A migration did not apply, or one already applied differs from ours.
    #[error("{0}")]
    Refused(#[from] sqlx::migrate::MigrateError),
}

/// Brings the schema up to date and returns the descriptions of what it lacked, its guard index among it. Safe to run on many instances at once:
/// an advisory lock makes them take turns.
pub async fn migrate(storage: &Storage) -> Result<Vec<String>, MigrationError> {
    let missing = lacking(storage).await?;
    let mut connection = storage.connection().await?;
    MIGRATOR.run_direct(None, &mut *connection, false).await?;
    if !guard_index::stands(&mut connection).await? {
        guard_index::drop(&mut connection).await?;
        match guard_index::create(&mut connection).await {
            Err(StorageError::Constraint { name }) if name == guard_index::NAME => {
                return Err(MigrationError::SoldTwice);
            }
            end => end?,
        }
    }
    Ok(missing)
}

/// What [`migrate`] would bring, by description: migrations, and the guard index where somebody took it away; empty when
/// the schema is up to date.
pub async fn lacking(storage: &Storage) -> Result<Vec<String>, MigrationError> {
    let mut missing = pending(storage).await?;
    if missing.is_empty() && !guard_index::stands(&mut *storage.connection().await?).await? {
        missing.push(format!("{}, without which seats are sold twice", guard_index::NAME));
    }
    Ok(missing)
}

/// Migrations that the database lacks, by description; empty when it has all.
pub async fn pending(storage: &Storage) -> Result<Vec<String>, MigrationError> {
    let mut connection = storage.connection().await?;
    let table = MIGRATOR.table_name.as_ref();
    let exists = sqlx::query_scalar!(r#"select to_regclass($1) is not null as "exists!""#, table)
        .fetch_one(&mut *connection)
        .await
        .map_err(StorageError::from)?;
    let applied =
        if exists { connection.list_applied_migrations(table).await? } else { Vec::new() };
    let missing =
        MIGRATOR.iter().filter(|ours| applied.iter().all(|theirs| theirs.version != ours.version));
    Ok(missing
        .map(|migration| format!("{:04} {}", migration.version, migration.description))
        .collect())
}
