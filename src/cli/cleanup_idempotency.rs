//! `ticketctl cleanup-idempotency`: forgets stored answers past their keep and fails requests that were left behind.

use std::process::ExitCode;

use serde::Serialize;

use super::output;
use super::repeat::{self, Round};
use crate::api::render;
use crate::booking::expire;

const EXAMPLES: &str = "\
Examples:
  ticketctl cleanup-idempotency --dry-run
  ticketctl cleanup-idempotency --every 5m

A record whose payment is unfinished is left to the servers' recovery.";

/// Forget stored answers past their keep, and fail requests that were left in progress.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    repeat: repeat::Repeat,
}

#[derive(Serialize)]
struct Report {
    forgotten: u64,
    failed: u64,
    dry_run: bool,
}

/// Runs the job.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let json = args.repeat.json;
    repeat::run(&args.repeat, async |storage, round| {
        let cleaned = match round {
            Round::Change(batch) => {
                expire::cleanup_idempotency(&storage, batch, &render::left_behind()).await?
            }
            Round::Count => expire::count_cleanup(&storage).await?,
        };
        let dry_run = round == Round::Count;
        if json {
            return output::json(&Report {
                forgotten: cleaned.forgotten,
                failed: cleaned.failed,
                dry_run,
            });
        }
        let to = if dry_run { "to be " } else { "" };
        output::data(format_args!(
            "{} answers {to}forgotten, {} requests left in progress {to}failed",
            cleaned.forgotten, cleaned.failed
        ));
        Ok(())
    })
    .await
}
