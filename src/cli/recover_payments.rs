//! `ticketctl recover-payments`: brings payments that were left behind to their end: booked, given back, or, where nothing
//! was charged before the hold ended, expired.

use std::process::ExitCode;

use serde::Serialize;

use super::output;
use super::payments::PaymentArgs;
use super::repeat::{self, Round};
use crate::booking::recover::{self, Recovered};

const EXAMPLES: &str = "\
Examples:
  ticketctl recover-payments --dry-run         needs no provider
  ticketctl recover-payments --payments simulator --payments-url http://127.0.0.1:9000/local
  ticketctl recover-payments --every 30s

Servers do the same by themselves; running it beside them, on any number of machines, is safe.";

/// Finish payments, and with them pending bookings, that a dead process left behind.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    repeat: repeat::Repeat,
    #[command(flatten)]
    payments: PaymentArgs,
}

#[derive(Serialize)]
struct Report {
    ended: u64,
    open: u64,
    dry_run: bool,
}

/// Runs the job.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let json = args.repeat.json;
    repeat::run(&args.repeat, async |storage, round| {
        let Recovered { ended, open } = match round {
            Round::Change(_) => recover::recover(&args.payments.context(storage)?).await?,
            Round::Count => {
                let open = recover::count_unfinished(&storage, args.payments.recovery_idle).await?;
                Recovered { ended: 0, open }
            }
        };
        let dry_run = round == Round::Count;
        if json {
            return output::json(&Report { ended, open, dry_run });
        }
        output::data(format_args!("{ended} payments finished, {open} still open"));
        Ok(())
    })
    .await
}
