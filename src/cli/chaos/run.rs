//! `ticketctl chaos run`: run scenarios and judge them.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::exit_codes::EXIT_CODES;
use super::out;
use crate::booking::strategies;
use crate::cli::bad_input::BadInput;
use crate::cli::output;
use crate::cli::process::{raise_open_files_limit, stop_signal, this_program};
use crate::clock;
use crate::harness::load;
use crate::harness::plan::Plan;
use crate::harness::progress::{Audience, Progress};
use crate::harness::reports::{Report as _, json, table};
use crate::harness::run::{self, Afterwards, Finished, Setup};
use crate::harness::run_dir::{NewFolder, RunDir};
use crate::harness::run_record::RunRecord;
use crate::harness::scenario::{self, Form, Known, Overrides};
use crate::harness::summary::worst_exit_code;

/// Run scenarios and judge what happened.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(after_help = format!("\
Examples:
  ticketctl chaos run scenarios/flash-sale.toml
  ticketctl chaos run scenarios/flash-sale.toml --strategy naive   # has to be caught: exit code 1
  ticketctl chaos run scenarios/*.toml --quick --out junit=chaos.xml
  ticketctl chaos run scenarios/server-crash.toml --seed 7 --json

{EXIT_CODES}"))]
pub struct Args {
    /// Scenario files, run one after another.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Booking strategy, instead of the scenario's.
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(strategies::names()))]
    pub strategy: Option<String>,
    /// Seed of every random choice, instead of the scenario's.
    // TOML, in which the plan is kept, ends where i64 ends.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX.unsigned_abs()))]
    pub seed: Option<u64>,
    /// Server processes, 1 to 8, instead of the scenario's.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=8))]
    pub instances: Option<u32>,
    /// Run the short form: the scenario with its `[quick]` table laid over it.
    #[arg(long)]
    pub quick: bool,
    // Its help names every format that there is.
    #[arg(long, value_name = "FORMAT=FILE", value_parser = out::parse, help = out::help())]
    pub out: Vec<out::Out>,
    /// Leave servers and stores running after the run, and say how to reach and end them.
    #[arg(long)]
    pub keep_stack: bool,
    /// Folder for everything recorded, new or empty, instead of runs/SCENARIO-SEED-TIME; of several files, each gets a
    /// folder of its own in it.
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
    /// Print the summary as JSON to stdout instead of the table, and no progress.
    #[arg(long)]
    pub json: bool,
    /// No progress, only the verdict.
    #[arg(long, short)]
    pub quiet: bool,
}

impl Args {
    /// What is to be taken instead of the scenario's own.
    pub fn overrides(&self) -> Overrides {
        Overrides {
            strategy: self.strategy.clone(),
            seed: self.seed,
            instances: self.instances,
            form: if self.quick { Form::Quick } else { Form::Full },
        }
    }
}

/// Runs every file, one after another; the worst exit code is the result.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let plans = plans(&args)?;
    let setup = setup(&args)?;
    spare_given_database(&plans, &setup)?;
    let files = out::open(&args.out)?;
    // A connection to a server, and two for each that goes through a proxy.
    raise_open_files_limit();
    let mut records = Vec::with_capacity(plans.len());
    let mut codes = Vec::with_capacity(plans.len());
    for (file, plan) in args.files.iter().zip(&plans) {
        match run_until_stopped(file, plan, &setup, &args).await {
            End::Judged(record) => {
                codes.push(record.summary.exit_code);
                records.push(*record);
            }
            End::CouldNot => codes.push(4),
            End::Interrupted => {
                codes.push(3);
                break;
            }
        }
    }
    if args.json {
        output::write(|out| json::Json.write(&records, out))?;
    } else if plans.len() > 1 {
        output::write(|out| table::write_overview(&records, style(), out))?;
    }
    out::write(&args.out, files, &records)?;
    Ok(ExitCode::from(worst_exit_code(codes)))
}

/// How one file ended.
enum End {
    Judged(Box<RunRecord>),
    CouldNot,
    Interrupted,
}

/// Runs one file and says how it ended, unless somebody stops the program before.
async fn run_until_stopped(file: &Path, plan: &Plan, setup: &Setup, args: &Args) -> End {
    let ran = tokio::select! {
        ran = run_one(file, plan, setup, args) => ran,
        () = stop_signal() => {
            output::note("interrupted: nothing is proved; what the run started is being ended");
            return End::Interrupted;
        }
    };
    match ran {
        Ok(record) => End::Judged(Box::new(record)),
        Err(error) => {
            output::note(format_args!(
                "error: {} could not run: {}",
                plan.name,
                output::one_line(&error)
            ));
            End::CouldNot
        }
    }
}

/// Every file's plan; all files are checked before the first one runs.
fn plans(args: &Args) -> anyhow::Result<Vec<Plan>> {
    let names = strategies::names();
    let known = Known { strategies: &names };
    let load = |file: &PathBuf| scenario::load(file, &known, &args.overrides());
    let plans: Result<Vec<Plan>, _> = args.files.iter().map(load).collect();
    Ok(plans.map_err(|error| BadInput(error.to_string()))?)
}

fn setup(args: &Args) -> anyhow::Result<Setup> {
    let given = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let redis_urls =
        given("REDIS_URLS").map(|urls| urls.split(',').map(|url| url.trim().to_owned()).collect());
    Ok(Setup {
        exe: this_program()?,
        database_url: given("DATABASE_URL"),
        redis_urls: redis_urls.unwrap_or_default(),
        toxiproxy_url: given("TOXIPROXY_URL"),
        afterwards: if args.keep_stack { Afterwards::Keep } else { Afterwards::TearDown },
    })
}

/// Refuses a strategy without protection on a database that was given: it takes the guard index away, for everybody who
/// uses that database, and what it sells twice keeps the index from coming back.
fn spare_given_database(plans: &[Plan], setup: &Setup) -> anyhow::Result<()> {
    let is_unsafe = |name: &String| strategies::find(name).is_some_and(|entry| entry.is_unsafe);
    let strategy = plans.iter().map(|plan| &plan.target.strategy).find(|name| is_unsafe(name));
    match strategy {
        Some(name) if setup.database_url.is_some() => Err(BadInput(format!(
            "the strategy {name} would leave the database of DATABASE_URL unprotected; unset DATABASE_URL, and the run starts its own"
        ))
        .into()),
        _ => Ok(()),
    }
}

async fn run_one(
    file: &Path,
    plan: &Plan,
    setup: &Setup,
    args: &Args,
) -> anyhow::Result<RunRecord> {
    let dir = match &args.run_dir {
        Some(dir) if args.files.len() == 1 => NewFolder::At(dir),
        Some(dir) => NewFolder::Within(dir),
        None => NewFolder::Within(Path::new("runs")),
    };
    let run_dir = RunDir::create(dir, plan, clock::now_utc())?;
    let mut progress = Progress::new(audience(args), load::end(&plan.loads)?);
    progress
        .phase(&format!("{}: seed {}, strategy {}", plan.title, plan.seed, plan.target.strategy));
    let ended = run::run(plan, setup, run_dir, &mut progress, &repeat(file, plan, args)).await;
    progress.finish();
    let Finished { record, kept } = ended?;
    if let Some(kept) = kept {
        output::note(kept);
    }
    if !args.json {
        let runs = std::slice::from_ref(&record);
        output::write(|out| table::write(runs, style(), out))?;
    }
    Ok(record)
}

/// The command that makes the same choices again.
fn repeat(file: &Path, plan: &Plan, args: &Args) -> String {
    let quick = if args.quick { " --quick" } else { "" };
    format!(
        "ticketctl chaos run {} --strategy {} --seed {} --instances {}{quick}",
        file.display(),
        plan.target.strategy,
        plan.seed,
        plan.target.instances
    )
}

fn audience(args: &Args) -> Audience {
    if args.json || args.quiet {
        Audience::Nobody
    } else if output::is_watched() {
        Audience::Terminal
    } else {
        Audience::Lines(Box::new(|line| output::note(line)))
    }
}

fn style() -> table::Style {
    table::Style { coloured: output::may_colour(), columns: output::columns() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_well_formed() {
        <Args as clap::Args>::augment_args(clap::Command::new("run")).debug_assert();
    }
}
