//! `ticketctl chaos run`: run scenarios and judge them.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use super::exit_codes::EXIT_CODES;
use crate::booking::strategies;
use crate::cli::bad_input::BadInput;
use crate::cli::output;
use crate::cli::process::{raise_open_files_limit, stop_signal, this_program};
use crate::clock;
use crate::harness::load;
use crate::harness::plan::Plan;
use crate::harness::progress::{Audience, Progress};
use crate::harness::reports::{REPORTS, Report as _, json, table, worst_exit_code};
use crate::harness::run::{self, Afterwards, Place};
use crate::harness::run_dir::{self, RunDir};
use crate::harness::scenario::{self, Form, Known, Overrides};
use crate::harness::summary::Summary;

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
    /// Write a report to a file as well; may be repeated. Formats: json, junit, text.
    #[arg(long, value_name = "FORMAT=FILE", value_parser = parse_out)]
    pub out: Vec<Out>,
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

/// A report to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Out {
    /// Name of a report format.
    pub format: &'static str,
    /// Where to.
    pub file: PathBuf,
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
    let place = place(&args)?;
    spare_given_database(&plans, &place)?;
    let outs = open_outs(&args.out)?;
    // A connection to a server, and two for each that goes through a proxy.
    raise_open_files_limit();
    let mut summaries = Vec::with_capacity(plans.len());
    let mut codes = Vec::with_capacity(plans.len());
    for (file, plan) in args.files.iter().zip(&plans) {
        match run_until_stopped(file, plan, &place, &args).await {
            End::Judged(summary) => {
                codes.push(summary.exit_code);
                summaries.push(*summary);
            }
            End::CouldNot => codes.push(4),
            End::Interrupted => {
                codes.push(3);
                break;
            }
        }
    }
    if args.json {
        output::write(|out| json::Json.write(&summaries, out))?;
    } else if plans.len() > 1 {
        output::write(|out| table::write_overview(&summaries, style(), out))?;
    }
    for (out, file) in args.out.iter().zip(outs) {
        let report = REPORTS
            .iter()
            .find(|report| report.name() == out.format)
            .context("formats were checked")?;
        let mut file = BufWriter::new(file);
        let written = report.write(&summaries, &mut file).and_then(|()| file.flush());
        written.with_context(|| format!("{} could not be written", out.file.display()))?;
    }
    Ok(ExitCode::from(worst_exit_code(codes)))
}

/// How one file ended.
enum End {
    Judged(Box<Summary>),
    CouldNot,
    Interrupted,
}

/// Runs one file and says how it ended, unless somebody stops the program before.
async fn run_until_stopped(file: &Path, plan: &Plan, place: &Place, args: &Args) -> End {
    let ran = tokio::select! {
        ran = run_one(file, plan, place, args) => ran,
        () = stop_signal() => {
            output::note("interrupted: nothing is proved; what the run started is being ended");
            return End::Interrupted;
        }
    };
    match ran {
        Ok(summary) => End::Judged(Box::new(summary)),
        Err(error) => {
            output::note(format_args!("error: {} could not run: {error:#}", plan.name));
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

fn place(args: &Args) -> anyhow::Result<Place> {
    let given = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let redis_urls =
        given("REDIS_URLS").map(|urls| urls.split(',').map(|url| url.trim().to_owned()).collect());
    Ok(Place {
        exe: this_program()?,
        database_url: given("DATABASE_URL"),
        redis_urls: redis_urls.unwrap_or_default(),
        toxiproxy_url: given("TOXIPROXY_URL"),
        afterwards: if args.keep_stack { Afterwards::Keep } else { Afterwards::TearDown },
    })
}

/// Refuses a strategy without protection on a database that was given: it takes the guard index away, for everybody who
/// uses that database, and what it sells twice keeps the index from coming back.
fn spare_given_database(plans: &[Plan], place: &Place) -> anyhow::Result<()> {
    let is_unsafe = |name: &String| strategies::find(name).is_some_and(|entry| entry.is_unsafe);
    let strategy = plans.iter().map(|plan| &plan.target.strategy).find(|name| is_unsafe(name));
    match strategy {
        Some(name) if place.database_url.is_some() => Err(BadInput(format!(
            "the strategy {name} would leave the database of DATABASE_URL unprotected; unset DATABASE_URL, and the run starts its own"
        ))
        .into()),
        _ => Ok(()),
    }
}

/// Opens the reports' files before anything runs: an hour of load is not to end in a misspelt path.
fn open_outs(outs: &[Out]) -> anyhow::Result<Vec<File>> {
    let open = |out: &Out| {
        let refuse = |error| BadInput(format!("{} can't be written: {error}", out.file.display()));
        File::create(&out.file).map_err(refuse).map_err(anyhow::Error::from)
    };
    outs.iter().map(open).collect()
}

async fn run_one(file: &Path, plan: &Plan, place: &Place, args: &Args) -> anyhow::Result<Summary> {
    let dir = match &args.run_dir {
        Some(dir) if args.files.len() == 1 => run_dir::Place::At(dir),
        Some(dir) => run_dir::Place::Within(dir),
        None => run_dir::Place::Within(Path::new("runs")),
    };
    let run_dir = RunDir::create(dir, plan, clock::now_utc())?;
    let mut progress = Progress::new(audience(args), load::end(&plan.loads)?);
    progress
        .phase(&format!("{}: seed {}, strategy {}", plan.title, plan.seed, plan.target.strategy));
    let ran = run::run(plan, place, &run_dir, &mut progress, &repeat(file, plan, args)).await;
    progress.finish();
    let ran = ran?;
    if let Some(kept) = ran.kept {
        output::note(kept);
    }
    if !args.json {
        let summary = std::slice::from_ref(&ran.summary);
        output::write(|out| table::write(summary, style(), out))?;
    }
    Ok(ran.summary)
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
    if output::may_colour() { table::Style::Coloured } else { table::Style::Plain }
}

fn parse_out(text: &str) -> Result<Out, String> {
    let names: Vec<&str> = REPORTS.iter().map(|report| report.name()).collect();
    let (format, file) = text
        .split_once('=')
        .filter(|(_, file)| !file.is_empty())
        .ok_or("write it as FORMAT=FILE, such as json=run.json")?;
    let report = REPORTS
        .iter()
        .find(|report| report.name() == format)
        .ok_or_else(|| format!("unknown format \"{format}\"; valid names: {}", names.join(", ")))?;
    Ok(Out { format: report.name(), file: PathBuf::from(file) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_well_formed() {
        <Args as clap::Args>::augment_args(clap::Command::new("run")).debug_assert();
    }

    #[test]
    fn an_unknown_format_is_refused_with_the_valid_ones() {
        assert_eq!(
            parse_out("junit=a=b.xml"),
            Ok(Out { format: "junit", file: PathBuf::from("a=b.xml") })
        );
        assert!(parse_out("xml=a").unwrap_err().contains("json, junit, text"));
        assert!(parse_out("json=").unwrap_err().contains("FORMAT=FILE"));
        assert!(parse_out("json").unwrap_err().contains("FORMAT=FILE"));
    }
}
