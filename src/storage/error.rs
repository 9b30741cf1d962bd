//! What can go wrong with PostgreSQL, sorted by what a caller does about it.

/// A failed statement, transaction or connection. A refusal that the business knows is never one of these.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// No connection to be had, or it broke: ask again later. What was under way may or may not have happened.
    #[error("postgresql is not available: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// Other transactions were in the way for too long (deadlock, serialization, lock timeout); nothing happened.
    #[error("postgresql gave way to other transactions: {0}")]
    Contended(#[source] sqlx::Error),
    /// A named constraint refused the write; nothing happened.
    #[error("constraint {name} refused the write")]
    Constraint {
        /// The constraint's name in the schema.
        name: String,
    },
    /// The guard index is gone, and what needs it was not done.
    #[error(
        "the guard index booking_seats_one_live_sale is gone: nothing is sold until `ticketctl migrate` puts it back"
    )]
    Unguarded,
    /// A row that our own code can't have written.
    #[error("the database holds an impossible {0}, run `ticketctl audit`")]
    Impossible(&'static str),
    /// Anything else: a defect of ours, or of the schema.
    #[error("postgresql refused a statement: {0}")]
    Broken(#[source] sqlx::Error),
}

impl StorageError {
    /// Whether running the whole transaction again can help.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Contended(_))
    }

    /// Whether the database failed, as against refusing or giving way as it should.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Broken(_))
    }
}

impl From<sqlx::Error> for StorageError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            sqlx::Error::Database(database) => {
                let code = database.code().unwrap_or_default().into_owned();
                let constraint = database.constraint().map(str::to_owned);
                match (code.as_str(), constraint) {
                    // serialization_failure, deadlock_detected, lock_not_available
                    ("40001" | "40P01" | "55P03", _) => Self::Contended(error),
                    // integrity_constraint_violation, where the constraint is named
                    (code, Some(name)) if code.starts_with("23") => Self::Constraint { name },
                    // connection exceptions, too many connections, operator intervention (restart, cancelled statement),
                    // idle-in-transaction timeout, read-only after a failover
                    (code, _)
                        if code.starts_with("08")
                            || code.starts_with("53")
                            || code.starts_with("57")
                            || code == "25P03"
                            || code == "25006" =>
                    {
                        Self::Unavailable(error)
                    }
                    _ => Self::Broken(error),
                }
            }
            _ => Self::Broken(error),
        }
    }
}
