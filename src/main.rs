//! Parses the command line, runs the command, maps its result to an exit code; nothing else.

mod clock;
mod cli;
mod harness;
mod toxiproxy;
mod wire;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    cli::run(cli::Cli::parse()).await
}
