//! The command line: one file a subcommand; the match only dispatches.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub mod toxiproxy;

/// A ticket booking server, and the chaos harness that proves it never sells a seat twice.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Toxiproxy(toxiproxy::Args),
}

pub async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Toxiproxy(args) => toxiproxy::run(args).await,
    }
}
