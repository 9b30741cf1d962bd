//! What faults on a process share: their settings, what of the servers they reach, and how a process is brought back.

use serde::{Deserialize, Serialize};

use super::context::Context;
use super::target::{self, Reachable};
use super::trigger::{self, Trigger};
use super::{Key, Reach, hop};
use crate::harness::parsing::Section;
use crate::harness::plan::{FaultPlan, Settings, Target};

/// How the process table writes a stopped process.
pub const STOPPED: char = 'T';

/// What a scenario says of a fault on a process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProcessSettings {
    /// `server-1`, `redis-2`, `postgres` …
    pub process: String,
    /// What is waited for.
    pub when: Trigger,
}

/// The keys of a fault on a process.
pub fn keys() -> Vec<Key> {
    vec![Key::new("process", ""), Key::new("when", &trigger::names().join(", "))]
}

/// Reads them.
pub fn read(section: &mut Section<'_>, reachable: &Reachable<'_>) -> Settings {
    let process = target::process(section, reachable);
    let when = trigger::read(section, &process);
    Settings::of(&ProcessSettings { process, when })
}

/// What of the servers a process is: the server itself, or what they ask of a store.
pub fn reach(fault: &FaultPlan, target: &Target) -> anyhow::Result<Option<Reach>> {
    let ProcessSettings { process, .. } = fault.settings.owner()?;
    let name = if process.starts_with("server-") { format!("client.{process}") } else { process };
    Ok(Some(Reach { hops: hop::select(&name, target)?, delay: None }))
}

/// Brings a process back that a broken-off strike left dead or frozen; leaves one alone that runs.
pub async fn revive(context: &Context<'_>) -> anyhow::Result<()> {
    let ProcessSettings { process, .. } = &context.settings()?;
    let stack = context.run.stack;
    match stack.state(process).await? {
        None => stack.restart(process).await,
        Some(STOPPED) => stack.resume(process).await,
        Some(_) => Ok(()),
    }
}
