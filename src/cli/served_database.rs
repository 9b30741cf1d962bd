//! The database that `serve` is given: whether its schema is ours, and who counts on its guard index.

use anyhow::Context as _;

use super::bad_input::BadInput;
use super::shared::{check_schema, masked};
use crate::booking::Context;
use crate::booking::strategies::StrategyEntry;
use crate::storage::guard_index::{self, CountedOn};
use crate::storage::{Storage, StorageError, migrations, throwaway};

/// Refuses a schema that isn't ours, and the unsafe strategy where its harm would matter. A database that is away is no
/// error: the server is not ready until it comes.
pub async fn check(
    database_url: &str,
    strategy: &StrategyEntry,
    storage: &Storage,
) -> anyhow::Result<()> {
    let lacking = if strategy.is_unsafe {
        migrations::pending(storage).await
    } else {
        migrations::lacking(storage).await
    };
    match lacking {
        Ok(missing) => check_schema(&missing)?,
        Err(error) if strategy.is_unsafe => {
            return Err(error).with_context(|| format!("can't reach {}", masked(database_url)));
        }
        Err(error) => tracing::warn!(%error, "the database is away; not ready until it comes"),
    }
    if strategy.is_unsafe && !throwaway::is_throwaway(&mut *storage.connection().await?).await? {
        let name = strategy.name;
        return Err(BadInput(format!(
            "the strategy {name} sells seats twice and runs on throwaway stacks only, use `ticketctl chaos run` or choose another"
        ))
        .into());
    }
    Ok(())
}

/// Writes down that a server counts on the guard index. A database that is away is asked when it comes.
pub async fn count_on_guard(context: &Context) -> anyhow::Result<()> {
    match context.guard.look(&context.storage).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(StorageError::Unguarded.into()),
        Err(error) => {
            tracing::warn!(%error, "nobody knows whether the guard index stands; not ready until it does");
            Ok(())
        }
    }
}

/// Lets a strategy without protection do its harm. The last step before serving: a server that can't start harms nothing.
pub async fn take_guard_away(strategy: &StrategyEntry, storage: &Storage) -> anyhow::Result<()> {
    let why = match guard_index::take_away(storage).await? {
        None => None,
        Some(CountedOn::ByServer) => {
            Some("a server that counts on it serves this database, or did")
        }
        Some(CountedOn::BySales) => Some("this database has holds or sales that were made with it"),
    };
    if let Some(why) = why {
        let name = strategy.name;
        return Err(BadInput(format!(
            "the strategy {name} takes the guard index away, and {why}: give it a throwaway database of its own, as `ticketctl chaos run` does"
        ))
        .into());
    }
    tracing::warn!(
        strategy = strategy.name,
        "the guard index is gone: every server of this database may now sell seats twice, until `ticketctl migrate`"
    );
    Ok(())
}
