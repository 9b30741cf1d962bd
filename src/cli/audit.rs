//! `ticketctl audit`: reads any ticketctl database and lists what must not be in it.

use std::process::ExitCode;

use anyhow::Context as _;
use time::format_description::well_known::Rfc3339;

use super::output;
use super::shared::Database;
use crate::domain::{counted, grouped};
use crate::storage::audit;

const EXAMPLES: &str = "\
Examples:
  ticketctl audit
  ticketctl audit --json | jq '.findings[].detail'

Looks for seats sold twice, seats blocked by a reservation that is not live, bookings without a
captured payment, captured payments without a booking, totals that are not the sum of the seats'
prices, users with more tickets than their event allows, and what is still held or sold of a
cancelled event. Changes nothing.
Exit code 1 if there is one.";

/// List double-sells, orphaned holds, sales and payments without each other, and events whose rules broke.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    database: Database,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Examines the database.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let storage = args.database.open().await?;
    let found = audit::examine(&storage).await.context("the database could not be examined")?;
    if args.json {
        output::json(&found)?;
    } else {
        for finding in &found.findings {
            output::data(format_args!("{}: {}", finding.kind.name(), finding.detail));
        }
        output::note(format_args!(
            "{}; {} of {} sold, at {}",
            counted(found.findings.len(), "finding"),
            grouped(found.seats_sold),
            counted(found.seats_count, "seat"),
            found.taken_at.format(&Rfc3339)?
        ));
    }
    Ok(ExitCode::from(u8::from(!found.findings.is_empty())))
}
