//! `ticketctl bench`: measures parts of the program on this machine; the match only dispatches.

use std::process::ExitCode;

/// How exact the fault proxy is.
pub mod toxiproxy;
/// The two ends of a measured connection.
mod peers;

/// Measure parts of the program on this machine
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, clap::Subcommand)]
enum Part {
    Toxiproxy(toxiproxy::Args),
}

pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.part {
        Part::Toxiproxy(args) => toxiproxy::run(args).await,
    }
}
