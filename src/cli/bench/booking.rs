//! `ticketctl bench booking`: paid bookings a second, against what pgbench sells on the same PostgreSQL in the same run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::builder::PossibleValuesParser;
use serde::Serialize;
use tokio::process::Command;

use crate::booking::strategies;
use crate::cli::output;
use crate::cli::process::this_program;
use crate::cli::shared::positive_duration;
use crate::clock;
use crate::harness::checkers::CHECKERS;
use crate::harness::load::executors::{self, constant_vus::ConstantVus};
use crate::harness::plan::{GeneratorLimits, Inventory, Load, Payments, Plan, Target};
use crate::harness::progress::{Audience, Progress};
use crate::harness::run::{self, Afterwards, Setup};
use crate::harness::run_dir::{NewFolder, RunDir};
use crate::harness::summary::Summary;
use crate::harness::summary::Verdict;
use crate::harness::workloads::{self, SeatsPerOrder, checkout::Checkout};
use crate::stack::{Stack, StackSpec, binaries};
use crate::storage::{Storage, StorageSettings};
use crate::wire::Admission;

/// Seats of pgbench's table and of ours: enough that buyers seldom meet.
const SEATS: u32 = 100_000;
const SCHEMA: &str = "create table bench_seats (id int primary key, sold boolean not null default false);
    create table bench_bookings (id bigint generated always as identity primary key, seat_id int not null);
    insert into bench_seats select generate_series(1, 100000);";
const SALE: &str = "\\set seat random(1, 100000)
begin;
update bench_seats set sold = true where id = :seat;
insert into bench_bookings (seat_id) values (:seat);
commit;
";
const EXAMPLES: &str = "\
Examples:
  ticketctl bench booking
  ticketctl bench booking --duration 30s --strategy redlock --json

pgbench sells with BEGIN, UPDATE seat, INSERT booking, COMMIT. A paid booking is a hold and a
confirmation, each a request that was acknowledged, with the payment in between. Generator, server
and database share this machine. The sales are judged like those of any run: a benchmark that sold
a seat twice fails.";

/// Paid bookings a second, as a share of what pgbench sells on the same PostgreSQL.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// How long each of the two is measured.
    #[arg(long, default_value = "10s", value_parser = positive_duration)]
    duration: Duration,
    /// Buyers at once, and pgbench's clients.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=150))]
    vus: u32,
    /// Booking strategy.
    #[arg(long, default_value = strategies::DEFAULT.name, value_parser = PossibleValuesParser::new(strategies::names()))]
    strategy: String,
    /// Server processes, 1 to 8.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=8))]
    instances: u32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    pgbench_sales_per_second: f64,
    paid_bookings_per_second: f64,
    ratio: f64,
    vus: u32,
    strategy: String,
    instances: u32,
    hold_ms_p50: f64,
    hold_ms_p99: f64,
    confirm_ms_p50: f64,
    confirm_ms_p99: f64,
}

/// Measures both, one after the other, on one stack.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let exe = this_program()?;
    let stack = Stack::start(StackSpec {
        redis_nodes: 1,
        exe: exe.clone(),
        database_url: None,
        redis_urls: Vec::new(),
        temp_parent: None,
    })
    .await?;
    let setup = Setup {
        exe,
        database_url: Some(stack.database_url().to_owned()),
        redis_urls: stack.redis_urls().to_vec(),
        toxiproxy_url: None,
        afterwards: Afterwards::TearDown,
    };
    let measured = measure(&args, &stack, &setup).await;
    stack.stop().await?;
    let (sales, summary) = measured?;
    report(&args, sales, &summary)
}

async fn measure(args: &Args, stack: &Stack, setup: &Setup) -> anyhow::Result<(f64, Summary)> {
    output::note(format_args!("pgbench sells for {:?}", args.duration));
    let sales = pgbench(args, stack).await?;
    output::note(format_args!("{} buyers buy for {:?}", args.vus, args.duration));
    let plan = plan(args);
    let run_dir = RunDir::create(NewFolder::Within(Path::new("runs")), &plan, clock::now_utc())?;
    let mut progress = Progress::new(Audience::Nobody, args.duration);
    let finished =
        run::run(&plan, setup, run_dir, &mut progress, "ticketctl bench booking").await?;
    Ok((sales, finished.record.summary))
}

/// Sales a second, by pgbench's own account.
async fn pgbench(args: &Args, stack: &Stack) -> anyhow::Result<f64> {
    let beside = binaries::postgres().await?.initdb.with_file_name("pgbench");
    let program = if beside.exists() { beside } else { PathBuf::from("pgbench") };
    let script = stack.dir().join("sale.sql");
    tokio::fs::write(&script, SALE).await?;
    let database = stack.database_url();
    let storage = Storage::open(&StorageSettings::for_command(database))?;
    let mut connection = storage.connection().await?;
    sqlx::raw_sql(SCHEMA).execute(&mut *connection).await?;
    drop(connection);
    storage.close().await;
    let clients = args.vus.to_string();
    let seconds = args.duration.as_secs().max(1).to_string();
    let output = Command::new(&program)
        .args([
            "--no-vacuum",
            "--protocol=prepared",
            "--jobs=2",
            "--client",
            &clients,
            "--time",
            &seconds,
        ])
        .arg("--file")
        .arg(&script)
        .arg(database)
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("{} can't be run, script/setup installs it", program.display()))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let tps = said.lines().find_map(|line| line.strip_prefix("tps = "));
    let tps =
        tps.and_then(|rest| rest.split_whitespace().next()).and_then(|number| number.parse().ok());
    tps.with_context(|| {
        format!("pgbench failed: {}", String::from_utf8_lossy(&output.stderr).trim())
    })
}

/// Buyers one after another, each with a seat of their own, without faults.
fn plan(args: &Args) -> Plan {
    Plan {
        title: "Paid bookings a second, without faults, on spread seats".to_owned(),
        name: "bench-booking".to_owned(),
        seed: 1,
        target: Target {
            strategy: args.strategy.clone(),
            instances: args.instances,
            redis_nodes: 1,
            env: BTreeMap::from([("RUST_LOG".to_owned(), "warn".to_owned())]),
        },
        inventory: Inventory {
            events: 1,
            admission: Admission::Seated,
            seats: SEATS,
            tickets_per_user: None,
            price_cents: vec![5000],
            hold_ttl: Duration::from_mins(1),
        },
        payments: Payments::default(),
        generator: GeneratorLimits { max_dropped: 0, max_lag_p99: Duration::from_secs(1) },
        checkers: CHECKERS.iter().map(|checker| checker.name().to_owned()).collect(),
        loads: vec![Load {
            name: "buyers".to_owned(),
            start: Duration::ZERO,
            buyers: None,
            request_timeout: Duration::from_secs(10),
            workload: workloads::choose(&Checkout {
                seats_per_order: SeatsPerOrder(1, 1),
                abandon: 0.0,
            }),
            executor: executors::choose(&ConstantVus {
                vus: args.vus,
                duration: args.duration,
                iterations: None,
            }),
        }],
        background: Vec::new(),
        faults: Vec::new(),
        thresholds: Vec::new(),
        sometimes: Vec::new(),
    }
}

fn report(args: &Args, sales: f64, summary: &Summary) -> anyhow::Result<ExitCode> {
    if summary.verdict != Verdict::Pass {
        bail!("the sales did not stand up to judgement, see {}", summary.run_dir);
    }
    let service =
        |op: &str| summary.metrics.get(op).map(|metrics| metrics.service_ms).unwrap_or_default();
    let (hold, confirm) = (service("hold"), service("confirm"));
    let bookings = f64::from(u32::try_from(summary.bookings_confirmed)?) / summary.load_seconds;
    let report = Report {
        pgbench_sales_per_second: sales,
        paid_bookings_per_second: bookings,
        ratio: bookings / sales,
        vus: args.vus,
        strategy: args.strategy.clone(),
        instances: args.instances,
        hold_ms_p50: hold.p50,
        hold_ms_p99: hold.p99,
        confirm_ms_p50: confirm.p50,
        confirm_ms_p99: confirm.p99,
    };
    if args.json {
        output::json(&report)?;
    } else {
        output::data(format_args!("pgbench          {sales:>8.0} sales a second"));
        output::data(format_args!(
            "paid bookings    {bookings:>8.0} a second, {} under {} buyers",
            report.strategy, report.vus
        ));
        output::data(format_args!("ratio            {:>8.3}", report.ratio));
        output::data(format_args!(
            "hold             {:>8.1} ms p50, {:.1} ms p99",
            hold.p50, hold.p99
        ));
        output::data(format_args!(
            "confirm          {:>8.1} ms p50, {:.1} ms p99",
            confirm.p50, confirm.p99
        ));
    }
    Ok(ExitCode::SUCCESS)
}
