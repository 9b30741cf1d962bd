//! The tasks under way for one load: started, counted, and brought to an end, none of them detached. Knows nothing of
//! schedules.

use std::time::Duration;

use anyhow::Context as _;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::load_run::LoadRun;
use super::outcome::LoadOutcome;

/// Beyond the request timeout, how long iterations may take to end.
const MARGIN: Duration = Duration::from_secs(1);

/// What a task made: one iteration of an open loop, all those of a VU of a closed one.
#[derive(Debug, Clone, Copy)]
pub struct Made {
    /// How late the first iteration started against the schedule, microseconds; `None` where there is none.
    pub lag_us: Option<u64>,
    /// Iterations started.
    pub iterations: u64,
}

/// The tasks of a load.
pub struct Iterations {
    tasks: JoinSet<anyhow::Result<Made>>,
    outcome: LoadOutcome,
    /// Cancelled, no iteration sends anything more.
    abort: CancellationToken,
}

impl Iterations {
    /// None under way yet.
    pub fn new(run: &LoadRun) -> Self {
        Self {
            tasks: JoinSet::new(),
            outcome: LoadOutcome::nothing(),
            abort: run.stop.child_token(),
        }
    }

    /// What ends these iterations early.
    pub fn abort(&self) -> &CancellationToken {
        &self.abort
    }

    /// Starts a task.
    pub fn spawn(&mut self, task: impl Future<Output = anyhow::Result<Made>> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Counts an iteration that found no VU free.
    pub fn drop_one(&mut self) {
        self.outcome.dropped += 1;
    }

    /// Takes in the tasks that are done, without waiting.
    pub fn collect(&mut self) -> anyhow::Result<()> {
        while let Some(ended) = self.tasks.try_join_next() {
            self.count(ended)?;
        }
        Ok(())
    }

    /// Takes in every task, however long it takes.
    pub async fn collect_all(&mut self) -> anyhow::Result<()> {
        while let Some(ended) = self.tasks.join_next().await {
            self.count(ended)?;
        }
        Ok(())
    }

    /// Waits for every task: first for iterations to end by themselves, then, after the request timeout and a margin,
    /// for the requests under way; what is left after the same time again is aborted and counted.
    pub async fn finish(mut self, run: &LoadRun) -> anyhow::Result<LoadOutcome> {
        let wait = run.load.request_timeout + MARGIN;
        for _ in 0..2 {
            let deadline = tokio::time::Instant::now() + wait;
            while let Ok(Some(ended)) =
                tokio::time::timeout_at(deadline, self.tasks.join_next()).await
            {
                self.count(ended)?;
            }
            self.abort.cancel();
        }
        self.outcome.aborted = self.tasks.len() as u64;
        self.tasks.shutdown().await;
        Ok(self.outcome)
    }

    fn count(&mut self, ended: Result<anyhow::Result<Made>, JoinError>) -> anyhow::Result<()> {
        let made = ended.context("an iteration panicked")??;
        self.outcome.iterations += made.iterations;
        if let Some(lag_us) = made.lag_us {
            self.outcome.lag_us.saturating_record(lag_us);
        }
        Ok(())
    }
}
