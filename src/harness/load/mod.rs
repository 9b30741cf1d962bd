//! Runs the loads of a plan, each from its own start. Knows nothing of what an iteration does, nor when its executor
//! starts one.

/// When iterations start, and how many at once.
pub mod executors;
/// The loop of executors that have a schedule.
mod arrivals;
/// Start times of an open loop.
mod schedule;
/// The iterations under way.
mod iterations;
/// What a load is run with.
mod load_run;
/// How the generator did.
mod outcome;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use outcome::LoadOutcome;

use super::plan::{Load, Plan};
use super::workloads::{self, LoadContext};
use load_run::LoadRun;

/// When the last of these loads stops starting iterations, after the beginning of the run.
///
/// # Errors
/// A load names no executor, or one that can't read its settings.
pub fn end(loads: &[Load]) -> anyhow::Result<Duration> {
    let mut last = Duration::ZERO;
    for load in loads {
        last = last.max(load.start + executors::open(&load.executor)?.duration());
    }
    Ok(last)
}

/// Runs all loads of the plan, each from its own start, those in the background with them, and returns when the last iteration
/// ended. Cancelling `stop` ends the run early: nothing new is sent, and what is under way is waited for and recorded.
/// How well the generator did is said of the scenario's own loads alone; what had to be aborted, of all.
pub async fn run(
    plan: &Plan,
    context: &Arc<LoadContext>,
    stop: &CancellationToken,
) -> anyhow::Result<LoadOutcome> {
    let (own, background) = (&plan.loads, &plan.background);
    let (mut total, beside) =
        tokio::try_join!(run_all(own, context, stop), run_all(background, context, stop))?;
    total.aborted += beside.aborted;
    Ok(total)
}

async fn run_all(
    all: &[Load],
    context: &Arc<LoadContext>,
    stop: &CancellationToken,
) -> anyhow::Result<LoadOutcome> {
    let mut loads = JoinSet::new();
    for load in all {
        let run = LoadRun {
            context: Arc::clone(context),
            load: Arc::new(load.clone()),
            workload: workloads::open(&load.workload)?.into(),
            stop: stop.clone(),
        };
        loads.spawn(run_one(run));
    }
    let mut total = LoadOutcome::nothing();
    while let Some(ended) = loads.join_next().await {
        let outcome = ended.context("a load panicked")??;
        total.add(&outcome)?;
    }
    #[expect(clippy::cast_precision_loss, reason = "runs end within years")]
    let seconds = context.epoch.now_us() as f64 / 1e6;
    total.seconds = seconds;
    Ok(total)
}

async fn run_one(run: LoadRun) -> anyhow::Result<LoadOutcome> {
    let executor = executors::open(&run.load.executor)?;
    let begins = run.context.epoch.at(run.load.start);
    tokio::select! {
        biased;
        () = run.stop.cancelled() => return Ok(LoadOutcome::nothing()),
        () = tokio::time::sleep_until(begins) => {}
    }
    executor.run(&run).await
}
