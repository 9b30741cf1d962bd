//! The one way to a transaction: named, measured, and run again a bounded number of times when others were in the way.

use std::future::Future;

use sqlx::Postgres;
use sqlx::pool::PoolConnection;

use super::{DEPENDENCY, Storage, StorageError};
use crate::metrics::{Outcome, time_dependency};

/// A transaction under way. Dropped without a commit, it is rolled back.
pub type Tx = sqlx::Transaction<'static, Postgres>;

/// Runs of one transaction at most, the first included.
const ATTEMPTS_MAX: u32 = 4;

impl Storage {
    /// Runs `attempt` in a READ COMMITTED transaction and commits when it returns the transaction with a value. Any
    /// error rolls back; contention with other transactions runs the whole again, at most three times. `name` labels
    /// the metric.
    pub async fn transaction<T, E, F, Fut>(&self, name: &'static str, attempt: F) -> Result<T, E>
    where
        F: Fn(Tx) -> Fut,
        Fut: Future<Output = Result<(Tx, T), E>>,
        E: From<StorageError> + AsRetryable,
    {
        retrying(name, async || self.run_once(&attempt).await).await
    }

    /// Runs a single statement, which is a transaction by itself: two round trips fewer, and the same retries.
    pub async fn statement<T, E, F, Fut>(&self, name: &'static str, attempt: F) -> Result<T, E>
    where
        F: Fn(PoolConnection<Postgres>) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: From<StorageError> + AsRetryable,
    {
        retrying(name, async || timed(attempt(self.acquire().await?)).await).await
    }

    async fn run_once<T, E, F, Fut>(&self, attempt: &F) -> Result<T, E>
    where
        F: Fn(Tx) -> Fut,
        Fut: Future<Output = Result<(Tx, T), E>>,
        E: From<StorageError> + AsRetryable,
    {
        // Not `Pool::begin`, in which waiting for a connection can't be told from the database's own time.
        let connection = self.acquire().await?;
        timed(async {
            let began = Tx::begin(connection, None).await.map_err(StorageError::from)?;
            let (tx, value) = attempt(began).await?;
            tx.commit().await.map_err(StorageError::from)?;
            Ok(value)
        })
        .await
    }
}

/// Keeps how long the database took, and whether it gave an answer: a refused write is one.
async fn timed<T, E: AsRetryable>(work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    time_dependency(DEPENDENCY, work, |end| {
        Outcome::failed_if(end.as_ref().is_err_and(AsRetryable::is_failure))
    })
    .await
}

async fn retrying<T, E, F, Fut>(name: &'static str, attempt: F) -> Result<T, E>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<T, E>>,
    E: AsRetryable,
{
    for _ in 1..ATTEMPTS_MAX {
        match attempt().await {
            Err(error) if error.is_retryable() => {
                metrics::counter!("ticketctl_transaction_retries_total", "transaction" => name)
                    .increment(1);
            }
            end => return end,
        }
    }
    attempt().await
}

/// An error that may be the database's: about contention, in which case the transaction is worth running again, or a
/// failure.
pub trait AsRetryable {
    /// The database's error, where it is one.
    fn of_storage(&self) -> Option<&StorageError>;

    /// Whether running the whole transaction again can help.
    fn is_retryable(&self) -> bool {
        self.of_storage().is_some_and(StorageError::is_retryable)
    }

    /// Whether the database failed, as against refusing or giving way as it should.
    fn is_failure(&self) -> bool {
        self.of_storage().is_some_and(StorageError::is_failure)
    }
}

impl AsRetryable for StorageError {
    fn of_storage(&self) -> Option<&StorageError> {
        Some(self)
    }
}
