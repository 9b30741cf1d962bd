//! `ticketctl cleanup-tokens`: forgets refresh tokens that are over, and logins that have none left.

use std::process::ExitCode;

use serde::Serialize;

use super::output;
use super::repeat::{self, Round};
use crate::accounts;

const EXAMPLES: &str = "\
Examples:
  ticketctl cleanup-tokens --dry-run
  ticketctl cleanup-tokens --every 1h

Servers do the same by themselves; running it beside them, on any number of machines, is safe.";

/// Forget refresh tokens that are over.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    repeat: repeat::Repeat,
}

#[derive(Serialize)]
struct Report {
    tokens: u64,
    dry_run: bool,
}

/// Runs the job.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let json = args.repeat.json;
    repeat::run(&args.repeat, async |storage, round| {
        let tokens = match round {
            Round::Change(batch) => accounts::forget_expired(&storage, batch).await?,
            Round::Count => accounts::count_expired(&storage).await?,
        };
        let dry_run = round == Round::Count;
        if json {
            return output::json(&Report { tokens, dry_run });
        }
        let to = if dry_run { "to be " } else { "" };
        output::data(format_args!("{tokens} refresh tokens {to}forgotten"));
        Ok(())
    })
    .await
}
