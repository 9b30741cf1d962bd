//! What a strike on a server waits for: the situation in which the server is worth striking. Knows nothing of the strike.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::context::Context;
use crate::harness::parsing::Section;
use crate::storage::audit;

/// How long a trigger is waited for.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// How often a server is stopped to look whether it has come to that.
const TRIES_MAX: u32 = 500;
/// What was under way when the server was stopped reaches PostgreSQL within this.
const SETTLE: Duration = Duration::from_millis(3);
/// A server that runs on has asked the provider for what it wrote down within this.
const ASKED_WITHIN: Duration = Duration::from_millis(40);

/// When a fault strikes once its `at` has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// At once.
    Any,
    /// While the server has a transaction open in PostgreSQL.
    InTransaction,
    /// When the server has written a payment down and not yet asked the provider for it.
    Recorded,
    /// When the payment provider has captured a charge of this server and not yet answered.
    Charged,
}

/// Every trigger, as `when = "…"` writes it.
const TRIGGERS: [(&str, Trigger); 4] = [
    ("any", Trigger::Any),
    ("in-transaction", Trigger::InTransaction),
    ("recorded", Trigger::Recorded),
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
    /// It has written this payment down, and the provider was not asked for it. The process is stopped.
    Recorded(Uuid),
    /// Money was taken for this payment and the process does not know it yet; it runs, waiting for the answer.
    Charged(String),
}

impl Caught {
    /// Whether the process was stopped to look.
    pub fn is_stopped(&self) -> bool {
        matches!(self, Self::InTransaction(_) | Self::Recorded(_))
    }

    /// For the evidence, to be put after what was done.
    pub fn words(&self) -> String {
        match self {
            Self::AtOnce => String::new(),
            Self::InTransaction(1) => " with a transaction open".to_owned(),
            Self::InTransaction(open) => format!(" with {open} transactions open"),
            Self::Recorded(payment) => {
                format!(" with payment {payment} written down and the provider not asked")
            }
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
            Trigger::InTransaction => stop_with(context, server, Wanted::TransactionOpen).await,
            Trigger::Recorded => stop_with(context, server, Wanted::PaymentRecorded).await,
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

/// What a server is stopped for.
#[derive(Clone, Copy)]
enum Wanted {
    TransactionOpen,
    PaymentRecorded,
}

impl Wanted {
    /// What a server never had that never came to it.
    fn words(self) -> &'static str {
        match self {
            Self::TransactionOpen => "a transaction open",
            Self::PaymentRecorded => "a payment that the provider was still to be asked for",
        }
    }

    /// Whether the server, which is stopped, has it.
    async fn is_there(
        self,
        context: &Context<'_>,
        server: &str,
        connection: &mut PgConnection,
    ) -> anyhow::Result<Option<Caught>> {
        match self {
            Self::TransactionOpen => {
                let open = audit::open_transactions(connection, server).await?;
                Ok((open > 0).then_some(Caught::InTransaction(open)))
            }
            Self::PaymentRecorded => {
                let mut waiting = audit::payments_charging(connection).await?;
                if !waiting.is_empty() {
                    sleep(ASKED_WITHIN).await;
                }
                waiting.retain(|id| !context.run.stack.payments().was_asked(*id));
                Ok(waiting.first().copied().map(Caught::Recorded))
            }
        }
    }
}

/// Stops the server, looks, and lets it run on where it has not what is wanted, until it has.
async fn stop_with(context: &Context<'_>, server: &str, wanted: Wanted) -> anyhow::Result<Caught> {
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
        match wanted.is_there(context, server, &mut connection).await {
            Ok(Some(caught)) => return Ok(caught),
            looked => {
                stack.resume(server).await?;
                looked.context("cannot look into the database")?;
            }
        }
        // A whole number of milliseconds would fall into step with the server's own timers.
        sleep(Duration::from_micros(1_700 + u64::from(tries % 7) * 900)).await;
    }
    bail!("{server} was stopped {tries} times and never had {}", wanted.words());
}
