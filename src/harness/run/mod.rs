//! A run from the plan to the verdict, as one readable list of phases. Decides nothing: the plan did, and the checkers
//! will.

/// What a run runs on.
mod environment;
/// Making it.
mod provision;
/// The database once the servers' jobs are done.
mod quiesce;
/// The word on what was recorded.
mod judge;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::checkers::{self, Collected};
use super::faults::{self, World};
use super::load::{self, LoadOutcome};
use super::plan::Plan;
use super::progress::{self, Progress, Reading};
use super::recorder::recording::Files;
use super::recorder::{Epoch, Recorded, Recording, history};
use super::run_dir::{self, RunDir};
use super::settle::{self, SettleLimits};
use super::summary::{CheckResult, FaultSummary, Summary};
use super::workloads::LoadContext;
use crate::storage::audit::Audit;
use crate::wire::Charge;
use environment::Environment;

/// How long unknown operations and unfinished payments are waited for after the load.
const SETTLE_WITHIN: Duration = Duration::from_secs(30);

/// Where a run takes place.
#[derive(Debug, Clone)]
pub struct Place {
    /// The ticketctl program: servers, migrations and seeding are its.
    pub exe: PathBuf,
    /// A PostgreSQL to use instead of an own one.
    pub database_url: Option<String>,
    /// Redis nodes to use instead of own ones; empty for own ones.
    pub redis_urls: Vec<String>,
    /// A Toxiproxy to use instead of the built-in one.
    pub toxiproxy_url: Option<String>,
    /// What becomes of the stack when the run is over.
    pub afterwards: Afterwards,
}

/// What becomes of the stack when the run is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Afterwards {
    /// It is gone.
    TearDown,
    /// PostgreSQL and Redis stay, to be looked into.
    Keep,
}

/// A run that was judged.
#[derive(Debug)]
pub struct Ran {
    /// The verdict and what it rests on.
    pub summary: Summary,
    /// How to reach and end the stack, where it was kept.
    pub kept: Option<String>,
}

/// Everything a run recorded, as the checkers get it.
struct Record {
    recorded: Recorded,
    outcome: LoadOutcome,
    faults: Vec<FaultSummary>,
    audit: Audit,
    ledger: Vec<Charge>,
    server_counts: BTreeMap<String, u64>,
}

/// Runs the plan: provision, load with faults, heal, settle, audit, check, report, tear down. Dropping the future ends
/// everything it started. `repeat` is the command that makes the same choices again.
///
/// # Errors
/// The run could not be made: a component is missing or failed. A run that was made has a verdict instead.
pub async fn run(
    plan: &Plan,
    place: &Place,
    run_dir: &RunDir,
    progress: &mut Progress,
    repeat: &str,
) -> anyhow::Result<Ran> {
    run_dir.write_plan(plan)?;
    let environment = provision::provision(plan, place, progress).await?;
    let made = make(plan, &environment, run_dir, progress).await;
    environment.save_logs(run_dir).await?;
    let kept = match place.afterwards {
        Afterwards::TearDown => {
            progress.phase("tearing down");
            environment.tear_down().await?;
            None
        }
        Afterwards::Keep => Some(environment.keep().await?),
    };
    let record = made?;
    progress.phase("judging");
    let results = checkers::run(Collected {
        plan,
        history: &record.recorded.history,
        audit: Some(&record.audit),
        ledger: Some(&record.ledger),
    });
    let summary = judge::summarise(plan, &record, results, run_dir, repeat);
    run_dir.write_summary(&summary)?;
    Ok(Ran { summary, kept })
}

/// Judges a recorded run again, by what is in its folder.
///
/// # Errors
/// The folder does not hold a whole run.
pub fn analyze(run_dir: &RunDir) -> anyhow::Result<Vec<CheckResult>> {
    let plan = run_dir.read_plan()?;
    let history = history::read(&run_dir.history())?;
    let (audit, ledger) = (run_dir.read_audit()?, run_dir.read_ledger()?);
    Ok(checkers::run(Collected {
        plan: &plan,
        history: &history,
        audit: Some(&audit),
        ledger: Some(&ledger),
    }))
}

/// From the load to everything that judging needs, all of it on disk.
async fn make(
    plan: &Plan,
    environment: &Environment,
    run_dir: &RunDir,
    progress: &mut Progress,
) -> anyhow::Result<Record> {
    let epoch = Epoch::begin();
    let files = Files { history: run_dir.history(), latency: run_dir.latency() };
    let names = environment.servers.iter().map(|server| server.name.clone()).collect();
    let recording = Recording::start(&files, names, epoch)?;
    let context = Arc::new(environment.context(plan, recording.recorder(), epoch)?);
    let (outcome, fault_summaries) =
        load_with_faults(plan, environment, &context, progress).await?;
    let mut recorded = recording.finish().await?;
    progress.phase("settling");
    environment.wait_until_ready().await?;
    settle(plan, environment, &context, &mut recorded).await?;
    history::replace(&run_dir.history(), &recorded.history)?;
    let audit = quiesce::audit(environment).await?;
    let ledger = environment.stack.payments().ledger();
    run_dir.write_audit(&audit)?;
    run_dir::write_json(&run_dir.ledger(), &ledger)?;
    let server_counts = environment.server_counts().await?;
    Ok(Record { recorded, outcome, faults: fault_summaries, audit, ledger, server_counts })
}

/// The load and the faults at the same time; both are over when this returns, and every fault is healed.
async fn load_with_faults(
    plan: &Plan,
    environment: &Environment,
    context: &Arc<LoadContext>,
    progress: &mut Progress,
) -> anyhow::Result<(LoadOutcome, Vec<FaultSummary>)> {
    let epoch = *context.client.epoch();
    let live = Arc::clone(context.recorder.live());
    let world = World {
        target: &plan.target,
        proxies: environment.proxies.as_ref(),
        stack: &environment.stack,
        site: Some(context),
        live: &live,
        epoch,
        cancel: CancellationToken::new(),
    };
    let stop = CancellationToken::new();
    let load_and_faults = async {
        tokio::join!(load::run(plan, context, &stop), faults::run_all(&plan.faults, &world))
    };
    tokio::pin!(load_and_faults);
    let mut ticks = tokio::time::interval(progress::EVERY);
    loop {
        tokio::select! {
            (outcome, faults) = &mut load_and_faults => return Ok((outcome?, faults)),
            _ = ticks.tick() => {
                let elapsed = Duration::from_micros(epoch.now_us());
                progress.report(Reading::of(&live, elapsed), &plan.faults);
            }
        }
    }
}

/// Finds out how requests ended whose clients never knew.
async fn settle(
    plan: &Plan,
    environment: &Environment,
    context: &Arc<LoadContext>,
    recorded: &mut Recorded,
) -> anyhow::Result<()> {
    let request_timeout =
        plan.loads.iter().map(|load| load.request_timeout).max().unwrap_or_default();
    let limits = SettleLimits { request_timeout, deadline: SETTLE_WITHIN };
    let epoch = *context.client.epoch();
    let direct =
        Arc::new(environment.direct_load_context(plan, context.recorder.clone(), epoch)?);
    let settled = settle::settle(&direct, &mut recorded.history, limits).await;
    tracing::debug!(?settled, "settled");
    Ok(())
}
