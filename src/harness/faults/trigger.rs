//! What a strike on a server waits for: the situation in which the server is worth striking. Knows nothing of the strike.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, sleep, timeout};

use super::context::Context;
use crate::harness::parsing::Section;
use crate::storage::audit;

/// How long a trigger is waited for.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// How often a server is stopped to look whether it has come to that.
const TRIES_MAX: u32 = 500;
/// What was under way when the server was stopped reaches PostgreSQL within this.
const SETTLE: Duration = Duration::from_millis(3);

/// When a fault strikes once its `at` has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// At once.
    Any,
    /// While the server has a transaction open in PostgreSQL.
    InTransaction,
    /// When the payment provider has captured a charge of this server and not yet answered.
    Charged,
}

/// Every trigger, as `when = "…"` writes it.
const TRIGGERS: [(&str, Trigger); 3] = [
    ("any", Trigger::Any),
    ("in-transaction", Trigger::InTransaction),
    ("charged", Trigger::Charged),
];

/// What `when` may be.
pub fn names() -> [&'static str; TRIGGERS.len()] {
    TRIGGERS.map(|(name, _)| name)
}

/// `when`, of a fault on this process: at once where it is absent; only a server can be waited for.
pub fn read(section: &mut Section<'_>, process: &str) -> Trigger {
    let word = section.choice("when", "trigger", &names());
    let Some(&(word, trigger)) = TRIGGERS.iter().find(|(name, _)| Some(*name) == word) else {
        return Trigger::Any;
    };
    let is_server = process.is_empty() || process.starts_with("server-");
    if trigger != Trigger::Any && !is_server {
        section.refuse(
            "when",
            format!("\"{word}\" waits for a server; use it with process = \"server-1\""),
        );
    }
    trigger
}

/// It has come to what was waited for; says how it was known.
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

/// Waits for the trigger, 5 seconds at most.
///
/// # Errors
/// It did not come to that.
pub async fn catch(
    context: &Context<'_>,
    server: &str,
    trigger: Trigger,
) -> anyhow::Result<Caught> {
    let cancelled = context.run.cancel.cancelled();
    let caught = async {
        match trigger {
            Trigger::Any => Ok(Caught::AtOnce),
            Trigger::InTransaction => in_transaction(context, server).await,
            Trigger::Charged => charged(context, server).await,
        }
    };
    tokio::select! {
        () = cancelled => bail!("the run ended while the fault waited for its trigger"),
        caught = caught => caught,
    }
}

async fn charged(context: &Context<'_>, server: &str) -> anyhow::Result<Caught> {
    let captured = context.run.stack.payments().trap_next_capture(server);
    let captured = timeout(WAIT_MAX, captured)
        .await
        .with_context(|| format!("no charge was captured for {server} within {WAIT_MAX:?}"))?
        .context("the payment simulator gave up the trap")?;
    Ok(Caught::Charged(captured.payment_id.to_string()))
}

/// Stops the server, looks, and lets it run on where it has no transaction open, until it has.
async fn in_transaction(context: &Context<'_>, server: &str) -> anyhow::Result<Caught> {
    let stack = context.run.stack;
    let connect = PgConnection::connect(stack.database_url());
    let mut connection =
        timeout(WAIT_MAX, connect).await.context("PostgreSQL did not answer")??;
    let deadline = Instant::now() + WAIT_MAX;
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
