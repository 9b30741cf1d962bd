//! The command line: one file a subcommand; this one only dispatches.

pub mod doctor;
pub mod guard;
pub mod output;
pub mod stack;

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
    Doctor(doctor::Args),
    Stack(stack::Args),
    #[command(hide = true)]
    Guard(guard::Args),
}

/// Runs the command.
pub async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Doctor(args) => doctor::run(args).await,
        Command::Stack(args) => stack::run(args).await,
        Command::Guard(args) => guard::run(args).await,
    }
}
