//! `ticketctl chaos`: prove that no seat is sold twice. Only dispatches.

pub mod analyze;
pub mod coverage;
pub mod list;
mod out;
pub mod run;
mod self_test;
pub mod interleave;
pub mod validate;
mod exit_codes;

use std::process::ExitCode;

use clap::Subcommand;

use exit_codes::EXIT_CODES;

const EXAMPLES: &str = "\
Examples:
  ticketctl chaos list
  ticketctl chaos validate scenarios/*.toml
  ticketctl chaos run scenarios/flash-sale.toml
  ticketctl chaos analyze runs/flash-sale-42-20261121T102353Z
  ticketctl chaos self-test --quick
  ticketctl chaos interleave --quick";

/// Run scenarios of load and faults against booking servers, and judge what happened.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Args),
    Analyze(analyze::Args),
    Validate(validate::Args),
    List(list::Args),
    SelfTest(self_test::Args),
    Interleave(interleave::Args),
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Run(args) => run::run(args).await,
        Command::Analyze(args) => analyze::run(&args),
        Command::Validate(args) => Ok(validate::run(&args)),
        Command::List(args) => Ok(list::run(&args)),
        Command::SelfTest(args) => self_test::run(args).await,
        Command::Interleave(args) => interleave::run(args).await,
    }
}
