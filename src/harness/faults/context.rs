//! What a strike works with: the run and the fault as planned. Knows no kind of fault.

use anyhow::Context as _;
use serde::de::DeserializeOwned;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::hop;
use crate::harness::plan::{FaultPlan, Target};
use crate::harness::proxy_control::ProxyControl;
use crate::harness::recorder::{Epoch, Live};
use crate::harness::summary::Window;
use crate::harness::workloads::LoadContext;
use crate::stack::Stack;

/// The run, as far as faults can reach it.
pub struct RunContext<'a> {
    /// How many servers and Redis nodes there are.
    pub target: &'a Target,
    /// The fault proxies, where the plan has network faults.
    pub proxies: Option<&'a ProxyControl>,
    /// The processes.
    pub stack: &'a Stack,
    /// What the load works with, where there is one.
    pub load: Option<&'a LoadContext>,
    /// What the clients see, as it happens.
    pub live: &'a Live,
    /// When the load began.
    pub epoch: Epoch,
    /// Ends every fault early; each is healed all the same.
    pub cancel: CancellationToken,
}

/// One fault, and the run that it strikes.
pub struct Context<'a> {
    /// What is planned.
    pub fault: &'a FaultPlan,
    /// The run that it is part of.
    pub run: &'a RunContext<'a>,
}

impl<'a> Context<'a> {
    /// The fault's own settings.
    pub fn settings<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        let fault = self.fault;
        fault.settings.owner().with_context(|| format!("these are no settings of a {}", fault.kind))
    }

    /// Microseconds since the beginning of the load.
    pub fn now_us(&self) -> u64 {
        self.run.epoch.now_us()
    }

    /// Lets the fault's duration pass, or less where the run is cancelled; the time that it was in force, from `struck_us`
    /// until now.
    pub async fn hold(&self, struck_us: u64) -> Window {
        tokio::select! {
            () = self.run.cancel.cancelled() => {}
            () = sleep(self.fault.duration) => {}
        }
        Window { struck_us, healed_us: self.now_us() }
    }

    /// The fault proxies.
    pub fn control(&self) -> anyhow::Result<&'a ProxyControl> {
        self.run.proxies.context("the run has no fault proxies")
    }

    /// Names of the proxies that a scenario's `proxy` selects, at least one.
    pub fn proxies(&self, name: &str) -> anyhow::Result<Vec<String>> {
        Ok(hop::select(name, self.run.target)?.iter().map(ToString::to_string).collect())
    }

    /// The event of this number, from 1, and what the load works with.
    pub fn event(&self, number: u32) -> anyhow::Result<(&'a LoadContext, Uuid)> {
        let load = self.run.load.context("the run has no events")?;
        let seats =
            usize::try_from(number)?.checked_sub(1).and_then(|index| load.seat_maps.get(index));
        let seats = seats.with_context(|| format!("there is no event {number}"))?;
        Ok((load, seats.event()))
    }
}
