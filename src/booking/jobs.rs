//! What a server does by itself: expires holds, recovers payments, forgets old answers. Safe on any number of servers.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Context, expire, recover, refund};
use crate::clock;
use crate::domain::StoredResponse;

/// Rows changed in one transaction.
const BATCH: u32 = 500;

/// How often each job runs: the time between two rounds.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Of expiring holds.
    pub holds: Duration,
    /// Of recovering payments.
    pub payments: Duration,
    /// Of giving back what was called off.
    pub refunds: Duration,
    /// Of forgetting answers.
    pub answers: Duration,
}

/// Starts the jobs; each ends after the round it is in once `stop` is cancelled.
pub fn start(
    context: &Arc<Context>,
    schedule: &Schedule,
    left_behind: StoredResponse,
    stop: &CancellationToken,
) -> JoinSet<()> {
    let mut jobs = JoinSet::new();
    let (one, two, three, four) =
        (Arc::clone(context), Arc::clone(context), Arc::clone(context), Arc::clone(context));
    jobs.spawn(every(schedule.holds, stop.clone(), "expire-holds", move || {
        let context = Arc::clone(&one);
        async move {
            let expired = expire::expire_holds(&context.storage, BATCH)
                .await
                .map_err(|error| error.to_string())?;
            context.availability.forget(&expired.events).await;
            Ok(())
        }
    }));
    jobs.spawn(every(schedule.payments, stop.clone(), "recover-payments", move || {
        let context = Arc::clone(&two);
        async move { recover::recover(&context).await.map(|_| ()).map_err(|error| error.to_string()) }
    }));
    jobs.spawn(every(schedule.refunds, stop.clone(), "refund-cancelled", move || {
        let context = Arc::clone(&four);
        async move { refund::called_off(&context).await.map(|_| ()).map_err(|error| error.to_string()) }
    }));
    jobs.spawn(every(schedule.answers, stop.clone(), "cleanup-idempotency", move || {
        let (context, left_behind) = (Arc::clone(&three), left_behind.clone());
        async move {
            let done = expire::cleanup_idempotency(&context.storage, BATCH, &left_behind).await;
            done.map(|_| ()).map_err(|error| error.to_string())
        }
    }));
    jobs
}

/// Runs a job every `period` until told to stop. A failed round is logged; the next one tries again.
pub async fn every<F, Fut>(period: Duration, stop: CancellationToken, name: &'static str, job: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<(), String>>,
{
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let began = clock::monotonic();
        let result = match job().await {
            Ok(()) => {
                metrics::gauge!("ticketctl_job_last_success_timestamp_seconds", "job" => name)
                    .set(clock::since_epoch().as_secs_f64());
                "ok"
            }
            Err(cause) => {
                tracing::warn!(job = name, %cause, "a round failed");
                "error"
            }
        };
        metrics::counter!("ticketctl_job_rounds_total", "job" => name, "result" => result)
            .increment(1);
        metrics::histogram!("ticketctl_job_seconds", "job" => name)
            .record(began.elapsed().as_secs_f64());
    }
}
