//! The tasks under way for one load: started, counted, and brought to an end, none of them detached. Knows nothing of
//! schedules.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::{LoadOutcome, MARGIN, Post};
use crate::harness::workloads::Iteration;

/// What a task returns: how late its first iteration started, microseconds, and how many it made.
#[derive(Debug, Clone, Copy)]
pub struct Shift {
    /// Against the schedule; `None` where there is none.
    pub lag_us: Option<u64>,
    /// Iterations started.
    pub iterations: u64,
}

/// The tasks of a load.
pub struct Crew {
    tasks: JoinSet<anyhow::Result<Shift>>,
    outcome: LoadOutcome,
    /// Cancelled, no iteration sends anything more.
    down_tools: CancellationToken,
}

impl Crew {
    /// Nobody at work yet.
    pub fn new(post: &Post) -> Self {
        Self {
            tasks: JoinSet::new(),
            outcome: LoadOutcome::nothing(),
            down_tools: post.stop.child_token(),
        }
    }

    /// What ends the iterations of this crew early.
    pub fn down_tools(&self) -> &CancellationToken {
        &self.down_tools
    }

    /// Puts a task to work.
    pub fn spawn(&mut self, task: impl Future<Output = anyhow::Result<Shift>> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Counts an iteration that found nobody free.
    pub fn drop_one(&mut self) {
        self.outcome.dropped += 1;
    }

    /// Takes in whoever is done, without waiting.
    pub fn collect(&mut self) -> anyhow::Result<()> {
        while let Some(ended) = self.tasks.try_join_next() {
            self.count(ended)?;
        }
        Ok(())
    }

    /// Takes in everybody, however long it takes.
    pub async fn collect_all(&mut self) -> anyhow::Result<()> {
        while let Some(ended) = self.tasks.join_next().await {
            self.count(ended)?;
        }
        Ok(())
    }

    /// Waits for everybody: first for iterations to end by themselves, then, after the request timeout and a margin,
    /// for the requests under way; what is left after the same time again is aborted and counted.
    pub async fn finish(mut self, post: &Post) -> anyhow::Result<LoadOutcome> {
        let patience = post.load.request_timeout + MARGIN;
        for _ in 0..2 {
            let deadline = tokio::time::Instant::now() + patience;
            while let Ok(Some(ended)) =
                tokio::time::timeout_at(deadline, self.tasks.join_next()).await
            {
                self.count(ended)?;
            }
            self.down_tools.cancel();
        }
        self.outcome.aborted = self.tasks.len() as u64;
        self.tasks.shutdown().await;
        Ok(self.outcome)
    }

    fn count(&mut self, ended: Result<anyhow::Result<Shift>, JoinError>) -> anyhow::Result<()> {
        let shift = ended.context("an iteration panicked")??;
        self.outcome.iterations += shift.iterations;
        if let Some(lag_us) = shift.lag_us {
            self.outcome.lag_us.saturating_record(lag_us);
        }
        Ok(())
    }
}

/// One iteration, from its intended start.
pub async fn iterate(
    post: &Post,
    number: u64,
    intended_us: u64,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let mut iteration =
        Iteration::new(&post.context, &post.load, number, intended_us, stop.clone())?;
    post.workload.iterate(&mut iteration).await;
    Ok(())
}

impl Post {
    /// Its own handles on the same things, for a task.
    pub fn handle(&self) -> Arc<Self> {
        Arc::new(self.clone())
    }
}
