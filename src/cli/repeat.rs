//! Jobs that run once, or again and again until they are told to stop.

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use super::shared::{Database, positive_duration};
use crate::storage::Storage;

/// How a job runs.
#[derive(Debug, clap::Args)]
pub struct Repeat {
    #[command(flatten)]
    database: Database,
    /// Rows changed in one transaction, 1 to 10000.
    #[arg(long, default_value_t = 500, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    batch: u32,
    /// Only count what would be done.
    #[arg(long)]
    dry_run: bool,
    /// Go on, once every so often (30s, 5m), until Ctrl-C.
    #[arg(long, value_name = "DURATION", value_parser = positive_duration)]
    every: Option<Duration>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// What one round is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    /// Change at most this many rows in one transaction.
    Change(u32),
    /// Only count.
    Count,
}

/// Runs the job once, or every so often until SIGINT or SIGTERM.
pub async fn run<F, Fut>(args: &Repeat, job: F) -> anyhow::Result<ExitCode>
where
    F: Fn(Storage, Round) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let storage = args.database.open().await?;
    let round = if args.dry_run { Round::Count } else { Round::Change(args.batch) };
    let Some(period) = args.every else {
        job(storage, round).await?;
        return Ok(ExitCode::SUCCESS);
    };
    let mut ticks = tokio::time::interval(period);
    let stop = super::serve::stop_signal();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return Ok(ExitCode::SUCCESS),
            _ = ticks.tick() => job(storage.clone(), round).await?,
        }
    }
}
