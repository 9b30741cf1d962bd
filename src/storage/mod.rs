//! PostgreSQL, the truth. Holds every statement but those that are a strategy; knows nothing of HTTP, Redis or payment
//! providers.

/// What can go wrong, sorted by what a caller does about it.
pub mod error;
/// The schema's versions.
pub mod migrations;
/// The one way to a transaction.
pub mod transaction;
/// Events.
pub mod events;
/// Seats, and the statements that every strategy shares.
pub mod seats;
/// Reservations.
pub mod reservations;
/// Bookings and their tickets.
pub mod bookings;
/// Payments and the saga's recovery points.
pub mod payments;
/// Idempotency records.
pub mod idempotency;
/// Seats as they are made and picked.
pub mod seating;
/// Users and their refresh tokens.
pub mod accounts;
/// Tickets at the door.
pub mod tickets;
/// Rows in bulk.
pub mod seeding;
/// The index that has the last word on every sale.
pub mod guard_index;
/// Databases that may be broken on purpose.
pub mod throwaway;
/// Databases whose clock can be moved, for running requests in every order.
pub mod interleaving;
/// What the database holds, read for judging.
pub mod audit;

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Postgres};

use crate::clock;
use crate::metrics::{BegunCall, Calls, Outcome, count_dependency_failure, time_dependency};
pub use error::StorageError;
pub use transaction::Tx;

/// What the database is called in metrics.
const DEPENDENCY: &str = "postgresql";

/// A pool of connections to one database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Storage {
    pool: PgPool,
}

/// How to reach the database, and how long to wait for it.
#[derive(Debug, Clone)]
pub struct StorageSettings {
    /// `postgres://user:password@host:port/database`.
    pub database_url: String,
    /// Shown in `pg_stat_activity`.
    pub application_name: String,
    /// Connections at most, 1 or more.
    pub connections_max: u32,
    /// How long a request waits for a free connection before it is told that the server is busy.
    pub acquire_timeout: Duration,
    /// How long one statement may run.
    pub statement_timeout: Duration,
    /// How long one statement may wait for a lock.
    pub lock_timeout: Duration,
    /// How long a transaction may lie idle before PostgreSQL ends it: what a paused process leaves behind.
    pub idle_in_transaction_timeout: Duration,
}

impl StorageSettings {
    /// The settings of an operator's command: few connections, and statements that may take their time.
    pub fn for_command(database_url: &str) -> Self {
        Self {
            database_url: database_url.to_owned(),
            application_name: "ticketctl".to_owned(),
            connections_max: 2,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_mins(10),
            lock_timeout: Duration::from_secs(10),
            idle_in_transaction_timeout: Duration::from_mins(1),
        }
    }
}

impl Storage {
    /// Opens a pool without connecting yet: a server starts while its database is still away, and is not ready until
    /// it has come.
    ///
    /// # Errors
    /// When the URL is no PostgreSQL URL.
    pub fn open(settings: &StorageSettings) -> Result<Self, StorageError> {
        let millis = |duration: Duration| duration.as_millis().to_string();
        let options: PgConnectOptions =
            settings.database_url.parse().map_err(StorageError::from)?;
        let options = options
            .application_name(&settings.application_name)
            .options([
                // A claim's statements are the same every time: planning them anew would cost more than running them.
                ("plan_cache_mode", "force_generic_plan".to_owned()),
                // For the same reason: compiling a count of seats takes many times as long as counting.
                ("jit", "off".to_owned()),
                ("statement_timeout", millis(settings.statement_timeout)),
                ("lock_timeout", millis(settings.lock_timeout)),
                (
                    "idle_in_transaction_session_timeout",
                    millis(settings.idle_in_transaction_timeout),
                ),
            ])
            .disable_statement_logging();
        let pool = PgPoolOptions::new()
            .max_connections(settings.connections_max)
            .acquire_timeout(settings.acquire_timeout)
            // A ping before each use would cost every request a round trip; a dead connection shows itself by its error.
            .test_before_acquire(false)
            .connect_lazy_with(options);
        Ok(Self { pool })
    }

    /// A connection for statements outside a transaction. Never taken while the caller holds another.
    pub async fn connection(&self) -> Result<Lent, StorageError> {
        Ok(Lent { connection: self.acquire().await?, _call: Calls::begin(DEPENDENCY) })
    }

    /// A connection of the pool's. The wait for it is a call by itself: a database that is away lets the pool run dry.
    async fn acquire(&self) -> Result<PoolConnection<Postgres>, StorageError> {
        let (began, call) = (clock::monotonic(), Calls::begin(DEPENDENCY));
        let lent = self.pool.acquire().await;
        match &lent {
            Ok(_) => metrics::histogram!("ticketctl_pool_acquire_seconds")
                .record(began.elapsed().as_secs_f64()),
            Err(error) => {
                call.end(Outcome::Failed);
                if matches!(error, sqlx::Error::PoolTimedOut) {
                    metrics::counter!("ticketctl_pool_acquire_timeouts_total").increment(1);
                }
                count_dependency_failure(DEPENDENCY);
            }
        }
        Ok(lent?)
    }

    /// Asks the database for an answer.
    pub async fn ping(&self) -> Result<(), StorageError> {
        let mut connection = self.connection().await?;
        let answer = sqlx::query!("select 1 as one").fetch_one(&mut *connection);
        time_dependency(DEPENDENCY, answer, |answer| Outcome::failed_if(answer.is_err())).await?;
        Ok(())
    }

    /// Says how full the pool is, for whoever reads the metrics next.
    pub fn gauge_pool(&self) {
        let open = self.pool.size();
        let idle = u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX).min(open);
        metrics::gauge!("ticketctl_pool_connections_max")
            .set(f64::from(self.pool.options().get_max_connections()));
        metrics::gauge!("ticketctl_pool_connections", "state" => "idle").set(f64::from(idle));
        metrics::gauge!("ticketctl_pool_connections", "state" => "used")
            .set(f64::from(open - idle));
    }

    /// Waits for connections in use to come back and closes all.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// A connection on loan, which is one call to the database for as long as it is held.
pub struct Lent {
    connection: PoolConnection<Postgres>,
    _call: BegunCall,
}

impl Deref for Lent {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}
