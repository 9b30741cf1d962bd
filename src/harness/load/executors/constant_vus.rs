//! `constant-vus`: a closed loop. Every VU starts its next iteration when the last one ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::Executor;
use super::ranges::{DURATION, VUS};
use crate::harness::load::iterations::{Iterations, Made};
use crate::harness::load::load_run::LoadRun;
use crate::harness::load::outcome::LoadOutcome;
use crate::harness::parsing::Section;
use crate::harness::plan::duration_ms;
use crate::harness::recorder::epoch::micros;

/// The executor.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct ConstantVus {
    /// Virtual users, 1 to 5,000.
    pub vus: u32,
    /// How long new iterations start.
    #[serde(with = "duration_ms")]
    pub duration: Duration,
    /// Ends the load early after this many iterations in all, where given.
    pub iterations: Option<u64>,
}

#[async_trait]
impl Executor for ConstantVus {
    fn name() -> &'static str {
        "constant-vus"
    }

    fn summary() -> &'static str {
        "a closed loop: each of `vus` starts its next iteration when the last one ended"
    }

    fn read(section: &mut Section<'_>) -> Self {
        section.need(&["vus", "duration"]);
        Self {
            vus: section.integer("vus", VUS).unwrap_or(1),
            duration: section.duration("duration", DURATION).unwrap_or_default(),
            iterations: section.integer("iterations", 1..=i64::MAX).map(i64::unsigned_abs),
        }
    }

    fn duration(&self) -> Duration {
        self.duration
    }

    async fn run(&self, run: &LoadRun) -> anyhow::Result<LoadOutcome> {
        let next = Arc::new(AtomicU64::new(0));
        let shared = Arc::new(run.clone());
        let mut iterations = Iterations::new(run);
        for _ in 0..self.vus {
            let (settings, run, next) = (*self, Arc::clone(&shared), Arc::clone(&next));
            let abort = iterations.abort().clone();
            iterations.spawn(async move { settings.vu(&run, &next, &abort).await });
        }
        // The wait for the VUs' end begins when the last iteration has started.
        let end = run.context.epoch.at(run.load.start + self.duration);
        tokio::select! {
            () = run.stop.cancelled() => {}
            all = iterations.collect_all() => all?,
            () = tokio::time::sleep_until(end) => {}
        }
        iterations.finish(run).await
    }
}

impl ConstantVus {
    /// One virtual user's iterations; all take their numbers from `next`.
    async fn vu(
        self,
        run: &LoadRun,
        next: &AtomicU64,
        abort: &CancellationToken,
    ) -> anyhow::Result<Made> {
        let ends_us = micros(run.load.start + self.duration);
        let mut iterations = 0;
        loop {
            let now_us = run.context.epoch.now_us();
            if now_us >= ends_us || run.stop.is_cancelled() {
                break;
            }
            let number = next.fetch_add(1, Ordering::Relaxed);
            if self.iterations.is_some_and(|most| number >= most) {
                break;
            }
            iterations += 1;
            run.iterate(number, now_us, abort).await?;
        }
        Ok(Made { lag_us: None, iterations })
    }
}
