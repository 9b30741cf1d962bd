//! `ticketctl bench`: figures as ratios within one run, because absolute ones say more about the machine.

/// Paid bookings, against what pgbench sells.
pub mod booking;

use std::process::ExitCode;

use clap::Subcommand;

/// Measure, as ratios within one run.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Booking(booking::Args),
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Booking(args) => booking::run(args).await,
    }
}
