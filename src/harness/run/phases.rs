//! A run from the plan to the verdict, as one readable list of phases. Decides nothing: the plan did, and the checkers
//! will.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::data::{RunData, latencies_of};
use super::environment::Environment;
use super::setup::{Afterwards, Setup};
use super::{judge, provision, quiesce};
use crate::harness::faults::{self, RunContext};
use crate::harness::last_look;
use crate::harness::load::{self, LoadOutcome};
use crate::harness::plan::{EvidenceKind, Plan};
use crate::harness::progress::{self, Progress, Reading};
use crate::harness::recorder::recording::Files;
use crate::harness::recorder::{Epoch, Operation, Recorded, Recording, history};
use crate::harness::reports;
use crate::harness::run_dir::RunDir;
use crate::harness::run_record::RunRecord;
use crate::harness::settle::{self, SettleLimits};
use crate::harness::summary::{RunFacts, Strike};
use crate::harness::workloads::LoadContext;

/// How long unknown operations and unfinished payments are waited for after the load.
const SETTLE_MAX: Duration = Duration::from_secs(30);

/// A run that is over and was judged.
#[derive(Debug)]
pub struct Finished {
    /// The verdict, and where everything it rests on lies.
    pub record: RunRecord,
    /// How to reach and end the stack, where it was kept.
    pub kept: Option<String>,
}

/// Runs the plan: provision, load with faults, heal, settle, audit, check, report, tear down. Dropping the future ends
/// everything it started. `repeat` is the command that makes the same choices again.
///
/// # Errors
/// The run could not be made: a component is missing or failed. A run that was made has a verdict instead.
pub async fn run(
    plan: &Plan,
    setup: &Setup,
    run_dir: RunDir,
    progress: &mut Progress,
    repeat: &str,
) -> anyhow::Result<Finished> {
    run_dir.write_plan(plan)?;
    let environment = provision::provision(plan, setup, progress).await?;
    let made = make(plan, &environment, &run_dir, (progress, repeat)).await;
    environment.save_logs(&run_dir).await?;
    let kept = match setup.afterwards {
        Afterwards::TearDown => {
            progress.phase("tearing down");
            environment.tear_down().await?;
            None
        }
        Afterwards::Keep => Some(environment.keep().await?),
    };
    let data = made?;
    progress.phase("judging");
    let record = RunRecord::new(judge::summarise(&data, run_dir.path()), run_dir);
    reports::write_beside(&record)?;
    Ok(Finished { record, kept })
}

/// From the load to everything that judging needs, all of it on disk.
async fn make(
    plan: &Plan,
    environment: &Environment,
    run_dir: &RunDir,
    (progress, repeat): (&mut Progress, &str),
) -> anyhow::Result<RunData> {
    let target = environment.target()?;
    let epoch = Epoch::begin();
    let files = Files { history: run_dir.history(), latency: run_dir.latency() };
    let recording = Recording::start(&files, epoch)?;
    let context = Arc::new(environment.context(target, plan, recording.recorder(), epoch)?);
    let (outcome, faults) = load_with_faults(plan, environment, &context, progress).await?;
    let Recorded { mut history, .. } = recording.finish().await?;
    progress.phase("settling");
    environment.wait_until_ready().await?;
    let (target, recorder) = (environment.direct_target()?, context.recorder.clone());
    let direct = Arc::new(environment.context(target, plan, recorder, epoch)?);
    settle(plan, &direct, &mut history).await;
    history::replace(&run_dir.history(), &history)?;
    let evidence = context.target.evidence().to_vec();
    let (mut audit, mut ledger) = (None, None);
    if evidence.contains(&EvidenceKind::Audit) {
        let at_rest = quiesce::audit(environment, SETTLE_MAX).await?;
        history.extend(last_look::look(&direct, &at_rest).await?);
        history::replace(&run_dir.history(), &history)?;
        let read = quiesce::audit(environment, SETTLE_MAX).await?;
        run_dir.write_audit(&read)?;
        audit = Some(read);
    }
    if evidence.contains(&EvidenceKind::Ledger) {
        let read = environment.stack.payments().calls();
        run_dir.write_ledger(&read)?;
        ledger = Some(read);
    }
    let facts = RunFacts {
        repeat: repeat.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        evidence,
        generator: outcome.summary(),
        aborted: outcome.aborted,
        load_seconds: outcome.seconds,
        faults,
        server_counts: environment.server_counts().await?,
    };
    run_dir.write_facts(&facts)?;
    let plan = plan.clone();
    let latencies = latencies_of(&history);
    Ok(RunData { plan, history, latencies, audit, ledger, facts })
}

/// The load and the faults at the same time; both are over when this returns, and every fault is healed.
async fn load_with_faults(
    plan: &Plan,
    environment: &Environment,
    context: &Arc<LoadContext>,
    progress: &mut Progress,
) -> anyhow::Result<(LoadOutcome, Vec<Strike>)> {
    let epoch = context.epoch;
    let live = Arc::clone(context.recorder.live());
    let run = RunContext {
        target: &plan.target,
        proxies: environment.proxies.as_ref(),
        stack: &environment.stack,
        load: Some(context),
        live: &live,
        epoch,
        cancel: CancellationToken::new(),
    };
    let stop = CancellationToken::new();
    let load_and_faults = async {
        tokio::join!(load::run(plan, context, &stop), faults::run_all(&plan.faults, &run))
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

/// Finds out how requests ended whose clients never knew, from the servers themselves.
async fn settle(plan: &Plan, direct: &Arc<LoadContext>, history: &mut [Operation]) {
    let all_loads = plan.loads.iter().chain(&plan.background);
    let request_timeout = all_loads.map(|load| load.request_timeout).max().unwrap_or_default();
    let limits = SettleLimits { request_timeout, deadline: SETTLE_MAX };
    let settled = settle::settle(direct, history, limits).await;
    tracing::debug!(?settled, "settled");
}
