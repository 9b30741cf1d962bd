//! The closed loop: every VU starts its next iteration when the last one ended. Knows nothing of what an iteration does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::crew::{self, Crew, Shift};
use super::{LoadOutcome, Post};
use crate::harness::recorder::epoch::micros;

/// What ends a closed loop.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Virtual users.
    pub vus: u32,
    /// How long new iterations start.
    pub duration: Duration,
    /// Iterations in all, where given.
    pub iterations: Option<u64>,
}

/// Runs all VUs until a bound is reached.
pub async fn run(post: &Post, mut crew: Crew, bounds: Bounds) -> anyhow::Result<LoadOutcome> {
    let next = Arc::new(AtomicU64::new(0));
    let shared = post.handle();
    for _ in 0..bounds.vus {
        let (post, next, stop) =
            (Arc::clone(&shared), Arc::clone(&next), crew.down_tools().clone());
        crew.spawn(async move { vu(&post, &next, bounds, &stop).await });
    }
    // The wait for the crew's end begins when the last iteration has started.
    tokio::select! {
        () = post.stop.cancelled() => {}
        all = crew.collect_all() => all?,
        () = tokio::time::sleep_until(post.context.client.epoch().at(post.load.start + bounds.duration)) => {}
    }
    crew.finish(post).await
}

/// One virtual user's iterations.
async fn vu(
    post: &Post,
    next: &AtomicU64,
    bounds: Bounds,
    stop: &CancellationToken,
) -> anyhow::Result<Shift> {
    let ends_us = micros(post.load.start + bounds.duration);
    let mut iterations = 0;
    loop {
        let now_us = post.context.client.epoch().now_us();
        if now_us >= ends_us || post.stop.is_cancelled() {
            break;
        }
        let number = next.fetch_add(1, Ordering::Relaxed);
        if bounds.iterations.is_some_and(|most| number >= most) {
            break;
        }
        iterations += 1;
        crew::iterate(post, number, now_us, stop).await?;
    }
    Ok(Shift { lag_us: None, iterations })
}
