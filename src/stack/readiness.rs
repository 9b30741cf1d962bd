//! Asks a PostgreSQL, a Redis or an HTTP server whether it is ready, directly and never through a proxy.
//! Knows URLs; not who started what listens there.

use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, ensure};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tokio::time::timeout;

const PROBE_WITHIN: Duration = Duration::from_secs(2);

/// What to ask, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// A connection to this database succeeds.
    Postgres(String),
    /// `PING` is answered.
    Redis(String),
    /// `GET` is answered with 200.
    Http(String),
}

impl Readiness {
    /// Asks once, for at most two seconds.
    ///
    /// # Errors
    /// It is not ready, or cannot be reached.
    pub async fn probe(&self) -> anyhow::Result<()> {
        let probe = async {
            match self {
                Self::Postgres(url) => postgres(url).await,
                Self::Redis(url) => redis(url).await,
                Self::Http(url) => http(url).await,
            }
        };
        timeout(PROBE_WITHIN, probe)
            .await
            .with_context(|| format!("no answer within {PROBE_WITHIN:?}"))?
    }
}

async fn postgres(url: &str) -> anyhow::Result<()> {
    let options = PgConnectOptions::from_str(url)?;
    let connection = options.connect().await?;
    connection.close().await?;
    Ok(())
}

async fn redis(url: &str) -> anyhow::Result<()> {
    let client = redis::Client::open(url)?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    let () = redis::cmd("PING").query_async(&mut connection).await?;
    Ok(())
}

async fn http(url: &str) -> anyhow::Result<()> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let status = client.get(url).send().await?.status();
    ensure!(status == reqwest::StatusCode::OK, "it answered {status}");
    Ok(())
}
