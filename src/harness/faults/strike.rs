//! One fault from beginning to end: wait, strike, hold, heal, say what was seen. Knows no kind of fault.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{sleep_until, timeout};

use super::context::{Context, RunContext};
use super::{Fault, Struck, find};
use crate::harness::plan::FaultPlan;
use crate::harness::summary::Strike;

/// What a strike may take beyond the fault's duration: waiting for its trigger, restarting a server, reading counters.
const STRIKE_OVERHEAD_MAX: Duration = Duration::from_secs(25);
/// What healing may take.
const HEAL_MAX: Duration = Duration::from_secs(15);

/// Runs every fault at its time; when this returns, all are healed. What they saw, in the plan's order.
pub async fn run_all(faults: &[FaultPlan], run: &RunContext<'_>) -> Vec<Strike> {
    join_all(faults.iter().map(|fault| run_one(fault, run))).await
}

/// Runs one fault. One that fails has no effect, and says why: a void run, never a pass.
async fn run_one(fault: &FaultPlan, run: &RunContext<'_>) -> Strike {
    let failed = |evidence| {
        let name = fault.name.clone();
        Strike { name, is_seen: false, evidence, began_ms: None, ended_ms: None, window: None }
    };
    let Some(kind) = find(&fault.kind) else {
        return failed(format!(
            "there is no fault type \"{}\"; see ticketctl chaos list",
            fault.kind
        ));
    };
    tokio::select! {
        () = run.cancel.cancelled() => return failed("the run ended before it could strike".to_owned()),
        () = sleep_until(run.epoch.at(fault.at)) => {}
    }
    let began_ms = Some(run.epoch.now_us() / 1000);
    let struck = match strike(kind, &Context { fault, run }).await {
        Ok(Struck { window, is_seen, words }) => {
            Strike { is_seen, window: Some(window), ..failed(words) }
        }
        Err(error) => failed(format!("{error:#}")),
    };
    let ended_ms = Some(run.epoch.now_us() / 1000);
    Strike { began_ms, ended_ms, ..struck }
}

async fn strike(kind: &dyn Fault, context: &Context<'_>) -> anyhow::Result<Struck> {
    let limit = context.fault.duration + STRIKE_OVERHEAD_MAX;
    let struck =
        timeout(limit, kind.strike(context)).await.unwrap_or_else(|elapsed| Err(elapsed.into()));
    let Err(error) = struck else { return struck };
    let healed =
        timeout(HEAL_MAX, kind.heal(context)).await.unwrap_or_else(|elapsed| Err(elapsed.into()));
    match healed {
        Ok(()) => Err(error.context("it failed to strike, and was healed")),
        Err(unhealed) => {
            Err(error.context(format!("it failed, and could not be healed ({unhealed:#})")))
        }
    }
}
