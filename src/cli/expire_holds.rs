//! `ticketctl expire-holds`: ends holds whose time is over and frees their seats.

use std::process::ExitCode;

use serde::Serialize;

use super::output;
use super::repeat::{self, Round};
use crate::booking::expire;

const EXAMPLES: &str = "\
Examples:
  ticketctl expire-holds --dry-run
  ticketctl expire-holds --every 30s

Servers do the same by themselves; running it beside them, on any number of machines, is safe.";

/// Expire holds whose time is over.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    repeat: repeat::Repeat,
}

#[derive(Serialize)]
struct Report {
    holds: u64,
    dry_run: bool,
}

/// Runs the job.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let json = args.repeat.json;
    repeat::run(&args.repeat, async |storage, round| {
        let holds = match round {
            Round::Change(batch) => expire::expire_holds(&storage, batch).await?.holds,
            Round::Count => expire::count_due_holds(&storage).await?,
        };
        let dry_run = round == Round::Count;
        if json {
            return output::json(&Report { holds, dry_run });
        }
        let verb = if dry_run { "to expire" } else { "expired" };
        output::data(format_args!("{holds} holds {verb}"));
        Ok(())
    })
    .await
}
