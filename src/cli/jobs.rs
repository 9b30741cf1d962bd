//! `ticketctl expire-holds`, `recover-payments` …: a command for every job that servers also do by themselves, all made
//! from the table of jobs; and the flags of `serve` that say how often servers do them.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Args as _, Command, FromArgMatches, Subcommand};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::output;
use super::payments::{PaymentArgs, settings};
use super::process::stop_signal;
use super::shared::{Database, positive_duration};
use crate::api::render;
use crate::booking::Context;
use crate::booking::guard::Guard;
use crate::booking::jobs::{self, JOBS, Job, Tally, WorksOn};
use crate::booking::strategies::{self, Resources, WhenLocksUnreachable};
use crate::domain::{Holds, counted};
use crate::entropy::Entropy;
use crate::locks::{AnswerCache, AvailabilityCache, Node, Redlock, RedlockSettings};
use crate::payments::{Absent, PaymentProvider};
use crate::storage::Storage;

/// A job to run by hand.
#[derive(Debug)]
pub struct JobCommand {
    job: &'static dyn Job,
    repeat: Repeat,
    payments: Option<PaymentArgs>,
}

/// How a job runs.
#[derive(Debug, clap::Args)]
struct Repeat {
    #[command(flatten)]
    database: Database,
    /// Rows changed in one transaction, 1 to 10000.
    #[arg(long, default_value_t = 500, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    batch: u32,
    /// Only count what would be done.
    #[arg(long)]
    dry_run: bool,
    /// Go on, once every so often (30s, 5m), until Ctrl-C.
    #[arg(long, value_name = "DURATION", value_parser = positive_duration)]
    every: Option<Duration>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// The jobs that have a command.
fn with_command() -> impl Iterator<Item = &'static dyn Job> {
    JOBS.iter().copied().filter(|job| job.works_on() != WorksOn::Process)
}

fn command(job: &'static dyn Job) -> Command {
    let command = Repeat::augment_args(Command::new(job.name()));
    let command = match job.works_on() {
        WorksOn::Payments => PaymentArgs::augment_args(command),
        WorksOn::Database | WorksOn::Process => command,
    };
    // Last, because the arguments bring their own words about themselves.
    command.about(job.summary()).long_about(None).after_help(examples(job))
}

fn examples(job: &dyn Job) -> String {
    let name = job.name();
    let (needs, provider) = match job.works_on() {
        WorksOn::Payments => (
            "         needs no provider",
            format!(
                "\n  ticketctl {name} --payments simulator --payments-url http://127.0.0.1:9000/local"
            ),
        ),
        WorksOn::Database | WorksOn::Process => ("", String::new()),
    };
    format!(
        "\
Examples:
  ticketctl {name} --dry-run --json{needs}{provider}
  ticketctl {name} --every 30s

Servers do the same by themselves; running it beside them, on any number of machines, is safe."
    )
}

impl Subcommand for JobCommand {
    fn augment_subcommands(cli: Command) -> Command {
        with_command().fold(cli, |cli, job| cli.subcommand(command(job)))
    }

    fn augment_subcommands_for_update(cli: Command) -> Command {
        Self::augment_subcommands(cli)
    }

    fn has_subcommand(name: &str) -> bool {
        with_command().any(|job| job.name() == name)
    }
}

impl FromArgMatches for JobCommand {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let (name, matches) =
            matches.subcommand().ok_or_else(|| clap::Error::new(ErrorKind::MissingSubcommand))?;
        let job = jobs::find(name).ok_or_else(|| clap::Error::new(ErrorKind::InvalidSubcommand))?;
        let payments = match job.works_on() {
            WorksOn::Payments => Some(PaymentArgs::from_arg_matches(matches)?),
            WorksOn::Database | WorksOn::Process => None,
        };
        Ok(Self { job, repeat: Repeat::from_arg_matches(matches)?, payments })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Runs the job once, or every so often until SIGINT or SIGTERM.
pub async fn run(args: JobCommand) -> anyhow::Result<ExitCode> {
    let JobCommand { job, repeat, payments } = args;
    let storage = repeat.database.open().await?;
    let recovery_idle = payments.as_ref().map_or(Duration::MAX, |args| args.recovery_idle);
    let provider = match payments {
        Some(payments) if !repeat.dry_run => payments.open_for_command()?,
        _ => Arc::new(Absent),
    };
    let context = context(storage, provider, recovery_idle);
    let Some(period) = repeat.every else {
        round(job, &context, &repeat).await?;
        return Ok(ExitCode::SUCCESS);
    };
    let mut ticks = tokio::time::interval(period);
    let stop = stop_signal();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return Ok(ExitCode::SUCCESS),
            _ = ticks.tick() => round(job, &context, &repeat).await?,
        }
    }
}

/// A context without locks or caches: what a job does is decided by the database alone.
fn context(
    storage: Storage,
    provider: Arc<dyn PaymentProvider>,
    recovery_idle: Duration,
) -> Context {
    let nodes: Arc<[Node]> = Arc::from([]);
    let resources = Resources {
        storage: storage.clone(),
        locks: Redlock::new(Arc::clone(&nodes), RedlockSettings::default()),
        when_locks_unreachable: WhenLocksUnreachable::Degrade,
        render: render::RENDER,
        entropy: Arc::new(Entropy::from_os()),
    };
    Context {
        storage,
        answers: AnswerCache::new(Arc::clone(&nodes)),
        availability: AvailabilityCache::new(nodes),
        provider,
        guard: Guard::needed(),
        strategy: strategies::DEFAULT.open(&resources),
        render: resources.render,
        entropy: resources.entropy,
        settings: settings(recovery_idle, Holds::USUAL),
    }
}

async fn round(job: &dyn Job, context: &Context, repeat: &Repeat) -> anyhow::Result<()> {
    let tally = if repeat.dry_run {
        job.due(context).await?
    } else {
        job.round(context, repeat.batch).await?
    };
    let report = Report { tally, dry_run: repeat.dry_run };
    if repeat.json {
        return output::json(&report);
    }
    output::data(report.sentence());
    Ok(())
}

struct Report {
    tally: Tally,
    dry_run: bool,
}

impl Report {
    fn sentence(&self) -> String {
        let words = self.tally.0.iter().filter_map(|count| {
            let what = if self.dry_run { count.due? } else { count.done };
            Some(format!("{} {what}", counted(count.number, count.noun)))
        });
        words.collect::<Vec<_>>().join(", ")
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.tally.0.len() + 1))?;
        for count in &self.tally.0 {
            map.serialize_entry(count.key, &count.number)?;
        }
        map.serialize_entry("dry_run", &self.dry_run)?;
        map.end()
    }
}

/// How often a server does each job.
#[derive(Debug)]
pub struct PeriodArgs(Vec<(&'static str, Duration)>);

impl PeriodArgs {
    /// The job's period.
    pub fn of(&self, job: &dyn Job) -> Duration {
        let given = self.0.iter().find(|(name, _)| *name == job.name());
        given.map_or(job.period().default, |(_, period)| *period)
    }
}

impl clap::Args for PeriodArgs {
    fn augment_args(command: Command) -> Command {
        JOBS.iter().fold(command, |command, job| command.arg(period(*job)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn period(job: &dyn Job) -> Arg {
    let period = job.period();
    let variable = period.flag.to_uppercase().replace('-', "_");
    Arg::new(period.flag)
        .long(period.flag)
        .env(OsString::from(variable))
        .default_value(humantime::format_duration(period.default).to_string())
        .value_parser(positive_duration)
        .value_name(period.flag.to_uppercase().replace('-', "_"))
        .help_heading("Background jobs")
        .help(format!("Between two rounds of {}", job.name()))
}

impl FromArgMatches for PeriodArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |job: &&'static dyn Job| {
            let period = matches.get_one::<Duration>(job.period().flag)?;
            Some((job.name(), *period))
        };
        Ok(Self(JOBS.iter().filter_map(given).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
