//! `ticketctl chaos interleave`: every order of the steps of two or three requests, and what is true after each.

/// What orders are run on.
mod lanes;
/// Conditions removed in turn.
mod mutate;
/// Conditions that may be removed.
mod excuses;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::booking::strategies::{self, STRATEGIES, StrategyEntry};
use crate::cli::output;
use crate::cli::process::{raise_open_files_limit, stop_signal, this_program};
use crate::domain::{counted, grouped};
use crate::interleave::case::{Case, Operation};
use crate::interleave::diagram;
use crate::interleave::judge::Guarded;
use crate::interleave::lane::Lane;
use crate::interleave::run::{self, BadOrder, CaseReport, How, Live};
use crate::interleave::search::Reduction;
use crate::stack::{Stack, StackSpec};

use lanes::Opener;
use mutate::MutantReport;

/// How often the progress bar moves.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Run every order of the steps of a few requests, and judge each.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ticketctl chaos interleave --quick
  ticketctl chaos interleave --strategy row_lock --only hold,cancel
  ticketctl chaos interleave --strategy naive --only hold   # prints how a seat is sold twice
  ticketctl chaos interleave --sessions 3 --json
  ticketctl chaos interleave --mutate         # which conditions of our statements matter?

A step is one round trip to PostgreSQL. A proxy in front of each server holds statements back, and
lets them go one at a time; a session that waits for a lock goes on when it gets it. Of two sessions
every order is run. Of three, one order of each class of those that differ only in the places of
steps that touch nothing in common; the orders of each class are counted all the same.

Exit codes:
  0   every order of the safe strategies passed, and naive was caught
  1   an order broke an invariant, or naive's did not; with --mutate, a removed condition
      was not noticed that has to be
  2   bad arguments
  4   could not run, or an order would not go the same way twice")]
pub struct Args {
    /// Only these strategies; may be repeated.
    #[arg(long, value_parser = PossibleValuesParser::new(strategies::names()))]
    strategy: Vec<String>,
    /// Requests under way at the same time: 2 or 3, instead of first 2 and then 3.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(2..=3))]
    sessions: Option<u8>,
    /// Only cases of these operations, separated by commas.
    #[arg(long, value_name = "OPERATION,…", value_delimiter = ',', value_parser = PossibleValuesParser::new(operations()))]
    only: Vec<String>,
    /// Two sessions, the strategies naive and `row_lock`: half a minute.
    #[arg(long)]
    quick: bool,
    /// Remove each condition of each statement in turn, and see that some order of two requests notices.
    #[arg(long, conflicts_with_all = ["sessions", "only", "quick"])]
    mutate: bool,
    /// How bad orders are drawn.
    #[arg(long, value_enum, default_value_t)]
    diagram: Drawn,
    /// Print JSON, and no progress.
    #[arg(long)]
    json: bool,
}

/// How a sequence diagram is drawn.
#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Drawn {
    /// In columns of text.
    #[default]
    Text,
    /// In Mermaid's language.
    Mermaid,
}

fn operations() -> Vec<PossibleValue> {
    let value =
        |operation: &Operation| PossibleValue::new(operation.name()).help(operation.summary());
    Operation::ALL.iter().map(value).collect()
}

/// What became of the cases of one strategy.
#[derive(Debug, Serialize)]
struct StrategyReport {
    strategy: &'static str,
    sessions: usize,
    /// Orders that there are, all of them covered.
    orders: u64,
    /// Orders that were run.
    run: u64,
    bad: u64,
    cases: Vec<CaseReport>,
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    raise_open_files_limit();
    let plan = plan(&args);
    let spec = StackSpec {
        redis_nodes: 1,
        exe: this_program()?,
        database_url: None,
        redis_urls: Vec::new(),
        temp_parent: None,
    };
    let mut stack = Stack::start(spec).await?;
    let ended = tokio::select! {
        ended = work(&mut stack, &plan, &args) => ended.map(Some),
        () = stop_signal() => {
            output::note("interrupted: nothing is proved");
            Ok(None)
        }
    };
    stack.stop().await?;
    let Some(is_right) = ended? else { return Ok(ExitCode::from(3)) };
    Ok(ExitCode::from(u8::from(!is_right)))
}

/// Whether all is as it should be.
async fn work(
    stack: &mut Stack,
    plan: &[(&'static StrategyEntry, usize)],
    args: &Args,
) -> anyhow::Result<bool> {
    if args.mutate {
        let reports = mutate::run(stack, &args.strategy, args.json).await?;
        if args.json {
            output::json(&reports)?;
        } else {
            output::data(mutate::sum(&reports));
        }
        return Ok(reports.iter().all(MutantReport::is_right));
    }
    let reports = of_strategies(stack, plan, args).await?;
    if args.json {
        output::json(&reports)?;
    }
    Ok(reports.iter().all(is_as_it_should))
}

/// What is to be run: strategies, and how many sessions.
fn plan(args: &Args) -> Vec<(&'static StrategyEntry, usize)> {
    let is_asked = |entry: &&'static StrategyEntry| match args.strategy.as_slice() {
        [] if args.quick => ["naive", "row_lock"].contains(&entry.name),
        [] => true,
        asked => asked.iter().any(|name| name == entry.name),
    };
    let sessions = match args.sessions {
        Some(sessions) => vec![usize::from(sessions)],
        None if args.quick => vec![2],
        None => vec![2, 3],
    };
    let strategies = STRATEGIES.iter().copied().filter(is_asked);
    strategies.flat_map(|entry| sessions.iter().map(move |sessions| (entry, *sessions))).collect()
}

async fn of_strategies(
    stack: &mut Stack,
    plan: &[(&'static StrategyEntry, usize)],
    args: &Args,
) -> anyhow::Result<Vec<StrategyReport>> {
    let mut reports = Vec::new();
    let mut opener = Opener::new(stack);
    for (strategy, sessions) in plan {
        let as_it_is = Arc::new(|_: &str| None) as _;
        let lanes = opener.open(strategy, *sessions, &as_it_is).await?;
        let report = of_strategy(lanes, strategy, *sessions, args).await?;
        if !args.json {
            print(&report, args);
        }
        reports.push(report);
    }
    Ok(reports)
}

async fn of_strategy(
    lanes: Vec<Lane>,
    strategy: &'static StrategyEntry,
    sessions: usize,
    args: &Args,
) -> anyhow::Result<StrategyReport> {
    let is_asked = |operation: &&Operation| {
        args.only.is_empty() || args.only.iter().any(|name| name == operation.name())
    };
    let among: Vec<Operation> = Operation::ALL.iter().filter(is_asked).copied().collect();
    let cases = Case::all(&among, sessions);
    let reduction = if sessions > 2 { Reduction::ByClass } else { Reduction::None };
    let guarded = if strategy.is_unsafe { Guarded::No } else { Guarded::Yes };
    let live = Arc::new(Live::default());
    let title = format!("{}, {sessions} sessions", strategy.name);
    let bar = bar(cases.len(), &title, args);
    let how = How { reduction, guarded, until_bad: false };
    let running = run::all(lanes, cases, how, &live);
    tokio::pin!(running);
    let cases = loop {
        tokio::select! {
            ended = &mut running => break ended?.1,
            () = tokio::time::sleep(LOOK_EVERY) => {
                bar.set_position(live.cases.load(Ordering::Relaxed));
                bar.set_message(format!("{title}: {}", counted(live.orders.load(Ordering::Relaxed), "order")));
            }
        }
    };
    bar.finish_and_clear();
    let sum = |of: fn(&CaseReport) -> u64| cases.iter().map(of).sum();
    Ok(StrategyReport {
        strategy: strategy.name,
        sessions,
        orders: sum(|case| case.orders),
        run: sum(|case| case.run),
        bad: sum(|case| case.bad),
        cases,
    })
}

fn bar(cases: usize, title: &str, args: &Args) -> ProgressBar {
    let is_seen = !args.json && output::is_watched();
    let target = if is_seen { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(cases as u64), target);
    let style = ProgressStyle::with_template("{bar:20} {pos}/{len} cases  {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(title.to_owned());
    bar
}

/// Whether nothing broke, or, with the strategy that is there to be caught, something did.
fn is_as_it_should(report: &StrategyReport) -> bool {
    let is_control = strategies::find(report.strategy).is_some_and(|strategy| strategy.is_unsafe);
    // It is the holds that it does not protect.
    let can_be_caught = report.cases.iter().any(|case| case.case.starts_with("hold + hold"));
    if is_control && can_be_caught { report.bad > 0 } else { is_control || report.bad == 0 }
}

fn print(report: &StrategyReport, args: &Args) {
    let StrategyReport { strategy, sessions, orders, run, bad, cases } = report;
    output::data(format_args!("{strategy}, {sessions} sessions"));
    let mut table = output::table();
    table.add_row(["  case", "orders", "run", "bad"]);
    for case in cases {
        table.add_row([
            format!("  {}", case.case),
            grouped(case.orders),
            grouped(case.run),
            grouped(case.bad),
        ]);
    }
    output::data(table.trim_fmt());
    let covered = if run == orders {
        format!("{} of {}, all run", counted(*orders, "order"), counted(cases.len(), "case"))
    } else {
        format!(
            "{} of {}, all covered by running {} that differ",
            counted(*orders, "order"),
            counted(cases.len(), "case"),
            grouped(*run)
        )
    };
    let word = match (bad, is_as_it_should(report)) {
        (0, true) => "none bad".to_owned(),
        (0, false) => {
            "none bad, and some had to be: the negative control was not caught".to_owned()
        }
        (bad, true) => format!("{} bad, as it has to be of the negative control", grouped(*bad)),
        (bad, false) => format!("{} BAD", grouped(*bad)),
    };
    output::data(format_args!("  {covered}; {word}\n"));
    if let Some(first) = cases.iter().find_map(|case| case.first_bad.as_ref()) {
        draw(first, args);
    }
}

fn draw(bad: &BadOrder, args: &Args) {
    output::data(format_args!("A bad order of {}:\n", bad.case.name()));
    let drawn = match args.diagram {
        Drawn::Text => diagram::text(&bad.case, &bad.lines),
        Drawn::Mermaid => diagram::mermaid(&bad.case, &bad.lines),
    };
    output::data(drawn);
    for broken in &bad.broken {
        output::data(format_args!("  {}: {}", broken.checker, broken.detail));
    }
    output::data("");
}
