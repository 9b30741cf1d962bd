//! `ticketctl chaos analyze`: judge a recorded run again, without a stack.

use std::path::PathBuf;
use std::process::ExitCode;

use super::exit_codes::EXIT_CODES;
use crate::cli::output;
use crate::harness::checkers;
use crate::harness::run;
use crate::harness::run_dir::RunDir;
use crate::harness::summary::CheckVerdict;

/// Judge a recorded run again, by its history, audit and ledger.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("\
Examples:
  ticketctl chaos analyze runs/flash-sale-42-20261121T102353Z

Faults and load are not judged again: what they did is in the run's summary.json.

{EXIT_CODES}"))]
pub struct Args {
    /// Folder of the run, as `chaos run` printed it.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Judges it.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let run_dir = RunDir::open(&args.dir)?;
    let results = run::analyze(&run_dir)?;
    if args.json {
        output::json(&results)?;
    } else {
        for result in &results {
            output::data(format_args!(
                "{}  {}: {}",
                result.verdict.word(),
                result.name,
                result.detail
            ));
        }
    }
    Ok(ExitCode::from(match checkers::verdict(&results) {
        CheckVerdict::Pass => 0,
        CheckVerdict::Fail => 1,
        CheckVerdict::Unknown | CheckVerdict::NotJudged => 3,
    }))
}
