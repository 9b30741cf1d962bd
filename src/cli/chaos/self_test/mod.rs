//! `ticketctl chaos self-test`: does the harness find the bugs that it is there for? Every bug of the zoo is put into servers,
//! and has to be caught; servers without one have to pass.

/// What is run, and in which order.
mod trials;
/// One PostgreSQL for many runs.
mod bench;
/// When a run first bore a trace of what broke.
mod trace;
/// How each run ended.
mod outcome;
/// What is said in the end.
mod table;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::cli::output;
use crate::cli::process::{raise_open_files_limit, stop_signal};
use crate::clock;
use crate::sabotage;

use bench::Bench;
use outcome::Outcome;
use trials::{Trial, Wanted};

/// How often the line of progress moves.
const TICK: Duration = Duration::from_millis(200);

/// Put every known bug into servers and see that the harness finds it; and that it finds nothing in servers without one.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ticketctl chaos self-test --quick
  ticketctl chaos self-test --only refunded-twice --seeds 20
  ticketctl chaos self-test --list

Exit codes:
  0  every bug was caught with every seed, and every clean run passed
  1  a bug was missed, or a clean run did not pass
  2  bad arguments
  3  interrupted
  4  a run could not be made")]
pub struct Args {
    /// One bug of each class with one seed, and few clean runs: under a minute.
    #[arg(long)]
    quick: bool,
    /// Seeds, 1 to 100; each bug is run with each of them.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: Option<u64>,
    /// Runs of servers without a bug, 0 to 1000.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(0..=1000))]
    clean: Option<u64>,
    /// Only these bugs, and no clean runs unless --clean says how many.
    #[arg(long, value_name = "BUG", num_args = 1.., hide_possible_values = true,
          value_parser = PossibleValuesParser::new(sabotage::names()))]
    only: Vec<String>,
    /// Runs at once, 1 to 8.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=8))]
    jobs: u8,
    /// Keep everything recorded, in this folder.
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,
    /// Print the bugs, and run nothing.
    #[arg(long)]
    list: bool,
    /// Print the result as JSON to stdout instead of the table, and no progress.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    if args.list {
        table::list();
        return Ok(ExitCode::SUCCESS);
    }
    let Args { quick, seeds, clean, ref only, .. } = args;
    let trials = trials::plan(&Wanted { quick, seeds, clean, only: only.clone() });
    raise_open_files_limit();
    let began = clock::monotonic();
    let outcomes = tokio::select! {
        outcomes = run_all(trials, &args) => outcomes?,
        () = stop_signal() => {
            output::note("interrupted: nothing is proved; what was started is being ended");
            return Ok(ExitCode::from(3));
        }
    };
    let results = table::Results::new(&outcomes, began.elapsed());
    if args.json {
        output::json(&results)?;
    } else {
        results.print();
    }
    Ok(ExitCode::from(results.exit_code))
}

/// Runs every trial, so many at once; those that proved nothing for want of a quiet machine once more, one at a time.
async fn run_all(trials: Vec<Trial>, args: &Args) -> anyhow::Result<Vec<Outcome>> {
    let bench = Arc::new(Bench::start(args.run_dir.as_deref()).await?);
    let progress = Progress::new(trials.len(), args.json);
    let mut outcomes = run_some(&bench, trials, usize::from(args.jobs), &progress).await?;
    let again: Vec<Trial> = outcomes
        .iter()
        .filter(|outcome| outcome.proves_nothing())
        .map(|outcome| outcome.trial)
        .collect();
    if !again.is_empty() {
        outcomes.retain(|outcome| !outcome.proves_nothing());
        progress.more(again.len());
        outcomes.extend(run_some(&bench, again, 1, &progress).await?);
    }
    progress.finish();
    if let Some(bench) = Arc::into_inner(bench) {
        bench.stop().await?;
    }
    outcomes.sort_by_key(|outcome| outcome.trial.number);
    Ok(outcomes)
}

async fn run_some(
    bench: &Arc<Bench>,
    trials: Vec<Trial>,
    jobs: usize,
    progress: &Progress,
) -> anyhow::Result<Vec<Outcome>> {
    let turns = Arc::new(Semaphore::new(jobs));
    let mut running = JoinSet::new();
    let mut outcomes = Vec::with_capacity(trials.len());
    for trial in trials {
        let (bench, turns) = (Arc::clone(bench), Arc::clone(&turns));
        running.spawn(async move {
            // Turns come in the order of asking.
            let _turn = turns.acquire_owned().await;
            Outcome::of(trial, Box::pin(bench.run(&trial)).await)
        });
    }
    while let Some(outcome) = running.join_next().await {
        let outcome = outcome?;
        progress.ended(&outcome);
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

/// How many runs are over, and what was found.
struct Progress {
    bar: ProgressBar,
    is_watched: bool,
    is_quiet: bool,
}

impl Progress {
    fn new(trials: usize, is_quiet: bool) -> Self {
        let is_watched = output::is_watched() && !is_quiet;
        let bar = if is_watched { ProgressBar::new(trials as u64) } else { ProgressBar::hidden() };
        bar.set_length(trials as u64);
        let style =
            ProgressStyle::with_template("{bar:20} {pos}/{len}, {elapsed}, {eta} left  {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(TICK);
        Self { bar, is_watched, is_quiet }
    }

    fn more(&self, trials: usize) {
        self.bar.inc_length(trials as u64);
    }

    fn ended(&self, outcome: &Outcome) {
        self.bar.inc(1);
        let line = outcome.line();
        if self.is_watched {
            self.bar.set_message(line.clone());
        }
        if !self.is_quiet && (!self.is_watched || !outcome.is_right()) {
            let place =
                format!("{}/{}", self.bar.position(), self.bar.length().unwrap_or_default());
            self.bar.suspend(|| output::note(format_args!("{place} {line}")));
        }
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
