//! What can be broken on purpose. To add a kind: a new file, its `mod` line, a line in `FAULTS`. A new toxic of the fault
//! proxy needs neither: it is a kind by being in the proxy's own table.

/// What a strike works with.
pub mod context;
/// One fault from beginning to end.
mod strike;
/// Whether it did anything to the load.
mod bite;
/// The connections that can be struck.
pub mod hop;
/// What scenarios say is struck.
mod target;
mod counters;
mod process;
mod trigger;
mod toxic;
mod down;
mod kill;
mod pause;
mod cancel_event;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod contract;

use std::sync::LazyLock;
use std::time::Duration;

use async_trait::async_trait;

use crate::harness::parsing::Section;
use crate::harness::plan::{FaultPlan, Plan, Settings, Target};
use crate::harness::summary::Window;

pub use bite::judge;
pub use context::RunContext;
pub use strike::run_all;
pub use target::Reachable;

use context::Context;
use hop::Hop;

/// Every kind of fault but the toxics.
const FAULTS: &[&dyn Fault] =
    &[&down::Down, &kill::Kill, &pause::Pause, &cancel_event::CancelEvent];

/// Every kind of fault.
static KINDS: LazyLock<Vec<&'static dyn Fault>> =
    LazyLock::new(|| toxic::all().chain(FAULTS.iter().copied()).collect());

/// A kind of fault.
#[async_trait]
pub trait Fault: Send + Sync {
    /// Its name, as `type = "…"` writes it.
    fn name(&self) -> &'static str;
    /// One line for `chaos list`.
    fn summary(&self) -> &'static str;
    /// The keys it has for itself, beside those of every fault (`name`, `type`, `at`, `duration`).
    fn keys(&self) -> Vec<Key>;
    /// Reads its own keys, and refuses what cannot be struck in this run; worth nothing where it refused any.
    fn read(&self, section: &mut Section<'_>, reachable: &Reachable<'_>) -> Settings;
    /// The connections it strikes, which have to go through proxies; none where it strikes something else.
    ///
    /// # Errors
    /// The settings are not this kind's.
    fn hops(&self, _fault: &FaultPlan, _target: &Target) -> anyhow::Result<Vec<Hop>> {
        Ok(Vec::new())
    }
    /// What of the servers it strikes, which is what the load has to have felt; none where what it sees itself decides.
    ///
    /// # Errors
    /// The settings are not this kind's.
    fn reach(&self, fault: &FaultPlan, target: &Target) -> anyhow::Result<Option<Reach>>;
    /// Strikes, holds on for the fault's duration, heals, and says what it saw.
    ///
    /// # Errors
    /// It could not strike, or what it did could not be seen.
    async fn strike(&self, context: &Context<'_>) -> anyhow::Result<Struck>;
    /// Undoes a strike that broke off, however far it came.
    ///
    /// # Errors
    /// Something may still be broken.
    async fn heal(&self, context: &Context<'_>) -> anyhow::Result<()>;
}

/// A strike that was made and healed, as the fault saw it itself. Whether it bit is decided by what the load felt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Struck {
    /// When it was in force.
    pub window: Window,
    /// Whether it did anything at all, for all that the fault can see.
    pub is_seen: bool,
    /// What it did.
    pub words: String,
}

/// What of the servers a fault strikes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// Servers, as their clients reach them, and what servers ask of their stores.
    pub hops: Vec<Hop>,
    /// How much later at least comes whatever it delays; absent where that is as long as it lasts, or nobody can say.
    pub delay: Option<Duration>,
}

/// A key in a fault's table of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// As it is written there, with dots where it is in a table of its own.
    pub name: String,
    /// What it sets and which values it takes.
    pub summary: String,
}

impl Key {
    fn new(name: &str, summary: &str) -> Self {
        Self { name: name.to_owned(), summary: summary.to_owned() }
    }
}

/// Every kind of fault.
pub fn all() -> impl Iterator<Item = &'static dyn Fault> {
    KINDS.iter().copied()
}

/// The kind of this name.
pub fn find(name: &str) -> Option<&'static dyn Fault> {
    all().find(|fault| fault.name() == name)
}

/// The connections that a plan needs proxies on: none without network faults; else every one to a store, so that servers
/// are treated alike, and those of clients that a fault strikes.
///
/// # Errors
/// A fault's settings are not its kind's.
pub fn hops(plan: &Plan) -> anyhow::Result<Vec<Hop>> {
    let mut struck = Vec::new();
    for fault in &plan.faults {
        if let Some(kind) = find(&fault.kind) {
            struck.extend(kind.hops(fault, &plan.target)?);
        }
    }
    if struck.is_empty() {
        return Ok(struck);
    }
    let is_needed = |hop: &Hop| matches!(hop, Hop::Store { .. }) || struck.contains(hop);
    Ok(hop::all(&plan.target).into_iter().filter(is_needed).collect())
}
