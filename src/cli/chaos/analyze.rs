//! `ticketctl chaos analyze`: judge a recorded run again, without a stack.

use std::path::PathBuf;
use std::process::ExitCode;

use super::exit_codes::EXIT_CODES;
use super::out;
use crate::cli::output;
use crate::harness::run;
use crate::harness::run_dir::RunDir;
use crate::harness::summary::Summary;

/// Judge a recorded run again, by what is in its folder, and write its reports anew.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("\
Examples:
  ticketctl chaos analyze runs/flash-sale-42-20261121T102353Z
  ticketctl chaos analyze runs/flash-sale-42-20261121T102353Z --out timeline=sale.csv

Reads plan.toml, run.json, history.jsonl, audit.json and ledger.json; writes summary.json, junit.xml
and report.txt again. What load and faults did is taken as recorded. The exit code is the run's.

{EXIT_CODES}"))]
pub struct Args {
    /// Folder of the run, as `chaos run` printed it.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    // Its help names every format that there is.
    #[arg(long, value_name = "FORMAT=FILE", value_parser = out::parse, help = out::help())]
    out: Vec<out::Out>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Judges it.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let run_dir = RunDir::open(&args.dir)?;
    let files = out::open(&args.out)?;
    let record = run::analyze(run_dir)?;
    out::write(&args.out, files, std::slice::from_ref(&record))?;
    let summary = &record.summary;
    if args.json {
        output::json(&summary.checkers)?;
    } else {
        print(summary);
    }
    Ok(ExitCode::from(summary.exit_code))
}

fn print(summary: &Summary) {
    for result in &summary.checkers {
        let word = result.verdict.word();
        output::data(format_args!("{word}  {}: {}", result.name, result.detail));
    }
    for reason in &summary.void_reasons {
        output::note(format_args!("proves nothing: {reason}"));
    }
    for limit in summary.thresholds.iter().filter(|limit| !limit.ok) {
        output::note(format_args!("crossed: {} {}", limit.metric, limit.expr));
    }
}
