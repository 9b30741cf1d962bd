//! One load being run: what each of its iterations is made with. Knows nothing of schedules.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::harness::plan::Load;
use crate::harness::workloads::{Iteration, LoadContext, Workload};

/// What one load is run with.
#[derive(Clone)]
pub struct LoadRun {
    /// What is shared with the other loads.
    pub context: Arc<LoadContext>,
    /// The load.
    pub load: Arc<Load>,
    /// What a buyer does.
    pub workload: Arc<dyn Workload>,
    /// Ends the starting of iterations.
    pub stop: CancellationToken,
}

impl LoadRun {
    /// One iteration, from its intended start; cancelling `abort` keeps it from sending anything more.
    ///
    /// # Errors
    /// Its buyer could not sign in.
    pub async fn iterate(
        &self,
        number: u64,
        intended_us: u64,
        abort: &CancellationToken,
    ) -> anyhow::Result<()> {
        let mut iteration =
            Iteration::new(&self.context, &self.load, number, intended_us, abort.clone()).await?;
        self.workload.iterate(&mut iteration).await;
        Ok(())
    }
}
