//! The command line: one file a subcommand; this one only dispatches.

pub mod chaos;
pub mod output;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A ticket booking server, and the chaos harness that proves it never sells a seat twice.
#[derive(Debug, Parser)]
#[command(name = "ticketctl", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Chaos(chaos::Args),
}

/// Runs the command.
pub async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Chaos(args) => chaos::run(args).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
