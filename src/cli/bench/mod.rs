//! `ticketctl bench`: measurements as ratios or errors within one run, because absolute ones say more about the machine.

/// Paid bookings, against what pgbench sells.
pub mod booking;
/// How exact the fault proxy is.
pub mod toxiproxy;
/// The two ends of a measured connection.
mod peers;

use std::process::ExitCode;

use clap::Subcommand;

const EXAMPLES: &str = "\
Examples:
  ticketctl bench booking --json
  ticketctl bench toxiproxy";

/// Measure parts of the program on this machine.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, Subcommand)]
enum Part {
    Booking(booking::Args),
    Toxiproxy(toxiproxy::Args),
}

/// Runs the benchmark.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.part {
        Part::Booking(args) => Box::pin(booking::run(args)).await,
        Part::Toxiproxy(args) => toxiproxy::run(args).await,
    }
}
