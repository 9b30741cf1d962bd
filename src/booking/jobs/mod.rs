//! What a server does by itself, in rounds, and an operator by a command. To add a job: a new file, its `mod` line, a line
//! in `JOBS`. Every job is safe on any number of instances at once.

/// Holds whose time is over.
mod expire_holds;
/// Payments that were left behind.
mod recover_payments;
/// Cancelled events.
mod refund_cancelled;
/// Answers past their keep.
mod cleanup_idempotency;
/// Refresh tokens that are over.
mod cleanup_tokens;
/// The index that has the last word on every sale.
mod watch_guard;
/// What was counted and timed.
mod metrics_upkeep;
/// What a round came to.
mod tally;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{BookingError, Context};
use crate::clock;

pub use tally::{Count, Tally};

/// Rows that a server's rounds change in one transaction.
const BATCH: u32 = 500;
/// Batches of one round at most, so that it ends.
const BATCHES_MAX: u32 = 1000;

/// Every job.
pub const JOBS: &[&dyn Job] = &[
    &expire_holds::ExpireHolds,
    &recover_payments::RecoverPayments,
    &refund_cancelled::RefundCancelled,
    &cleanup_idempotency::CleanupIdempotency,
    &cleanup_tokens::CleanupTokens,
    &watch_guard::WatchGuard,
    &metrics_upkeep::MetricsUpkeep,
];

/// Something done in rounds.
#[async_trait]
pub trait Job: Send + Sync {
    /// Its name: the command, and the label in metrics.
    fn name(&self) -> &'static str;

    /// One line for help, which begins with a verb.
    fn summary(&self) -> &'static str;

    /// How often a server does it.
    fn period(&self) -> Period;

    /// What a round works on.
    fn works_on(&self) -> WorksOn {
        WorksOn::Database
    }

    /// One round, at most `batch` rows in one transaction, until nothing is left to do.
    async fn round(&self, context: &Context, batch: u32) -> Result<Tally, BookingError>;

    /// What a round would come to; changes nothing and asks no payment provider.
    async fn due(&self, context: &Context) -> Result<Tally, BookingError>;
}

impl fmt::Debug for dyn Job {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The time between two rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The flag of `serve` that sets it, such as `expire-every`; in capitals and with underscores, its variable.
    pub flag: &'static str,
    /// Without the flag.
    pub default: Duration,
}

/// What a job's round works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorksOn {
    /// The database.
    Database,
    /// The database and the payment provider.
    Payments,
    /// The server's own memory: there is no command for it.
    Process,
}

/// The job of this name.
pub fn find(name: &str) -> Option<&'static dyn Job> {
    JOBS.iter().copied().find(|job| job.name() == name)
}

/// Starts every job with its period; each ends after the round it is in once `stop` is cancelled.
pub fn start(
    context: &Arc<Context>,
    period_of: impl Fn(&dyn Job) -> Duration,
    stop: &CancellationToken,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for job in JOBS {
        tasks.spawn(every(period_of(*job), stop.clone(), *job, Arc::clone(context)));
    }
    tasks
}

/// Runs a job every `period` until told to stop. A failed round is logged; the next one tries again.
async fn every(
    period: Duration,
    stop: CancellationToken,
    job: &'static dyn Job,
    context: Arc<Context>,
) {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        run_once(job, &context).await;
    }
}

async fn run_once(job: &dyn Job, context: &Context) {
    let (name, began) = (job.name(), clock::monotonic());
    let result = match job.round(context, BATCH).await {
        Ok(_tally) => {
            metrics::gauge!("ticketctl_job_last_success_timestamp_seconds", "job" => name)
                .set(clock::since_epoch().as_secs_f64());
            "ok"
        }
        Err(cause) => {
            tracing::warn!(job = name, %cause, "a round failed");
            "error"
        }
    };
    metrics::counter!("ticketctl_job_rounds_total", "job" => name, "result" => result).increment(1);
    metrics::histogram!("ticketctl_job_seconds", "job" => name)
        .record(began.elapsed().as_secs_f64());
}
