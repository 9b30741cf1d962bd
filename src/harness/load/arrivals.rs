//! The open loop: iterations start when the schedule says so, whether or not earlier ones were answered. One that finds
//! all VUs busy is dropped and counted, never queued. Knows nothing of what an iteration does.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::iterations::{Iterations, Made};
use super::load_run::LoadRun;
use super::outcome::LoadOutcome;
use super::schedule::Schedule;
use crate::harness::recorder::epoch::micros;

/// Runs the schedule with at most `max_vus` iterations under way at once.
pub async fn run(run: &LoadRun, schedule: &Schedule, max_vus: u32) -> anyhow::Result<LoadOutcome> {
    let vus = Arc::new(Semaphore::new(max_vus as usize));
    let shared = Arc::new(run.clone());
    let mut iterations = Iterations::new(run);
    for number in 0.. {
        let Some(start) = schedule.start_of(number) else { break };
        let intended = run.load.start + start;
        tokio::select! {
            biased;
            () = run.stop.cancelled() => break,
            () = tokio::time::sleep_until(run.context.epoch.at(intended)) => {}
        }
        iterations.collect()?;
        let Ok(vu) = Arc::clone(&vus).try_acquire_owned() else {
            iterations.drop_one();
            run.context.recorder.live().drop_iteration();
            continue;
        };
        let (run, abort) = (Arc::clone(&shared), iterations.abort().clone());
        iterations.spawn(async move {
            let intended_us = micros(intended);
            let lag_us = run.context.epoch.now_us().saturating_sub(intended_us);
            run.iterate(number, intended_us, &abort).await?;
            drop(vu);
            Ok(Made { lag_us: Some(lag_us), iterations: 1 })
        });
    }
    iterations.finish(run).await
}
