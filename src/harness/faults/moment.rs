//! Waits for the moment at which a server is worth striking. Knows nothing of the strike.

use std::time::Duration;

use anyhow::{Context, bail};
use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, sleep, timeout};

use super::scene::Scene;
use crate::harness::plan::Moment;
use crate::storage::audit;

/// How long a moment is waited for.
const WITHIN: Duration = Duration::from_secs(5);
/// How often a server is stopped to look whether the moment has come.
const TRIES_MAX: u32 = 500;
/// What was under way when the server was stopped reaches PostgreSQL within this.
const SETTLE: Duration = Duration::from_millis(3);

/// The moment has come; says how it was known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caught {
    /// At once; the process runs.
    AtOnce,
    /// It holds this many transactions open. The process is stopped.
    InTransaction(i64),
    /// Money was taken for this payment and the process does not know it yet; it runs, waiting for the answer.
    Charged(String),
}

impl Caught {
    /// For the evidence, to be put after what was done.
    pub fn words(&self) -> String {
        match self {
            Self::AtOnce => String::new(),
            Self::InTransaction(1) => " with a transaction open".to_owned(),
            Self::InTransaction(open) => format!(" with {open} transactions open"),
            Self::Charged(payment) => {
                format!(" after payment {payment} was captured and before it knew")
            }
        }
    }
}

/// Waits for the fault's moment, 5 seconds at most.
///
/// # Errors
/// The moment did not come.
pub async fn catch(scene: &Scene<'_>, server: &str) -> anyhow::Result<Caught> {
    let cancelled = scene.world.cancel.cancelled();
    let caught = async {
        match scene.fault.when {
            Moment::Any => Ok(Caught::AtOnce),
            Moment::InTransaction => in_transaction(scene, server).await,
            Moment::Charged => charged(scene, server).await,
        }
    };
    tokio::select! {
        () = cancelled => bail!("the run ended while the moment was waited for"),
        caught = caught => caught,
    }
}

async fn charged(scene: &Scene<'_>, server: &str) -> anyhow::Result<Caught> {
    let captured = scene.world.stack.payments().trap_next_capture(server);
    let captured = timeout(WITHIN, captured)
        .await
        .with_context(|| format!("no charge was captured for {server} within {WITHIN:?}"))?
        .context("the payment simulator gave up the trap")?;
    Ok(Caught::Charged(captured.payment_id.to_string()))
}

/// Stops the server, looks, and lets it run on where it has no transaction open, until it has.
async fn in_transaction(scene: &Scene<'_>, server: &str) -> anyhow::Result<Caught> {
    let stack = scene.world.stack;
    let connect = PgConnection::connect(stack.database_url());
    let mut connection = timeout(WITHIN, connect).await.context("PostgreSQL did not answer")??;
    let deadline = Instant::now() + WITHIN;
    let mut tries = 0;
    while tries < TRIES_MAX && Instant::now() < deadline {
        tries += 1;
        stack.pause(server).await?;
        sleep(SETTLE).await;
        match audit::open_transactions(&mut connection, server).await {
            Ok(open) if open > 0 => return Ok(Caught::InTransaction(open)),
            looked => {
                stack.resume(server).await?;
                looked.context("cannot read pg_stat_activity")?;
            }
        }
        // A whole number of milliseconds would fall into step with the server's own timers.
        sleep(Duration::from_micros(1_700 + u64::from(tries % 7) * 900)).await;
    }
    bail!("{server} was stopped {tries} times and never had a transaction open");
}
