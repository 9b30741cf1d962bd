//! The open loop: iterations start when the schedule says so, whether or not earlier ones were answered. One that finds
//! all VUs busy is dropped and counted, never queued. Knows nothing of what an iteration does.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::crew::{self, Crew, Shift};
use super::schedule::Schedule;
use super::{LoadOutcome, Post};
use crate::harness::recorder::epoch::micros;

/// Runs the schedule with at most `max_vus` iterations under way at once.
pub async fn run(
    post: &Post,
    mut crew: Crew,
    schedule: &Schedule,
    max_vus: u32,
) -> anyhow::Result<LoadOutcome> {
    let vus = Arc::new(Semaphore::new(max_vus as usize));
    let shared = post.handle();
    for number in 0.. {
        let Some(start) = schedule.start_of(number) else { break };
        let intended = post.load.start + start;
        tokio::select! {
            biased;
            () = post.stop.cancelled() => break,
            () = tokio::time::sleep_until(post.context.client.epoch().at(intended)) => {}
        }
        crew.collect()?;
        let Ok(vu) = Arc::clone(&vus).try_acquire_owned() else {
            crew.drop_one();
            post.context.recorder.live().drop_iteration();
            continue;
        };
        let (post, stop) = (Arc::clone(&shared), crew.down_tools().clone());
        crew.spawn(async move {
            let intended_us = micros(intended);
            let lag_us = post.context.client.epoch().now_us().saturating_sub(intended_us);
            crew::iterate(&post, number, intended_us, &stop).await?;
            drop(vu);
            Ok(Shift { lag_us: Some(lag_us), iterations: 1 })
        });
    }
    crew.finish(post).await
}
