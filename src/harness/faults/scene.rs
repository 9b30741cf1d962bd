//! One fault from beginning to end: wait, strike, hold, heal, say what was observed. Knows no kind of fault.

use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::future::join_all;
use tokio::time::{sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Bite, Fault, find};
use crate::harness::plan::{FaultPlan, FaultTarget, Target};
use crate::harness::proxy_control::ProxyControl;
use crate::harness::recorder::{Epoch, Live};
use crate::harness::scenario::proxies;
use crate::harness::summary::FaultSummary;
use crate::harness::workloads::{LoadContext, SeatMap};
use crate::stack::Stack;

/// What a strike may take beyond the fault's duration: catching the moment, restarting a server, reading counters.
const STRIKE_OVERHEAD: Duration = Duration::from_secs(25);
/// What healing may take.
const HEAL_WITHIN: Duration = Duration::from_secs(15);

/// Everything that faults can reach.
pub struct World<'a> {
    /// How many servers and Redis nodes there are.
    pub target: &'a Target,
    /// The fault proxies, where the plan has network faults.
    pub proxies: Option<&'a ProxyControl>,
    /// The processes.
    pub stack: &'a Stack,
    /// What the load works with, where there is one.
    pub site: Option<&'a LoadContext>,
    /// What the clients see, as it happens.
    pub live: &'a Live,
    /// When the load began.
    pub epoch: Epoch,
    /// Ends every fault early; each is healed all the same.
    pub cancel: CancellationToken,
}

/// One fault in its world.
pub struct Scene<'a> {
    /// What is planned.
    pub fault: &'a FaultPlan,
    /// Where.
    pub world: &'a World<'a>,
}

/// Runs every fault at its time; when this returns, all are healed. Their findings, in the plan's order.
pub async fn run_all(faults: &[FaultPlan], world: &World<'_>) -> Vec<FaultSummary> {
    join_all(faults.iter().map(|fault| run(fault, world))).await
}

/// Runs one fault. One that fails is one that did not bite, and says why: a void run, never a pass.
async fn run(fault: &FaultPlan, world: &World<'_>) -> FaultSummary {
    let mut began_ms = None;
    let summary = |began_ms: Option<u64>, bit, evidence| FaultSummary {
        name: fault.name.clone(),
        bit,
        evidence,
        began_ms,
        ended_ms: began_ms.map(|_| world.epoch.now_us() / 1000),
    };
    let scene = Scene { fault, world };
    let Some(kind) = find(&fault.kind) else {
        return summary(
            began_ms,
            false,
            format!("there is no fault type \"{}\"; see ticketctl chaos list", fault.kind),
        );
    };
    tokio::select! {
        () = world.cancel.cancelled() => return summary(began_ms, false, "the run ended before it could strike".to_owned()),
        () = sleep_until(world.epoch.at(fault.at)) => {}
    }
    began_ms = Some(world.epoch.now_us() / 1000);
    match strike(kind, &scene).await {
        Ok(Bite::Bit(evidence)) => summary(began_ms, true, evidence),
        Ok(Bite::Missed(evidence)) => summary(began_ms, false, evidence),
        Err(error) => summary(began_ms, false, format!("{error:#}")),
    }
}

async fn strike(kind: &dyn Fault, scene: &Scene<'_>) -> anyhow::Result<Bite> {
    let limit = scene.fault.duration + STRIKE_OVERHEAD;
    let struck =
        timeout(limit, kind.strike(scene)).await.unwrap_or_else(|elapsed| Err(elapsed.into()));
    let Err(error) = struck else { return struck };
    let healed =
        timeout(HEAL_WITHIN, kind.heal(scene)).await.unwrap_or_else(|elapsed| Err(elapsed.into()));
    match healed {
        Ok(()) => Err(error.context("it failed to strike, and was healed")),
        Err(unhealed) => {
            Err(error.context(format!("it failed, and could not be healed ({unhealed:#})")))
        }
    }
}

impl<'a> Scene<'a> {
    /// Lets the fault's duration pass, or less where the run is cancelled.
    pub async fn hold(&self) {
        tokio::select! {
            () = self.world.cancel.cancelled() => {}
            () = sleep(self.fault.duration) => {}
        }
    }

    /// The fault proxies.
    pub fn control(&self) -> anyhow::Result<&'a ProxyControl> {
        self.world.proxies.context("the run has no fault proxies")
    }

    /// Names of the proxies that the fault strikes, at least one.
    pub fn proxies(&self) -> anyhow::Result<Vec<String>> {
        let FaultTarget::Proxy(name) = &self.fault.on else {
            bail!("a {} strikes a proxy", self.fault.kind)
        };
        let Target { instances, redis_nodes, .. } = *self.world.target;
        let links = proxies::select(name, instances, redis_nodes);
        if links.is_empty() {
            bail!(
                "\"{name}\" selects no proxy; valid names: {}",
                proxies::names(instances, redis_nodes).join(", ")
            );
        }
        Ok(links.iter().map(ToString::to_string).collect())
    }

    /// The event that the fault strikes, and the load's site.
    pub fn event(&self) -> anyhow::Result<(&'a LoadContext, Uuid)> {
        let FaultTarget::Event(number) = self.fault.on else {
            bail!("a {} strikes an event", self.fault.kind)
        };
        let site = self.world.site.context("the run has no events")?;
        let house =
            usize::try_from(number)?.checked_sub(1).and_then(|index| site.seat_maps.get(index));
        Ok((
            site,
            house.map(SeatMap::event).with_context(|| format!("there is no event {number}"))?,
        ))
    }

    /// Name of the process that the fault strikes.
    pub fn process(&self) -> anyhow::Result<&'a str> {
        match &self.fault.on {
            FaultTarget::Process(name) => Ok(name),
            FaultTarget::Proxy(_) | FaultTarget::Event(_) => {
                bail!("a {} strikes a process", self.fault.kind)
            }
        }
    }
}
