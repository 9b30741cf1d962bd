//! `ticketctl refund-cancelled`: gives back everything that was held or sold of events that were called off.

use std::process::ExitCode;

use serde::Serialize;

use super::output;
use super::payments::PaymentArgs;
use super::repeat::{self, Round};
use crate::booking::refund::{self, GivenBack};

const EXAMPLES: &str = "\
Examples:
  ticketctl refund-cancelled --payments simulator --payments-url http://127.0.0.1:9000/local
  ticketctl refund-cancelled --dry-run --json         needs no provider

Servers do the same by themselves; running it beside them, on any number of machines, is safe.";

/// Cancel and refund the bookings of events that were called off.
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
    bookings: u64,
    holds: u64,
    dry_run: bool,
}

/// Runs the job.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let json = args.repeat.json;
    repeat::run(&args.repeat, async |storage, round| {
        let GivenBack { bookings, holds } = match round {
            Round::Change(_) => refund::called_off(&args.payments.context(storage)?).await?,
            Round::Count => refund::count_called_off(&storage).await?,
        };
        let dry_run = round == Round::Count;
        if json {
            return output::json(&Report { bookings, holds, dry_run });
        }
        let verb = if dry_run { "to give back" } else { "given back" };
        output::data(format_args!("{bookings} bookings and {holds} holds {verb}"));
        Ok(())
    })
    .await
}
