//! Runs the loads of a plan: when iterations start, how many at once, and how the generator itself did. Knows nothing
//! of what an iteration does.

/// Start times of an open loop.
pub mod schedule;
/// Executors with a schedule.
mod open;
/// Executors without one.
mod closed;
/// The iterations under way.
mod crew;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use hdrhistogram::Histogram;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::plan::{Executor, Load, Plan};
use super::recorder::latencies::{histogram, millis};
use super::summary::GeneratorSummary;
use super::workloads::{self, LoadContext, Workload};
use crew::Crew;
use schedule::Schedule;

/// Beyond the request timeout, how long iterations may take to end.
const MARGIN: Duration = Duration::from_secs(1);

/// How the generator did.
#[derive(Debug, Clone)]
pub struct LoadOutcome {
    /// Iterations started.
    pub iterations: u64,
    /// Iterations that fell due while every VU was busy, and never started.
    pub dropped: u64,
    /// Iterations that had to be aborted, their last request unrecorded: such a run proves nothing.
    pub aborted: u64,
    /// How late iterations started against their schedule, microseconds.
    pub lag_us: Histogram<u64>,
    /// Seconds from the run's beginning to the end of the last iteration.
    pub seconds: f64,
}

impl LoadOutcome {
    fn nothing() -> Self {
        Self { iterations: 0, dropped: 0, aborted: 0, lag_us: histogram(), seconds: 0.0 }
    }

    fn add(&mut self, other: &Self) -> anyhow::Result<()> {
        self.iterations += other.iterations;
        self.dropped += other.dropped;
        self.aborted += other.aborted;
        self.lag_us.add(&other.lag_us).context("two lag histograms don't add up")
    }

    /// The summary's part.
    pub fn summary(&self) -> GeneratorSummary {
        GeneratorSummary {
            iterations: self.iterations,
            dropped: self.dropped,
            lag_ms_p99: millis(self.lag_us.value_at_quantile(0.99)),
        }
    }
}

/// What one load is run with.
#[derive(Clone)]
struct Post {
    context: Arc<LoadContext>,
    load: Arc<Load>,
    workload: &'static dyn Workload,
    /// Ends the starting of iterations.
    stop: CancellationToken,
}

/// Runs all loads of the plan, each from its own start, and returns when the last iteration ended. Cancelling `stop`
/// ends the run early: nothing new is sent, and what is under way is waited for and recorded.
pub async fn run(
    plan: &Plan,
    context: &Arc<LoadContext>,
    stop: &CancellationToken,
) -> anyhow::Result<LoadOutcome> {
    let mut loads = JoinSet::new();
    for load in &plan.loads {
        let workload = workloads::find(&load.exec).with_context(|| {
            format!("load {:?} executes {:?}, which is no workload", load.name, load.exec)
        })?;
        let post = Post {
            context: Arc::clone(context),
            load: Arc::new(load.clone()),
            workload,
            stop: stop.clone(),
        };
        loads.spawn(run_one(post));
    }
    let mut total = LoadOutcome::nothing();
    while let Some(ended) = loads.join_next().await {
        let outcome = ended.context("a load panicked")??;
        total.add(&outcome)?;
    }
    #[expect(clippy::cast_precision_loss, reason = "runs end within years")]
    let seconds = context.client.epoch().now_us() as f64 / 1e6;
    total.seconds = seconds;
    Ok(total)
}

async fn run_one(post: Post) -> anyhow::Result<LoadOutcome> {
    let begins = post.context.client.epoch().at(post.load.start);
    tokio::select! {
        biased;
        () = post.stop.cancelled() => return Ok(LoadOutcome::nothing()),
        () = tokio::time::sleep_until(begins) => {}
    }
    let crew = Crew::new(&post);
    match (&post.load.executor, Schedule::of(&post.load.executor)) {
        (
            Executor::ConstantArrivalRate { max_vus, .. }
            | Executor::RampingArrivalRate { max_vus, .. },
            Some(schedule),
        ) => open::run(&post, crew, &schedule, *max_vus).await,
        (Executor::ConstantVus { vus, duration, iterations }, _) => {
            let bounds = closed::Bounds { vus: *vus, duration: *duration, iterations: *iterations };
            closed::run(&post, crew, bounds).await
        }
        _ => anyhow::bail!("load {:?} has no schedule", post.load.name),
    }
}
