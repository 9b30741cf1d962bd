//! `ticketctl chaos`: prove that no seat is sold twice. Only dispatches.

pub mod analyze;
pub mod list;
pub mod run;
pub mod validate;

use std::process::ExitCode;

use clap::Subcommand;

/// Exit codes, for every command of this folder.
const EXIT_CODES: &str = "\
Exit codes:
  0   pass: every invariant held, under every fault
  1   an invariant broke
  2   bad arguments or scenario
  3   void or unknown: the run proves nothing
  4   could not run: a component is missing or failed to start
  99  only thresholds were crossed
Of several runs the worst code is the result; from bad to worse: 0, 99, 3, 1, 4.";

const EXAMPLES: &str = "\
Examples:
  ticketctl chaos list
  ticketctl chaos validate scenarios/*.toml
  ticketctl chaos run scenarios/flash-sale.toml
  ticketctl chaos analyze runs/flash-sale-42-20261121T102353Z";

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
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Run(args) => run::run(args).await,
        Command::Analyze(args) => analyze::run(&args),
        Command::Validate(args) => Ok(validate::run(&args)),
        Command::List(args) => Ok(list::run(&args)),
    }
}
