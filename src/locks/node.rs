//! One Redis server: a connection that heals itself, a deadline on every command, and a breaker so that a dead node
//! costs its timeout once and not on every request.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{FromRedisValue, RedisError};

use crate::clock;
use crate::metrics::{Calls, Outcome, time_dependency};

/// How long one command may take before the node counts as down.
const COMMAND_TIMEOUT: Duration = Duration::from_millis(500);
/// How long a node that failed is left alone.
const BREAK_MS: u64 = 1000;

/// A Redis server.
pub struct Node {
    name: String,
    connection: ConnectionManager,
    opened: Instant,
    broken_until_ms: AtomicU64,
}

/// Why a node gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// It failed a moment ago and is left alone.
    #[error("{0} failed a moment ago and is not asked again yet")]
    Broken(String),
    /// No answer in time.
    #[error("{0} did not answer within {COMMAND_TIMEOUT:?}")]
    TimedOut(String),
    /// It could not be reached, or refused the command.
    #[error("{0}: {1}")]
    Redis(String, #[source] RedisError),
}

impl Node {
    /// A node by its URL (`redis://host:port`), called `name` in metrics and messages. Connects at the first command.
    ///
    /// # Errors
    /// When the URL is no Redis URL.
    pub fn open(name: &str, url: &str) -> Result<Self, NodeError> {
        let named = |error| NodeError::Redis(name.to_owned(), error);
        let client = redis::Client::open(url).map_err(named)?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(COMMAND_TIMEOUT))
            .set_response_timeout(Some(COMMAND_TIMEOUT))
            .set_number_of_retries(1)
            .set_max_delay(Duration::from_millis(100));
        let connection = ConnectionManager::new_lazy_with_config(client, config).map_err(named)?;
        Ok(Self {
            name: name.to_owned(),
            connection,
            opened: clock::monotonic(),
            broken_until_ms: AtomicU64::new(0),
        })
    }

    /// Its name: `redis-1` ….
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs one command or script on a connection of this node, within the deadline.
    pub async fn run<T, F, Fut>(&self, command: F) -> Result<T, NodeError>
    where
        T: FromRedisValue,
        F: FnOnce(ConnectionManager) -> Fut,
        Fut: Future<Output = Result<T, RedisError>>,
    {
        if self.since_opened_ms() < self.broken_until_ms.load(Ordering::Relaxed) {
            Calls::begin(self.name.clone()).end(Outcome::Failed);
            return Err(NodeError::Broken(self.name.clone()));
        }
        let answer = tokio::time::timeout(COMMAND_TIMEOUT, command(self.connection.clone()));
        let end = time_dependency(self.name.clone(), answer, |end| {
            Outcome::failed_if(!matches!(end, Ok(Ok(_))))
        })
        .await;
        let result = match end {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(NodeError::Redis(self.name.clone(), error)),
            Err(_elapsed) => Err(NodeError::TimedOut(self.name.clone())),
        };
        if result.is_err() {
            self.broken_until_ms.store(self.since_opened_ms() + BREAK_MS, Ordering::Relaxed);
        }
        result
    }

    /// Asks the node for an answer.
    pub async fn ping(&self) -> Result<(), NodeError> {
        self.run(|mut connection| async move {
            redis::cmd("PING").query_async::<String>(&mut connection).await.map(|_pong| ())
        })
        .await
    }

    fn since_opened_ms(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
